"""The database is locked, away, full; the disk takes nothing. Calls go on, and nothing that was durable is lost."""

from __future__ import annotations

import asyncio
import errno
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from telephony.core import events as ev
from telephony.core.effects import Alarm
from telephony.store import queries
from telephony.store.calllog import Line
from telephony.store.reader import read_lines
from telephony.store.spool import Spool
from telephony.testing.patience import PATIENCE
from tests.integration._store import Store, answered_call, opened, read_journal, read_log
from tests.integration.postgres import PostgresServer


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/gudok.db"


class Holder:
    """Somebody else who keeps SQLite's only write lock."""

    def __init__(self, store: Store) -> None:
        assert store.database.file is not None
        self._connection = sqlite3.connect(store.database.file, isolation_level=None, check_same_thread=False)

    def __enter__(self) -> Holder:
        self._connection.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


async def seqs(store: Store) -> list[int]:
    return [recorded.entry.seq for recorded in await read_journal(store.database)]


async def test_a_locked_database_delays_nothing_and_loses_nothing(url: str, tmp_path: Path) -> None:
    async with opened(url, tmp_path) as store:
        store.tell(answered_call(1))
        await store.durable()
        with Holder(store):
            store.tell(answered_call(2, "petrova"))
            await store.durable()
            assert store.journal.counters["outages"] == 1
            assert await queries.last_seq(store.database.engine) == 6
            store.tell(answered_call(3, "sidorova"))
            await store.durable(seconds=1)
            await store.alarms.wait_for("journal_spooling")
        await store.alarms.wait_for("journal_back")
        assert store.journal.online
        assert store.spool.empty
        store.tell(answered_call(4))
        await store.durable()
        assert await seqs(store) == list(range(1, 25))
        assert store.alarms.codes == ["journal_spooling", "journal_back"]
        log = await read_log(store.database)
    assert [call["outcome"] for call in log["calls"]] == ["answered"] * 4
    assert len(log["operator_states"]) == 16


async def test_an_outage_may_outlive_the_router(url: str, tmp_path: Path) -> None:
    async with opened(url, tmp_path) as store:
        with Holder(store):
            store.tell(answered_call(1))
            await store.durable()
            await store.journal.close()
            assert await queries.last_seq(store.database.engine) == 0
    async with opened(url, tmp_path) as store:
        assert store.seq == 6
        assert store.spool.empty
        assert store.journal.counters["recovered"] == 6
        assert await seqs(store) == list(range(1, 7))
        assert [call["outcome"] for call in (await read_log(store.database))["calls"]] == ["answered"]


async def test_entries_that_the_database_already_has_are_not_stored_twice(url: str, tmp_path: Path) -> None:
    """The commit went through, its answer did not come: the entries are in the database and in the spool."""
    async with opened(url, tmp_path) as store:
        last = store.tell(answered_call(1))
        await store.durable()
        recorded = [line async for line in read_lines(store.database.engine)]
        before = await read_log(store.database)
    spool = Spool(tmp_path / "journal.spool", 1_000_000)
    spool.open()
    spool.append(recorded)
    spool.close()
    async with opened(url, tmp_path) as store:
        assert store.seq == last
        assert await seqs(store) == list(range(1, last + 1))
        assert await read_log(store.database) == before


async def test_what_exceeds_the_spool_is_counted_and_told_once(url: str, tmp_path: Path) -> None:
    answered: list[int] = []
    async with opened(url, tmp_path, limit=3_000) as store:
        with Holder(store):
            for number in range(10):
                seq = store.tell(answered_call(number))
                store.journal.when_durable(seq, partial(answered.append, seq))
                await asyncio.sleep(0)
            await store.alarms.wait_for("journal_lost")
            await store.alarms.wait_for("journal_spooling")
        await store.alarms.wait_for("journal_back")
        await store.durable(store.append(ev.PbxLost(reason="after")))
        kept = await seqs(store)
        lost = store.journal.counters["lost"]
        assert lost > 0
        assert len(kept) + lost == store.seq
        assert set(answered) <= set(kept)
        assert store.journal.counters["not_durable"] == 10 - len(answered)
        assert store.alarms.codes == ["journal_lost", "journal_spooling", "journal_back"]


class FullDisk(Spool):
    """A spool on a disk that takes nothing until there is room again."""

    full = True
    why: Exception = OSError(errno.ENOSPC, "No space left on device")

    def append(self, lines: Sequence[Line]) -> int:
        if self.full:
            raise self.why
        return super().append(lines)


@pytest.mark.parametrize("why", [FullDisk.why, MemoryError()], ids=["disk full", "no memory"])
async def test_with_nowhere_to_write_entries_wait_in_memory(url: str, tmp_path: Path, why: Exception) -> None:
    async with opened(url, tmp_path) as store:
        store.journal._spool = spool = FullDisk(tmp_path / "other.spool", 1_000_000)
        spool.why = why
        spool.open()
        answered = asyncio.Event()
        with Holder(store):
            store.journal.when_durable(store.tell(answered_call(1)), answered.set)
            await store.alarms.wait_for("journal_not_durable")
            assert not answered.is_set()
            await store.alarms.wait_for("journal_spooling")
        async with asyncio.timeout(PATIENCE):
            await answered.wait()
        await store.alarms.wait_for("journal_back")
        assert await seqs(store) == list(range(1, 7))
        assert store.alarms.codes == ["journal_not_durable", "journal_spooling", "journal_back"]


async def test_a_journal_that_can_go_on_no_more_says_so_and_keeps_what_it_had(url: str, tmp_path: Path) -> None:
    """A fault of ours, such as one in what an alarm sets off, must end this life of the router, not its journal."""

    def fail(alarm: Alarm) -> None:
        raise KeyError(alarm.code)

    async with opened(url, tmp_path) as store:
        store.journal._spool = spool = FullDisk(tmp_path / "other.spool", 1_000_000)
        spool.open()
        store.journal._alarm = fail
        with Holder(store):
            last = store.tell(answered_call(1))
            with pytest.raises(KeyError, match="journal_not_durable"):
                await asyncio.wait_for(store.journal.ended, PATIENCE)
        spool.full = False
        await store.journal.close()
        assert store.journal.durable_seq == last
        assert store.journal.counters["lost"] == 0


async def test_room_in_the_spool_makes_waiting_entries_durable(url: str, tmp_path: Path) -> None:
    async with opened(url, tmp_path) as store:
        store.journal._spool = spool = FullDisk(tmp_path / "other.spool", 1_000_000)
        spool.open()
        with Holder(store):
            store.tell(answered_call(1))
            store.journal.when_durable(store.seq, lambda: None)
            await store.alarms.wait_for("journal_not_durable")
            spool.full = False
            await store.durable()
            assert not spool.empty
        await store.alarms.wait_for("journal_back")
        assert await seqs(store) == list(range(1, 7))


FILL = """
import asyncio, resource, sqlite3, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.integration._store import answered_call, opened, read_log

async def main():
    folder = Path({folder!r})
    async with opened("sqlite:///" + {folder!r} + "/gudok.db", folder, limit=4_000_000) as store:
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = max(file.stat().st_size for file in folder.glob("gudok.db*"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40_000, limit[1]))
        number = 0
        while store.journal.online:
            number += 1
            store.tell(answered_call(number, f"operator{{number}}"))
            await store.durable()
        for _ in range(20):
            number += 1
            store.tell(answered_call(number, f"operator{{number}}"))
            await store.durable()
        await store.alarms.wait_for("journal_spooling")
        print("durable", store.journal.durable_seq)
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        await store.alarms.wait_for("journal_back")
        calls = (await read_log(store.database))["calls"]
        print("calls", len(calls) == number, {{call["outcome"] for call in calls}}, store.alarms.codes)

import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
asyncio.run(main())
"""


def test_a_full_disk_is_an_outage_like_any_other(tmp_path: Path) -> None:
    """The file size limit makes every write of the database fail; the spool has taken its room before."""
    root = str(Path(__file__).parents[2])
    script = FILL.format(root=root, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50, check=False)
    assert done.stderr == ""
    durable, calls = done.stdout.splitlines()
    assert int(durable.split()[1]) % 6 == 0
    assert calls == "calls True {'answered'} ['journal_spooling', 'journal_back']"


@pytest.mark.postgres
async def test_a_postgres_that_does_not_answer(postgres: PostgresServer, tmp_path: Path) -> None:
    async with opened(postgres.new_database(), tmp_path) as store:
        async with store.database.engine.connect() as holder:
            await holder.exec_driver_sql("LOCK TABLE journal IN ACCESS EXCLUSIVE MODE")
            store.tell(answered_call(1))
            await store.durable(seconds=5)
            assert not store.journal.online
            await store.alarms.wait_for("journal_spooling")
        await store.alarms.wait_for("journal_back")
        assert await seqs(store) == list(range(1, 7))


@pytest.mark.postgres
async def test_a_postgres_that_crashes_and_returns(postgres: PostgresServer, tmp_path: Path) -> None:
    async with opened(postgres.new_database(), tmp_path) as store:
        store.tell(answered_call(1))
        await store.durable()
        postgres.stop(signal.SIGQUIT)
        try:
            store.tell(answered_call(2, "petrova"))
            await store.durable()
            assert not store.journal.online
            await store.alarms.wait_for("journal_spooling")
        finally:
            postgres.start()
        await store.alarms.wait_for("journal_back")
        store.tell(answered_call(3, "sidorova"))
        await store.durable()
        assert await seqs(store) == list(range(1, 19))
        assert store.alarms.codes == ["journal_spooling", "journal_back"]
        assert len((await read_log(store.database))["calls"]) == 3
