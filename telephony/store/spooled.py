"""The database as it will be once it has taken what the spool still holds: for a start amid an outage.

What was granted and answered may be nowhere but in the spool. A router that began without it would undo breaks that
operators have been given, and find calls open that are over. So the rows a start asks for are copied into a database
in memory, the spool's entries are folded over them by the very fold that will write them one day, and the same
queries are put to that.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from telephony.store.break_queries import UNREVIEWED
from telephony.store.calllog import CallLog, Line, stored_facts
from telephony.store.database import Database
from telephony.store.dialects import is_postgres
from telephony.store.tables import call_log, journal, operators

Copied = tuple[sa.Table, list[dict[str, Any]]]


@contextlib.asynccontextmanager
async def with_spooled(database: Database, lines: Sequence[Line], since: datetime) -> AsyncIterator[AsyncEngine]:
    """An engine to read call log and operators from: all that is open, what ended at or after `since`, and `lines`,
    the entries of the spool, in order. Without any it is the database's own. Raises what the database raises."""
    if not lines:
        yield database.engine
        return
    last, copied = await _copy(database, since)
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool, hide_parameters=True)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_fill, copied)
            facts = [placed for line in lines if line.seq > last for placed in stored_facts(line)]
            await connection.run_sync(CallLog(engine.dialect).fold_in, facts)
        yield engine
    finally:
        await engine.dispose()


async def _copy(database: Database, since: datetime) -> tuple[int, list[Copied]]:
    """In one snapshot: the spool may be on its way into the database this very moment."""
    async with database.engine.connect() as connection:
        if is_postgres(database.dialect):
            await connection.execution_options(isolation_level="REPEATABLE READ")
        last: int | None = await connection.scalar(sa.select(sa.func.max(journal.c.seq)))
        copied = []
        for table, wanted in _wanted(since):
            rows = await connection.execute(sa.select(table).where(wanted))
            copied.append((table, [dict(row) for row in rows.mappings()]))
    return last or 0, copied


def _wanted(since: datetime) -> list[tuple[sa.Table, sa.ColumnElement[bool]]]:
    """What the questions of a start are about. An end that the spool tells of a row left out here changes nothing that
    is asked for."""

    def lately(name: str, column: str, *more: sa.ColumnElement[bool]) -> tuple[sa.Table, sa.ColumnElement[bool]]:
        table = call_log.by_name[name]
        recent = table.c[column] >= since
        return table, sa.or_(recent, *([table.c.ended.is_(None)] if "ended" in table.c else []), *more)

    calls = call_log.calls.c
    return [
        (operators, sa.true()),
        lately("calls", "arrived", sa.and_(calls.ended >= since, calls.last_operator.is_not(None))),
        lately("attempts", "made"),
        lately("operator_states", "since"),
        lately("permissions", "ended", UNREVIEWED),
        lately("claims", "made"),
        lately("break_orders", "until"),
        lately("violations", "seen"),
        lately("hands", "raised"),
        lately("denied_logins", "at"),
        lately("locked_logins", "until"),
    ]


def _fill(connection: Connection, copied: Sequence[Copied]) -> None:
    operators.create(connection)
    for table in call_log.all():
        table.create(connection)
    for table, rows in copied:
        if rows:
            connection.execute(sa.insert(table), rows)
