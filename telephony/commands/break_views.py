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
    tables = Tables(breaks, zone, now)
    on_break, *others = (
        tables.on_break(),
        tables.pending(),
        tables.to_review(),
        tables.locked(),
        tables.hands(),
        tables.orders(),
        tables.requests(),
        tables.violations(),
    )
    return "\n\n".join(table(rows, head) for head, rows in (on_break, *(one for one in others if one[1])))


Table = tuple[list[str], list[list[str]]]
"""The head, and the rows."""


class Tables:
    """What there is to see, as the clocks of the center's `zone` show it."""

    def __init__(self, breaks: Breaks, zone: ZoneInfo, now: datetime) -> None:
        self._breaks, self._zone, self._now = breaks, zone, now

    def _clock(self, at: datetime | None) -> str:
        return "-" if at is None else at.astimezone(self._zone).strftime("%H:%M")

    def _beside(self, at: datetime | None, other: datetime) -> str:
        return "-" if at is None else clock_beside(at, other, self._zone)

    def on_break(self) -> Table:
        found = self._breaks.on_break
        rows = [[one.login, one.reason, self._clock(one.since), self._clock(one.until)] for one in found]
        return ["ON A BREAK", "KIND", "SINCE", "UNTIL"], rows

    def pending(self) -> Table:
        rows = [[login, kind, self._clock(since), why] for since, login, kind, why in self._breaks.pending()]
        return ["PENDING", "KIND", "SINCE", "WAITS FOR"], rows

    def to_review(self) -> Table:
        found = self._breaks.to_review
        rows = [[one.id, one.login, self._beside(one.begins, self._now), one.reason] for one in found]
        return ["EMERGENCY TO REVIEW", "OPERATOR", "BEGAN", "REASON"], rows

    def locked(self) -> Table:
        rows = [[extension, login or "-", self._clock(until)] for extension, login, until in self._breaks.locked]
        return ["LOCKED EXTENSION", "OPERATOR", "UNTIL"], rows

    def hands(self) -> Table:
        raised = [one for one in self._breaks.hands if one.ended is None]
        rows = [[one.login, self._clock(one.raised), one.taken_by or "-"] for one in raised]
        return ["RAISED HAND", "SINCE", "TAKEN BY"], rows

    def orders(self) -> Table:
        rows = [_order(one, self._beside(one.until, one.given), self._now) for one in self._breaks.orders]
        return ["ORDER", "BY", "FOR", "UNTIL", "WHY", ""], rows

    def requests(self) -> Table:
        head = ["REQUEST", "OPERATOR", "KIND", "DOOR", "ANSWER", "REASON", "NEXT BREAK"]
        return head, [self._request(one) for one in self._breaks.requests]

    def _request(self, one: RequestRow) -> list[str]:
        who, next_break = one.login or f"nobody at {one.phone}", self._beside(one.next_slot, one.at)
        return [self._clock(one.at), who, one.kind, one.door, one.verdict, one.reason, next_break]

    def violations(self) -> Table:
        rows = [self._violation(one) for one in self._breaks.violations]
        return ["VIOLATION", "OPERATOR", "KIND", "LASTED", ""], rows

    def _violation(self, one: ViolationRow) -> list[str]:
        seen = self._beside(one.seen, self._breaks.day.begin)
        return [seen, one.login, one.kind, _lasted(one, self._now), one.detail]


def _order(one: OrderRow, until: str, now: datetime) -> list[str]:
    state = "withdrawn" if one.withdrawn else "over" if one.until <= now else ""
    return [one.id, one.given_by, one.for_group or one.logins, until, one.why, state]


def _lasted(one: ViolationRow, now: datetime) -> str:
    """Of those that last, how long."""
    if one.ended == one.seen:
        return ""
    return duration(((one.ended or now) - one.seen).total_seconds()) + ("" if one.ended else " so far")
