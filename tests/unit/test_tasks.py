"""The tasks of one owner: none outlives it."""

from __future__ import annotations

import asyncio

from telephony.tasks import Tasks


async def test_what_a_task_starts_at_its_end_ends_with_the_owner_too() -> None:
    tasks = Tasks()
    late: list[asyncio.Task[None]] = []

    async def live() -> None:
        await asyncio.get_running_loop().create_future()

    async def look_again_at_the_end() -> None:
        try:
            await live()
        finally:
            late.append(tasks.start(live(), "look again"))

    tasks.start(look_again_at_the_end(), "look")
    await asyncio.sleep(0)
    await tasks.close()
    assert [task.done() for task in late] == [True]
