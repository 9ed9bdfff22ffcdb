"""Raised hands, and the seniors who come to help: who needs one, who was told, who is with whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from telephony.core.event import BridgeId, CallId, ChannelId

Mode = Literal["listen", "whisper", "join"]
MODE_KEYS: dict[str, Mode] = {"1": "listen", "2": "whisper", "3": "join"}
"""What a helper presses to change the mode."""
KEYS_SECONDS = 3.0
"""The keys that raise a hand are pressed within this time."""


@dataclass(slots=True, eq=False)
class Hand:
    """A hand that is up."""

    id: str
    login: str
    call: CallId
    at: datetime
    awaited: bool = False
    """Timers run for it, in this life of the router."""
    heads_told: bool = False
    taken_by: str | None = None


@dataclass(slots=True, eq=False)
class Help:
    """A senior in somebody's conversation. `channel` is the senior's, and the name of their own call."""

    channel: ChannelId
    helper: str
    login: str
    """The operator who is helped,"""
    operator: ChannelId
    """on this channel of their phone."""
    call: CallId
    mode: Mode
    hand: str | None = None
    begun: datetime | None = None
    """When the PBX had first let them in."""
    made: int = 0
    """How many snoops were made for it: their names are not used again."""
    snoop: ChannelId | None = None
    """Lives now; while the senior has joined there is none."""

    @property
    def bridge(self) -> BridgeId:
        """Holds the helper and the present snoop."""
        return f"{self.snoop}-bridge"
