"""What `gudok breaks list` shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from telephony.commands.common import duration, table
from telephony.store import break_queries as read
from telephony.store.break_rows import ClaimRow, HandRow, OrderRow, PermissionRow, RequestRow, ViolationRow
from telephony.store.rows import StateRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from telephony.commands.days import Days

REVIEW_WITHIN = timedelta(days=7)
"""Emergencies of so many days back are still to be looked at."""


@dataclass(frozen=True, slots=True)
class Breaks:
    """All that the list is made of; `granted` begin on the day or shortly before."""

    on_break: list[StateRow]
    granted: list[PermissionRow]
    claims: list[ClaimRow]
    """Open: whose turn is kept until a place is free."""
    requests: list[RequestRow]
    orders: list[OrderRow]
    violations: list[ViolationRow]
    hands: list[HandRow]

    def pending(self) -> list[tuple[datetime, str, str, str]]:
        """Since when, who, what kind and why: granted for after the call, or waiting for a place."""
        held = {row.permission for row in self.on_break}
        found = [
            (one.given, one.login, one.kind, "after the call")
            for one in self.granted
            if one.ended is None and one.id not in held
        ]
        found += [(one.made, one.login, "technical", "cap") for one in self.claims]
        return sorted(found)

    def to_review(self) -> list[PermissionRow]:
        return [one for one in self.granted if one.kind == "emergency" and one.reviewed is None]


async def read_breaks(engine: AsyncEngine, day: Days) -> Breaks:
    """Raises what the database raises."""
    return Breaks(
        on_break=await read.breaks_now(engine),
        granted=await read.permissions_between(engine, day.begin - REVIEW_WITHIN, day.end),
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
            [[one.id, one.login, clock(one.begins), one.reason] for one in breaks.to_review()],
        ),
        (
            ["RAISED HAND", "SINCE", "TAKEN BY"],
            [[one.login, clock(one.raised), one.taken_by or "-"] for one in breaks.hands if one.ended is None],
        ),
        (
            ["ORDER", "BY", "FOR", "UNTIL", "WHY", ""],
            [_order(one, clock(one.until), now) for one in breaks.orders],
        ),
        (
            ["REQUEST", "OPERATOR", "KIND", "DOOR", "ANSWER", "REASON", "NEXT BREAK"],
            [
                [clock(one.at), one.login, one.kind, one.door, one.verdict, one.reason, clock(one.next_slot)]
                for one in breaks.requests
            ],
        ),
        (
            ["VIOLATION", "OPERATOR", "KIND", "LASTED", ""],
            [[clock(one.seen), one.login, one.kind, _lasted(one, now), one.detail] for one in breaks.violations],
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
