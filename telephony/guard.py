"""Handing the callers who wait to the PBX's own fallback queue, when no router is there to serve them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import structlog

if TYPE_CHECKING:
    from telephony.settings import Settings

log = structlog.get_logger(__name__)

APP = "gudok"
FALLBACK_CONTEXT = "gudok-fallback"
HOLDING = "gudok-hold-"

Channel = Mapping[str, str]
"""A row of AMI's CoreShowChannels."""


class Switchboard(Protocol):
    """What is needed of AMI. Each raises OSError (TimeoutError is one) when the PBX cannot be asked or refuses."""

    async def channels(self) -> Sequence[Channel]: ...

    async def get_variable(self, channel: str, name: str) -> str: ...

    async def redirect(self, channel: str, context: str, exten: str) -> None: ...

    async def hang_up(self, channel: str) -> None: ...


def waits(channel: Channel) -> bool:
    """A caller in our application who talks with nobody: on hold, or swallowed before a router took notice."""
    app, _, rest = channel["ApplicationData"].partition(",")
    kind = rest.partition(",")[0]
    bridge = channel["BridgeId"]
    ours = channel["Application"] == "Stasis" and app == APP and kind in ("inbound", "back")
    return ours and (not bridge or bridge.startswith(HOLDING))


def rings_in_vain(channel: Channel) -> bool:
    """A leg of ours that nobody would connect when it is picked up."""
    ours = channel["Application"] == "Stasis" and channel["ApplicationData"] == f"{APP},leg"
    return ours and not channel["BridgeId"]


async def hand_over(pbx: Switchboard, default_queue: str) -> int:
    """Send all waiting callers to the fallback of their queue; they keep their arrival time in a channel variable.

    Answers how many went. Talking pairs are left alone. Raises OSError when the PBX cannot be asked at all; one
    caller's refusal (they have just hung up) does not hold up the others.
    """
    channels = await pbx.channels()
    count = 0
    for channel in filter(waits, channels):
        name = channel["Channel"]
        try:
            queue = await pbx.get_variable(name, "GUDOK_QUEUE") or default_queue
            await pbx.redirect(name, FALLBACK_CONTEXT, queue)
        except OSError as error:
            log.warning("caller not handed over", channel=channel["Uniqueid"], reason=str(error))
        else:
            count += 1
    for channel in filter(rings_in_vain, channels):
        try:
            await pbx.hang_up(channel["Channel"])
        except OSError as error:
            log.info("leg already gone", channel=channel["Uniqueid"], reason=str(error))
    return count


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
        queues = settings.plan.queues
        return await hand_over(ami, queues[0].name if queues else "")
    finally:
        ready.cancel()
        await ami.close()
        await asyncio.gather(line, ready, return_exceptions=True)
