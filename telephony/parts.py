"""The parts of one life of the router: named tasks, each of which must live as long as it does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import structlog

from telephony.exits import Exit
from telephony.pbx.ari import AriError
from telephony.router import HandlerError

log = structlog.get_logger(__name__)


class Parts:
    """Tasks that are ended with `stack`, in the opposite order. The end of one is the router's."""

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        self._stack = stack
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)
        self._stack.push_async_callback(_end_task, task)

    async def first_ended(self, *others: asyncio.Future[Any]) -> set[asyncio.Future[Any]]:
        """Wait for the end of a part or of one of `others`: those that have ended."""
        waited: set[asyncio.Future[Any]] = {*self._tasks, *others}
        done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        return done


async def _end_task(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, HandlerError):
        await task


def why_ended(part: asyncio.Future[Any]) -> Exit:
    """Why a part has ended by itself, told in the log."""
    error = part.exception()
    if isinstance(error, HandlerError):
        return Exit.HANDLER
    if isinstance(error, AriError | OSError):
        log.error("the PBX will not have us", reason=str(error))
        return Exit.UNAVAILABLE
    log.error("a part of the router has ended", exc_info=error)
    return Exit.FAILED
