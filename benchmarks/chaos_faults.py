"""Everything else that breaks: routers that freeze or stay away, the parent, the PBX, AMI, the database, the disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from benchmarks import chaos_moments as moments
from benchmarks import evidence
from benchmarks.chaos_arena import Arena, not_alive
from benchmarks.chaos_disk import SmallDisk
from benchmarks.chaos_report import Round
from benchmarks.polling import until
from benchmarks.proxy import Proxy
from benchmarks.world import World
from telephony.exits import Exit
from telephony.store.database import Database
from telephony.testing.patience import PATIENCE

HANDED_OVER = "callers handed to the fallback queue"
LOCKED_SECONDS = 30.0
CUT_SECONDS = 15.0
FULL_SECONDS = 20.0


async def frozen(arena: Arena, times: int) -> Round:
    """SIGSTOP: the router's socket lives on, and Stasis would swallow callers. The parent kills it."""
    await arena.load.begin()
    for n in range(times):
        sees = moments.waiting if n % 2 else moments.talking
        await arena.kill_at("frozen", sees(arena.chance), signal.SIGSTOP)
    return await arena.finish("router frozen (SIGSTOP)")


async def held_up(arena: Arena) -> Round:
    """No router comes back for more than ten seconds: callers who wait go to the native queue, and come back."""
    await arena.load.begin()
    since = arena.log_size()
    async with arena.away("held up", moments.waiting(arena.chance)):
        await arena.logged(HANDED_OVER, since)
    return await arena.finish("no router for over 10 s")


async def parent_killed(arena: Arena, times: int) -> Round:
    """SIGKILL of `gudok run` itself: its router hands the callers over and ends; the service is started again."""
    await arena.load.begin()
    for _ in range(times):
        service = arena.world.service
        assert service is not None
        since = arena.log_size()
        await arena.watcher.at(moments.talking(arena.chance), service.kill)
        async with arena.outage("parent killed"):
            await service.wait()
            await arena.logged(HANDED_OVER, since)
            await arena.world.start_service()
    return await arena.finish("parent killed")


async def pbx_killed(arena: Arena, times: int) -> Round:
    """SIGKILL of Asterisk: its calls end with it, Gudok finds the new one by itself."""
    for _ in range(times):
        await arena.load.begin()
        pid = arena.world.pbx.pid
        assert pid is not None
        await arena.watcher.at(moments.talking(arena.chance), partial(os.kill, pid, signal.SIGKILL))
        async with arena.outage("Asterisk killed", fatal=True):
            arena.pbx_died.append(evidence.now())
            await arena.load.cut()
            await until(partial(not_alive, pid), f"end of Asterisk {pid}", within=PATIENCE)
            await asyncio.to_thread(arena.world.pbx.start)
            await arena.world.serving()
            await arena.watcher.again()
        await arena.load.staff()
    await arena.load.begin()
    await arena.watcher.at(moments.talking(arena.chance))
    return await arena.finish("Asterisk killed")


async def second_router(arena: Arena) -> Round:
    """It sees that another is alive, and ends; the first does not notice."""
    await arena.load.begin()
    world, pid = arena.world, await arena.router()
    await arena.watcher.at(moments.waiting(arena.chance))
    arena.strike("second router")
    second = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "telephony.cli", "run", "--config", str(world.config)),
        env={**os.environ, **world.env},
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        status = await asyncio.wait_for(second.wait(), 30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            second.kill()
    if status != Exit.REPLACED:
        arena.broken.append(f"the second service ended with status {status}, not {Exit.REPLACED}")
    if await arena.router() != pid:
        arena.broken.append("the first router did not stay")
    return await arena.finish("second router started")


async def ami_cut(arena: Arena) -> Round:
    """The line to AMI is cut while operators come and go. Calls do not notice, and the native queues are right again
    afterwards."""
    world = arena.world
    async with Proxy(world.settings.ami_port) as proxy:
        world.env["GUDOK_AMI_PORT"] = str(proxy.port)
        await arena.restart_service()
        await arena.load.begin()
        await arena.watcher.at(moments.talking(arena.chance))
        arena.strike("AMI cut")
        since = arena.log_size()
        proxy.cut()
        await arena.logged("AMI lost", since)
        await world.log_out("operator01")
        await asyncio.sleep(CUT_SECONDS)
        proxy.mend()
        found = await arena.finish("AMI cut")
        found.broken += await wrong_members(world)
        await world.log_in("operator01", "phone01")
        world.env["GUDOK_AMI_PORT"] = str(world.settings.ami_port)
        await arena.restart_service()
    return found


async def wrong_members(world: World, within: float = 15.0) -> list[str]:
    """Where the native queue's members differ from the operators at work, in words; none as soon as they do not."""
    wrong: list[str] = []
    for _ in range(int(within)):
        shown = await asyncio.to_thread(world.pbx.console, "queue show gudok-line")
        rows = (await world.status()).picture.operators
        expected = {row.login: row.state == "unreachable" for row in rows if row.phone not in ("phone15", "phone16")}
        lines = [line for line in shown.splitlines() if "PJSIP/" in line]
        found = {line.split()[0]: "(paused" in line for line in lines}
        wrong = [
            f"native queue: {login} is {found.get(login)}, should be paused {expected.get(login)}"
            for login in expected.keys() | found.keys()
            if expected.get(login) is not found.get(login)
        ]
        if not wrong:
            break
        await asyncio.sleep(1)  # the PBX tells nobody here about its queues
    return wrong


async def database_locked(arena: Arena) -> Round:
    """Somebody holds SQLite's write lock: the journal is spooled, calls go on, and all of it is in the log later."""
    await arena.load.begin()
    await arena.watcher.at(moments.talking(arena.chance))
    arena.strike("database locked")
    async with locked(Path(Database(arena.world.settings.database_url).file or "")):
        await asyncio.sleep(LOCKED_SECONDS / 2)
        await must_spool(arena)
        await arena.kill_at("database locked", moments.waiting(arena.chance))
        await asyncio.sleep(LOCKED_SECONDS / 2)
    return await arena.finish(f"database locked for {LOCKED_SECONDS:.0f} s")


async def must_spool(arena: Arena) -> None:
    """Else the database has not been out of reach, and nothing was tried."""
    if not (await arena.world.status()).counters.get("journal.spooled"):
        arena.broken.append("the journal was not spooled")


@asynccontextmanager
async def locked(file: Path) -> AsyncIterator[None]:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        await asyncio.to_thread(connection.execute, "BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


async def disk_full(disk: SmallDisk, seed: int, keep: Path | None) -> Round:
    """The disk with the database and the spool has no byte left for a while. A world of its own."""
    async with Arena.open(seed=seed, keep=keep, GUDOK_STATE_DIR=str(disk.state)) as arena:
        await arena.load.begin()
        await arena.watcher.at(moments.talking(arena.chance))
        arena.strike("disk full")
        async with disk.full(await arena.router()):
            await asyncio.sleep(FULL_SECONDS)
            await must_spool(arena)
        return await arena.finish(f"disk full for {FULL_SECONDS:.0f} s ({disk.how})")
