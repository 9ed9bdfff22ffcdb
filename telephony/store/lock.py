"""One router at a time: a locked file beside an SQLite database, an advisory lock in PostgreSQL.

Both locks are gone with the process that holds them, however it ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from telephony.store.database import Database

_CLASS_ID = 0x6775646F
"""First half of Gudok's advisory lock keys in PostgreSQL ("gudo")."""
_KEYS = {"router": 1, "rebuild": 2}


class LockedError(RuntimeError):
    """Somebody else holds the lock; `holder` says who, as far as can be told."""

    def __init__(self, name: str, holder: str) -> None:
        super().__init__(f"another {name} works on this database: {holder}")
        self.holder = holder


@asynccontextmanager
async def hold(database: Database, name: str = "router") -> AsyncIterator[None]:
    """Hold the lock `name` ("router" or "rebuild") inside the block. Raises LockedError at once when it is taken.

    In PostgreSQL the lock belongs to the writing connection. When that is lost the lock is taken again with the
    next one, before anything is written; should another router have come in between, `Database.transact` raises
    LockedError.
    """
    if database.file is None:
        async with _hold_session_lock(database, name):
            yield
        return
    file = _lock_file(database.file.with_name(f"{database.file.name}.{name}.lock"), name)
    try:
        yield
    finally:
        os.close(file)


def _lock_file(path: Path, name: str) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        pid = os.pread(file, 32, 0).decode("ascii", "replace").strip()
        os.close(file)
        if not isinstance(error, BlockingIOError):
            raise
        raise LockedError(name, f"process {pid}" if pid else "a process that has just begun") from error
    os.ftruncate(file, 0)
    os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
    return file


@asynccontextmanager
async def _hold_session_lock(database: Database, name: str) -> AsyncIterator[None]:
    key = {"class_id": _CLASS_ID, "key": _KEYS[name]}

    async def take(connection: AsyncConnection) -> None:
        if not await connection.scalar(sa.text("SELECT pg_try_advisory_lock(:class_id, :key)"), key):
            raise LockedError(name, await connection.scalar(_HOLDER, key) or "somebody who has just gone")

    database.guards.append(take)
    try:
        await database.end_writing()
        await database.transact(lambda connection: None)
        yield
    finally:
        database.guards.remove(take)
        await database.end_writing()


_HOLDER = sa.text(
    """
    SELECT application_name || coalesce(' at ' || host(client_addr), '') || ' (server process ' || a.pid || ')'
    FROM pg_locks JOIN pg_stat_activity AS a USING (pid)
    WHERE locktype = 'advisory' AND classid = CAST(:class_id AS bigint)::oid AND objid = CAST(:key AS bigint)::oid
    """
)
