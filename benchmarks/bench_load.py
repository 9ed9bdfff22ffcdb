"""Saturation: more callers than operators, all the time. What matters is how soon a freed operator's phone rings
again, and how many callers are served; both are read from the phones' own logs, whichever system does the routing.
"""

from __future__ import annotations

import asyncio
import math
import signal
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

import msgspec

from benchmarks import bench_center as center
from benchmarks.world import World
from telephony.pbx.programs.program import Program
from telephony.testing.phones import marks
from telephony.testing.phones.load import CallerPlan, Crowd, start_callers, start_operators

FILL_SECONDS = 60.0
DRAIN_SECONDS = 60.0


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """`operators` phones talk about `talk_ms` each; `waiting` more callers than operators are there all the time,
    for `seconds`. Callers come at most `per_second` at a time while the room fills."""

    operators: int
    waiting: int
    talk_ms: int
    ring_ms: int
    seconds: float
    per_second: float

    def talks(self) -> list[int]:
        """Each phone's own talk time, evenly spread within 10 % of the mean, the same for every system: else all
        phones of a crowd would be free at the same moments."""
        span, last = 0.2 * self.talk_ms, max(1, self.operators - 1)
        return [round(self.talk_ms - span / 2 + span * n / last) for n in range(self.operators)]


class Result(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the phones of one system saw. `gap_ms`: operator free to next ring. `served`: talks ended within the time
    of the load, `per_second` of them. `lost`: callers, of all who came, who never had a whole talk."""

    gap_ms: dict[str, float]
    gaps: int
    served: int
    per_second: float
    callers: int
    lost: int
    cpu_ms_per_call: float | None = None
    """Of the service's processes, over all callers; None for app_queue, which is a part of Asterisk."""
    asterisk_cpu_ms_per_call: float
    events_per_call: float | None = None


async def measure(world: World, sipp: Program, load: Load, number: str, service: Sequence[int] = ()) -> Result:
    """Put the load on the queue that answers `number`. `service`: the processes whose time is counted."""
    server = ("127.0.0.1", world.settings.sip_port)
    asterisk = world.pbx.pid
    assert asterisk is not None
    async with AsyncExitStack() as stack:
        plans = center.phones(world, load.talks(), load.ring_ms)
        operators = await stack.enter_async_context(await start_operators(sipp, plans, server, echo=False))
        if service:
            await center.log_in(world, range(1, load.operators + 1))
            stack.push_async_callback(center.log_out, world, range(1, load.operators + 1))
        before = [center.cpu_ms(list(service)), center.cpu_ms([asterisk])]
        events = (await world.status()).handled if service else 0
        callers = await stack.enter_async_context(await _callers(world, sipp, load, number))
        begin, end = await _saturated(load, callers)
        await _drained(callers, operators)
        used = [center.cpu_ms(list(service)) - before[0], center.cpu_ms([asterisk]) - before[1]]
        events = (await world.status()).handled - events if service else 0
        return _result(operators.marks(), callers, begin, end, used, events if service else None)


async def _callers(world: World, sipp: Program, load: Load, number: str) -> Crowd:
    """Enough callers for twice the work that can be done; as many at once as are to talk and to wait."""
    at_once = load.operators + load.waiting
    capacity = load.operators * 1000 / load.talk_ms * load.seconds
    plans = [CallerPlan(number=f"79000{n:06}", service=number) for n in range(1, math.ceil(2 * capacity) + at_once)]
    server = ("127.0.0.1", world.settings.sip_port)
    return await start_callers(
        sipp, plans, server, per_second=load.per_second, at_once=at_once, audio=False, seconds=600
    )


async def _saturated(load: Load, callers: Crowd) -> tuple[float, float]:
    """From when the room is full for so long as the load shall last; then no further caller comes."""
    async with asyncio.timeout(FILL_SECONDS):
        while True:
            await asyncio.sleep(0.2)  # a log gives no event
            if _full(load, callers):
                break
    begin = time.time()
    await asyncio.sleep(load.seconds)
    end = time.time()
    callers.process.send_signal(signal.SIGUSR1)  # SIPp: start no further calls, end with the last one
    return begin, end


def _full(load: Load, callers: Crowd) -> bool:
    return sum(mark.what == "answered" for mark in callers.marks()) >= load.operators + load.waiting


async def _drained(callers: Crowd, operators: Crowd) -> None:
    """Those who wait are served still; a system that leaves some behind has lost them."""
    try:
        await callers.wait(DRAIN_SECONDS)
    except TimeoutError:
        return
    await operators.idle(5)


def _result(
    seen: list[marks.Mark], callers: Crowd, begin: float, end: float, used: list[float], events: int | None
) -> Result:
    talks = [mark.at for mark in seen if mark.what == "bye-sent"]  # a phone hangs up when its talk was whole
    came = sum(mark.what == "invite-sent" for mark in callers.marks())
    gaps = marks.gaps(seen, begin, end)
    served = sum(begin <= at <= end for at in talks)
    return Result(
        gap_ms=quantiles(gaps),
        gaps=len(gaps),
        served=served,
        per_second=round(served / (end - begin), 1),
        callers=came,
        lost=came - len(talks),
        cpu_ms_per_call=None if events is None else round(used[0] / max(1, came), 2),
        asterisk_cpu_ms_per_call=round(used[1] / max(1, came), 2),
        events_per_call=None if events is None else round(events / max(1, came), 1),
    )


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99 and max (nearest rank), rounded to a tenth; empty without values."""
    ordered = sorted(values)
    if not ordered:
        return {}
    ranks = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 1) for name, share in ranks.items()}
