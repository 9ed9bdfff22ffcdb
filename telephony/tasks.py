"""The tasks of one owner, none of which can fail unnoticed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


class Tasks:
    """`ended` fails when the first of them does, with what that one raised; to come to an end is no failure.

    Whoever needs the owner to live waits for `ended`. Belongs to the loop's thread.
    """

    def __init__(self) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._task_ended)
        return task

    async def close(self) -> None:
        """Cancel those that still run, and wait for their end; those, too, that one of them starts at its own."""
        while self._running:
            for task in self._running:
                task.cancel()
            await asyncio.wait(self._running)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.ended.done():
            self.ended.set_exception(error)
            self.ended.exception()  # asyncio need not complain: a life that ends before it looks has its own reason
