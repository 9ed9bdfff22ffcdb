"""Adherence and conformance: whether an operator worked when they were planned to, and as much as they were.

    adherence   = scheduled time spent as planned / scheduled time
    conformance = time worked / time scheduled for work

Scheduled 9:00-10:00, worked 9:15-10:15: adherence 45/60 = 75 %, conformance 60/60 = 100 %. Adherence is at most 100 %;
conformance is more when more was worked than planned. Source, with the same example: CX Central, "Conformance",
https://cxcentral.com.au/glossary/conformance/; for breaks as a part of adherence: Society of Workforce Planning
Professionals, On Target, summer 2014, "Ask the Workforce Wizard".

As planned is: at work in a shift outside its breaks, on a break inside them. The plan follows the permissions: a
planned break stands where its permission has put it (right after the long call), and a break on an order, or an
emergency that a senior has confirmed, is planned by that, until it ended. An emergency that nobody has confirmed is
not, whatever was planned for its time. All spans are half open, [begin, end).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from telephony.core.break_facts import BreakKind
from telephony.core.operators import State
from telephony.core.roster import Shift, joined, placed

ZERO = timedelta()
WORKING = frozenset({State.READY, State.RINGING, State.TALKING, State.ON_HOLD, State.WRAP_UP})
"""Of the others, BREAK is a break; OFFLINE and UNREACHABLE are neither."""
UNUSED = frozenset({"unused", "declined"})
"""How permissions ended whose break never began: they have moved nothing and excuse nothing."""


class Span(NamedTuple):
    """From `begin` to `end`, not including `end`."""

    begin: datetime
    end: datetime


class Interval(Protocol):
    """An operator's state, as it is on record."""

    @property
    def state(self) -> str: ...
    @property
    def since(self) -> datetime: ...
    @property
    def ended(self) -> datetime | None: ...
    @property
    def permission(self) -> str | None:
        """On which a break stands."""


class Permission(Protocol):
    """A permission to pause, as it is on record."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def begins(self) -> datetime: ...
    @property
    def until(self) -> datetime: ...
    @property
    def slot(self) -> datetime | None: ...
    @property
    def ended(self) -> datetime | None: ...
    @property
    def how(self) -> str | None:
        """`unused` where it ended before its break began."""

    @property
    def confirmed(self) -> bool | None: ...


@dataclass(frozen=True, slots=True)
class Figures:
    """`scheduled` and `planned_work` (the same without the planned breaks), `worked`, and `as_planned`: what of the
    scheduled time was spent as planned. Figures of several days or operators are added."""

    scheduled: timedelta = ZERO
    planned_work: timedelta = ZERO
    worked: timedelta = ZERO
    as_planned: timedelta = ZERO

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.scheduled + other.scheduled,
            self.planned_work + other.planned_work,
            self.worked + other.worked,
            self.as_planned + other.as_planned,
        )

    @property
    def adherence(self) -> float | None:
        """From 0 to 1; None where nothing was scheduled."""
        return self.as_planned / self.scheduled if self.scheduled else None

    @property
    def conformance(self) -> float | None:
        """From 0, without an upper bound; None where no work was scheduled."""
        return self.worked / self.planned_work if self.planned_work else None


def measure(
    shifts: Iterable[Shift],
    intervals: Iterable[Interval],
    permissions: Sequence[Permission],
    within: Span,
    now: datetime,
) -> Figures:
    """The figures of one operator within a span of time, which cuts whatever reaches beyond it.

    What lies after `now` has not happened and is not counted as scheduled either; a state without an end lasts until
    `now`."""
    within = Span(within.begin, min(within.end, now))
    shifts, permissions = list(shifts), [one for one in permissions if one.how not in UNUSED]
    scheduled = united((shift.begin, shift.end) for shift in shifts)
    breaks = planned_breaks(shifts, permissions)
    unplanned = {one.id for one in permissions if one.kind == BreakKind.EMERGENCY and not one.confirmed}
    worked, paused = [], []
    for one in intervals:
        span = (one.since, one.ended or now)
        if one.state in WORKING:
            worked.append(span)
        elif one.state == State.BREAK and one.permission not in unplanned:
            paused.append(span)
    scheduled, breaks, at_work = cut(scheduled, within), united(breaks), cut(united(worked), within)
    planned_breaks_in_shift = common(scheduled, breaks)
    planned_work = without(scheduled, breaks)
    on_break = united(paused)
    excused = common(united(_excused(permissions)), on_break)
    good = [
        *common(without(planned_work, excused), at_work),
        *common(planned_breaks_in_shift, on_break),
        *common(planned_work, excused),
    ]
    return Figures(
        scheduled=length(scheduled),
        planned_work=length(without(planned_work, excused)),
        worked=length(at_work),
        as_planned=length(united(good)),
    )


def planned_breaks(shifts: Iterable[Shift], permissions: Iterable[Permission]) -> list[Span]:
    """The planned breaks, each where the permission that took it has put it, also when the roster was corrected after
    that. Who is back early has not shortened what was planned."""
    taken = {one.slot: Span(one.begins, one.until) for one in permissions if one.slot is not None}
    found = []
    for shift in joined(shifts):
        took = placed(shift, taken.keys())
        found += [taken[took[slot.begin]] if slot.begin in took else Span(slot.begin, slot.end) for slot in shift.slots]
    return found


def _excused(permissions: Iterable[Permission]) -> list[Span]:
    """Breaks that are no part of the roster and yet as planned, until they ended: a pause after that is another one."""
    return [
        Span(one.begins, min(one.until, one.ended or one.until))
        for one in permissions
        if one.kind == BreakKind.MANAGEMENT or (one.kind == BreakKind.EMERGENCY and one.confirmed)
    ]


# --- sets of spans: in order, apart from each other, none of them empty ------------------------------------


def united(spans: Iterable[tuple[datetime, datetime]]) -> list[Span]:
    """All time that lies in at least one of the spans."""
    found: list[Span] = []
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        if found and begin <= found[-1].end:
            found[-1] = Span(found[-1].begin, max(found[-1].end, end))
        else:
            found.append(Span(begin, end))
    return found


def common(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """All time that lies in both sets."""
    found, i, j = [], 0, 0
    while i < len(one) and j < len(other):
        begin, end = max(one[i].begin, other[j].begin), min(one[i].end, other[j].end)
        if begin < end:
            found.append(Span(begin, end))
        if one[i].end <= other[j].end:
            i += 1
        else:
            j += 1
    return found


def without(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """All time of the first set that does not lie in the second."""
    found = []
    for begin, end in one:
        for taken in other:
            if taken.end <= begin or taken.begin >= end:
                continue
            if begin < taken.begin:
                found.append(Span(begin, taken.begin))
            begin = taken.end
        if begin < end:
            found.append(Span(begin, end))
    return found


def cut(spans: Sequence[Span], within: Span) -> list[Span]:
    return common(spans, [within] if within.begin < within.end else [])


def length(spans: Iterable[Span]) -> timedelta:
    return sum((span.end - span.begin for span in spans), ZERO)
