"""The versions of the roster in the database: read, and added to; never changed. Light: the router reads them too."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.ext.asyncio import AsyncEngine

from telephony.core.roster import Shift, Slot
from telephony.core.roster_versions import EntryKind, RosterEntry, effective
from telephony.store.dialects import is_postgres
from telephony.store.tables import roster_entries

DAYS_BEFORE, DAYS_AFTER = 1, 2
"""The days around today whose shifts the router knows: a night shift of yesterday goes on, tomorrow's begins."""
ONE_DAY = timedelta(days=1)
_SLOTS = msgspec.json.Decoder(tuple[Slot, ...])


async def shifts_around(engine: AsyncEngine, now: datetime, timezone: str) -> tuple[Shift, ...]:
    """The shifts that will be worked from yesterday until the day after tomorrow, by the local day they begin on."""
    today = now.astimezone(ZoneInfo(timezone)).date()
    first, last = today - DAYS_BEFORE * ONE_DAY, today + DAYS_AFTER * ONE_DAY
    return effective(await entries_between(engine, first, last))


async def entries_between(
    engine: AsyncEngine, first: date | None = None, last: date | None = None, login: str | None = None
) -> list[RosterEntry]:
    """All versions for these local days (inclusive), in order of version. `login`: only where they are
    named, working or worked for."""
    async with engine.connect() as connection:
        return await connection.run_sync(read_entries, first, last, login)


def read_entries(
    connection: Connection, first: date | None = None, last: date | None = None, login: str | None = None
) -> list[RosterEntry]:
    """The same within a transaction."""
    table = roster_entries.c
    query = sa.select(roster_entries).order_by(table.version)
    if first is not None:
        query = query.where(table.day >= first.isoformat())
    if last is not None:
        query = query.where(table.day <= last.isoformat())
    if login is not None:
        query = query.where(sa.or_(table.login == login, table.instead_of == login))
    return [_entry_of(row) for row in connection.execute(query).mappings()]


def lock_roster(connection: Connection) -> None:
    """What was checked stays so: nobody else adds versions before the end of the transaction. SQLite has one writer."""
    if is_postgres(connection.dialect):
        connection.exec_driver_sql("LOCK TABLE roster_entries IN EXCLUSIVE MODE")


def add_entries(connection: Connection, entries: Iterable[RosterEntry]) -> None:
    """Add versions in their order. `at` and `by` are set."""
    rows = [
        {
            "kind": str(entry.kind),
            "login": entry.login,
            "day": entry.day.isoformat(),
            "begins": entry.begin,
            "ends": entry.end,
            "slots": msgspec.json.encode(entry.slots).decode(),
            "instead_of": entry.instead_of,
            "at": entry.at,
            "by": entry.by,
            "why": entry.why,
        }
        for entry in entries
    ]
    for row in rows:  # one by one: many at once need not be numbered in order
        connection.execute(sa.insert(roster_entries), row)


def _entry_of(row: RowMapping) -> RosterEntry:
    return RosterEntry(
        kind=EntryKind(row["kind"]),
        login=row["login"],
        day=date.fromisoformat(row["day"]),
        begin=row["begins"],
        end=row["ends"],
        slots=_SLOTS.decode(row["slots"]),
        instead_of=row["instead_of"],
        version=row["version"],
        at=row["at"],
        by=row["by"],
        why=row["why"],
    )
