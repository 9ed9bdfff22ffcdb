"""The demo's day: a real PBX, real SIP calls, one router that dies in the middle. Its start: benchmarks/demo.py."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from benchmarks import demo_cast as cast
from benchmarks.evidence import Outage, compare, now
from benchmarks.world import World
from telephony.commands.common import duration
from telephony.control import wire
from telephony.control.watch import View, render
from telephony.core.facts import AttemptResult, Outcome
from telephony.pbx.install import ensure
from telephony.store.rows import AttemptRow, CallRow
from telephony.testing.phones.load import start_callers, start_operators
from telephony.testing.phones.marks import overlaps
from telephony.testing.phones.sip import PhoneCall

LEAST_SECONDS = 25
SETTLED = timedelta(seconds=0.5)
"""After a router serves: its first picture is taken and acted upon."""
WHOLE_DAY_SECONDS = 45
"""So long a day has all of its plot."""
MUST_HAPPEN = ("abandoned", "rejected rings", "rings without answer", "transfers", "SIGKILL of the router")
PLAIN_SECONDS = 5
"""Between two lines of progress where there is no terminal."""


class Demo:
    """One day: `run` it, then show what it came to."""

    def __init__(self, world: World, seconds: int, console: Console) -> None:
        self.world = world
        self.seconds = seconds
        self.console = console
        self.view = View()
        self.notes: list[str] = []
        self.outages: list[Outage] = []
        self.failed: list[str] = []
        """What the simulated phones could not do."""
        self._began = time.monotonic()

    def note(self, text: str) -> None:
        """Something of the day's plot has happened."""
        self.notes.append(f"{time.monotonic() - self._began:5.1f} s  {text}")
        if not self.console.is_terminal:
            self.console.print(self.notes[-1])

    async def day(self) -> list[PhoneCall]:
        """Everything that happens; returns what the phones saw."""
        sipp, server = ensure("sipp")["sipp"], ("127.0.0.1", self.world.settings.sip_port)
        self._began = time.monotonic()
        async with (
            await start_callers(sipp, cast.early_birds(), server, per_second=5, seconds=20) as early,
            await start_callers(
                sipp,
                cast.callers(self.seconds),
                server,
                per_second=cast.CALLS_PER_SECOND,
                seconds=self.seconds + 10,
            ) as callers,
            await start_operators(sipp, cast.crowd(self.world), server, seconds=self.seconds + 30) as crowd,
            cast.Staff(self.world) as staff,
        ):
            self.note("callers dial; nobody is at work yet")
            await staff.take_seats(self.seconds + 30)
            await early.wait(15)
            await self._log_everybody_in()
            await self._until(self.seconds / 2)
            await self._kill_router()
            await self._until(self.seconds)
            problems = await staff.leave()
            await callers.wait(12)
            await crowd.idle(12)
            for problem in problems:
                self.failed.append(str(problem) or type(problem).__name__)
                self.note(f"a simulated phone failed: {self.failed[-1]}")
            seen = [*early.calls(), *callers.calls(), *crowd.calls()]
            return [*seen, *(call for phone in staff.phones for call in phone.calls)]

    async def _log_everybody_in(self) -> None:
        for login, phone in cast.SEATS.items():
            reply = await self.world.log_in(login, phone)
            if not reply.ok:
                raise RuntimeError(f"{login} cannot log in: {reply.text or reply.code}")
        self.note(f"{len(cast.SEATS)} operators have logged in")

    async def _kill_router(self) -> None:
        begun, at = time.monotonic(), now()
        pid = await self.world.kill_router()
        self.note(f"SIGKILL of the router (process {pid})")
        while (await self.world.serving()).pid == pid:  # noqa: ASYNC110 - a process not ours gives no event
            await asyncio.sleep(0.02)
        self.note(f"another router serves, {time.monotonic() - begun:.1f} s after")
        self.outages.append((at, now() + SETTLED))

    async def _until(self, second: float) -> None:
        await asyncio.sleep(max(0.0, self._began + second - time.monotonic()))

    # --- live progress ----------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._show(), name="progress")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _show(self) -> None:
        watching = asyncio.create_task(self._watch(), name="watch")
        try:
            if not self.console.is_terminal:
                while True:
                    await asyncio.sleep(PLAIN_SECONDS)
                    self.console.print(self._line())
            with Live(get_renderable=self._picture, console=self.console, refresh_per_second=4, transient=True):
                await asyncio.Event().wait()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self) -> None:
        """The center's picture, through the death of the router."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_unix_connection(str(self.world.settings.control_socket))
                try:
                    writer.write(wire.frame(wire.Watch(1)))
                    while True:
                        (length,) = wire.LENGTH.unpack(await reader.readexactly(wire.LENGTH.size))
                        answer = msgspec.msgpack.decode(await reader.readexactly(length), type=wire.WatchAnswer)
                        self.view.apply(answer)
                finally:
                    writer.close()
            await asyncio.sleep(0.05)  # between two routers

    def _line(self) -> str:
        totals = self.view.totals
        return (
            f"{time.monotonic() - self._began:5.1f} s  waiting {totals.waiting}, talking {totals.talking}, "
            f"answered {totals.answered}, lost {totals.abandoned + totals.sent_away}"
        )

    def _picture(self) -> Group:
        left = max(0.0, self.seconds - (time.monotonic() - self._began))
        head = Text(f"The day ends in {left:.0f} s. {'; '.join(self.notes[-2:])}", style="dim")
        return Group(head, render(self.view, time.time()))


# --- what the day came to --------------------------------------------------------------------------------------


def figures(world: World, calls: Sequence[CallRow]) -> Table:
    """The usual measures by queue. Service level: of all who came, the share answered within the target's seconds.
    Waiting counts from the arrival; talking until the caller's end, holds and transfers included."""
    table = Table(title="The day's figures", title_justify="left")
    table.add_column("Queue")
    for column in ("Came", "Answered", "Abandoned", "Sent away", "Service level", "Mean wait", "Longest", "Mean talk"):
        table.add_column(column, justify="right")
    for queue in world.settings.plan.queues:
        rows = [row for row in calls if row.kind == "inbound" and row.number in queue.numbers]
        if not rows:
            continue
        waits = [((row.answered or row.ended or row.arrived) - row.arrived).total_seconds() for row in rows]
        talks = [(row.ended - row.answered).total_seconds() for row in rows if row.answered and row.ended]
        level = queue.service_level
        in_time = sum(wait <= level.seconds for row, wait in zip(rows, waits, strict=True) if row.answered)
        table.add_row(
            queue.label,
            str(len(rows)),
            str(len(talks)),
            str(sum(row.outcome == Outcome.ABANDONED for row in rows)),
            str(sum(row.outcome == Outcome.SENT_AWAY for row in rows)),
            f"{100 * in_time / len(rows):.0f} % in {level.seconds} s",
            f"{sum(waits) / len(waits):.1f} s",
            duration(max(waits)),
            f"{sum(talks) / len(talks):.1f} s" if talks else "",
        )
    return table


def happened(calls: Sequence[CallRow], attempts: Sequence[AttemptRow], kills: int) -> dict[str, int]:
    """The day's incidents, as the log has them."""
    results = [attempt.result for attempt in attempts]
    return {
        "abandoned": sum(row.outcome == Outcome.ABANDONED for row in calls),
        "rejected rings": results.count(AttemptResult.REJECTED) + results.count(AttemptResult.BUSY),
        "rings without answer": results.count(AttemptResult.NO_ANSWER),
        "transfers": sum(row.transfers for row in calls),
        "calls through the fallback queue": sum(row.via_fallback for row in calls),
        "SIGKILL of the router": kills,
    }


def missed(seconds: int, counts: Mapping[str, int], failed: Sequence[str]) -> list[str]:
    """What a whole day must have had and this one had not, a line each. A short day may lack anything."""
    if seconds < WHOLE_DAY_SECONDS:
        return []
    lines = [f"on this day something was missing: {what} 0" for what in MUST_HAPPEN if not counts[what]]
    return lines + [f"a simulated phone failed: {problem}" for problem in failed]


async def play(seconds: int, console: Console) -> int:
    console.print("Gudok's demo: a PBX of its own, simulated callers and operators, a minute's day.")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gudok-demo-") as folder:
        config = cast.write_config(Path(folder) / "config")
        async with World.of(config, cast.roster()) as world:
            console.print(f"PBX and service are up after {time.monotonic() - began:.1f} s")
            demo = Demo(world, seconds, console)
            try:
                async with demo.shown():
                    seen = await demo.day()
            except Exception:
                console.print(f"The service's last words:\n{world.last_words()}", markup=False, highlight=False)
                raise
            result = await compare(world, seen, outages=demo.outages)
            calls, attempts = await world.calls(), await world.attempts()
            if console.is_terminal:
                console.print("\n".join(demo.notes))
            console.print(figures(world, calls))
            counts = happened(calls, attempts, kills=len(demo.outages))
            console.print("On this day: " + ", ".join(f"{what} {count}" for what, count in counts.items()))
            doubles = overlaps(call for call in seen if call.direction == "in")
            console.print("\nThree witnesses, call by call:")
            console.print(result.table(), highlight=False)
            if doubles:
                console.print(f"{len(doubles)} times an operator was given two calls at once")
            lacking = missed(seconds, counts, demo.failed)
            for line in lacking:
                console.print(line, markup=False, highlight=False)
            return 0 if result.equal and not doubles and not result.unreached and not lacking else 1


async def guarded(seconds: int, console: Console) -> int:
    """Interrupted once, it takes everything down in order; interrupted again, it goes on doing so."""
    task = asyncio.create_task(play(seconds, console), name="demo")
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(name, _interrupt, task, console)
    try:
        return await task
    except asyncio.CancelledError:
        return 130


def _interrupt(task: asyncio.Task[int], console: Console) -> None:
    if not task.cancelling():
        console.print("interrupted: hanging up, stopping service and PBX")
        task.cancel()


def run(seconds: int) -> int:
    """The exit status, see benchmarks/demo.py."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=110)
    return asyncio.run(guarded(max(LEAST_SECONDS, seconds), console))
