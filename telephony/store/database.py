"""Opening the database: SQLite by default, PostgreSQL by URL.

Reading goes through `Database.engine` (async). All writing goes through `Database.transact`: one
transaction at a time on a connection of its own, which for SQLite lives in a thread of its own, so that a
transaction costs the loop one hop, and waiting for a lock or the disk costs it nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Dialect, Engine, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from telephony.config.database_url import wrong_with

T = TypeVar("T")
Guard = Callable[[AsyncConnection], Awaitable[None]]

BUSY_MILLISECONDS = 500
"""How long SQLite waits for another writer before a transaction fails."""
CONNECT_SECONDS = 3.0
COMMAND_SECONDS = 10.0


class DatabaseUnusableError(Exception):
    """The database cannot be used now. One line: which it is, without its password, and why."""


class DatabaseUrlError(ValueError):
    """The URL names no database that Gudok can use."""


def parse_url(url: str) -> URL:
    """`sqlite:///relative`, `sqlite:////absolute` or `postgresql://user@host/name`; a driver may be named."""
    if wrong := wrong_with(url):
        raise DatabaseUrlError(wrong)
    parsed = make_url(url)
    driver = "sqlite+aiosqlite" if parsed.get_backend_name() == "sqlite" else "postgresql+asyncpg"
    return parsed.set(drivername=driver)


class Database:
    """An opened database. Opening does not connect: that happens at first use, and again after a failure."""

    def __init__(self, url: str) -> None:
        self.url = parse_url(url)
        self.file: Path | None = None
        if self.url.get_backend_name() == "sqlite":
            self.file = Path(self.url.database or "")
            self.engine = create_async_engine(self.url, hide_parameters=True, pool_size=2, max_overflow=2)
            _prepare_sqlite(self.engine.sync_engine, self.file)
            self._writer: _Writer = _SqliteWriter(self.url, self.file)
        else:
            self.engine = create_async_engine(
                self.url, hide_parameters=True, pool_size=2, max_overflow=2, connect_args=_pg_arguments()
            )
            self._writer = _PostgresWriter(self.engine)

    @property
    def name(self) -> str:
        """Which database it is, for people: its file, or its server without the password."""
        return f"the database {self.file or self.url.render_as_string(hide_password=True)}"

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Raises DatabaseUnusableError for what the database, its file or its server raise inside."""
        driver = sys.modules.get("asyncpg")  # it refuses a login past SQLAlchemy
        refusals = () if driver is None else (driver.PostgresError,)
        try:
            yield
        except (sa.exc.SQLAlchemyError, OSError, *refusals) as error:
            why = (str(error) or type(error).__name__).splitlines()[0]
            raise DatabaseUnusableError(f"{self.name} cannot be used: {why}") from error

    @property
    def dialect(self) -> Dialect:
        return self.engine.dialect

    async def transact(self, work: Callable[[Connection], T], within: float | None = None) -> T:
        """Run `work` in one write transaction: committed when it returns, rolled back when it raises.

        For SQLite `work` runs in another thread, and a lock is waited for BUSY_MILLISECONDS. For PostgreSQL
        TimeoutError is raised after `within` seconds, if given. Raises what `work` and the database raise.
        """
        return await self._writer.transact(work, within)

    @property
    def guards(self) -> list[Guard]:
        """Awaited on every new writing connection before its first transaction (PostgreSQL only)."""
        return self._writer.guards

    async def end_writing(self) -> None:
        """Close the writing connection; the next `transact` opens another."""
        await self._writer.disconnect()

    async def close(self) -> None:
        await self._writer.close()
        await self.engine.dispose()


def refuse_lost(database: Database, spool: Path) -> None:
    """Raises DatabaseUnusableError where an earlier life had a database, as its spool tells, and the file is gone: an
    empty one in its place would log everybody out, and nobody would know why."""
    if database.file is not None and spool.exists() and not database.file.exists():
        raise DatabaseUnusableError(
            f"the database {database.file} is gone; bring it back, or remove {spool} too, to begin with an empty one"
        )


class _Writer(Protocol):
    guards: list[Guard]

    async def transact(self, work: Callable[[Connection], T], within: float | None) -> T: ...

    async def disconnect(self) -> None: ...

    async def close(self) -> None: ...


def _prepare_sqlite(engine: Engine, file: Path, begin: str = "BEGIN") -> None:
    """WAL: readers and the one writer do not wait for each other. FULL: a commit survives a power cut."""

    @sa.event.listens_for(engine, "do_connect")
    def on_do_connect(*_: object) -> None:
        """SQLite would make the file for everyone to read; its -wal and -shm take the mode of it.

        One that is there is never opened: closing it again would free the locks this process has on it."""
        with contextlib.suppress(OSError):  # what hinders us hinders SQLite too, which says so
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: Any, record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


class _SqliteWriter:
    def __init__(self, url: URL, file: Path) -> None:
        self._engine = sa.create_engine(url.set(drivername="sqlite+pysqlite"), poolclass=NullPool, hide_parameters=True)
        _prepare_sqlite(self._engine, file, "BEGIN IMMEDIATE")
        self._thread = ThreadPoolExecutor(1, "database-writer")
        self._connection: Connection | None = None
        self.guards: list[Guard] = []

    async def transact(self, work: Callable[[Connection], T], within: float | None) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    def _transact(self, work: Callable[[Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._engine.connect()
        try:
            with self._connection.begin():
                return work(self._connection)
        except BaseException:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    async def disconnect(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)

    async def close(self) -> None:
        await self.disconnect()
        self._thread.shutdown()


class _PostgresWriter:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._turn = asyncio.Lock()
        self.guards: list[Guard] = []

    async def transact(self, work: Callable[[Connection], T], within: float | None) -> T:
        async with asyncio.timeout(within), self._turn:
            if self._connection is None:
                await self._connect()
            assert self._connection is not None
            try:
                async with self._connection.begin():
                    return await self._connection.run_sync(work)
            except BaseException:
                await self._disconnect()
                raise

    async def _connect(self) -> None:
        connection = await self._engine.connect()
        try:
            for guard in self.guards:
                await guard(connection)
            await connection.commit()
        except BaseException:
            await connection.invalidate()
            await connection.close()
            raise
        self._connection = connection

    async def _disconnect(self) -> None:
        """What the session held on the server goes with it: it is not given back to the pool."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.invalidate()
            await connection.close()

    async def disconnect(self) -> None:
        async with self._turn:
            await self._disconnect()

    async def close(self) -> None:
        await self.disconnect()


def _pg_arguments() -> dict[str, Any]:
    return {
        "timeout": CONNECT_SECONDS,
        "command_timeout": COMMAND_SECONDS,
        "server_settings": {"application_name": f"gudok pid {os.getpid()}"},
    }
