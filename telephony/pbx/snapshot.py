"""What is alive on the PBX right now: channels and bridges, asked for in one go."""

from __future__ import annotations

import asyncio
from typing import Literal

from telephony.core.events import PictureTaken
from telephony.core.picture import SeenBridge
from telephony.pbx.ari import AriClient
from telephony.pbx.ari.models import Bridge
from telephony.pbx.translate import Translator

KINDS: dict[str, Literal["mixing", "holding"]] = {"mixing": "mixing", "holding": "holding"}


async def take(
    ari: AriClient,
    translator: Translator,
    why: Literal["start", "reconnect", "overflow", "audit"],
    unreachable_phones: tuple[str, ...],
) -> PictureTaken:
    """Ask for channels, bridges and the PBX's start time. Raises AriError.

    Events that are heard before the answers are in the inbox before the picture. A channel that went after Asterisk
    had counted it, but was heard to go before we saw the count, is struck out: else it would rise from the dead.
    """
    gone: set[str] = set()
    translator.gone = gone
    known = translator.known()
    try:
        channels, bridges, info = await asyncio.gather(
            ari.channels.all(), ari.bridges.all(), ari.asterisk.info("status")
        )
    finally:
        translator.gone = None
    seen = tuple(translator.seen(channel) for channel in channels if channel.id not in gone)
    for channel in seen:
        translator.adopt(channel)
    if why != "audit":
        translator.drop(known - {channel.channel for channel in seen})
    return PictureTaken(
        why=why,
        channels=seen,
        bridges=tuple(_seen_bridge(bridge, gone) for bridge in bridges),
        unreachable_phones=unreachable_phones,
        pbx_started=None if info.status is None else info.status.startup_time,
    )


def _seen_bridge(bridge: Bridge, gone: set[str]) -> SeenBridge:
    return SeenBridge(
        bridge=bridge.id,
        kind=KINDS.get(bridge.bridge_type, "other"),
        channels=tuple(channel for channel in bridge.channels if channel not in gone),
    )
