"""What `gudok breaks list` shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from telephony.commands.common import duration, table
from telephony.commands.days import clock_beside
from telephony.store import break_queries as read
from telephony.store import queries
from telephony.store.break_rows import ClaimRow, HandRow, OrderRow, PermissionRow, RequestRow, ViolationRow
from telephony.store.rows import StateRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from telephony.commands.days import Days


@dataclass(frozen=True, slots=True)
class Breaks:
    """All that the list is made of: how it is now, and what was asked, ordered and seen on the day."""

    day: Days
    on_break: list[StateRow]
    permitted: list[PermissionRow]
    """Permissions that have not ended."""
    to_review: list[PermissionRow]
    locked: list[tuple[str, str, datetime]]
    """Extension, whose it is ("" for nobody's), locked until."""
    claims: list[ClaimRow]
    """Open: whose turn is kept until a place is free."""
    requests: list[RequestRow]
    orders: list[OrderRow]
    violations: list[ViolationRow]
    hands: list[HandRow]

    def pending(self) -> list[tuple[datetime, str, str, str]]:
        """Since when, who, what kind and why: granted for after the call, or waiting for a place."""
        held = {row.permission for row in self.on_break}
        found = [(one.given, one.login, one.kind, "after the call") for one in self.permitted if one.id not in held]
        found += [(one.made, one.login, "technical", "cap") for one in self.claims]
        return sorted(found)


async def read_breaks(engine: AsyncEngine, day: Days, now: datetime) -> Breaks:
    """Raises what the database raises."""
    who = {person.extension: person.login for person in await queries.operators(engine)}
    locks = await read.locked_log_ins(engine, now)
    return Breaks(
        day=day,
        on_break=await read.breaks_now(engine),
        permitted=await read.permissions_now(engine),
        to_review=await read.to_review(engine, day.begin - read.REVIEW_WITHIN, day.end),
        locked=[(one.extension, who.get(one.extension, ""), one.until) for one in locks],
        claims=await read.claims_now(engine),
        requests=await read.requests_between(engine, day.begin, day.end),
        orders=await read.orders_between(engine, day.begin, day.end),
        violations=await read.violations_between(engine, day.begin, day.end),
        hands=await read.hands_between(engine, day.begin, day.end),
    )


def described(breaks: Breaks, zone: ZoneInfo, now: datetime) -> str:
    """Tables, each with a head; an empty one is left out, except who is on a break."""

    def clock(at: datetime | None) -> str:
        return "-" if at is None else at.astimezone(zone).strftime("%H:%M")

    def beside(at: datetime | None, other: datetime) -> str:
        return "-" if at is None else clock_beside(at, other, zone)

    parts = (
        (
            ["ON A BREAK", "KIND", "SINCE", "UNTIL"],
            [[row.login, row.reason, clock(row.since), clock(row.until)] for row in breaks.on_break],
        ),
        (
            ["PENDING", "KIND", "SINCE", "WAITS FOR"],
            [[login, kind, clock(since), why] for since, login, kind, why in breaks.pending()],
        ),
        (
            ["EMERGENCY TO REVIEW", "OPERATOR", "BEGAN", "REASON"],
            [[one.id, one.login, beside(one.begins, now), one.reason] for one in breaks.to_review],
        ),
        (
            ["LOCKED EXTENSION", "OPERATOR", "UNTIL"],
            [[extension, login or "-", clock(until)] for extension, login, until in breaks.locked],
        ),
        (
            ["RAISED HAND", "SINCE", "TAKEN BY"],
            [[one.login, clock(one.raised), one.taken_by or "-"] for one in breaks.hands if one.ended is None],
        ),
        (
            ["ORDER", "BY", "FOR", "UNTIL", "WHY", ""],
            [_order(one, beside(one.until, one.given), now) for one in breaks.orders],
        ),
        (
            ["REQUEST", "OPERATOR", "KIND", "DOOR", "ANSWER", "REASON", "NEXT BREAK"],
            [
                [
                    *(
                        clock(one.at),
                        one.login or f"nobody at {one.phone}",
                        one.kind,
                        one.door,
                        one.verdict,
                        one.reason,
                    ),
                    beside(one.next_slot, one.at),
                ]
                for one in breaks.requests
            ],
        ),
        (
            ["VIOLATION", "OPERATOR", "KIND", "LASTED", ""],
            [
                [beside(one.seen, breaks.day.begin), one.login, one.kind, _lasted(one, now), one.detail]
                for one in breaks.violations
            ],
        ),
    )
    return "\n\n".join(table(rows, head) for n, (head, rows) in enumerate(parts) if rows or n == 0)


def _order(one: OrderRow, until: str, now: datetime) -> list[str]:
    state = "withdrawn" if one.withdrawn else "over" if one.until <= now else ""
    return [one.id, one.given_by, one.for_group or one.logins, until, one.why, state]


def _lasted(one: ViolationRow, now: datetime) -> str:
    """Of those that last, how long."""
    if one.ended == one.seen:
        return ""
    return duration(((one.ended or now) - one.seen).total_seconds()) + ("" if one.ended else " so far")
