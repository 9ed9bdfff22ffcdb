"""Bringing a database to the shape of this version. Alembic is imported only when something is to do."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from telephony.store.database import Database

HEAD = "0006"
"""The newest revision in migrations/versions."""
PATIENCE = 10.0
"""Seconds to wait for another who migrates the same file."""
RETRY_SECONDS = 0.05


def read_revision(connection: Connection) -> str | None:
    """The revision the database is at; None for an empty one."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return found


async def ensure_current(database: Database) -> bool:
    """Make or migrate the tables where needed; answers whether anything was done.

    Raises `FutureSchemaError` when a newer Gudok has migrated the database.
    """
    if database.file is not None:
        database.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            async with database.engine.connect() as connection:
                if await connection.run_sync(read_revision) == HEAD:
                    return False
            await database.transact(_migrate)
        except sa.exc.OperationalError:
            # SQLite, locked for longer than we wait (or where nothing waits: while the file gets its write-ahead log):
            # somebody else may be making or migrating it.
            if database.file is None or time.monotonic() > deadline:
                raise
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return True


async def upgrade(url: str) -> None:
    """`ensure_current` for a database that is not open."""
    database = Database(url)
    try:
        await ensure_current(database)
    finally:
        await database.close()


class FutureSchemaError(RuntimeError):
    """The database was migrated by a newer version of Gudok."""


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    revision = read_revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise FutureSchemaError(f"the database is at revision {revision}, which this Gudok does not know")
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise RuntimeError(f"migration failed: {error}") from error
