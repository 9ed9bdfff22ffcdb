"""The parts of a life of the router: none ends unnoticed, and each has ended when the life is over."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

from telephony.exits import Exit
from telephony.router.parts import Parts
from telephony.router.router import HandlerError


async def fail(error: Exception) -> None:
    raise error


async def live() -> None:
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OSError("disk away"), Exit.UNAVAILABLE),
        (KeyError("ours"), Exit.FAILED),
    ],
)
async def test_a_part_that_fails_is_named_and_ends_the_life_in_order(error: Exception, status: Exit) -> None:
    with capture_logs() as told:
        async with AsyncExitStack() as stack:
            parts = Parts(stack)
            parts.start("days", live())
            parts.start("record", fail(error))
            await parts.wait()
            assert parts.why_ended() == status
    assert [(line["event"], line["part"]) for line in told] == [("a part of the router has ended", "record")]


async def test_a_part_that_others_end_is_named_too() -> None:
    async with AsyncExitStack() as stack:
        parts = Parts(stack)
        parts.start("days", live())
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        parts.watch("journal", ended)
        ended.set_exception(KeyError("ours"))
        await parts.wait()
        with capture_logs() as told:
            assert parts.why_ended() == Exit.FAILED
    assert [line["part"] for line in told] == ["journal"]


async def test_a_part_that_somebody_else_has_cancelled_is_named_too() -> None:
    async with AsyncExitStack() as stack:
        parts = Parts(stack)
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        parts.watch("journal", ended)
        ended.cancel()
        await parts.wait()
        with capture_logs() as told:
            assert parts.why_ended() == Exit.FAILED
    assert [line["part"] for line in told] == ["journal"]


async def test_the_word_that_was_waited_for_comes_before_any_end() -> None:
    async with AsyncExitStack() as stack:
        parts = Parts(stack)
        parts.start("days", live())
        word: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        word.set_result(None)
        await parts.wait(word)


async def test_a_failed_handler_needs_no_second_telling() -> None:
    with capture_logs() as told:
        async with AsyncExitStack() as stack:
            parts = Parts(stack)
            parts.start("router", fail(HandlerError("Started")))
            await parts.wait()
            assert parts.why_ended() == Exit.HANDLER
    assert told == []


async def test_a_part_that_fails_while_it_is_ended_is_told() -> None:
    async def fail_at_the_end() -> None:
        try:
            await live()
        finally:
            raise KeyError("ours")

    with capture_logs() as told:
        async with AsyncExitStack() as stack:
            Parts(stack).start("record", fail_at_the_end())
            await asyncio.sleep(0)
    assert [line["part"] for line in told] == ["record"]


async def test_what_runs_aside_may_end_and_is_ended_before_what_it_needs() -> None:
    story: list[str] = []

    async def read() -> None:
        try:
            await live()
        finally:
            await asyncio.sleep(0)
            story.append("read no more")

    async with AsyncExitStack() as stack:
        stack.callback(story.append, "database closed")
        parts = Parts(stack)
        parts.start("days", live())
        parts.start_aside("done at once", asyncio.sleep(0))
        parts.start_aside("today", read())
        word = asyncio.ensure_future(asyncio.sleep(0.01))
        await parts.wait(word)
        assert word.done()
    assert story == ["read no more", "database closed"]
