"""`gudok run`: a small process that starts the router, kills it when it hangs, starts it again, and guards
the callers while none is alive.

The router beats once a second into a socket it inherits. What its exit status means is in `telephony.exits`:
another router alive ends the parent too, and so does a mistake in the configuration before any router has served;
all else is a reason to start again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from telephony.exits import Exit
from telephony.parent.child import RouterProcess, Standby
from telephony.parent.guard import save_callers

log = structlog.get_logger(__name__)

_FINAL = {
    Exit.MISTAKE: "the configuration has mistakes, nothing was started",
    Exit.REPLACED: "another router is alive or has taken over, this one stays out of its way",
}
MISTAKEN = "the configuration has mistakes, no router serves before they are mended"


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """All in seconds. `start`: a new router's time to its first beat. `beat`: the longest silence after that.
    `guard`: how long callers may be without any router. `stop`: a router's time to end by itself. `steady`:
    how long a router must live for the next restart to be immediate again. `settle`: how long one serves before
    the next is made ready."""

    start: float = 10.0
    beat: float = 3.0
    guard: float = 10.0
    stop: float = 8.0
    steady: float = 30.0
    settle: float = 2.0
    pauses: tuple[float, ...] = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)


class Parent:
    """Keeps one router alive. `router` is its command line, to which `--beat FD` is added.

    The very first one also gets `--first`: only then does a mistake that the roster brings to light keep it from
    starting. `rescue` hands the callers who wait to the PBX's own fallback queue and returns how many. `mistakes` reads
    the configuration again and returns what is wrong with it, a line each: a restart that was asked for (SIGHUP) is
    refused while there is any. Whatever the two raise is told in the log: a later try may succeed.
    """

    def __init__(
        self,
        router: Sequence[str],
        *,
        rescue: Callable[[], Awaitable[int]],
        mistakes: Callable[[], Awaitable[list[str]]],
        rhythm: Rhythm | None = None,
    ) -> None:
        self._command = list(router)
        self._rescue = rescue
        self._mistakes = mistakes
        self._rhythm = rhythm or Rhythm()
        self._loop = asyncio.get_running_loop()
        self._router: RouterProcess | None = None
        self._standby = Standby(self._command, self._serves, self._rhythm.settle)
        self._stopping = asyncio.Event()
        self._asked_restart = False
        self._checking: asyncio.Task[None] | None = None
        self._alive_at = self._loop.time()
        self._ever_alive = False
        self.starts = 0
        self.rescued = 0

    async def run(self) -> int:
        """Until told to stop, or until a restart cannot help. Returns the exit status of the parent."""
        guard = asyncio.create_task(self._guard(), name="guard")
        try:
            status = await self._keep_alive()
        finally:
            helpers = [*filter(None, (guard, self._checking))]
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await self._standby.discard()
        if status == Exit.OK:
            await self._save_callers("the service stops")
        return status

    def stop(self) -> None:
        """End for good: the router flushes and ends, waiting callers go to the fallback, talks go on."""
        self._stopping.set()
        self._end_router()

    def restart(self) -> None:
        """Start the router anew, for instance with a changed configuration. Drops nothing."""
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._restart(), name="restart")

    async def _restart(self) -> None:
        try:
            mistakes = await self._mistakes()
        except Exception:
            log.exception("not restarted: the configuration could not be checked")
            return
        if mistakes:
            log.error("not restarted: the configuration has mistakes", mistakes=mistakes)
            return
        log.info("restart asked for")
        self._asked_restart = True
        await self._standby.discard()
        self._end_router()

    # --- one router after the other -------------------------------------------------------------------------

    async def _keep_alive(self) -> int:
        failures = 0
        while not self._stopping.is_set():
            started = self._loop.time()
            self._asked_restart = False
            status = await self._one_life()
            if self._stopping.is_set():
                break
            if self._is_final(status):
                log.error(_FINAL[Exit(status)], status=status)
                return status
            if self._asked_restart:
                failures = 0
                continue
            if self._loop.time() - started >= self._rhythm.steady:
                failures = 0
            pause = self._rhythm.pauses[min(failures, len(self._rhythm.pauses) - 1)]
            failures += 1
            what = MISTAKEN if status == Exit.MISTAKE else "router ended"
            log.error(what, status=status, restart_in=pause)
            await self._pause(pause)
        return Exit.OK

    def _is_final(self, status: int) -> bool:
        """Whether it makes the parent end. A file that was saved half done while callers are served is no reason to:
        it will be mended, and until then the guard looks after the callers."""
        return status in _FINAL and not (status == Exit.MISTAKE and self._ever_alive)

    async def _one_life(self) -> int:
        """Start a router and stay with it to its end. Returns its exit status, -9 if it had to be killed. One that
        cannot be started has ended at once: without a process to be had now, there may be one later."""
        try:
            self._router = router = self._standby.take() or await self._start_router()
        except Exception:
            log.exception("router not started")
            return Exit.UNAVAILABLE
        self.starts += 1
        try:
            if self._stopping.is_set() or self._asked_restart:
                self._end_router()
            await self._watch(router)
            return await router.reap(self._rhythm.stop)
        finally:
            self._router = None

    async def _start_router(self) -> RouterProcess:
        first = [] if self.starts else ["--first"]
        return await RouterProcess.start([*self._command, *first], self._serves)

    async def _watch(self, router: RouterProcess) -> None:
        """Until the router has closed its end; one that is silent for too long is killed."""
        born = self._loop.time()
        while not router.closed.done():
            silent_at = born + self._rhythm.start if router.last is None else router.last + self._rhythm.beat
            rest = silent_at - self._loop.time()
            if rest <= 0:
                log.error("router does not beat, killed", pid=router.pid, beaten=router.last is not None)
                router.kill()
                return
            # A first beat shortens the patience that is left: it must not be slept through.
            await asyncio.wait([router.closed], timeout=min(rest, self._rhythm.beat))

    def _end_router(self) -> None:
        if self._router is not None:
            self._router.end(self._rhythm.stop)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _serves(self) -> None:
        """The router at work has told that callers are served."""
        self._ever_alive = True
        self._standby.prepare()
        self._alive_at = self._loop.time()

    # --- the guard ------------------------------------------------------------------------------------------

    async def _guard(self) -> None:
        """Callers without a router for too long are handed to the fallback, again and again while none is
        back.
        """
        saved_at = self._alive_at
        while True:
            rest = max(self._alive_at, saved_at) + self._rhythm.guard - self._loop.time()
            if rest > 0:
                await asyncio.sleep(rest)
                continue
            await self._save_callers("no router is alive")
            saved_at = self._loop.time()

    async def _save_callers(self, why: str) -> None:
        self.rescued += await save_callers(self._rescue, why, self._rhythm.guard)
