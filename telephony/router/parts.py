"""The parts of one life of the router: named tasks, each of which must live as long as it does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import structlog

from telephony.exits import Exit
from telephony.pbx.ari import AriError
from telephony.router.router import HandlerError

log = structlog.get_logger(__name__)


class Parts:
    """Tasks that are ended with `stack`, in the opposite order. The end of one by itself is the router's."""

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        self._stack = stack
        self._names: dict[asyncio.Future[Any], str] = {}
        """Of the parts whose end has not been told."""

    def start(self, name: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name=name)
        self._names[task] = name
        self._stack.push_async_callback(self._end, task)

    def watch(self, name: str, ended: asyncio.Future[None]) -> None:
        """A part that somebody else ends; `ended` fails when it ends by itself."""
        self._names[ended] = name

    def start_aside(self, name: str, work: Coroutine[None, None, None]) -> None:
        """What may come to its end, or fail, without the router."""
        task = asyncio.create_task(work, name=name)
        self._stack.push_async_callback(self._end, task)

    async def wait(self, *others: asyncio.Future[Any]) -> None:
        """Until one of `others` is done, or a part has ended by itself."""
        await asyncio.wait({*self._names, *others}, return_when=asyncio.FIRST_COMPLETED)

    def why_ended(self) -> Exit:
        """Why parts have ended by themselves, told in the log."""
        return max(self._tell(part) for part in [*self._names] if part.done())

    async def _end(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.wait((task,))
        if task in self._names and not task.cancelled():  # it has failed while the others were being ended
            self._tell(task)

    def _tell(self, part: asyncio.Future[Any]) -> Exit:
        name = self._names.pop(part)
        error = asyncio.CancelledError("by somebody else") if part.cancelled() else part.exception()
        if isinstance(error, HandlerError):  # the router has told of it
            return Exit.HANDLER
        if isinstance(error, AriError | OSError):
            log.error("a part of the router has ended", part=name, reason=str(error))
            return Exit.UNAVAILABLE
        log.error("a part of the router has ended", part=name, exc_info=error)
        return Exit.FAILED
