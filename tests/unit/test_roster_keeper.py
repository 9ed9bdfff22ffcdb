"""The shifts the rules know: those of the days around now, read anew when they change and after each midnight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from telephony.core.events import AnyEvent, RosterChanged
from telephony.core.plan import Plan
from telephony.core.roster_versions import EntryKind, RosterEntry
from telephony.router import opening
from telephony.router.roster_keeper import RosterKeeper, next_midnight
from telephony.store.database import Database
from telephony.store.migrate import ensure_current
from telephony.store.roster_entries import add_entries

ZONE = "Asia/Sakhalin"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""23 hours there: the local day is March 2."""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/gudok.db")
    await ensure_current(database)
    yield database
    await database.close()


def planned(day: date) -> RosterEntry:
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = begin + timedelta(hours=8)
    return RosterEntry(kind=EntryKind.SHIFT, login="anna", day=day, begin=begin, end=end, at=NOON, by="anna", why="")


async def plan(database: Database, *days: int) -> None:
    entries = [planned(date(2026, 3, day)) for day in days]
    await database.transact(lambda connection: add_entries(connection, entries))


def days_of(event: AnyEvent) -> list[int]:
    assert isinstance(event, RosterChanged)
    return [shift.begin.day for shift in event.shifts]


async def test_the_days_from_yesterday_until_the_day_after_tomorrow_are_known(database: Database) -> None:
    await plan(database, *range(1, 20)[::-1])
    delivered: list[AnyEvent] = []
    keeper = RosterKeeper(database, ZONE, delivered.append, lambda: NOON)
    assert await keeper.reload() == 4
    [event] = delivered
    assert days_of(event) == [1, 2, 3, 4]
    later = RosterKeeper(database, ZONE, delivered.append, lambda: NOON + timedelta(hours=1))
    await later.reload()
    assert days_of(delivered[1]) == [2, 3, 4, 5], "midnight there"


async def test_a_start_knows_the_same_days(database: Database) -> None:
    today = datetime.now(UTC).date()
    entries = [planned(today + timedelta(days=number)) for number in range(-5, 6)]
    await database.transact(lambda connection: add_entries(connection, entries))
    started = await opening.read_start(database, Plan(timezone="UTC"))
    assert [(shift.begin.date() - today).days for shift in started.shifts] == [-1, 0, 1, 2]


async def test_a_new_day_is_read_after_midnight(database: Database) -> None:
    await plan(database, *range(1, 20))
    loop = asyncio.get_running_loop()
    began, midnight = loop.time(), NOON + timedelta(hours=1)
    delivered: asyncio.Queue[AnyEvent] = asyncio.Queue()

    def now() -> datetime:
        return midnight - timedelta(seconds=0.05) + timedelta(seconds=loop.time() - began)

    keeper = RosterKeeper(database, ZONE, delivered.put_nowait, now)
    following = asyncio.create_task(keeper.follow_days())
    async with asyncio.timeout(5):
        event = await delivered.get()
    assert now() >= midnight
    assert days_of(event) == [2, 3, 4, 5]
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert delivered.empty(), "once a day"


async def test_a_database_that_is_away_at_midnight_ends_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telephony.router.roster_keeper.LOOK_SECONDS", 0.01)
    await database.transact(lambda connection: connection.execute(sa.text("ALTER TABLE roster_entries RENAME TO away")))
    times = iter([NOON, *[NOON + timedelta(hours=2)] * 1000])
    delivered: asyncio.Queue[AnyEvent] = asyncio.Queue()
    keeper = RosterKeeper(database, ZONE, delivered.put_nowait, lambda: next(times))
    following = asyncio.create_task(keeper.follow_days())
    await asyncio.wait([following], timeout=0.1)
    assert not following.done()
    await database.transact(lambda connection: connection.execute(sa.text("ALTER TABLE away RENAME TO roster_entries")))
    async with asyncio.timeout(5):
        assert days_of(await delivered.get()) == []
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


def test_midnight_is_that_of_the_center() -> None:
    assert next_midnight(NOON, ZONE) == NOON + timedelta(hours=1)
    assert next_midnight(NOON + timedelta(hours=1), ZONE) == NOON + timedelta(hours=25)
    assert next_midnight(datetime(2026, 3, 29, 0, tzinfo=UTC), "Europe/Berlin") == datetime(2026, 3, 29, 22, tzinfo=UTC)
