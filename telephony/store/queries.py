"""What the router asks at its start, and the call log for whoever reports on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from telephony.core.facts import CallKind
from telephony.core.operators import ENGAGED, NO_CALLER, NOT_TAKEN, State
from telephony.core.remembered import LastRing, LastTalk, OpenAttempt, OpenCall, OpenOperator
from telephony.core.staff import Operator
from telephony.store import tables
from telephony.store.break_rows import Row
from telephony.store.notes import CelPosition
from telephony.store.rows import AttemptRow, CallRow
from telephony.store.tables import call_log, to_utc

R = TypeVar("R", bound=Row)

calls, attempts, states = call_log.calls.c, call_log.attempts.c, call_log.operator_states.c


async def all_rows(engine: AsyncEngine, query: sa.Select[Any]) -> list[Mapping[str, Any]]:
    """What a query finds, as mappings."""
    async with engine.connect() as connection:
        return list((await connection.execute(query)).mappings())


async def last_entry(engine: AsyncEngine) -> datetime | None:
    """When the journal's last entry was made; None for an empty one."""
    journal = tables.journal.c
    async with engine.connect() as connection:
        found: datetime | None = await connection.scalar(sa.select(journal.at).order_by(journal.seq.desc()).limit(1))
    return found


async def last_seq(engine: AsyncEngine) -> int:
    """The number of the journal's last entry; 0 for an empty one."""
    async with engine.connect() as connection:
        found: int | None = await connection.scalar(sa.select(sa.func.max(tables.journal.c.seq)))
    return found or 0


OPEN_STATES = sa.select(
    states.login, states.phone, states.state, states.since, states.reason, states.call, states.idle_since, states.until
).where(states.ended.is_(None))
OPEN_ATTEMPTS = sa.select(attempts.call, attempts.n, attempts.channel, attempts.operator, attempts.answered).where(
    attempts.ended.is_(None)
)
OPEN_CALLS = sa.select(
    calls.id.label("call"),
    calls.kind,
    calls.number,
    calls.caller,
    calls.arrived,
    calls.queue,
    calls.queued,
    calls.priority,
    calls.answered,
    calls.attempts,
).where(calls.ended.is_(None))
"""Not ordered: an order could make SQLite prefer an index of the whole history."""
LOGIN = sa.func.coalesce(states.login, sa.literal_column("''"))
"""To group by, for the same reason: an expression has no index."""


async def open_operators(
    engine: AsyncEngine, since: datetime, shift: datetime | None = None
) -> tuple[OpenOperator, ...]:
    """Who is logged in, by login: the open interval of each, with what is remembered of the time from `since` on.
    Nobody has logged in before `shift` (the same as `since` where it is not given)."""
    talks, free = await _talked(engine, since), await _without_callers(engine, since)
    answered = await _answered(engine, shift or since)
    found = [
        OpenOperator(
            **{
                **row,
                "phone": row["phone"] or "",
                "talked": talks.get(row["login"]),
                "free_until": _free_until(free.get(row["login"], [])),
                "with_callers": tuple(_with_callers(free.get(row["login"], []))),
                "calls": answered.get(row["login"], 0),
            }
        )
        for row in await all_rows(engine, OPEN_STATES)
    ]
    return tuple(sorted(found, key=lambda operator: operator.login))


WITHOUT_CALLER = sa.or_(
    states.state.not_in(sorted(ENGAGED)),
    states.reason.in_(sorted(NO_CALLER)),
    sa.func.coalesce(calls.kind, "") == CallKind.OWN.value,
)
STATES_AND_CALLS = sa.outerjoin(call_log.operator_states, call_log.calls, calls.id == states.call)


async def _without_callers(engine: AsyncEngine, since: datetime) -> dict[str, list[Mapping[str, Any]]]:
    """Login -> their intervals without a caller that began at or after `since`, in order; and those (not `free`) in
    which they rang for one."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    columns = (states.login, states.since, states.ended, states.reason, WITHOUT_CALLER.label("free"))
    found_here = sa.or_(WITHOUT_CALLER, states.state == State.RINGING.value)
    query = sa.select(*columns).select_from(STATES_AND_CALLS).where(states.since >= since, found_here)
    lately = query.order_by(states.since, states.seq, states.n)
    for row in await all_rows(engine, lately):
        found.setdefault(row["login"], []).append(row)
    return found


def _free_until(intervals: list[Mapping[str, Any]]) -> datetime | None:
    """The end of the last interval without a caller."""
    return next((row["ended"] for row in reversed(intervals) if row["free"] and row["ended"] is not None), None)


def _with_callers(intervals: list[Mapping[str, Any]]) -> Iterator[tuple[datetime, datetime]]:
    """Between the intervals without; who has logged in has come from home. What was before a ring counts whatever
    becomes of that, and a ring not taken does not."""
    begin: datetime | None = None
    for row in intervals:
        engaged = row["reason"] not in {"logged_in", *NOT_TAKEN}
        if begin is not None and begin < row["since"] and engaged:
            yield begin, row["since"]
        if row["free"]:
            begin = row["ended"]


async def _talked(engine: AsyncEngine, since: datetime) -> dict[str, str]:
    """Login -> their last conversation with a caller."""
    with_callers = sa.and_(
        attempts.made >= since, attempts.answered.is_not(None), attempts.ended.is_not(None), calls.kind == "inbound"
    )
    both = sa.join(call_log.attempts, call_log.calls, calls.id == attempts.call)
    last = (
        sa.select(attempts.operator, sa.func.max(attempts.ended).label("ended"))
        .select_from(both)
        .where(with_callers)
        .group_by(attempts.operator)
        .subquery()
    )
    query = (
        sa.select(attempts.operator, attempts.call)
        .select_from(both)
        .join(last, sa.and_(last.c.operator == attempts.operator, last.c.ended == attempts.ended))
        .where(with_callers)
    )
    return {row["operator"]: row["call"] for row in await all_rows(engine, query)}


async def _answered(engine: AsyncEngine, since: datetime) -> dict[str, int]:
    """Login -> how many callers they have answered since `since`, and since they last went."""
    left = (
        sa.select(LOGIN.label("login"), sa.func.max(states.ended).label("ended"))
        .where(states.ended >= since, states.how.is_not(None))
        .group_by(LOGIN)
        .subquery()
    )
    query = (
        sa.select(attempts.operator, sa.func.count().label("calls"))
        .select_from(sa.outerjoin(call_log.attempts, left, left.c.login == attempts.operator))
        .where(attempts.made >= since, attempts.answered.is_not(None), attempts.why != "own")
        .where(sa.or_(left.c.ended.is_(None), attempts.made >= left.c.ended))
        .group_by(attempts.operator)
    )
    return {row["operator"]: row["calls"] for row in await all_rows(engine, query)}


async def last_rings(engine: AsyncEngine, since: datetime) -> tuple[LastRing, ...]:
    """When each queue has last rung each operator, from `since` on, oldest first."""
    at = sa.func.max(attempts.made).label("at")
    query = (
        sa.select(attempts.queue, attempts.operator.label("login"), at)
        .where(attempts.made >= since, attempts.why == "queue")
        .where(attempts.queue.is_not(None), attempts.operator.is_not(None))
        .group_by(attempts.queue, attempts.operator)
    )
    found = [LastRing(**row) for row in await all_rows(engine, query)]
    return tuple(sorted(found, key=lambda ring: (ring.at, ring.queue, ring.login)))


async def open_calls(engine: AsyncEngine) -> tuple[OpenCall, ...]:
    """Calls without an end, by arrival, each with its open attempts; `operator` is that of the latest of them."""
    open_of: dict[str, list[OpenAttempt]] = {}
    for row in await all_rows(engine, OPEN_ATTEMPTS):
        attempt = OpenAttempt(n=row["n"], channel=row["channel"], operator=row["operator"], answered=row["answered"])
        open_of.setdefault(row["call"], []).append(attempt)
    found = []
    for row in await all_rows(engine, OPEN_CALLS):
        rings = sorted(open_of.get(row["call"], ()), key=lambda attempt: attempt.n)
        operator = next((ring.operator for ring in reversed(rings) if ring.operator is not None), None)
        found.append(OpenCall(**row, operator=operator, open_attempts=tuple(rings)))
    return tuple(sorted(found, key=lambda call: (call.arrived, call.call)))


async def operators(engine: AsyncEngine) -> tuple[Operator, ...]:
    """All operators, disabled ones too, by login."""
    people = tables.operators.c
    query = sa.select(people.login, people.name, people.extension, people.skills, people.enabled)
    return tuple(Operator(**row) for row in await all_rows(engine, query.order_by(people.login)))


async def last_talks(engine: AsyncEngine, since: datetime) -> tuple[LastTalk, ...]:
    """The latest talk of each caller whose call ended at or after `since`, oldest first."""
    ended = sa.type_coerce(calls.ended, sa.Text)  # many rows: only the times that are kept are converted
    query = (
        sa.select(calls.caller, calls.last_operator, ended)
        .where(calls.ended >= since, calls.ended.is_not(None), calls.last_operator.is_not(None), calls.caller != "")
        .order_by(calls.ended)
    )
    latest: dict[str, tuple[str, Any]] = {}
    async with engine.connect() as connection:
        for caller, login, at in await connection.execute(query):
            latest.pop(caller, None)
            latest[caller] = login, at
    return tuple(LastTalk(caller=caller, login=login, ended=to_utc(at)) for caller, (login, at) in latest.items())


async def calls_between(engine: AsyncEngine, begin: datetime, end: datetime, last: int | None = None) -> list[CallRow]:
    """Calls that arrived at or after `begin` and before `end`, by arrival; only the `last` of them where given."""
    query = sa.select(call_log.calls).where(calls.arrived >= begin, calls.arrived < end)
    latest_first = query.order_by(calls.arrived.desc(), calls.id.desc()).limit(last)
    return rows_of(CallRow, reversed(await all_rows(engine, latest_first)))


async def attempts_between(engine: AsyncEngine, begin: datetime, end: datetime) -> list[AttemptRow]:
    """Ring attempts made at or after `begin` and before `end`, in order."""
    query = sa.select(call_log.attempts).where(attempts.made >= begin, attempts.made < end)
    return rows_of(AttemptRow, await all_rows(engine, query.order_by(attempts.made, attempts.call, attempts.n)))


async def cel_position(engine: AsyncEngine, file: str) -> CelPosition | None:
    """How far the PBX's record `file` was read."""
    query = sa.select(tables.cel_position).where(tables.cel_position.c.file == file)
    found = await all_rows(engine, query)
    return CelPosition(**found[0]) if found else None


def rows_of(kind: type[R], found: Iterable[Mapping[str, Any]]) -> list[R]:
    """The same as rows."""
    return [msgspec.convert({str(name): value for name, value in row.items()}, kind) for row in found]
