"""What is alive on the PBX right now: channels and bridges, asked for in one go."""

from __future__ import annotations

import asyncio
import itertools
from typing import Literal

from telephony.core.events import HoldsSeen, PictureTaken
from telephony.core.picture import SeenBridge
from telephony.pbx.ari import AriClient, RequestFailed
from telephony.pbx.ari.models import Bridge
from telephony.pbx.contacts import Contacts
from telephony.pbx.translate import Translator

HOLD = "CHANNEL(rtp,hold)"
"""1 while the far end of the channel has put us on hold (measured)."""
KINDS: dict[str, Literal["mixing", "holding"]] = {"mixing": "mixing", "holding": "holding"}


async def take(
    ari: AriClient,
    translator: Translator,
    why: Literal["start", "reconnect", "overflow", "audit"],
    contacts: Contacts,
) -> PictureTaken:
    """Ask for channels, bridges and the PBX's start time; one picture at a time. Raises AriError.

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
        unreachable_phones=contacts.unreachable,
        pbx_started=None if info.status is None else info.status.startup_time,
    )


async def holds(ari: AriClient, picture: PictureTaken) -> HoldsSeen:
    """Ask for each phone of the picture that is in a call of ours. The answers come in order with what is heard of
    holds. Raises AriError."""
    talking = [seen.channel for seen in picture.channels if seen.phone and seen.where == "ours" and seen.state == "up"]
    held = await asyncio.gather(*(_holds(ari, channel) for channel in talking))
    return HoldsSeen(channels=tuple(itertools.compress(talking, held)))


async def _holds(ari: AriClient, channel: str) -> bool:
    try:
        return (await ari.channels.get_variable(channel, HOLD)).value == "1"
    except RequestFailed:  # it has just gone
        return False


def _seen_bridge(bridge: Bridge, gone: set[str]) -> SeenBridge:
    return SeenBridge(
        bridge=bridge.id,
        kind=KINDS.get(bridge.bridge_type, "other"),
        channels=tuple(channel for channel in bridge.channels if channel not in gone),
    )
