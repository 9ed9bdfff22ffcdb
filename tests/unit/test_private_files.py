"""What the state directory holds is for its owner alone, whoever makes it first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from telephony.store.database import Database
from telephony.store.lock import hold
from telephony.store.migrate import ensure_current
from telephony.store.spool import Spool


@pytest.fixture(autouse=True)
def open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    return {path.name: f"{path.stat().st_mode & 0o777:o}" for path in (folder, *folder.iterdir())}


async def test_the_database_and_what_stands_beside_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    database = Database(f"sqlite:///{state / 'gudok.sqlite'}")
    await ensure_current(database)
    async with hold(database), database.engine.connect() as connection:
        await connection.execute(sa.text("SELECT 1"))
        await database.transact(lambda writing: writing.execute(sa.text("DELETE FROM operators")).rowcount)
        found = modes(state)
    await database.close()
    files = ("gudok.sqlite", "gudok.sqlite-wal", "gudok.sqlite-shm", "gudok.sqlite.router.lock")
    assert found == {"state": "700"} | dict.fromkeys(files, "600")


async def test_a_database_that_is_opened_before_its_tables_are_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'gudok.sqlite'}")
    await database.transact(lambda writing: writing.execute(sa.text("SELECT 1")).scalar())
    await database.close()
    assert modes(tmp_path)["gudok.sqlite"] == "600"


async def test_the_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "state" / "journal.spool", limit=4096)
    spool.open()
    spool.close()
    assert modes(tmp_path / "state") == {"state": "700", "journal.spool": "600"}
