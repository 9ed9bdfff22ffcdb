"""A writer killed at any moment: what it called durable is there, and the call log is the journal's fold."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from telephony.store.rebuild import rebuild
from tests.integration._store import opened, read_journal, read_log

WRITER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.integration._store import answered_call, opened

async def main():
    async with opened({url!r}, Path({folder!r}), group_seconds=0.002) as store:
        number = store.seq
        while number < 50_000:  # should the test die, this must not go on for ever
            stories = [answered_call(number + n, f"operator{{n}}") for n in range(8)]
            number += 8
            while stories:
                for story in list(stories):
                    step = next(story, None)
                    if step is None:
                        stories.remove(story)
                        continue
                    seq = store.append(*step)
                    store.journal.when_durable(seq, lambda seq=seq: sys.stdout.write(f"{{seq}}\\n"))
                sys.stdout.flush()
                if seq - store.journal.durable_seq > 100:
                    await store.durable()
                await asyncio.sleep(0.001)

asyncio.run(main())
"""


async def run_and_kill(url: str, folder: Path, reports: int) -> int:
    """Let a writer report so many entries durable, kill it, and answer the last one it reported."""
    root = str(Path(__file__).parents[2])
    script = WRITER.format(root=root, url=url, folder=str(folder))
    writer = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=PIPE)
    assert writer.stdout is not None
    last = 0
    try:
        for _ in range(reports):
            last = int(await writer.stdout.readline())
    finally:
        writer.kill()
    for line in (await writer.stdout.read()).split(b"\n")[:-1]:
        last = int(line)
    await writer.wait()
    return last


async def test_killed_in_the_middle_of_commits(database_url: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    for _ in range(3):
        reported = await run_and_kill(database_url, tmp_path, chance.randrange(1, 400))
        async with opened(database_url, tmp_path) as store:
            assert store.seq >= reported
            kept = [recorded.entry.seq for recorded in await read_journal(store.database)]
            assert kept == list(range(1, store.seq + 1))
            live = await read_log(store.database)
            await rebuild(store.database)
            assert await read_log(store.database) == live


@pytest.mark.parametrize("reports", [1, 300])
async def test_killed_while_it_spools(tmp_path: Path, reports: int) -> None:
    url = f"sqlite:///{tmp_path}/gudok.db"
    async with opened(url, tmp_path):
        pass
    holder = sqlite3.connect(tmp_path / "gudok.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    reported = await run_and_kill(url, tmp_path, reports)
    assert await run_and_kill(url, tmp_path, reports) > reported
    holder.close()
    async with opened(url, tmp_path) as store:
        assert store.seq > reported
        assert store.journal.counters["recovered"] == store.seq
        kept = [recorded.entry.seq for recorded in await read_journal(store.database)]
        assert kept == list(range(1, store.seq + 1))
        live = await read_log(store.database)
        await rebuild(store.database)
        assert await read_log(store.database) == live
