"""From `*21` dialed to the state changed everywhere: in the router, in the native queue, on the lamp.

Each of the phones dials once, within its operator's planned break. Its clock starts with its first INVITE, the one
that is sent back for the password; it ends when the last of three has come: the router's decision (as recorded), the
native queues' events at an AMI line of our own, the NOTIFY at a phone that watches the lamp. Each operator serves
two queues: the native side is done when the last membership is. One clock serves all.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

import msgspec

from benchmarks import bench_center as center
from benchmarks.bench_load import quantiles
from benchmarks.world import World
from telephony.pbx.ami import Ami, QueueMemberPause
from telephony.pbx.ami_types import Message
from telephony.pbx.programs.program import Program
from telephony.store.break_queries import states_of
from telephony.testing.phones.lamp_keys import LampKey, LampKeys, watch_lamps
from telephony.testing.phones.load import CodePlan, start_codes, start_operators

TIMES = 150
PER_SECOND = 5.0
QUEUES = 2
"""Of each operator, and so of native memberships."""
MOST_MS = 100.0
"""The figure of p99."""


class Result(msgspec.Struct, kw_only=True):
    """Milliseconds from the first INVITE. `missing`: pauses that were not seen at all three places."""

    dialed: int
    missing: int
    router_ms: dict[str, float]
    native_queue_ms: dict[str, float]
    lamp_ms: dict[str, float]
    everywhere_ms: dict[str, float]


async def measure(world: World, sipp: Program) -> Result:
    """On a PBX that runs; starts the service."""
    numbers = range(1, TIMES + 1)
    await center.add_operators(world)
    await world.plan_breaks([center.login_of(n) for n in numbers])
    await world.start_service()
    server = ("127.0.0.1", world.settings.sip_port)
    paused: dict[str, float] = {}
    async with await start_operators(sipp, center.phones(world, [0] * TIMES, 200), server):
        await center.log_in(world, numbers)
        watcher = asyncio.create_task(_watch_queue(world, paused))
        try:
            async with await watch_lamps(sipp, [_key(world, n) for n in numbers], server) as keys:
                dialed = await _dial(world, sipp, server, keys)
                shown = {center.phone_of(n): _lit(keys, n) for n in numbers}
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
        decided = {center.phone_of(n): await _decided(world, center.login_of(n)) for n in numbers}
    return _result(dialed, decided, {phone: paused.get(phone) for phone in dialed}, shown)


def _key(world: World, number: int) -> LampKey:
    phone = center.phone_of(number)
    return LampKey(phone=phone, lamp=f"break-{3000 + number}", password=world.settings.secrets.phone_password(phone))


async def _dial(world: World, sipp: Program, server: tuple[str, int], keys: LampKeys) -> dict[str, float]:
    """Phone -> when it dialed, in epoch seconds."""
    secrets = world.settings.secrets
    phones = [center.phone_of(n) for n in range(1, TIMES + 1)]
    plans = [CodePlan(phone=phone, code="*21", password=secrets.phone_password(phone)) for phone in phones]
    async with await start_codes(sipp, plans, server, per_second=PER_SECOND) as crowd:
        await crowd.wait(within=TIMES / PER_SECOND + 30)
        return {mark.phone: mark.at for mark in crowd.marks() if mark.what == "invite-sent"}


def _lit(keys: LampKeys, number: int) -> float | None:
    return next((at for at, state in keys.told(f"break-{3000 + number}") if state == "on"), None)


async def _watch_queue(world: World, paused: dict[str, float]) -> None:
    """Phone -> when the PBX told that the last of its memberships is paused."""
    settings = world.settings
    events = (QueueMemberPause,)
    ami = Ami(settings.ami_host, settings.ami_port, settings.ami_user, settings.secrets.ami_password, events=events)

    memberships: dict[str, set[str]] = {}

    def heard(message: Message) -> None:
        if isinstance(message, QueueMemberPause) and message.paused:
            phone = message.interface.removeprefix("PJSIP/")
            queues = memberships.setdefault(phone, set())
            queues.add(message.queue)
            if len(queues) == QUEUES:
                paused.setdefault(phone, time.time())

    ami.listen(heard)
    try:
        await ami.run()
    finally:
        await ami.close()


async def _decided(world: World, login: str) -> float | None:
    async def read(engine: Any, begin: datetime, end: datetime) -> float | None:
        rows = await states_of(engine, login, begin, end)
        return next((row.since.timestamp() for row in rows if row.state == "break"), None)

    return await world.read(read)


def _result(dialed: dict[str, float], *places: dict[str, float | None]) -> Result:
    """What is missing at one place counts nowhere."""
    spans: list[list[float]] = []
    for phone, begun in dialed.items():
        seen = [place.get(phone) for place in places]
        spans.append([(at - begun) * 1000 for at in seen if at is not None])
    whole = [span for span in spans if len(span) == len(places)]
    router, native, lamp = ([span[index] for span in whole] for index in range(3))
    return Result(
        dialed=len(dialed),
        missing=TIMES - len(whole),
        router_ms=quantiles(router),
        native_queue_ms=quantiles(native),
        lamp_ms=quantiles(lamp),
        everywhere_ms=quantiles([max(span) for span in whole]),
    )


def line(result: Result) -> str:
    """For people."""
    figures = " ".join(f"{name} {value:.1f}" for name, value in result.everywhere_ms.items())
    return f"breaks, *21 dialed {result.dialed} times -> router, native queue and lamp, ms: {figures}"
