"""A reader that is too slow is told to look anew, and what happens to the line is never lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from telephony.pbx.ari import Connected, Disconnected, Ended, EventStream, Overflow, WrongPassword
from telephony.pbx.ari.events import ApplicationReplaced, Event

UP, DOWN = Connected("22.10.1", "aa:bb"), Disconnected("gone")


def event(number: int) -> Event:
    return ApplicationReplaced(application=str(number), timestamp=datetime(2026, 3, 2, tzinfo=UTC))


async def test_messages_are_read_in_order_until_the_stream_is_closed() -> None:
    stream = EventStream()
    first, second = event(1), event(2)
    for message in (UP, first, second):
        stream.put(message)
    stream.close()

    assert [message async for message in stream] == [UP, first, second]


async def test_a_reader_waits_for_what_comes() -> None:
    stream = EventStream()
    reader = asyncio.ensure_future(anext(stream))
    await asyncio.wait((reader,), timeout=0)
    assert not reader.done()
    stream.put(UP)

    assert await reader == UP


async def test_an_overflow_drops_the_events_says_how_many_and_keeps_the_states() -> None:
    stream = EventStream(limit=3)
    last = event(99)
    for message in (UP, event(1), event(2), DOWN, UP, event(3), last):
        stream.put(message)
    stream.close()

    assert [message async for message in stream] == [Overflow(3), UP, DOWN, UP, last]


async def test_after_an_overflow_the_stream_goes_on() -> None:
    stream = EventStream(limit=2)
    for number in range(10):
        stream.put(event(number))
    assert await anext(stream) == Overflow(8)
    later = event(10)
    assert [(await anext(stream)).application for _ in range(2)] == ["8", "9"]  # type: ignore[union-attr]
    stream.put(later)
    assert await anext(stream) == later


async def test_a_reader_learns_why_the_client_has_ended_after_all_that_came_before() -> None:
    stream = EventStream()
    for message in (UP, DOWN, Ended(WrongPassword("not this one"))):
        stream.put(message)
    assert [await anext(stream), await anext(stream)] == [UP, DOWN]
    with pytest.raises(WrongPassword, match="not this one"):
        await anext(stream)
