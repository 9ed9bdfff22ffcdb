"""What the router asks about breaks at its start, and what reports ask about them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from telephony.core.break_facts import BreakKind, ViolationKind
from telephony.core.remembered import (
    FailedLogIn,
    LockedLogIn,
    LoggedOut,
    OpenClaim,
    OpenHand,
    OpenOrder,
    OpenPermission,
    OpenViolation,
)
from telephony.store.break_rows import (
    ClaimRow,
    DispositionRow,
    HandRow,
    OrderRow,
    PermissionRow,
    RequestRow,
    ViolationRow,
)
from telephony.store.queries import all_rows, rows_of
from telephony.store.rows import StateRow
from telephony.store.tables import call_log, operators

states = call_log.operator_states.c
PERMISSIONS, ORDERS, VIOLATIONS, HANDS, REQUESTS = (
    call_log.by_name[name] for name in ("permissions", "break_orders", "violations", "hands", "break_requests")
)
permissions, orders, violations, hands, requests = PERMISSIONS.c, ORDERS.c, VIOLATIONS.c, HANDS.c, REQUESTS.c
DISPOSITIONS = call_log.by_name["dispositions"]
CLAIMS = call_log.by_name["claims"]
claims = CLAIMS.c
denied, locked = call_log.denied_logins.c, call_log.by_name["locked_logins"].c

REVIEW_WITHIN = timedelta(days=90)
"""An emergency pause can be confirmed or rejected for so long after its begin."""

# --- at a start --------------------------------------------------------------------------------------------

_PERMISSION = (
    permissions.id.label("permission"), permissions.login, permissions.kind, permissions.begins, permissions.until,
    permissions.slot, permissions.order_id.label("order"), permissions.reason, permissions.ended, permissions.how,
    permissions.reviewed,
)  # fmt: skip
_BEGUN = sa.exists().where(
    states.login == permissions.login, states.since >= permissions.begins, states.permission == permissions.id
)
"""Somebody has been on a break on it. One whose break begins is stated anew: no interval of it is before its begin."""
OPEN_PERMISSIONS = sa.select(*_PERMISSION, _BEGUN.label("begun")).where(permissions.ended.is_(None))
UNREVIEWED = sa.and_(
    permissions.kind == sa.literal_column("'emergency'"),
    permissions.reviewed.is_(None),
    permissions.how.is_distinct_from(sa.literal_column("'unused'")),
)
"""One taken back before it began leaves nothing to judge."""
OPEN_VIOLATIONS = sa.select(
    violations.id.label("violation"),
    violations.login,
    violations.kind,
    violations.seen.label("at"),
    violations.call,
).where(violations.ended.is_(None))
OPEN_CLAIMS = sa.select(claims.id.label("claim"), claims.login, claims.slot).where(claims.ended.is_(None))
OPEN_HANDS = sa.select(
    hands.id.label("hand"),
    hands.login,
    hands.call,
    hands.raised.label("at"),
    hands.escalated.is_not(None).label("heads_told"),
).where(hands.ended.is_(None))


async def open_permissions(
    engine: AsyncEngine, since: datetime, emergencies_since: datetime
) -> tuple[OpenPermission, ...]:
    """Permissions that have not ended, those that ended at or after `since` and not as unused, and emergency pauses
    from `emergencies_since` on that wait for their review, by their begin."""
    lately = sa.select(*_PERMISSION).where(
        permissions.ended.is_not(None), permissions.ended >= since, permissions.how != "unused"
    )
    made = {
        row["permission"]: OpenPermission(
            **{**row, "kind": BreakKind(row["kind"]), "reviewed": row["reviewed"] is not None}
        )
        for query in (OPEN_PERMISSIONS, lately, unreviewed(emergencies_since))
        for row in await all_rows(engine, query)
    }
    return tuple(sorted(made.values(), key=lambda one: (one.begins, one.permission)))


def unreviewed(since: datetime) -> sa.Select[Any]:
    """Emergency pauses that are over and that nobody has confirmed or rejected, begun at or after `since`."""
    return sa.select(*_PERMISSION).where(UNREVIEWED, permissions.ended.is_not(None), permissions.begins >= since)


async def open_claims(engine: AsyncEngine) -> tuple[OpenClaim, ...]:
    """Missed slots whose operators wait for a place, by slot."""
    found = [OpenClaim(**row) for row in await all_rows(engine, OPEN_CLAIMS)]
    return tuple(sorted(found, key=lambda one: (one.slot, one.login)))


async def logged_out(engine: AsyncEngine, since: datetime) -> tuple[LoggedOut, ...]:
    """Every time, at or after `since`, that a colleague took somebody's phone, and those whose last leaving was by
    their own wish; in order of time. Who is at work again may be among them."""
    query = sa.select(states.login, states.phone, states.ended, states.how).where(
        states.how.is_not(None), states.ended >= since
    )
    rows = sorted(await all_rows(engine, query), key=lambda row: row["ended"])
    last = {row["login"]: row for row in rows}
    return tuple(
        LoggedOut(
            login=row["login"],
            at=row["ended"],
            put_out=row["how"] == "phone_taken_over",
            phone=row["phone"] or "",
            last=row is last[row["login"]],
        )
        for row in rows
        if row["how"] == "phone_taken_over" or (row["how"] == "logged_out" and row is last[row["login"]])
    )


async def open_orders(engine: AsyncEngine, now: datetime) -> tuple[OpenOrder, ...]:
    """Orders whose time is not over at `now`, and that nobody has withdrawn, by their begin."""
    query = sa.select(
        orders.id.label("order"),
        orders.given_by.label("by"),
        orders.logins,
        orders.begins,
        orders.until,
        orders.why,
        orders.at_once,
    ).where(orders.until > now, orders.withdrawn.is_(None))
    found = [
        OpenOrder(**{**row, "logins": tuple(row["logins"].split()), "at_once": bool(row["at_once"])})
        for row in await all_rows(engine, query)
    ]
    return tuple(sorted(found, key=lambda one: (one.begins, one.order)))


async def open_hands(engine: AsyncEngine) -> tuple[OpenHand, ...]:
    """Raised hands that are not down, oldest first."""
    found = [OpenHand(**row) for row in await all_rows(engine, OPEN_HANDS)]
    return tuple(sorted(found, key=lambda one: (one.at, one.hand)))


async def open_violations(engine: AsyncEngine) -> tuple[OpenViolation, ...]:
    """Violations that last, oldest first."""
    found = [
        OpenViolation(**{**row, "kind": ViolationKind(row["kind"])}) for row in await all_rows(engine, OPEN_VIOLATIONS)
    ]
    return tuple(sorted(found, key=lambda one: (one.at, one.violation)))


async def failed_log_ins(engine: AsyncEngine, since: datetime) -> tuple[FailedLogIn, ...]:
    """Log-ins refused since `since`, in order; not those before the person has logged in after all, nor those that an
    earlier lock was for, nor those refused because of it."""
    done = (
        sa.select(operators.c.extension, sa.func.max(states.since).label("at"))
        .join_from(call_log.operator_states, operators, operators.c.login == states.login)
        .where(states.since >= since, states.reason == "logged_in")
        .group_by(operators.c.extension)
    )
    locks = sa.select(locked.extension, sa.func.max(locked.at).label("at")).where(locked.until >= since)
    reset: dict[str, datetime] = {}
    for query in (done, locks.group_by(locked.extension)):
        for row in await all_rows(engine, query):
            reset[row["extension"]] = max(row["at"], reset.get(row["extension"], row["at"]))
    tried = sa.select(denied.extension, denied.at).where(denied.at >= since, denied.reason != "locked")
    found = [FailedLogIn(**row) for row in await all_rows(engine, tried.order_by(denied.seq, denied.n))]
    return tuple(one for one in found if one.extension not in reset or one.at > reset[one.extension])


async def locked_log_ins(engine: AsyncEngine, now: datetime) -> tuple[LockedLogIn, ...]:
    """Extensions that are locked at `now`."""
    query = sa.select(locked.extension, locked.until).where(locked.until > now).order_by(locked.until)
    return tuple([LockedLogIn(**row) for row in await all_rows(engine, query)])


# --- for reports -------------------------------------------------------------------------------------------


async def states_of(engine: AsyncEngine, login: str, begin: datetime, end: datetime) -> list[StateRow]:
    """Intervals of one operator's state that touch the time from `begin` to `end`, in order."""
    earlier = sa.select(sa.func.max(states.since)).where(states.login == login, states.since <= begin)
    query = sa.select(call_log.operator_states).where(
        states.login == login,
        states.since >= sa.func.coalesce(earlier.scalar_subquery(), begin),
        states.since < end,
        sa.or_(states.ended.is_(None), states.ended > begin),
    )
    return rows_of(StateRow, await all_rows(engine, query.order_by(states.since, states.seq, states.n)))


async def requests_between(engine: AsyncEngine, begin: datetime, end: datetime) -> list[RequestRow]:
    """Requests for a pause made at or after `begin` and before `end`, in order."""
    query = sa.select(REQUESTS).where(requests.at >= begin, requests.at < end)
    return rows_of(RequestRow, await all_rows(engine, query.order_by(requests.seq, requests.n)))


async def permissions_between(engine: AsyncEngine, begin: datetime, end: datetime) -> list[PermissionRow]:
    """Permissions that begin at or after `begin` and before `end`, by their begin."""
    query = sa.select(PERMISSIONS).where(permissions.begins >= begin, permissions.begins < end)
    return rows_of(PermissionRow, await all_rows(engine, query.order_by(permissions.begins, permissions.id)))


async def orders_between(engine: AsyncEngine, begin: datetime, end: datetime) -> list[OrderRow]:
    """Orders that hold at some time from `begin` to `end`, by their begin."""
    query = sa.select(ORDERS).where(orders.until > begin, orders.begins < end)
    return rows_of(OrderRow, await all_rows(engine, query.order_by(orders.begins, orders.id)))


async def violations_between(engine: AsyncEngine, begin: datetime, end: datetime) -> list[ViolationRow]:
    """Violations seen at or after `begin` and before `end`, and those that lasted then, in order."""
    lasts = sa.or_(violations.ended.is_(None), violations.ended > begin)
    query = sa.select(VIOLATIONS).where(violations.seen < end, sa.or_(violations.seen >= begin, lasts))
    return rows_of(ViolationRow, await all_rows(engine, query.order_by(violations.seen, violations.id)))


async def hands_between(engine: AsyncEngine, begin: datetime, end: datetime) -> list[HandRow]:
    """Hands raised at or after `begin` and before `end`, in order."""
    query = sa.select(HANDS).where(hands.raised >= begin, hands.raised < end)
    return rows_of(HandRow, await all_rows(engine, query.order_by(hands.raised, hands.id)))


async def permissions_now(engine: AsyncEngine) -> list[PermissionRow]:
    """Permissions that have not ended, by their begin."""
    found = await all_rows(engine, sa.select(PERMISSIONS).where(permissions.ended.is_(None)))
    return sorted(rows_of(PermissionRow, found), key=lambda row: (row.begins, row.id))


async def to_review(engine: AsyncEngine, begin: datetime, end: datetime) -> list[PermissionRow]:
    """Emergency pauses begun at or after `begin` and before `end` that nobody has confirmed or rejected, in order."""
    query = sa.select(PERMISSIONS).where(UNREVIEWED, permissions.begins >= begin, permissions.begins < end)
    found = await all_rows(engine, query)
    return sorted(rows_of(PermissionRow, found), key=lambda row: (row.begins, row.id))


async def dispositions_between(engine: AsyncEngine, begin: datetime, end: datetime) -> list[DispositionRow]:
    """How conversations ended, as operators have said of calls that arrived at or after `begin` and before `end`, in
    order: of the same call the last word counts."""
    query = (
        sa.select(DISPOSITIONS)
        .join(call_log.calls, call_log.calls.c.id == DISPOSITIONS.c.call)
        .where(call_log.calls.c.arrived >= begin, call_log.calls.c.arrived < end)
    )
    return rows_of(DispositionRow, await all_rows(engine, query.order_by(DISPOSITIONS.c.seq, DISPOSITIONS.c.n)))


async def claims_between(engine: AsyncEngine, begin: datetime, end: datetime) -> list[ClaimRow]:
    """Turns that were kept at some time from `begin` to `end`, in order of their asking."""
    lasts = sa.or_(claims.ended.is_(None), claims.ended > begin)
    found = await all_rows(engine, sa.select(CLAIMS).where(claims.made < end, sa.or_(claims.made >= begin, lasts)))
    return sorted(rows_of(ClaimRow, found), key=lambda row: (row.made, row.id))


async def claims_now(engine: AsyncEngine) -> list[ClaimRow]:
    """Missed slots whose operators wait for a place now, in order of their asking."""
    found = await all_rows(engine, sa.select(CLAIMS).where(claims.ended.is_(None)))
    return sorted(rows_of(ClaimRow, found), key=lambda row: (row.made, row.id))


async def breaks_now(engine: AsyncEngine) -> list[StateRow]:
    """The open intervals of those who are on a break, by login."""
    query = sa.select(call_log.operator_states).where(states.ended.is_(None), states.state == "break")
    return sorted(rows_of(StateRow, await all_rows(engine, query)), key=lambda row: row.login)
