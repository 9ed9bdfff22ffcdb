"""What happened today before this life of the router, for those who look on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from telephony.control.board import Board
from telephony.control.board_rows import Tally
from telephony.core.facts import CallKind, Outcome
from telephony.core.plan import Plan
from telephony.store.database import Database
from telephony.store.tables import call_log

log = structlog.get_logger(__name__)

_PART = 500
"""Rows decoded between two turns of the loop."""


async def add_earlier(board: Board, database: Database, plan: Plan) -> None:
    """Those who look on see the whole day, not only this life. It is worth no failure."""
    before = datetime.fromtimestamp(board.totals.since, UTC)
    try:
        board.add_earlier(await read_today(database, plan, before))
        board.add_violations(await count_violations(database, plan, before))
    except (SQLAlchemyError, OSError) as error:
        log.warning("today's earlier calls not counted", reason=str(error).partition("\n")[0])
    except Exception:
        log.exception("today's earlier calls not counted")


async def read_today(database: Database, plan: Plan, before: datetime) -> Mapping[str, Tally]:
    """Queue -> what was answered or lost between the center's midnight and `before`.

    Raises what the database raises. Takes its time, a few rows at once: the router goes on meanwhile.
    """
    midnight = _midnight(plan, before)
    calls = call_log.calls.c
    query = sa.select(calls.queue, calls.arrived, calls.answered, calls.ended, calls.outcome).where(
        calls.arrived >= midnight, calls.arrived < before, calls.kind == CallKind.INBOUND.value
    )
    levels = {queue.name: queue.service_level.seconds for queue in plan.queues}
    tallies = {name: Tally() for name in levels}
    async with database.engine.connect() as connection:
        result = await connection.stream(query)
        async for part in result.partitions(_PART):
            for queue, arrived, answered, ended, outcome in part:
                if queue in tallies:
                    _count(tallies[queue], levels[queue], arrived, answered, ended, outcome, before)
    return tallies


async def count_violations(database: Database, plan: Plan, before: datetime) -> int:
    """How many were seen between the center's midnight and `before`. Raises what the database raises."""
    violations = call_log.by_name["violations"].c
    query = sa.select(sa.func.count()).where(violations.seen >= _midnight(plan, before), violations.seen < before)
    async with database.engine.connect() as connection:
        return int((await connection.execute(query)).scalar_one())


def _midnight(plan: Plan, before: datetime) -> datetime:
    return before.astimezone(ZoneInfo(plan.timezone)).replace(hour=0, minute=0, second=0, microsecond=0)


def _count(
    tally: Tally,
    level: int,
    arrived: datetime,
    answered: datetime | None,
    ended: datetime | None,
    outcome: str | None,
    before: datetime,
) -> None:
    if answered is not None:
        if answered < before:
            tally.answered += 1
            tally.in_level += (answered - arrived).total_seconds() <= level
    elif ended is not None and ended < before:
        tally.abandoned += outcome == Outcome.ABANDONED.value
        tally.sent_away += outcome == Outcome.SENT_AWAY.value
