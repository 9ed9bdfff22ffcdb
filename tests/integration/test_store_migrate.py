"""The shape of the database: made by migrations, equal to the tables in the code, checked cheaply."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

import telephony.store
from telephony.store.database import Database, DatabaseUrlError, parse_url
from telephony.store.migrate import HEAD, FutureSchemaError, ensure_current, upgrade
from telephony.store.tables import whole_metadata


async def test_migrations_make_the_tables_of_the_code(database_url: str) -> None:
    await upgrade(database_url)
    database = Database(database_url)

    def compare(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), whole_metadata())

    async with database.engine.connect() as connection:
        assert await connection.run_sync(compare) == []
    assert await ensure_current(database) is False
    await database.close()


async def test_a_database_of_a_newer_version_is_left_alone(database_url: str) -> None:
    database = Database(database_url)
    assert await ensure_current(database) is True
    await database.transact(lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(FutureSchemaError, match="9999"):
        await ensure_current(database)
    await database.close()


async def test_two_who_start_at_once_on_an_empty_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state/gudok.db"
    first, second = Database(url), Database(url)
    assert sorted(await asyncio.gather(ensure_current(first), ensure_current(second))) in ([False, True], [True, True])
    await first.close()
    await second.close()


def test_the_head_in_the_code_is_the_newest_migration() -> None:
    folder = Path(telephony.store.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_current_head() == HEAD


def test_a_start_on_a_current_database_does_without_alembic_and_argon2(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gudok.db"
    asyncio.run(upgrade(url))
    script = f"""
import asyncio, sys
from telephony.store import journal, lock, migrate, operators, queries, reader
from telephony.store.database import Database
database = Database({url!r})
assert not asyncio.run(migrate.ensure_current(database))
assert "sqlalchemy.dialects.postgresql" not in sys.modules
print(sorted({{name.split(".")[0] for name in sys.modules}} & {{"alembic", "argon2", "asyncpg", "mako"}}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("", "not a database URL"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:///", "needs a file"),
        ("mysql://localhost/gudok", "mysql: only sqlite and postgresql"),
        ("postgresql+asyncpg://gudok:secret@[db", "no server can have this address"),
        ("postgresql://gudok@db:port/gudok", "no server can have this address"),
    ],
)
def test_an_url_that_names_no_usable_database(url: str, wrong: str) -> None:
    with pytest.raises(DatabaseUrlError, match=wrong):
        parse_url(url)


@pytest.mark.parametrize(
    ("url", "driver", "host", "name"),
    [
        ("sqlite:////var/lib/gudok.sqlite", "sqlite+aiosqlite", None, "/var/lib/gudok.sqlite"),
        ("sqlite+aiosqlite:///gudok.sqlite?timeout=5", "sqlite+aiosqlite", None, "gudok.sqlite"),
        ("postgresql://gudok:se[cr]#e/t?@db:5433/gudok", "postgresql+asyncpg", "db", "gudok"),
        ("postgresql+asyncpg://gudok@[::1]:5433/gudok?ssl=require", "postgresql+asyncpg", "::1", "gudok"),
        ("postgresql:///gudok?host=/run/postgresql", "postgresql+asyncpg", None, "gudok"),
    ],
)
def test_an_url_that_names_one(url: str, driver: str, host: str | None, name: str) -> None:
    parsed = parse_url(url)
    assert (parsed.drivername, parsed.host, parsed.database) == (driver, host, name)
