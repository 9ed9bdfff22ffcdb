"""Leaving callers and talks to the PBX itself, when no router is there to serve them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import structlog

if TYPE_CHECKING:
    from telephony.settings import Settings

log = structlog.get_logger(__name__)

APP = "gudok"
FALLBACK_CONTEXT = "gudok-fallback"
NOBODY_CONTEXT = "gudok-nobody"
HOLDING = "gudok-hold-"
LEFT = "gudok-left,s,1"
"""What the dialplan does when one of two has gone."""

Channel = Mapping[str, str]
"""A row of AMI's CoreShowChannels."""


class Switchboard(Protocol):
    """What is needed of AMI. Each raises OSError (TimeoutError is one) when the PBX cannot be asked or refuses."""

    async def channels(self) -> Sequence[Channel]: ...

    async def get_variable(self, channel: str, name: str) -> str: ...

    async def set_variable(self, name: str, value: str, channel: str | None = None) -> None: ...

    async def redirect(self, channel: str, context: str, exten: str) -> None: ...

    async def hang_up(self, channel: str) -> None: ...


def _kind(channel: Channel) -> str:
    """With which first argument the channel is in our application; empty when it is not."""
    app, _, rest = channel["ApplicationData"].partition(",")
    return rest.partition(",")[0] if channel["Application"] == "Stasis" and app == APP else ""


def waits(channel: Channel) -> bool:
    """A caller in our application who talks with nobody: on hold, or swallowed before a router took notice."""
    return _kind(channel) in ("inbound", "back") and _stands_apart(channel)


def rings_in_vain(channel: Channel) -> bool:
    """A leg of ours that nobody would connect when it is picked up."""
    return _kind(channel) == "leg" and not channel["BridgeId"]


def calls_in_vain(channel: Channel) -> bool:
    """An operator's own call that has reached nobody: whom it rings, or waits for, it would not be connected with."""
    return _kind(channel) == "own" and _stands_apart(channel)


def _stands_apart(channel: Channel) -> bool:
    return not channel["BridgeId"] or channel["BridgeId"].startswith(HOLDING)


def talks(channels: Sequence[Channel]) -> list[list[Channel]]:
    """Those of ours who stand in a bridge to hear each other, bridge by bridge."""
    bridges: dict[str, list[Channel]] = {}
    for channel in channels:
        if channel["BridgeId"]:
            bridges.setdefault(channel["BridgeId"], []).append(channel)
    return [
        together for bridge, together in bridges.items() if not bridge.startswith(HOLDING) and all(map(_kind, together))
    ]


def expects(alone: Channel, channels: Sequence[Channel]) -> bool:
    """A caller alone in the bridge of a talk that has not begun: whoever picked up was not put into it any more."""
    legs = (channel for channel in channels if rings_in_vain(channel))
    return _kind(alone) in ("inbound", "back") and any(leg["Linkedid"] == alone["Linkedid"] for leg in legs)


async def hand_over(pbx: Switchboard) -> int:
    """No router lives: leave all that is ours to the PBX. Waiting callers go to the fallback of their queue, or hear
    that their number is nobody's where they have none; when they arrived stands in a channel variable. Operators who
    have reached nobody are hung up: they can dial anew, and the PBX serves them. Who is alone, because the other one
    has hung up, is hung up, and so is, when it comes to that, the other one of each pair that talks now.

    Answers how many callers went. Raises OSError when the PBX cannot be asked at all; the refusal of one channel,
    which has just gone, does not hold up the others.
    """
    await pbx.set_variable("GUDOK_BEAT", "0")
    channels = await pbx.channels()
    together = talks(channels)
    alone = [channel for channel, *others in together if not others]
    expecting = [channel for channel in alone if expects(channel, channels)]
    count = 0
    for channel in [*filter(waits, channels), *expecting]:
        name = channel["Channel"]
        try:
            queue = await pbx.get_variable(name, "GUDOK_QUEUE")
            await pbx.redirect(name, *((FALLBACK_CONTEXT, queue) if queue else (NOBODY_CONTEXT, "s")))
        except OSError as error:
            log.warning("caller not handed over", channel=channel["Uniqueid"], reason=str(error))
        else:
            count += 1
    in_vain = [channel for channel in channels if rings_in_vain(channel) or calls_in_vain(channel)]
    for channel in [*in_vain, *(one for one in alone if one not in expecting)]:
        await _hang_up(pbx, channel)
    for one, other in [pair for pair in together if len(pair) == 2]:
        await _end_together(pbx, one, other)
        await _end_together(pbx, other, one)
    return count


async def _end_together(pbx: Switchboard, one: Channel, other: Channel) -> None:
    """When `one` has gone the dialplan hangs up `other`; where it has gone since it was listed, we do."""
    name = one["Channel"]
    try:
        await pbx.set_variable("GUDOK_PEER", other["Channel"], name)
        await pbx.set_variable("CHANNEL(hangup_handler_wipe)", LEFT, name)
    except OSError as error:
        log.info("channel already gone", channel=one["Uniqueid"], reason=str(error))
        if await _has_gone(pbx, one):
            await _hang_up(pbx, other)


async def _has_gone(pbx: Switchboard, channel: Channel) -> bool:
    """A refusal may have other reasons: nobody is cut off for one."""
    try:
        return all(row["Channel"] != channel["Channel"] for row in await pbx.channels())
    except OSError:
        return False


async def _hang_up(pbx: Switchboard, channel: Channel) -> None:
    try:
        await pbx.hang_up(channel["Channel"])
    except OSError as error:
        log.info("channel already gone", channel=channel["Uniqueid"], reason=str(error))


async def save_callers(rescue: Callable[[], Awaitable[int]], why: str, within: float) -> int:
    """Have `rescue` hand them over within so many seconds; how many went. Whatever goes wrong is told in the log and no
    more: whoever guards callers must live to try again, or to end in order."""
    try:
        async with asyncio.timeout(within):
            count = await rescue()
    except OSError as error:  # TimeoutError is one
        log.error("callers not handed over", why=why, reason=str(error) or type(error).__name__)
    except Exception:
        log.exception("callers not handed over", why=why)
    else:
        log.warning("callers handed to the fallback queue", why=why, callers=count)
        return count
    return 0


async def rescue(settings: Settings) -> int:
    """`hand_over` by a line to AMI of its own, opened and closed. Raises OSError when the PBX cannot be asked."""
    from telephony.pbx.ami import Ami

    secrets = settings.secrets
    ami = Ami(settings.ami_host, settings.ami_port, settings.ami_user, secrets.ami_password, events=())
    line = asyncio.create_task(ami.run(patient=False), name="ami")
    ready = asyncio.create_task(ami.ready(), name="ami ready")
    try:
        await asyncio.wait((line, ready), return_when=asyncio.FIRST_COMPLETED)
        if line.done():
            line.result()
        return await hand_over(ami)
    finally:
        ready.cancel()
        await ami.close()
        await asyncio.gather(line, ready, return_exceptions=True)
