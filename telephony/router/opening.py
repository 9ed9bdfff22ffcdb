"""What the router takes from the database before its first decision, and whether the configuration fits it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from telephony import settings
from telephony.core.events import Started
from telephony.core.logins import memory
from telephony.core.plan import Plan
from telephony.core.roster import Shift
from telephony.core.staff import Operator
from telephony.settings import ConfigErrors, Settings
from telephony.store import break_queries, migrate, queries, roster_entries
from telephony.store.calllog import Line
from telephony.store.database import Database
from telephony.store.lock import LockedError, hold
from telephony.store.spooled import with_spooled

log = structlog.get_logger(__name__)

USED_SLOTS = timedelta(hours=24)
"""A planned break counts as used for so long after the permission that took it."""
LATELY = timedelta(hours=2)
"""So far back is looked for an operator's last talk, and for when they were last free: it is the rows of so many hours
that a start reads."""
SHIFT = timedelta(hours=16)
"""Nobody is at work for longer without a new login: so far back are calls counted for the strategies."""
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


async def read_start(database: Database, plan: Plan, spooled: Sequence[Line] = ()) -> Started:
    """The event every life of the router begins with; `spooled` are durable entries that the database may not have.
    Raises what the database raises."""
    now = datetime.now(UTC)
    shifts = await roster_entries.shifts_around(database.engine, now, plan.timezone)
    last_entry = spooled[-1].at if spooled else await queries.last_entry(database.engine)
    async with with_spooled(database, spooled, now - _remembered(plan)) as engine:
        return msgspec.structs.replace(await _read(engine, plan, now, shifts), last_entry=last_entry)


def check_operators(config: Settings, operators: tuple[Operator, ...], *, first: bool) -> None:
    """A skill nobody has keeps a fresh service from starting (ConfigErrors), but never one that comes back from a fall,
    which only warns."""
    mistakes = settings.check(config, operators)
    if mistakes and first:
        raise ConfigErrors(mistakes)
    for mistake in mistakes:
        log.warning("configuration", mistake=str(mistake))


def _remembered(plan: Plan) -> timedelta:
    """The longest time back that any question of a start but that for emergencies asks for."""
    sticky = max((queue.sticky for queue in plan.queues), default=0)
    return max(USED_SLOTS, LATELY, SHIFT, memory(plan.logins), timedelta(seconds=sticky))


async def _read(engine: AsyncEngine, plan: Plan, now: datetime, shifts: tuple[Shift, ...]) -> Started:
    operators = await queries.operators(engine)
    open_operators = await queries.open_operators(engine, now - LATELY, now - SHIFT)
    open_calls = await queries.open_calls(engine)
    sticky = max((queue.sticky for queue in plan.queues), default=0)
    talks = await queries.last_talks(engine, now - timedelta(seconds=sticky)) if sticky else ()
    return Started(
        plan=plan,
        operators=operators,
        open_operators=open_operators,
        open_calls=open_calls,
        last_talks=talks,
        last_rings=await queries.last_rings(engine, now - SHIFT),
        shifts=shifts,
        permissions=await break_queries.open_permissions(engine, now - USED_SLOTS, now - break_queries.REVIEW_WITHIN),
        claims=await break_queries.open_claims(engine),
        log_outs=await break_queries.logged_out(engine, now - USED_SLOTS),
        orders=await break_queries.open_orders(engine, now),
        hands=await break_queries.open_hands(engine),
        violations=await break_queries.open_violations(engine),
        failed_log_ins=await break_queries.failed_log_ins(engine, now - memory(plan.logins)),
        locked_log_ins=await break_queries.locked_log_ins(engine, now),
        run=name_of_life(now),
    )


def name_of_life(now: datetime) -> str:
    """Ten letters and digits that no other life of the router has: the time in milliseconds."""
    milliseconds = int(now.timestamp() * 1000)
    return base64.b32encode(milliseconds.to_bytes(6, "big")).decode().rstrip("=").lower()
