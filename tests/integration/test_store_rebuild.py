"""The call log made again from the journal is the call log that was written live."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telephony.core import break_facts as pause
from telephony.core import facts as that
from telephony.store.calllog import CallLog, Line
from telephony.store.database import Database
from telephony.store.lock import LockedError, hold
from telephony.store.migrate import ensure_current
from telephony.store.rebuild import Progress, rebuild
from telephony.store.tables import call_log, journal, metadata
from tests.integration._store import NOON, Store, answered_call, opened, read_log

calls = st.sampled_from(["gudok-1.1", "gudok-1.2", "gudok-1.3"])
logins = st.sampled_from(["ivanova", "petrova"])
times = st.integers(0, 10_000_000).map(lambda n: NOON + timedelta(milliseconds=n))
queues = st.sampled_from(["registry", "therapy"])
numbers = st.integers(1, 3)
names = st.sampled_from(["a", "b"])
kinds = st.sampled_from(pause.BreakKind)


def some(kind: Any, /, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[that.AnyFact]:
    return st.builds(kind, **fields)


any_fact = st.one_of(
    some(that.CallOpened, call=calls, kind=st.sampled_from(that.CallKind), number=st.just("1300"), caller=st.just("t"),
         operator=st.none() | logins, arrived=times, via_fallback=st.booleans()),
    some(that.CallQueued, call=calls, queue=queues, priority=st.integers(0, 9),
         why=st.sampled_from(["arrival", "overflow", "transfer", "return"]), at=times),
    some(that.AttemptMade, call=calls, n=numbers, channel=st.just("leg"), why=st.just("queue"),
         operator=st.none() | logins, queue=st.none() | queues, at=times),
    some(that.AttemptAnswered, call=calls, n=numbers, at=times),
    some(that.AttemptEnded, call=calls, n=numbers, result=st.sampled_from(that.AttemptResult), at=times),
    some(that.CallBridged, call=calls, operator=st.none() | logins, at=times),
    some(that.CallTransferred, call=calls, operator=st.none() | logins, kind=st.just("blind"), to=st.just("101"),
         result=st.sampled_from(["done", "failed"]), at=times),
    some(that.CallEnded, call=calls, outcome=st.sampled_from(that.Outcome), by=st.just("caller"), at=times),
    some(that.CallMissed, call=calls, number=st.just("1300"), caller=st.just("t"), arrived=times, ended=times,
         answered=st.none() | times, operator=st.none() | logins, via_fallback=st.booleans()),
    some(that.OperatorChanged, login=logins, state=st.sampled_from(["ready", "ringing", "talking", "offline"]),
         at=times, phone=st.none() | st.just("p1"), call=st.none() | calls, until=st.none() | times,
         permission=st.none() | names),
    some(that.LogInDenied, extension=st.just("101"), phone=st.just("p1"), reason=st.just("wrong_pin"), at=times),
    some(that.Repaired, what=st.just("channel"), subject=st.just("x"), at=times),
    some(pause.BreakAsked, request=names, login=logins, kind=kinds, door=st.just("phone"),
         verdict=st.sampled_from(pause.Verdict), permission=st.none() | names, next_slot=st.none() | times, at=times),
    some(pause.PermissionGiven, permission=names, login=logins, kind=kinds, begins=times, until=times,
         slot=st.none() | times, order=st.none() | names, at=times),
    some(pause.PermissionEnded, permission=names, how=st.sampled_from(["used", "over", "withdrawn"]), at=times),
    some(pause.EmergencyReviewed, permission=names, by=logins, confirmed=st.booleans(), at=times),
    some(pause.OrderGiven, order=names, by=logins, logins=st.lists(logins).map(tuple), group=st.none() | names,
         begins=times, until=times, why=st.just("meeting"), at=times),
    some(pause.OrderWithdrawn, order=names, by=logins, at=times),
    some(pause.ViolationSeen, violation=names, login=logins, kind=st.sampled_from(pause.ViolationKind), at=times,
         lasts=st.booleans()),
    some(pause.ViolationEnded, violation=names, at=times),
    some(pause.HandRaised, hand=names, login=logins, call=calls, at=times),
    some(pause.HandEscalated, hand=names, to=names, at=times),
    some(pause.HandTaken, hand=names, by=logins, mode=st.sampled_from(["listen", "join"]), at=times),
    some(pause.HandLowered, hand=names, how=st.sampled_from(["helped", "call_ended"]), at=times),
    some(pause.OutcomeGiven, call=calls, login=logins, outcome=names, at=times),
    some(pause.LogInLocked, extension=st.just("101"), phone=st.just("p1"), until=times, at=times),
)  # fmt: skip
batches = st.lists(st.lists(st.lists(any_fact, max_size=4), min_size=1, max_size=6), min_size=1, max_size=8)
"""Batches (group commits) of entries of facts."""


@pytest.fixture
async def empty_url(database_url: str) -> str:
    database = Database(database_url)
    await ensure_current(database)
    await database.close()
    return database_url


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=batches, restarts=st.sets(st.integers(0, 7)))
def test_any_stream_of_facts(empty_url: str, batches: list[list[list[that.AnyFact]]], restarts: set[int]) -> None:
    asyncio.run(live_and_again(empty_url, batches, restarts))


async def live_and_again(url: str, batches: list[list[list[that.AnyFact]]], restarts: set[int]) -> None:
    """Written batch by batch, with the rows forgotten at restarts; rebuilt; written all at once: always the same."""
    database = Database(url)
    try:
        await forget_everything(database)
        log, seq = CallLog(database.dialect), 0
        for number, batch in enumerate(batches):
            if number in restarts:
                log = CallLog(database.dialect)
            lines = [line_of(seq + n, facts) for n, facts in enumerate(batch, 1)]
            seq += len(batch)
            await database.transact(partial(log.store, lines=lines))
        live = await read_log(database)
        assert await rebuild(database) == seq
        assert await read_log(database) == live
        await forget_everything(database)
        entries = [entry for batch in batches for entry in batch]
        lines = [line_of(n, facts) for n, facts in enumerate(entries, 1)]
        await database.transact(lambda connection: CallLog(database.dialect).store(connection, lines))
        assert await read_log(database) == live
    finally:
        await database.close()


def line_of(seq: int, facts: Sequence[that.AnyFact]) -> Line:
    return Line(seq, NOON, "PbxLost", "{}", msgspec.json.encode(facts).decode())


async def forget_everything(database: Database) -> None:
    def delete(connection: sa.Connection) -> None:
        for table in (*call_log.all(), journal):
            connection.execute(sa.delete(table))

    await database.transact(delete)


async def test_a_rebuild_mends_a_damaged_call_log_while_the_router_writes(empty_url: str, tmp_path: Path) -> None:
    async with opened(empty_url, tmp_path) as store:
        for number in range(300):
            store.tell(answered_call(number, f"operator{number % 5}", number))
        await store.durable()
        whole = await read_log(store.database)
        await store.database.transact(damage)
        other = Database(empty_url)
        stop = asyncio.Event()
        calling = asyncio.create_task(keep_calling(store, stop))
        seen: list[tuple[int, int]] = []
        folded = await rebuild(other, lambda progress: seen.append((progress.seq, progress.last)))
        await other.close()
        stop.set()
        await calling
        await store.durable()
        mended = await read_log(store.database)
        assert folded >= 1800
        assert seen[0][0] < seen[-1][0] <= folded
        assert [call for call in mended["calls"] if call["id"] in {row["id"] for row in whole["calls"]}] == whole[
            "calls"
        ]
        assert {call["outcome"] for call in mended["calls"]} == {"answered"}
        assert len(mended["calls"]) * 6 == store.seq
        assert store.alarms.given == []
        await rebuild(store.database)
        assert await read_log(store.database) == mended


def damage(connection: sa.Connection) -> None:
    connection.execute(sa.update(call_log.calls).values(outcome="lost"))
    connection.execute(sa.delete(call_log.attempts))


async def keep_calling(store: Store, stop: asyncio.Event) -> None:
    number = 1000
    while not stop.is_set():
        number += 1
        for event, decisions in answered_call(number, f"operator{number % 5}", number):
            store.append(event, decisions)
            await store.durable()


async def test_rows_that_the_router_remembers_do_not_undo_a_rebuild(empty_url: str, tmp_path: Path) -> None:
    steps = list(answered_call(1))
    async with opened(empty_url, tmp_path) as store:
        store.tell(iter(steps[:4]))
        await store.durable()
        other = Database(empty_url)

        def record_otherwise(connection: sa.Connection) -> None:
            effects = steps[0][1]
            queued = [effects[0], msgspec.structs.replace(effects[1], queue="therapy")]
            changed = msgspec.json.encode(queued).decode()
            connection.execute(sa.update(journal).where(journal.c.seq == 1).values(effects=changed))

        await other.transact(record_otherwise)
        await rebuild(other)
        await other.close()
        store.tell(iter(steps[4:]))
        await store.durable()
        (call,) = (await read_log(store.database))["calls"]
    assert (call["queue"], call["outcome"]) == ("therapy", "answered")


async def test_an_interrupted_rebuild_leaves_the_log_as_it_was(empty_url: str, tmp_path: Path) -> None:
    async with opened(empty_url, tmp_path) as store:
        for number in range(120):
            store.tell(answered_call(number))
        await store.durable()
        before = await read_log(store.database)

        def interrupt(progress: Progress) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await rebuild(store.database, interrupt)
        assert await read_log(store.database) == before
        for _ in range(3):
            assert await rebuild(store.database) == 720
        assert await read_log(store.database) == before
        async with store.database.engine.connect() as connection:
            names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        assert set(names) == {*metadata.tables, "alembic_version"}


async def test_of_two_rebuilds_at_once_the_second_is_told_so(empty_url: str, tmp_path: Path) -> None:
    async with opened(empty_url, tmp_path) as store:
        store.tell(answered_call(1))
        await store.durable()
        other = Database(empty_url)
        async with hold(other, "rebuild"):
            with pytest.raises(LockedError, match="another rebuild"):
                await rebuild(store.database)
        await rebuild(other)
        await other.close()
