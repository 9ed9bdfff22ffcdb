"""What the router takes from the database before its first decision."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import structlog

from telephony.core.events import Started
from telephony.core.plan import Plan
from telephony.store import migrate, queries, roster_entries
from telephony.store.database import Database
from telephony.store.lock import LockedError, hold

log = structlog.get_logger(__name__)

LOCK_PATIENCE = 5.0
"""So long a router waits for one that is just ending, in seconds."""


@contextlib.asynccontextmanager
async def alone(database: Database) -> AsyncIterator[None]:
    """Inside, this is the only router on the database, which has the shape of this version.

    Raises LockedError when another router stays alive.
    """
    deadline = time.monotonic() + LOCK_PATIENCE
    async with contextlib.AsyncExitStack() as stack:
        while True:
            try:
                await stack.enter_async_context(hold(database))
                break
            except LockedError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)
        if await migrate.ensure_current(database):
            log.info("database brought to the shape of this version")
        yield


async def read_start(database: Database, plan: Plan) -> Started:
    """The event every life of the router begins with. Raises what the database raises."""
    now = datetime.now(UTC)
    engine = database.engine
    operators = await queries.operators(engine)
    open_operators = await queries.open_operators(engine)
    open_calls = await queries.open_calls(engine)
    memory = max((queue.sticky for queue in plan.queues), default=0)
    talks = await queries.last_talks(engine, now - timedelta(seconds=memory)) if memory else ()
    shifts = await roster_entries.shifts_around(engine, now, plan.timezone)
    return Started(
        plan=plan,
        operators=operators,
        open_operators=open_operators,
        open_calls=open_calls,
        last_talks=talks,
        shifts=shifts,
        run=name_of_life(now),
    )


def name_of_life(now: datetime) -> str:
    """Ten letters and digits that no other life of the router has: the time in milliseconds."""
    milliseconds = int(now.timestamp() * 1000)
    return base64.b32encode(milliseconds.to_bytes(6, "big")).decode().rstrip("=").lower()
