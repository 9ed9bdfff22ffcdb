"""One router at a time."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from telephony.store.database import Database
from telephony.store.lock import LockedError, hold
from telephony.store.migrate import ensure_current
from telephony.testing.patience import PATIENCE
from tests.integration._store import answered_call, opened
from tests.integration.postgres import PostgresServer

HOLD = """
import asyncio, sys
sys.path.insert(0, {root!r})
from telephony.store.database import Database
from telephony.store.lock import hold

async def main():
    async with hold(Database({url!r})):
        print("held", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_the_second_router_is_told_who_is_there(database_url: str) -> None:
    script = HOLD.format(root=str(Path(__file__).parents[2]), url=database_url)
    first = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=PIPE)
    assert first.stdout is not None
    assert await first.stdout.readline() == b"held\n"
    database = Database(database_url)
    with pytest.raises(LockedError, match=rf"another router works on this database: .*\b{first.pid}\b"):
        async with hold(database):
            pytest.fail("two routers at once")
    async with hold(database, "rebuild"):
        pass
    first.send_signal(signal.SIGKILL)
    await first.wait()
    # A server may take a moment to notice that its client is gone.
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                async with hold(database):
                    break
            except LockedError:
                await asyncio.sleep(0.05)
    await database.close()


async def test_the_lock_is_free_after_its_block(database_url: str) -> None:
    one, other = Database(database_url), Database(database_url)
    async with hold(one):
        with pytest.raises(LockedError, match=str(os.getpid())):
            async with hold(other):
                pytest.fail("two routers at once")
    async with hold(other):
        pass
    await one.close()
    await other.close()


@pytest.mark.postgres
async def test_after_a_restart_of_the_server_only_one_router_writes(postgres: PostgresServer, tmp_path: Path) -> None:
    """The lock is lost with the server; who takes it first then writes, the other's entries stay in its spool."""
    url = postgres.new_database()
    rival = Database(url)
    await ensure_current(rival)
    async with opened(url, tmp_path) as store, hold(store.database):
        store.tell(answered_call(1))
        await store.durable()
        postgres.stop(signal.SIGQUIT)
        store.tell(answered_call(2))
        await store.durable()
        await store.alarms.wait_for("journal_spooling")
        postgres.start()
        await store.alarms.wait_for("journal_back")
        with pytest.raises(LockedError):
            async with hold(rival):
                pytest.fail("two routers at once")
        await rival.close()
