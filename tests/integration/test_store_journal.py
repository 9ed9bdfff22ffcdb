"""The journal's writer on a healthy database: groups, order, numbers, what stands beside the entries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from telephony.core import events as ev
from telephony.core import facts as that
from telephony.store import journal as journal_writer
from telephony.store import queries
from telephony.store.database import Database
from telephony.store.notes import CelPosition, forget_number, look_at_number
from telephony.store.tables import journal, number_looks
from tests.integration._store import answered_call, at, count_rows, opened, read_journal, read_log

T = TypeVar("T")


async def test_a_call_is_in_the_journal_and_in_the_call_log(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        store.tell(answered_call(1))
        await store.durable()
        recorded = await read_journal(store.database)
        log = await read_log(store.database)
    story = list(answered_call(1))
    assert [(r.entry.event, list(r.effects)) for r in recorded] == story
    assert [r.entry.seq for r in recorded] == list(range(1, len(story) + 1))
    (call,), (attempt,) = log["calls"], log["attempts"]
    assert (call["outcome"], call["answered_by"], call["attempts"]) == ("answered", "ivanova", 1)
    assert (call["arrived"], call["answered"], call["ended"]) == (at(0), at(8), at(68))
    assert (attempt["made"], attempt["result"]) == (at(5), "answered")
    assert [state["state"] for state in log["operator_states"]] == ["ringing", "talking", "wrap_up", "ready"]


async def test_entries_wait_for_company_but_not_when_somebody_waits_for_them(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path, group_seconds=3600) as store:
        store.tell(answered_call(1))
        await asyncio.sleep(0)
        assert store.journal.durable_seq == 0
        await store.durable(2)
        assert store.journal.durable_seq == store.seq
        assert store.journal.counters["commits"] == 1


async def test_what_waits_is_called_in_order_and_after_its_entry(database_url: str, tmp_path: Path) -> None:
    called: list[tuple[int, bool]] = []
    async with opened(database_url, tmp_path) as store:

        def note(seq: int) -> None:
            called.append((seq, store.journal.durable_seq >= seq))

        for _ in range(20):
            seq = store.append(ev.ChannelRinging(channel="gudok-1.1"))
            store.journal.when_durable(seq, partial(note, seq))
        await store.durable()
        store.journal.when_durable(3, partial(note, 3))
        await store.durable()
    assert called == [(seq, True) for seq in range(1, 21)] + [(3, True)]


async def test_closing_commits_what_is_buffered_and_the_next_life_counts_on(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path, group_seconds=3600) as store:
        last = store.tell(answered_call(1))
    async with opened(database_url, tmp_path) as store:
        assert store.seq == last
        assert await queries.last_seq(store.database.engine) == last
        store.tell(answered_call(2, "petrova"))
        await store.durable()
        log = await read_log(store.database)
    assert [call["id"] for call in log["calls"]] == ["gudok-1.1", "gudok-1.2"]


async def test_a_call_that_outlives_the_router_keeps_its_row(database_url: str, tmp_path: Path) -> None:
    steps = list(answered_call(1))
    async with opened(database_url, tmp_path) as store:
        store.tell(iter(steps[:4]))
    async with opened(database_url, tmp_path) as store:
        store.tell(iter(steps[4:]))
        await store.durable()
        log = await read_log(store.database)
    (call,) = log["calls"]
    assert (call["answered_by"], call["outcome"], call["ended"]) == ("ivanova", "answered", at(68))
    assert [state["ended"] for state in log["operator_states"]] == [at(8), at(68), at(78), None]


async def test_many_changes_of_one_row_are_one_write(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path, group_seconds=3600) as store:
        for number in range(200):
            store.tell(answered_call(number, f"operator{number % 7}", number))
        await store.durable()
        assert store.journal.counters["commits"] == 1
        assert await count_rows(store.database, journal) == 200 * 6
        log = await read_log(store.database)
    assert {call["outcome"] for call in log["calls"]} == {"answered"}
    assert len(log["calls"]) == len(log["attempts"]) == 200


async def test_numbers_and_the_position_in_the_pbx_record_are_kept_beside(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        store.journal.remember_number("token1", "79000000001")
        store.journal.remember_number("token1", "79000000001")
        store.journal.remember_cel(CelPosition(file="gudok.csv", inode=7, offset=100))
        seq = store.append(ev.PbxLost(reason="restart"))
        store.journal.remember_cel(CelPosition(file="gudok.csv", inode=7, offset=250))
        await store.durable(seq)
        engine = store.database.engine
        assert await look(store.database, "token1") == "79000000001"
        assert await look(store.database, "token2") is None
        assert await queries.cel_position(engine, "gudok.csv") == CelPosition(file="gudok.csv", inode=7, offset=250)
        assert await forget_number(store.database, "token1")
        assert not await forget_number(store.database, "token1")
        assert await look(store.database, "token1") is None
    async with opened(database_url, tmp_path) as store:
        store.journal.remember_number("token1", "79000000001")
        await store.durable(store.append(ev.PbxLost(reason="restart")))
        assert await look(store.database, "token1") == "79000000001"


async def look(database: Database, token: str) -> str | None:
    return await look_at_number(database, token, who="head", why="to call back", now=at(0))


async def test_nobody_sees_a_number_without_a_trace(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        store.journal.remember_number("token1", "79000000001")
        await store.durable(store.append(ev.PbxLost(reason="restart")))
        await look(store.database, "token1")
        await look(store.database, "token2")
        async with store.database.engine.connect() as connection:
            rows = (await connection.execute(sa.select(number_looks).order_by(number_looks.c.id))).all()
    assert [row[1:] for row in rows] == [
        ("token1", "head", "to call back", True, at(0)),
        ("token2", "head", "to call back", False, at(0)),
    ]
    assert "79000000001" not in str(rows)


async def test_the_position_in_the_pbx_record_never_overtakes_the_entries_before_it(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_writer, "GROUP_ENTRIES", 2)
    seen: list[tuple[int, bool]] = []
    async with opened(database_url, tmp_path) as store:
        transact = store.database.transact

        async def watched(work: Callable[[Connection], T], *patience: float) -> T:
            done = await transact(work, *patience)
            kept = await queries.cel_position(store.database.engine, "cel.csv")
            seen.append((await queries.last_seq(store.database.engine), kept is not None))
            return done

        monkeypatch.setattr(store.database, "transact", watched)
        for number in range(5):
            store.append(ev.ChannelRinging(channel=f"gudok-1.{number}"))
        store.journal.remember_cel(CelPosition(file="cel.csv", inode=1, offset=100))
        await store.durable()
    assert seen == [(2, False), (4, False), (5, True)]


async def test_denials_transfers_and_repairs_have_rows_of_their_own(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        store.append(
            ev.LogInRefused(extension="101", phone="p1", reason="wrong_pin"),
            [that.LogInDenied(extension="101", phone="p1", reason="wrong_pin", at=at(1))],
        )
        store.append(
            ev.TransferAsked(channel="gudok-1.1", number="102"),
            [
                that.CallTransferred(
                    call="gudok-1.1", operator="ivanova", kind="blind", to="102", result="done", at=at(2)
                ),
                that.Repaired(what="channel", subject="gudok-1.1", at=at(2)),
            ],
        )
        await store.durable()
        log = await read_log(store.database)
    assert [(row["seq"], row["reason"]) for row in log["denied_logins"]] == [(1, "wrong_pin")]
    assert [(row["seq"], row["n"], row["target"]) for row in log["transfers"]] == [(2, 0, "102")]
    assert [(row["seq"], row["n"], row["what"]) for row in log["repairs"]] == [(2, 1, "channel")]


async def test_the_spool_of_a_healthy_life_stays_empty(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        store.tell(answered_call(1))
        await store.durable()
        assert store.spool.empty
        assert store.alarms.given == []
        assert store.spool.path.stat().st_mode & 0o077 == 0
