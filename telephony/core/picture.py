"""A picture of the PBX: the channels and bridges that are alive on it at one moment."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from telephony.core.event import BridgeId, ChannelId


class SeenChannel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A channel as it stands in a picture of the PBX."""

    channel: ChannelId
    state: Literal["down", "ringing", "up"]
    created: datetime
    phone: str | None = None
    """The operator's phone it belongs to, if it does."""
    where: Literal["ours", "fallback", "elsewhere"] = "ours"
    """In our Stasis application, in the native fallback queue, or in other dialplan."""
    number: str = ""
    """The service number (or dialed number) it came to."""
    caller: str = ""
    """Token of the caller's number."""
    variables: dict[str, str] = {}
    """The GUDOK_* channel variables that are set."""


class SeenBridge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A bridge as it stands in a picture of the PBX."""

    bridge: BridgeId
    kind: Literal["mixing", "holding", "other"]
    channels: tuple[ChannelId, ...] = ()
