"""The parent's view of a router's process, and the one it keeps in reserve."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Sequence
from typing import cast

import structlog

from telephony.parent.lifeline import GO, SERVING

log = structlog.get_logger(__name__)


class RouterProcess(asyncio.Protocol):
    """A started router and the parent's end of the line to it.

    `last` is when it last beat, by the loop's time; None before the first beat. `closed` is done when its end of the
    line is gone, which is when it has ended or is about to.
    """

    def __init__(self, serves: Callable[[], None]) -> None:
        self._serves = serves
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.last: float | None = None
        self._transport: asyncio.Transport
        self._process: asyncio.subprocess.Process

    @classmethod
    async def start(cls, command: Sequence[str], serves: Callable[[], None]) -> RouterProcess:
        """Start `command` with the line's other end as `--beat FD`, in a session of its own: a Ctrl-C in the
        terminal is for the parent. `serves` is called at each beat that says callers are served."""
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            try:
                process = await asyncio.create_subprocess_exec(
                    *(*command, "--beat", str(theirs.fileno())), pass_fds=(theirs.fileno(),), start_new_session=True
                )
            except BaseException:
                ours.close()
                raise
        loop = asyncio.get_running_loop()
        _, router = await loop.create_unix_connection(lambda: cls(serves), sock=ours)
        router._process = process
        return router

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.last = self._loop.time()
        if SERVING in data:
            self._serves()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)

    @property
    def pid(self) -> int:
        return self._process.pid

    def go(self) -> None:
        """The wait of a standby is over."""
        self._transport.write(GO)

    def end(self, patience: float) -> None:
        """Ask it to end; it is killed when it has not done so in `patience` seconds."""
        self._signal(signal.SIGTERM)
        self._loop.call_later(patience, self.kill)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    async def reap(self, patience: float) -> int:
        """Its exit status; it is killed when it has none after `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                return await self._process.wait()
        except TimeoutError:
            log.error("router does not end, killed", pid=self.pid)
            self.kill()
            return await self._process.wait()
        finally:
            self._transport.close()

    def _signal(self, which: signal.Signals) -> None:
        """By the system itself: `send_signal` looks first whether the process has ended, and if it just has, its exit
        status is lost to whoever waits for it (255 instead)."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, which)


class Standby:
    """A router that has loaded its code and its configuration, and waits for the one at work to fall.

    Loading takes most of a start, and takes longest when the machine is busiest: callers shall not wait for that.
    """

    def __init__(self, command: Sequence[str], serves: Callable[[], None], delay: float) -> None:
        self._command = [*command, "--standby"]
        self._serves = serves
        self._delay = delay
        self._pause = delay
        self._waiting: RouterProcess | None = None
        self._preparing: asyncio.Task[None] | None = None
        self._given_up = asyncio.Event()

    def prepare(self) -> None:
        """Have one ready in a while, when the router at work has settled; nothing to do while one waits."""
        if self._preparing is not None and not self._preparing.done():
            return
        if self._waiting is None or self._waiting.closed.done():
            self._preparing = asyncio.create_task(self._prepare(), name="standby")

    async def _prepare(self) -> None:
        if self._waiting is not None:  # it has died
            self._has_failed()
            await self._drop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pause):
                await self._given_up.wait()
                return
        try:
            self._waiting = await RouterProcess.start(self._command, self._serves)
        except Exception:
            log.exception("no standby")  # the router at work goes on without
            self._has_failed()

    def _has_failed(self) -> None:
        """Whatever it was, do not make one after the other."""
        self._pause = self._delay * 30

    def take(self) -> RouterProcess | None:
        """The one that waits, sent off to work; None when there is none."""
        router, self._waiting = self._waiting, None
        if router is None or router.closed.done():
            self._waiting = router
            return None
        router.go()
        self._pause = self._delay
        return router

    async def discard(self) -> None:
        """It is not wanted any more: the code or the configuration it has loaded is old, or the service ends."""
        self._given_up.set()
        try:
            if self._preparing is not None:  # not cancelled with us: a process that it starts would be forgotten
                await asyncio.wait((self._preparing,))
            await self._drop()
        finally:
            self._given_up.clear()

    async def _drop(self) -> None:
        router, self._waiting = self._waiting, None
        if router is not None:
            router.kill()
            await router.reap(patience=5.0)
