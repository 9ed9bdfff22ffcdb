"""Death of the router while fifty wait and fifty talk, on a database with a long past: nobody is dropped, and how
soon the next freed operator is rung again.

The fall is timed so that an operator hangs up while no router is there: the first thing the next one has to do is a
match. With a router in reserve (what `gudok run` keeps) time counts from the kill; without one (it is killed too) from
the start of the new process.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks import bench_center as center
from benchmarks.world import World
from telephony.pbx.programs.bundles import cache_dir
from telephony.pbx.programs.program import Program
from telephony.store import tables
from telephony.store.migrate import upgrade
from telephony.testing import big_database
from telephony.testing.phones.load import CallerPlan, Crowd, start_callers, start_operators

CALLS = 1_000_000
TALKING = 50
WAITING = 50
TALK_SECONDS = 6.0
"""Of the operator who is to be freed, again and again."""
BEFORE_THE_END = 0.1
"""So long before they hang up the router is killed."""
RESERVE_SECONDS = 15.0


class Fall(msgspec.Struct, kw_only=True):
    """One death. Times in seconds; how many talk and wait afterwards, as the phones and the PBX agree: of the talks
    without that of the freed operator, of those who waited with the one who talks now."""

    reserve: bool
    to_match: float
    """From the kill (with a router in reserve), else from the start of the new process, to the INVITE that a phone
    saw."""
    to_serving: float
    """Until the new router's log says that it serves calls, from the same moment."""
    talking: int
    waiting: int
    waited_before: int


class Recovery(msgspec.Struct, kw_only=True):
    calls_in_database: int
    database_megabytes: int
    talking: int
    waiting: int
    survived: int
    """Of those who talked and waited, at the worst of the falls."""
    to_match_s: float
    """The worst from process start, no router in reserve."""
    to_match_from_reserve_s: float
    """The worst from the kill, with a router in reserve."""
    falls: list[Fall]


async def past(say: Callable[[str], None], calls: int = CALLS) -> Path:
    """A database with so many calls, made once and kept in the cache; one of another shape is made anew."""
    file = _place_of_past(calls)
    if file.exists():
        await asyncio.to_thread(_forget_open, file)
        return file
    draft = file.with_suffix(".draft")
    say(f"making a past of {calls:,} calls in {file}, once; that takes a minute")
    await upgrade(f"sqlite:///{draft}")
    await asyncio.to_thread(_fill, draft, calls)
    draft.rename(file)
    return file


def _fill(draft: Path, calls: int) -> None:
    big_database.fill(draft, calls, datetime.now(UTC))
    with draft.open("rb") as written:
        os.fsync(written.fileno())  # else the first commits of the measurement wait for gigabytes


def _forget_open(file: Path) -> None:
    """An interrupted run may have left calls and operators open: they are no past."""
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        for table in ("calls", "attempts", "operator_states"):
            connection.execute(f"DELETE FROM {table} WHERE ended IS NULL")


def _place_of_past(calls: int) -> Path:
    """Where the database lies or shall lie; those of another shape are removed."""
    shape = hashlib.sha256()
    for module in (big_database, tables):
        shape.update(Path(module.__file__ or "").read_bytes())
    folder = cache_dir() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{calls}-{shape.hexdigest()[:12]}.sqlite"
    for old in folder.glob(f"{calls}-*"):
        if not old.name.startswith(file.name):
            old.unlink()
    return file


class Room:
    """The center in full swing: `TALKING` operators who talk on and on, one who is freed now and then, callers."""

    def __init__(self, world: World, steady: Crowd, freed: Crowd, callers: Crowd) -> None:
        self.world = world
        self.steady = steady
        self.freed = freed
        self.callers = callers

    @classmethod
    @asynccontextmanager
    async def open(cls, world: World, sipp: Program, falls: int) -> AsyncIterator[Room]:
        """Fill the room: enough callers wait for `WAITING` to be left before the last of the falls."""
        server = ("127.0.0.1", world.settings.sip_port)
        plans = center.phones(world, [0] * TALKING + [round(TALK_SECONDS * 1000)], ring_ms=50)
        numbers = [CallerPlan(number=f"79000{n:06}", service=center.NUMBER) for n in range(1, 300)]
        async with AsyncExitStack() as stack:
            steady = await stack.enter_async_context(
                await start_operators(sipp, plans[:TALKING], server, echo=False, seconds=300)
            )
            freed = await stack.enter_async_context(
                await start_operators(sipp, plans[TALKING:], server, echo=False, seconds=300)
            )
            await center.log_in(world, range(1, TALKING + 1))
            many = TALKING + WAITING + falls + 1
            callers = await stack.enter_async_context(
                await start_callers(sipp, numbers[:many], server, per_second=20, at_once=many, audio=False, seconds=300)
            )
            await world.until(
                lambda seen: (seen.totals.talking, seen.totals.waiting) == (TALKING, many - TALKING), "a full room", 60
            )
            await center.log_in(world, range(TALKING + 1, TALKING + 2))
            yield cls(world, steady, freed, callers)

    def alive(self) -> tuple[int, int]:
        """Talks of the steady operators, and callers, that go on: for the phones and for the PBX."""
        channels = Counter(
            line.partition("-")[0]
            for line in self.world.pbx.console("core show channels concise").splitlines()
            if "!Up!" in line
        )
        legs = sum(channels[f"PJSIP/{center.phone_of(n)}"] for n in range(1, TALKING + 1))
        return min(_going_on(self.steady), legs), min(_going_on(self.callers), channels["PJSIP/city"])

    async def invited_after(self, moment: float, within: float = 20.0) -> float:
        """When the phone of the freed operator saw the next INVITE, in epoch seconds."""
        async with asyncio.timeout(within):
            while True:
                seen = [m.at for m in self.freed.marks() if m.what == "invite-received" and m.at > moment]
                if seen:
                    return seen[0]
                await asyncio.sleep(0.02)  # a log gives no event

    async def answered_after(self, moment: float, within: float = 20.0) -> float:
        async with asyncio.timeout(within):
            while True:
                seen = [m.at for m in self.freed.marks() if m.what == "answers" and m.at >= moment]
                if seen:
                    return seen[0]
                await asyncio.sleep(0.02)


def _going_on(crowd: Crowd) -> int:
    return sum(call.answered is not None and call.ended is None for call in crowd.calls())


async def fall(room: Room, *, reserve: bool) -> Fall:
    """Kill the router shortly before the operator hangs up, see what comes back and when."""
    world = room.world
    answered = max(mark.at for mark in room.freed.marks() if mark.what == "answers")
    router = (await world.status()).pid
    standby = await _standby(world, router)
    waited = (await world.status()).picture.totals.waiting
    await asyncio.sleep(answered + TALK_SECONDS - BEFORE_THE_END - time.time())
    logged = world.log.stat().st_size
    if not reserve:
        os.kill(standby, signal.SIGKILL)
    killed = time.time()
    os.kill(router, signal.SIGKILL)
    invited = await room.invited_after(killed)
    await room.answered_after(invited)
    status = await world.serving()
    begun = killed if reserve else center.started_at(status.pid)
    await world.until(lambda seen: seen.totals.talking == TALKING + 1, "the match is a talk")
    talks, callers = await asyncio.to_thread(room.alive)
    return Fall(
        reserve=reserve,
        to_match=round(invited - begun, 3),
        to_serving=round(_serving_at(world, logged) - begun, 3),
        talking=talks,
        waiting=callers - TALKING,
        waited_before=waited,
    )


async def _standby(world: World, router: int) -> int:
    """The router in reserve, once it has loaded everything: it then sleeps on the line to its parent."""
    assert world.service is not None
    used: dict[int, float] = {}
    async with asyncio.timeout(RESERVE_SECONDS):
        while True:
            for child in _children(world.service.pid):
                with contextlib.suppress(OSError):
                    before, used[child] = used.get(child, -1.0), center.cpu_ms([child])
                    if child != router and used[child] == before > 0:
                        return child
            await asyncio.sleep(0.1)  # its being ready is between it and its parent


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _serving_at(world: World, logged: int) -> float:
    """When the router that came up last said that it serves calls, in epoch seconds."""
    with world.log.open("rb") as log:
        log.seek(logged)
        for line in log:
            if b'"serving calls"' in line:
                return datetime.fromisoformat(msgspec.json.decode(line)["timestamp"]).timestamp()
    raise RuntimeError(f"no router serves: {world.last_words()}")


async def measure(
    world: World, sipp: Program, megabytes: int, falls: tuple[bool, ...] = (True, True, False)
) -> Recovery:
    """`world` is started on the database with the past, which is so large; `falls` says of each fall whether a router
    is in reserve."""
    async with Room.open(world, sipp, len(falls)) as room:
        await room.answered_after(0)
        found = [await fall(room, reserve=reserve) for reserve in falls]
    lost = max(TALKING - one.talking + one.waited_before - one.waiting for one in found)
    return Recovery(
        calls_in_database=CALLS,
        database_megabytes=megabytes,
        talking=TALKING,
        waiting=WAITING,
        survived=TALKING + WAITING - max(0, lost),
        to_match_s=max((one.to_match for one in found if not one.reserve), default=0.0),
        to_match_from_reserve_s=max((one.to_match for one in found if one.reserve), default=0.0),
        falls=found,
    )
