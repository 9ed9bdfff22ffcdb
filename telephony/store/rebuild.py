"""The call log made again from the journal, beside the old one, while the router goes on writing.

The new tables are called `…_next`. They are filled in many short transactions, so that the router's commits come
in between; the last one, which the router waits for, folds the few entries left and swaps the tables. The old
ones are then emptied bit by bit, again in short transactions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from telephony.store.calllog import CallLog, stored_facts
from telephony.store.database import Database
from telephony.store.dialects import is_postgres
from telephony.store.lock import hold
from telephony.store.reader import lines_after
from telephony.store.tables import CallLogTables, call_log, call_log_state, journal

CHUNK = 500
"""Entries in one transaction: some 20 ms."""
RETIRED = 2_000
"""Old rows deleted in one transaction."""
BREATH = 0.02
"""Seconds, at least, that others may write between two transactions."""
PATIENCE = 30.0
"""Seconds to wait for a turn to write."""
T = TypeVar("T")
NEXT, OLD = "_next", "_old"


class Progress:
    """How far a rebuild is: folded up to entry `seq`, the journal's last being `last`."""

    def __init__(self, seq: int, last: int) -> None:
        self.seq = seq
        self.last = last


async def rebuild(database: Database, report: Callable[[Progress], None] = lambda progress: None) -> int:
    """Make the call log again; answers how many entries were folded.

    Raises LockedError when another rebuild is under way, and what the database raises; the call log is then as
    it was. Leftovers of an interrupted rebuild are removed by the next.
    """
    async with hold(database, "rebuild"):
        return await _rebuild(database, report)


async def _rebuild(database: Database, report: Callable[[Progress], None]) -> int:
    work = await _patiently(database, lambda connection: _Rebuild(connection))
    while True:
        begun = time.perf_counter()
        last = await _patiently(database, _last_seq)
        read = await _patiently(database, work.advance)
        report(Progress(work.seq, last))
        if read < CHUNK:
            break
        await asyncio.sleep(max(time.perf_counter() - begun, BREATH))
    await _patiently(database, work.swap)
    for table in work.old.all():
        await _retire(database, table)
    return work.folded


async def _patiently(database: Database, work: Callable[[Connection], T]) -> T:
    """Like `Database.transact`, but a router that writes without a pause may keep us waiting for PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while True:
        begun = False

        def watched(connection: Connection) -> T:
            nonlocal begun
            begun = True
            return work(connection)

        try:
            return await database.transact(watched)
        except sa.exc.OperationalError:
            if begun or time.monotonic() > deadline:
                raise
            await asyncio.sleep(BREATH)


class _Rebuild:
    """State of one rebuild; the methods are work for `Database.transact`."""

    def __init__(self, connection: Connection) -> None:
        self.generation = _generation(connection) + 1
        self.next = CallLogTables(sa.MetaData(), NEXT, self.generation)
        self.old = CallLogTables(sa.MetaData(), OLD, self.generation)
        for table in (*self.next.all(), *self.old.all()):
            table.drop(connection, checkfirst=True)
        self.next.add_indexes()
        for table in self.next.all():
            table.create(connection)
        self._log = CallLog(connection.dialect, self.next)
        self.seq = 0
        self.folded = 0

    def advance(self, connection: Connection) -> int:
        """Fold the next chunk; answers how many entries there were."""
        lines = lines_after(connection, self.seq, CHUNK)
        self._log.fold_in(connection, [placed for line in lines for placed in stored_facts(line)])
        if lines:
            self.seq = lines[-1].seq
        self.folded += len(lines)
        return len(lines)

    def swap(self, connection: Connection) -> None:
        """Shut the router out, fold what is left, and let the new tables take the place of the old."""
        # First of all: in PostgreSQL this row's lock is what shuts the router out.
        connection.execute(sa.update(call_log_state).values(generation=self.generation))
        while self.advance(connection):
            pass
        for current, old, new in zip(call_log.all(), self.old.all(), self.next.all(), strict=True):
            connection.exec_driver_sql(f"ALTER TABLE {current.name} RENAME TO {old.name}")
            connection.exec_driver_sql(f"ALTER TABLE {new.name} RENAME TO {current.name}")


async def _retire(database: Database, table: sa.Table) -> None:
    """Dropping a table of a million rows at once would keep SQLite's only writer away for seconds."""
    if not is_postgres(database.dialect):
        while True:
            begun = time.perf_counter()
            if not await _patiently(database, partial(_delete_some, table)):
                break
            await asyncio.sleep(max(time.perf_counter() - begun, BREATH))
    await _patiently(database, table.drop)


def _delete_some(table: sa.Table, connection: Connection) -> int:
    key = list(table.primary_key.columns)
    some = sa.select(*key).order_by(*key).limit(RETIRED)
    return connection.execute(sa.delete(table).where(sa.tuple_(*key).in_(some))).rowcount


def _generation(connection: Connection) -> int:
    generation: int = connection.execute(sa.select(call_log_state.c.generation)).scalar_one()
    return generation


def _last_seq(connection: Connection) -> int:
    last: int | None = connection.execute(sa.select(sa.func.max(journal.c.seq))).scalar()
    return last or 0
