"""What a start reads, what reports read, and the journal out of the database and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from telephony.core import commands
from telephony.core import events as ev
from telephony.core import facts as that
from telephony.core.remembered import OpenAttempt, OpenCall, OpenOperator
from telephony.store import queries
from telephony.store.reader import ExportError, JournalFileError, export_journal, read_file
from telephony.store.rebuild import rebuild
from telephony.testing.big_database import fill
from tests.integration._store import NOON, answered_call, at, opened, read_journal, read_log


async def test_a_start_finds_who_works_and_which_calls_live(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        store.tell(answered_call(1, "ivanova"))
        talking = list(answered_call(2, "petrova", start=100))
        store.tell(iter(talking[:4]))
        waiting = list(answered_call(3, start=110))
        store.tell(iter(waiting[:1]))
        store.append(
            commands.LogOut(command="c1", login="sidorova"),
            [
                that.OperatorChanged(login="sidorova", state="ready", phone="p3", at=at(1)),
                that.OperatorChanged(login="sidorova", state="offline", at=at(2)),
            ],
        )
        await store.durable()
        engine = store.database.engine
        assert await queries.open_calls(engine) == (
            OpenCall(
                call="gudok-1.2", kind="inbound", number="1300", caller="token2", arrived=at(100), queue="registry",
                queued=at(100), answered=at(108), operator="petrova", attempts=1,
                open_attempts=(
                    OpenAttempt(n=1, channel="gudok-1.2-r1-1", operator="petrova", answered=at(108)),
                ),
            ),
            OpenCall(
                call="gudok-1.3", kind="inbound", number="1300", caller="token3", arrived=at(110), queue="registry",
                queued=at(110),
            ),
        )  # fmt: skip
        assert await queries.open_operators(engine, at(0)) == (
            OpenOperator(
                login="ivanova", phone="phone-ivanova", state="ready", since=at(78), idle_since=at(78),
                talked="gudok-1.1", calls=1,
            ),
            OpenOperator(login="petrova", phone="phone-petrova", state="talking", since=at(108), call="gudok-1.2",
                calls=1,
            ),
        )  # fmt: skip


async def test_an_operator_who_only_rang_keeps_their_place_in_idleness(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        for second, state in enumerate(["ready", "ringing", "unreachable", "ready", "ringing"]):
            changed = that.OperatorChanged(login="ivanova", state=state, phone="p1", at=at(second))
            store.append(ev.PbxLost(reason="any"), [changed])
        await store.durable()
        (operator,) = await queries.open_operators(store.database.engine, at(0))
    assert (operator.state, operator.since, operator.idle_since) == ("ringing", at(4), at(0))


async def test_since_when_an_operator_has_been_with_callers(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        for second, state in enumerate(["ready", "ringing", "talking", "on_hold", "talking", "wrap_up"]):
            changed = that.OperatorChanged(login="ivanova", state=state, phone="p1", at=at(100 * second))
            store.append(ev.PbxLost(reason="any"), [changed])
        await store.durable()
        engine = store.database.engine
        assert [one.free_until for one in await queries.open_operators(engine, at(0))] == [at(100)]
        assert [one.free_until for one in await queries.open_operators(engine, at(50))] == [None]


async def test_when_an_operator_was_with_callers(database_url: str, tmp_path: Path) -> None:
    """Not in a colleague's call, and not between a logout and the next login, nor at a ring not taken."""
    states = (
        *(("ready", "logged_in"), ("ringing", ""), ("talking", ""), ("ready", ""), ("offline", "logged_out")),
        *(("ready", "logged_in"), ("ringing", ""), ("ready", ""), ("talking", ""), ("ready", ""), ("ringing", "")),
        ("unreachable", "no_answer"),
    )
    async with opened(database_url, tmp_path) as store:
        own = that.CallOpened(call="own", kind=that.CallKind.OWN, number="2001", arrived=at(0))
        store.append(ev.PbxLost(reason="any"), [own])
        for n, (state, reason) in enumerate(states):
            call = {"talking": "own" if n > 5 else "c"}.get(state)
            changed = that.OperatorChanged(
                login="ivanova", state=state, phone="p1", reason=reason, call=call, at=at(100 * n)
            )
            store.append(ev.PbxLost(reason="any"), [changed])
        await store.durable()
        engine = store.database.engine
        (operator,) = await queries.open_operators(engine, at(0))
        assert operator.with_callers == ((at(100), at(300)), (at(600), at(700)))
        assert operator.free_until == at(1000)
        (operator,) = await queries.open_operators(engine, at(500))
        assert operator.with_callers == ((at(600), at(700)),)


async def test_the_last_talk_of_each_operator_at_work(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        for n, start in enumerate((0, 3600, 4000), 1):
            store.tell(answered_call(n, "ivanova", start=start))
        ready = that.OperatorChanged(login="ivanova", state="ready", phone="p1", at=at(9000))
        other = that.OperatorChanged(login="sidorova", state="ready", phone="p3", at=at(9000))
        store.append(ev.PbxLost(reason="any"), [ready, other])
        await store.durable()
        engine = store.database.engine
        calls = await queries.calls_between(engine, at(3900), at(9000))
        found = await queries.open_operators(engine, at(3000))
        assert {one.login: one.talked for one in found} == {"ivanova": calls[-1].id, "sidorova": None}
        found = await queries.open_operators(engine, at(8000))
        assert {one.login: one.talked for one in found} == {"ivanova": None, "sidorova": None}


async def test_the_calls_of_this_shift_and_whom_a_queue_rang_last(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        for n, (login, start) in enumerate(
            (("ivanova", 0), ("petrova", 1000), ("ivanova", 2000), ("petrova", 3000)), 1
        ):
            store.tell(answered_call(n, login, start=start))
        gone = that.OperatorChanged(login="petrova", state="offline", reason="logged_out", at=at(2500))
        store.append(ev.PbxLost(reason="any"), [gone])
        store.append(
            ev.PbxLost(reason="any"), [replace(gone, state="ready", reason="logged_in", phone="p2", at=at(2600))]
        )
        await store.durable()
        engine = store.database.engine
        found = await queries.open_operators(engine, at(4000), at(0))
        assert {one.login: one.calls for one in found} == {"ivanova": 2, "petrova": 1}
        found = await queries.open_operators(engine, at(4000), at(1500))
        assert {one.login: one.calls for one in found} == {"ivanova": 1, "petrova": 1}
        rings = await queries.last_rings(engine, at(0))
        assert [(ring.queue, ring.login, ring.at) for ring in rings] == [
            ("registry", "ivanova", at(2005)),
            ("registry", "petrova", at(3005)),
        ]


async def test_the_last_talk_of_each_caller_and_not_older_ones(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        store.tell(answered_call(1, "ivanova", start=0))
        store.tell(answered_call(2, "petrova", start=3600))
        again = that.CallMissed(
            call="gudok-9.9", number="1300", caller="token1", arrived=at(7000), ended=at(7200), answered=at(7010),
            operator="sidorova", phone="p3", via_fallback=True,
        )  # fmt: skip
        store.append(ev.PbxLost(reason="any"), [again])
        await store.durable()
        engine = store.database.engine
        talks = await queries.last_talks(engine, at(0))
        assert [(talk.caller, talk.login) for talk in talks] == [("token2", "petrova"), ("token1", "sidorova")]
        assert talks[1].ended == at(7200)
        assert [talk.caller for talk in await queries.last_talks(engine, at(7000))] == ["token1"]


async def test_calls_and_attempts_between_two_times(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        for number in range(5):
            store.tell(answered_call(number, start=100 * number))
        await store.durable()
        engine = store.database.engine
        calls = await queries.calls_between(engine, at(100), at(300))
        assert [(call.id, call.arrived, call.via_fallback) for call in calls] == [
            ("gudok-1.1", at(100), False),
            ("gudok-1.2", at(200), False),
        ]
        assert await queries.calls_between(engine, at(100), at(300), last=2) == calls
        assert await queries.calls_between(engine, at(100), at(300), last=1) == calls[1:]
        assert await queries.calls_between(engine, at(900), at(999), last=1) == []
        attempts = await queries.attempts_between(engine, at(105), at(106))
        assert [(attempt.call, attempt.result) for attempt in attempts] == [("gudok-1.1", "answered")]


async def test_the_journal_travels_through_a_file(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    async with opened(database_url, tmp_path) as store:
        for number in range(200):
            store.tell(answered_call(number, start=number))
        await store.durable()
        engine = store.database.engine
        recorded = await read_journal(store.database)
        assert await export_journal(engine, file) == len(recorded) == 1200
        assert list(read_file(file)) == recorded
        assert await export_journal(engine, file, after=10, until=13) == 3
        assert [one.entry.seq for one in read_file(file)] == [11, 12, 13]
        with pytest.raises(ExportError, match="/dev/full: No space left on device"):
            await export_journal(engine, Path("/dev/full"))
    first = json.loads(file.read_text().splitlines()[0])
    assert set(first) == {"seq", "at", "event", "effects"}


async def test_a_damaged_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    file.write_text('{"seq":1,"at":"2026-03-02T12:00:00Z","event":{"type":"Unheard"},"effects":[]}\n')
    with pytest.raises(JournalFileError, match=r"journal\.jsonl:1: .*Unheard"):
        list(read_file(file))


async def test_a_long_past_is_what_the_center_would_have_written(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path}/gudok.db", tmp_path) as store:
        fill(tmp_path / "gudok.db", 300, NOON)
        filled = await read_log(store.database)
        await rebuild(store.database)
        assert await read_log(store.database) == filled
    assert len(filled["calls"]) == 300
    assert len(filled["attempts"]) == 270
    assert filled["calls"][-1]["ended"] < NOON


async def test_what_a_start_reads_of_the_last_hours_is_found_by_time(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path}/gudok.db", tmp_path) as store:
        asked: list[tuple[str, Any]] = []
        engine = store.database.engine
        sa.event.listen(engine.sync_engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
        await queries.open_operators(engine, at(0), at(-100))
        await queries.last_rings(engine, at(0))
        async with engine.connect() as connection:
            for sql, values in list(asked):
                plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
                steps = [str(row.detail) for row in plan]
                steps = [step for step in steps if "anon" not in step and "_open" not in step]
                assert not [step for step in steps if step.startswith("SCAN")]


async def test_a_start_reads_no_history(database_url: str, tmp_path: Path) -> None:
    """The queries of a start are answered from the indexes of open rows alone."""
    async with opened(database_url, tmp_path) as store:
        explain = "EXPLAIN QUERY PLAN " if database_url.startswith("sqlite") else "EXPLAIN "
        async with store.database.engine.connect() as connection:
            if not database_url.startswith("sqlite"):
                await connection.exec_driver_sql("SET enable_seqscan = off")
            for query, index in (
                (queries.OPEN_CALLS, "ix_calls_open"),
                (queries.OPEN_ATTEMPTS, "ix_attempts_open"),
                (queries.OPEN_STATES, "ix_operator_states_open"),
            ):
                sql = str(query.compile(dialect=store.database.dialect))
                plan = "\n".join(map(str, await connection.exec_driver_sql(explain + sql)))
                assert index in plan
