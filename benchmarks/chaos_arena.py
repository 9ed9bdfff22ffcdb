"""Where blows fall: a world under load, watched on its PBX, whose calls are compared when the last has gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import evidence
from benchmarks.chaos_load import Load, roster, write_config
from benchmarks.chaos_moments import Sees, Watcher
from benchmarks.chaos_report import Blow, Round
from benchmarks.polling import until
from benchmarks.world import World
from telephony.testing.phones.sip import PhoneCall

BACK_SECONDS = 30.0
HEARD = timedelta(seconds=0.2)
"""The longest between a blow and our saying so."""
SETTLED = timedelta(seconds=0.5)
"""After a router serves its control socket: its first picture is taken and acted upon."""


class Arena:
    """One world with its load and its watcher. Blows are struck one after the other, rounds begin and end with no
    call in the center."""

    def __init__(self, world: World, load: Load, watcher: Watcher, seed: int, keep: Path | None = None) -> None:
        self.world = world
        self.load = load
        self.watcher = watcher
        self.keep = keep
        """Where what was found is kept when the witnesses differ."""
        self.chance = random.Random(seed)
        self.blows: list[Blow] = []
        self.broken: list[str] = []
        self.pbx_died: list[datetime] = []
        self.outages: list[evidence.Outage] = []
        self._compared = 0
        self._repaired = 0
        self._told: set[str] = set()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, *, seed: int = 1, per_second: float = 1.6, keep: Path | None = None, **env: str
    ) -> AsyncIterator[Arena]:
        async with AsyncExitStack() as stack:
            config = write_config(Path(stack.enter_context(TemporaryDirectory(prefix="gudok-chaos-"))) / "config")
            world = await stack.enter_async_context(World.of(config, roster(), **env))
            watcher = await stack.enter_async_context(Watcher(world.settings))
            load = await stack.enter_async_context(Load(world, per_second=per_second, seed=seed))
            yield cls(world, load, watcher, seed, keep)

    # -- blows

    async def router(self) -> int:
        """The process id of the router that serves now."""
        return (await self.world.serving(BACK_SECONDS)).pid

    async def reserve(self) -> int:
        """The process id of the router that the parent keeps in reserve, once there is one."""
        at_work = await self.router()
        assert self.world.service is not None
        parent = self.world.service.pid
        return await until(lambda: standby_of(parent, at_work), "a router in reserve", within=BACK_SECONDS)

    async def kill_at(self, what: str, sees: Sees, how: signal.Signals = signal.SIGKILL) -> None:
        """Kill the router that serves the moment `sees` is satisfied, and wait until another one serves."""
        await self.arm(what, sees, await self.router(), how)

    def arm(self, what: str, sees: Sees, pid: int, how: signal.Signals = signal.SIGKILL) -> asyncio.Task[None]:
        """From now on router `pid` will be killed the moment `sees` is satisfied. The task ends when another one
        serves."""
        seen = self.watcher.at(sees, partial(os.kill, pid, how))

        async def fall() -> None:
            await seen
            await self.struck(what, pid)

        return asyncio.create_task(fall(), name=what)

    @asynccontextmanager
    async def away(self, what: str, sees: Sees) -> AsyncIterator[int]:
        """Inside, no router is there: the one that served is killed when `sees` is satisfied, the one in reserve (its
        process id is given) frozen in its sleep until the end of the block."""
        new = await self.reserve()
        old = await self.router()
        os.kill(new, signal.SIGSTOP)
        await self.watcher.at(sees, partial(os.kill, old, signal.SIGKILL))
        async with self.outage(what):
            try:
                yield new
            finally:
                with contextlib.suppress(ProcessLookupError):  # the parent has lost patience with it
                    os.kill(new, signal.SIGCONT)
            await self.router()

    def strike(self, what: str, *, fatal: bool = False) -> Blow:
        """A blow falls now. `fatal`: no call can live through it."""
        blow = Blow(what=what, at=evidence.now() - HEARD, fatal=fatal)
        self.blows.append(blow)
        return blow

    @asynccontextmanager
    async def outage(self, what: str, *, fatal: bool = False) -> AsyncIterator[None]:
        """A blow has just fallen; at the end of the block a router serves again."""
        blow, begun = self.strike(what, fatal=fatal), time.monotonic()
        yield
        blow.back = time.monotonic() - begun
        self.outages.append((blow.at, evidence.now() + SETTLED))

    def log_size(self) -> int:
        return self.world.log.stat().st_size

    async def logged(self, event: str, since: int) -> None:
        """Wait until the service's log, from position `since` on, tells of `event`. Raises TimeoutError."""
        log = self.world.log
        await until(lambda: event.encode() in log.read_bytes()[since:] or None, event, within=BACK_SECONDS)

    async def struck(self, what: str, pid: int) -> None:
        """A blow has just fallen: wait until a router (another than `pid`) serves."""
        async with self.outage(what):
            await until(lambda: not_alive(pid), f"end of router {pid}", within=BACK_SECONDS, every=0.01)
            await self.router()

    async def restart_service(self) -> None:
        """Stopped in order and started again: its callers are with the native queue in between."""
        begun = evidence.now()
        await self.world.stop_service()
        await self.world.start_service()
        self.outages.append((begun, evidence.now() + SETTLED))

    # -- rounds

    async def finish(self, what: str) -> Round:
        """Let the last caller go, then hear the three witnesses about all calls since the last round."""
        await self._drain(what)
        calls = self.calls()
        result = await evidence.compare(self.world, calls, pbx_died=self.pbx_died, outages=self.outages)
        cut = await evidence.cut_calls(self.world, calls, self.outages)
        for blow in self.blows:
            here = evidence.alive(calls, blow.at)
            blow.alive = len(here)
            blow.cut = len(here) if blow.fatal else sum(call.sip_call_id in cut for call in here)
        lived = [evidence.cut_by_death(call, self.pbx_died) for call in calls]
        wrong = [*evidence.doubled(lived), *(f"{call} was cut off" for call in sorted(set(cut.values())))]
        repairs = await evidence.repairs(self.world)
        found = Round(
            what=what,
            blows=self.blows,
            calls=len(result.calls) - self._compared,
            differences=[text for one in result.differences if (text := f"{one.call}: {one.what}") not in self._told],
            broken=[text for text in (*self.broken, *wrong) if text not in self._told],
            repaired=repairs - self._repaired,
        )
        if self.keep is not None and not found.equal:
            evidence.keep(self.world, calls, self.outages, self.keep / what.replace(" ", "-"))
        self._told |= {*found.differences, *found.broken}
        self._compared, self._repaired = len(result.calls), repairs
        self.blows, self.broken = [], []
        return found

    async def _drain(self, what: str) -> None:
        try:
            await self.load.drain()
            await self.world.until(lambda center: center.totals.calls == 0, "all calls over")
        except TimeoutError as error:
            if self.keep is not None:
                evidence.keep(self.world, self.calls(), self.outages, self.keep / what.replace(" ", "-"))
            raise RuntimeError(f"{what}: calls have no end: {error}") from error

    def calls(self) -> list[PhoneCall]:
        """What all phones of this world have seen so far."""
        return self.load.calls() + [call for phone in self.world.phones for call in phone.calls]


def standby_of(parent: int, at_work: int) -> int | None:
    """A child of `parent` that waits to become the router."""
    for child in map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()):
        if child != at_work and b"--standby" in Path(f"/proc/{child}/cmdline").read_bytes():
            return child
    return None


def not_alive(pid: int) -> bool | None:
    """True, or None: a process that has ended keeps its number until it is buried, and its sockets until its last
    thread has ended."""
    try:
        ended = "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
        return (ended and len(list(Path(f"/proc/{pid}/task").iterdir())) == 1) or None
    except (FileNotFoundError, ProcessLookupError):
        return True
