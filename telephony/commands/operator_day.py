"""`gudok operators day`: one operator's day as it was planned and as it was."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from telephony.commands.common import Problem, duration, settings_of, table, with_database
from telephony.commands.days import Days, clock_beside, local_day
from telephony.commands.operator_figures import percent
from telephony.core.break_answers import why
from telephony.core.roster import Shift, SlotKind
from telephony.core.roster_versions import Standing
from telephony.exits import Exit
from telephony.kpi.adherence import Figures, Span, measure
from telephony.store import break_queries as read
from telephony.store import queries
from telephony.store.break_rows import (
    ClaimRow,
    DispositionRow,
    HandRow,
    OrderRow,
    PermissionRow,
    RequestRow,
    ViolationRow,
)
from telephony.store.roster_entries import entries_between
from telephony.store.rows import StateRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from telephony.core.staff import Operator
    from telephony.store.database import Database

Owned = TypeVar("Owned", PermissionRow, RequestRow, ClaimRow, ViolationRow, HandRow, DispositionRow)
Clock = Callable[[datetime], str]
"""A time of the day as the center's clocks show it."""
DECISIONS = {
    "order": "wanted to give an order",
    "withdraw": "wanted to withdraw one",
    "review": "wanted to review a pause",
}
"""Requests to decide about others, by their door."""


@dataclass(frozen=True, slots=True)
class OperatorDay:
    """All that is on record of one operator's local day. `shifts` and `permissions` are also those around it, which
    have their share in its figures; `plan` is what else the roster says."""

    person: Operator
    days: Days
    shifts: list[Shift]
    plan: list[str]
    states: list[StateRow]
    permissions: list[PermissionRow]
    requests: list[RequestRow]
    claims: list[ClaimRow]
    orders: list[OrderRow]
    violations: list[ViolationRow]
    hands: list[HandRow]
    dispositions: list[DispositionRow]

    def figures(self, now: datetime) -> Figures:
        return measure(self.shifts, self.states, self.permissions, Span(self.days.begin, self.days.end), now)


def timeline(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    zone = ZoneInfo(settings.plan.timezone)
    days = local_day(args.date, zone)

    async def work(database: Database) -> OperatorDay:
        return await read_day(database.engine, args.login, days, zone)

    print(described(with_database(settings, work), zone, datetime.now(UTC)))
    return Exit.OK


async def read_day(engine: AsyncEngine, login: str, days: Days, zone: ZoneInfo) -> OperatorDay:
    """Raises Problem when nobody has the login, and what the database raises."""
    person = next((one for one in await queries.operators(engine) if one.login == login), None)
    if person is None:
        raise Problem(f"nobody has the login {login}")
    begin, end = days.begin, days.end
    around = days.around
    standing = Standing(await entries_between(engine, around.first, around.last))
    return OperatorDay(
        person,
        days,
        [one.shift for one in standing.work() if one.shift.login == login],
        list(_otherwise(standing, login, days, _clock(zone))),
        await read.states_of(engine, login, begin, end),
        _of(login, await read.permissions_between(engine, around.begin, around.end)),
        _of(login, await read.requests_between(engine, begin, end)),
        _of(login, await read.claims_between(engine, begin, end)),
        [one for one in await read.orders_between(engine, begin, end) if login in one.logins.split()],
        _of(login, await read.violations_between(engine, begin, end)),
        _of(login, await read.hands_between(engine, begin, end)),
        [
            one
            for one in _of(login, await read.dispositions_between(engine, around.begin, end))
            if begin <= one.at < end
        ],
    )


def _of(login: str, rows: list[Owned]) -> list[Owned]:
    return [row for row in rows if row.login == login]


def _clock(zone: ZoneInfo) -> Clock:
    return lambda at: at.astimezone(zone).strftime("%H:%M")


def _otherwise(standing: Standing, login: str, days: Days, clock: Clock) -> Iterator[str]:
    """Absence, and who works the operator's shift, or a part of it."""
    absence = standing.absence(login, days.first)
    if absence is not None:
        yield f"absent: {absence.replace('_', ' ')}"
    instead = standing.substitution(login, days.first)
    if instead is not None and instead.begin is not None and instead.end is not None:
        yield f"{instead.login} works {clock(instead.begin)}-{clock(instead.end)} instead of this operator"
    elif instead is not None:
        yield f"{instead.login} works this operator's shift"


def described(day: OperatorDay, zone: ZoneInfo, now: datetime) -> str:
    """Head, plan, timeline, totals, figures."""
    head = f"{day.person.name} ({day.person.login}), {day.days.first:%d.%m.%Y}, {zone.key}"
    plan = [*_planned(day.shifts, day.days, zone), *day.plan] or ["no shift planned"]
    lines = sorted(_lines(day, zone, now))
    rows = [[at.astimezone(zone).strftime("%H:%M:%S"), lasted, what] for at, _, lasted, what in lines]
    parts = ["\n".join([head, *plan]), table(rows, ["TIME", "FOR", "WHAT"])]
    totals = _totals(day, now)
    if totals:
        parts.append(table([[state, duration(seconds)] for state, seconds in totals], ["STATE", "TOTAL"]))
    found = day.figures(now)
    parts.append(f"adherence {percent(found.adherence)}, conformance {percent(found.conformance)}")
    return "\n\n".join(parts)


Line = tuple[datetime, int, str, str]
"""When, what goes first at the same time, for how long, what."""


def _lines(day: OperatorDay, zone: ZoneInfo, now: datetime) -> Iterator[Line]:
    clock = _clock(zone)
    for order in day.orders:
        state = f", withdrawn by {order.withdrawn_by} at {clock(order.withdrawn)}" if order.withdrawn else ""
        until = clock_beside(order.until, day.days.begin, zone)
        yield order.given, 0, "", f"order {order.id} of {order.given_by}, until {until}: {order.why}{state}"
    for request in day.requests:
        answer = why(request.verdict, request.reason)
        following = f", next break {clock_beside(request.next_slot, request.at, zone)}" if request.next_slot else ""
        asked = DECISIONS.get(request.door, f"asked for {request.kind} by {request.door}")
        yield request.at, 1, "", f"{asked}: {request.verdict}{f' ({answer})' if answer else ''}{following}"
    yield from _waiting(day, clock, now)
    by_id = {one.id: one for one in day.permissions}
    for row in day.states:
        begin, lasted = _within(day.days, row.since, row.ended, now)
        yield begin, 3, lasted, _state(row, by_id.get(row.permission or ""), clock)
        if row.how is not None and row.ended is not None and row.ended < day.days.end:
            yield row.ended, 3, "", _named("offline", row.how)
    for violation in day.violations:
        detail = f": {violation.detail}" if violation.detail else ""
        begin, lasted = _within(day.days, violation.seen, violation.ended, now)
        lasted = "" if violation.ended == violation.seen else lasted
        yield begin, 4, lasted, f"VIOLATION {violation.kind.replace('_', ' ')}{detail}"
    for hand in day.hands:
        yield hand.raised, 5, "", _hand(hand, now)
    for given in day.dispositions:
        yield given.at, 6, "", f"outcome of call {given.call}: {given.disposition}"


def _within(days: Days, since: datetime, ended: datetime | None, now: datetime) -> tuple[datetime, str]:
    """What of a span lies in the day: its begin, and for how long."""
    begin, end = max(since, days.begin), min(ended or now, days.end)
    return begin, duration((end - begin).total_seconds()) + ("" if ended else " so far")


def _waiting(day: OperatorDay, clock: Clock, now: datetime) -> Iterator[Line]:
    """Turns that were kept, and permissions whose break did not begin."""
    for claim in day.claims:
        begin, lasted = _within(day.days, claim.made, claim.ended, now)
        became = f", {claim.how} at {clock(claim.ended)}" if claim.ended else ""
        yield begin, 2, lasted, f"waits for a place, for the break planned for {clock(claim.slot)}{became}"
    begun = {row.permission for row in day.states}
    for one in day.permissions:
        if one.id in begun or one.ended is None or not day.days.begin <= one.given < day.days.end:
            continue
        begin, lasted = _within(day.days, one.given, one.ended, now)
        yield (
            begin,
            2,
            lasted,
            f"permission {one.id} for a {one.kind} break, {one.how} at {clock(one.ended)}: none began",
        )


def _state(row: StateRow, permission: PermissionRow | None, clock: Clock) -> str:
    what = _named(row.state, row.reason)
    if permission is None:
        return what
    on = f", planned for {clock(permission.slot)}" if permission.slot else ""
    on += f", order {permission.order_id}" if permission.order_id else ""
    on += f", reason: {permission.reason}" if permission.reason else ""
    if permission.reviewed is not None:
        on += f", {'confirmed' if permission.confirmed else 'REJECTED'} by {permission.reviewed_by}"
    return f"{what}: permission {permission.id}, {clock(permission.begins)}-{clock(permission.until)}{on}"


def _named(state: str, reason: str) -> str:
    """As in "offline (phone taken over)"."""
    return (f"{state} ({reason})" if reason else state).replace("_", " ")


def _hand(hand: HandRow, now: datetime) -> str:
    waited = duration(((hand.taken or hand.ended or now) - hand.raised).total_seconds())
    helped = f"{hand.taken_by} came after {waited} ({hand.mode})" if hand.taken else f"nobody came within {waited}"
    told = f", {hand.escalated_to} was told" if hand.escalated_to else ""
    return f"raised a hand: {helped}{told}" + (f", {hand.how.replace('_', ' ')}" if hand.how else "")


def _planned(shifts: list[Shift], days: Days, zone: ZoneInfo) -> Iterator[str]:
    """The shifts that touch the day."""
    clock = _clock(zone)
    for shift in shifts:
        if shift.begin >= days.end or shift.end <= days.begin:
            continue
        instead = f", instead of {shift.instead_of}" if shift.instead_of else ""
        slots = ", ".join(
            ("lunch " if slot.kind is SlotKind.LUNCH else "") + f"{clock(slot.begin)}-{clock(slot.end)}"
            for slot in shift.slots
        )
        breaks = f"; breaks {slots}" if slots else ""
        yield f"shift {clock(shift.begin)}-{clock(shift.end)}{instead}{breaks}"


def _totals(day: OperatorDay, now: datetime) -> list[tuple[str, float]]:
    """State -> seconds within the day, longest first, and all together."""
    totals: dict[str, float] = defaultdict(float)
    for row in day.states:
        begin, end = max(row.since, day.days.begin), min(row.ended or now, day.days.end)
        totals[row.state.replace("_", " ")] += max(0.0, (end - begin).total_seconds())
    listed = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    return [*listed, ("logged in", sum(totals.values()))] if listed else []
