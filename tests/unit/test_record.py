"""Following the PBX's record: what is news is told to the router, what it has seen itself is not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from structlog.testing import capture_logs

from telephony.core.events import AnyEvent, CallRecorded, RecordRead
from telephony.core.facts import CallEnded, Outcome
from telephony.pbx.cel import CelReader
from telephony.pbx.tail import Position
from telephony.router.record import ClosedCalls, RecordFollower
from telephony.testing.patience import PATIENCE
from tests.unit.test_cel import whole_call


def closed_before_our_eyes(*calls: str) -> list[CallEnded]:
    now = datetime.now(UTC)
    return [CallEnded(call=call, outcome=Outcome.ABANDONED, by="caller", at=now) for call in calls]


async def follow(file: Path, closed: ClosedCalls) -> tuple[list[str], Position]:
    """The calls that the router hears of, and the position kept behind the last of them."""
    told: list[str] = []
    kept: asyncio.Future[Position] = asyncio.get_running_loop().create_future()

    def deliver(event: AnyEvent) -> None:
        assert isinstance(event, CallRecorded)
        told.append(event.call)

    async def settled() -> None:
        assert not kept.done(), "what is told must be decided before the position is kept"

    reader = CelReader(file, token=str, is_phone=lambda endpoint: False, known=closed.take)
    follower = RecordFollower(reader, deliver=deliver, settled=settled, keep=kept.set_result)
    running = asyncio.create_task(follower.run())
    try:
        return told, await asyncio.wait_for(kept, 5)
    finally:
        running.cancel()
        reader.close()


async def test_a_call_that_this_life_has_closed_is_no_news_and_one_it_missed_is(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.write_bytes(whole_call("gudok-1.1") + whole_call("gudok-1.2"))
    closed = ClosedCalls()
    closed.publish(closed_before_our_eyes("gudok-1.1"), [])
    told, kept = await follow(file, closed)
    assert told == ["gudok-1.2"]
    assert kept.offset == file.stat().st_size


async def test_the_position_moves_on_where_nothing_is_news(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.write_bytes(whole_call("gudok-1.1"))
    closed = ClosedCalls()
    closed.publish(closed_before_our_eyes("gudok-1.1"), [])
    told, kept = await follow(file, closed)
    assert (told, kept.offset) == ([], file.stat().st_size)


async def test_what_is_wrong_with_the_record_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.write_bytes(b"nonsense\n" * 3 + whole_call("gudok-1.1"))
    with capture_logs() as told:
        calls, _ = await follow(file, ClosedCalls())
    assert calls == ["gudok-1.1"]
    assert [entry["garbage"] for entry in told] == [3]


async def test_a_record_that_cannot_be_read_ends_nothing_and_is_told(tmp_path: Path) -> None:
    """Neither the router, nor a call of a PBX that has fallen: what is yet unread says when it ended."""
    file = tmp_path / "cel.csv"
    begun, *rest = whole_call("gudok-1.1", at=1_700_000_000.0).splitlines(keepends=True)
    file.write_bytes(begun)
    heard: asyncio.Future[AnyEvent] = asyncio.get_running_loop().create_future()

    async def settled() -> None:
        pass

    reader = CelReader(file, token=str, is_phone=lambda endpoint: False)
    follower = RecordFollower(reader, deliver=heard.set_result, settled=settled, keep=lambda position: None)
    follower.so_far()
    file.rename(tmp_path / "cel.csv.1")
    file.mkdir()
    with capture_logs() as told:
        follower.so_far()
        follower.pbx_started(datetime.now(UTC))
        running = asyncio.create_task(follower.run())
        await asyncio.sleep(0)
    assert [(line["unreadable"], line["reason"]) for line in told] == [(1, "Is a directory")]
    assert not running.done()
    assert not heard.done()
    file.rmdir()
    file.write_bytes(b"".join(rest))
    try:
        recorded = await asyncio.wait_for(heard, PATIENCE)
    finally:
        running.cancel()
        reader.close()
    assert isinstance(recorded, CallRecorded)
    assert (recorded.call, recorded.ended.timestamp()) == ("gudok-1.1", 1_700_000_001.0)


async def test_an_end_that_the_pbx_could_not_write_keeps_nothing_from_going_on(tmp_path: Path) -> None:
    """We have seen it ourselves: it is no news."""
    file = tmp_path / "cel.csv"
    begun = whole_call("gudok-1.1", at=1_700_000_000.0).splitlines(keepends=True)[0]
    file.write_bytes(begun + whole_call("gudok-1.2", at=1_700_000_100.0))
    closed = ClosedCalls()
    closed.publish(closed_before_our_eyes("gudok-1.1", "gudok-1.2"), [])
    kept: asyncio.Future[Position] = asyncio.get_running_loop().create_future()

    def at_its_end(position: Position) -> None:
        if position.offset == file.stat().st_size:
            kept.set_result(position)

    async def settled() -> None:
        pass

    told: list[AnyEvent] = []
    reader = CelReader(file, token=str, is_phone=lambda endpoint: False, known=closed.take)
    follower = RecordFollower(reader, deliver=told.append, settled=settled, keep=at_its_end)
    follower.so_far()
    for at in (1_700_000_030.0, 1_700_000_060.0):
        follower.pbx_seen(set(), datetime.fromtimestamp(at, UTC))
    running = asyncio.create_task(follower.run())
    try:
        await asyncio.wait_for(kept, PATIENCE)
    finally:
        running.cancel()
        reader.close()
    assert told == []


async def test_a_record_too_long_to_be_read_at_once_is_told_of_when_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.write_bytes(whole_call("no-call") * 6_000 + whole_call("gudok-1.1"))
    assert file.stat().st_size > 2 * 1024 * 1024
    told: list[AnyEvent] = []
    read: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def deliver(event: AnyEvent) -> None:
        told.append(event)
        if isinstance(event, RecordRead):
            read.set_result(None)

    async def settled() -> None:
        pass

    reader = CelReader(file, token=str, is_phone=lambda endpoint: False)
    follower = RecordFollower(reader, deliver=deliver, settled=settled, keep=lambda position: None)
    follower.so_far()
    assert follower.behind
    running = asyncio.create_task(follower.run())
    try:
        await asyncio.wait_for(read, PATIENCE)
        follower.so_far()
    finally:
        running.cancel()
        reader.close()
    assert [type(event) for event in told] == [CallRecorded, RecordRead]
    assert not follower.behind


def test_a_record_comes_once_and_the_oldest_of_too_many_calls_is_forgotten() -> None:
    closed = ClosedCalls(most=2)
    closed.publish(closed_before_our_eyes("a", "b", "c"), [])
    assert [closed.take(call) for call in ("a", "b", "b", "c")] == [False, True, False, True]
