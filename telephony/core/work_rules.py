"""Whether planned shifts keep to the work rules: every breach, with what would be right.

Sources of the defaults: regulated breaks at a screen, TOI R-45-084-01 (category III: 90 minutes in 8 hours, 140 in 12,
no more than 2 hours without one); meal time, article 108 of Russia's Labour Code (30 minutes to 2 hours, none needed
up to 4 hours of work).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from telephony.core.plan import Plan, Queue, WorkRules
from telephony.core.roster import Shift, Slot, SlotKind, joined
from telephony.core.routing import Requirement
from telephony.core.staff import Operator

NO_LUNCH_UP_TO = timedelta(hours=4)
"""Shifts no longer than this need no meal time."""


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """`who` (an operator's login, or the name of a queue) breaks a rule from `begin` to `end`."""

    scope: Literal["operator", "queue"]
    who: str
    begin: datetime
    end: datetime
    what: str
    right: str


def breaches(plan: Plan, operators: Iterable[Operator], shifts: Sequence[Shift]) -> list[Breach]:
    """All breaches of the work rules and of the share on a break, in order of time."""
    found = [breach for shift in joined(shifts) for breach in shift_breaches(shift, plan.work_rules)]
    people = {operator.login: operator for operator in operators}
    for queue in plan.queues:
        found += share_breaches(queue, serving(queue, people, shifts), plan.breaks.max_on_break_share)
    return sorted(found, key=lambda breach: (breach.begin, breach.scope, breach.who, breach.what))


# --- one shift -----------------------------------------------------------------------------------------------


def shift_breaches(shift: Shift, rules: WorkRules) -> list[Breach]:
    """What one shift with its slots breaks."""
    return [*_too_long_without(shift, rules), *_slot_lengths(shift, rules), *_lunch(shift, rules), *_paid(shift, rules)]


def _breach(shift: Shift, span: Shift | Slot, what: str, right: str) -> Breach:
    return Breach(scope="operator", who=shift.login, begin=span.begin, end=span.end, what=what, right=right)


def _too_long_without(shift: Shift, rules: WorkRules) -> Iterator[Breach]:
    begins = [shift.begin, *(slot.end for slot in shift.slots)]
    ends = [*(slot.begin for slot in shift.slots), shift.end]
    for begin, end in zip(begins, ends, strict=True):
        if (length := minutes(begin, end)) > rules.max_continuous_minutes:
            right = f"at most {rules.max_continuous_minutes} min"
            yield _breach(shift, Slot(begin=begin, end=end), f"{length} min without a break", right)


def _slot_lengths(shift: Shift, rules: WorkRules) -> Iterator[Breach]:
    for slot in shift.slots:
        length = minutes(slot.begin, slot.end)
        if slot.kind is SlotKind.BREAK:
            if length < rules.min_break_minutes:
                yield _breach(shift, slot, f"a break of {length} min", f"at least {rules.min_break_minutes} min")
        elif not rules.lunch_min_minutes <= length <= rules.lunch_max_minutes:
            right = f"{rules.lunch_min_minutes} to {rules.lunch_max_minutes} min"
            yield _breach(shift, slot, f"a lunch of {length} min", right)


def _lunch(shift: Shift, rules: WorkRules) -> Iterator[Breach]:
    lunches = sum(slot.kind is SlotKind.LUNCH for slot in shift.slots)
    if lunches == 0 and shift.end - shift.begin > NO_LUNCH_UP_TO:
        yield _breach(shift, shift, "no lunch", f"one of {rules.lunch_minutes} min")


def _paid(shift: Shift, rules: WorkRules) -> Iterator[Breach]:
    """Both ways: fewer minutes are owed to the operator, more to the center."""
    length = minutes(shift.begin, shift.end)
    planned = sum(minutes(slot.begin, slot.end) for slot in shift.slots if slot.kind is SlotKind.BREAK)
    due = due_break_minutes(length, rules)
    if due is not None and planned != due:
        what = f"{planned} min of paid breaks in {length / 60:g} h"
        yield _breach(shift, shift, what, f"{due} min")


def due_break_minutes(shift_minutes: int, rules: WorkRules) -> int | None:
    """Paid breaks of a shift of this length: those of the longest listed shift that is not longer. None where even the
    shortest listed one is: no rule says."""
    listed = [hours for hours in rules.paid_break_minutes if hours * 60 <= shift_minutes]
    return rules.paid_break_minutes[max(listed)] if listed else None


# --- a queue -------------------------------------------------------------------------------------------------


def serving(queue: Queue, people: dict[str, Operator], shifts: Iterable[Shift]) -> list[Shift]:
    """The shifts of those who may take this queue's callers from the start (overflow not counted)."""
    requirement = Requirement(dict(queue.require))
    return [shift for shift in shifts if shift.login in people and requirement.met_by(people[shift.login])]


def most_on_break(at_work: int, share: int) -> int:
    """How many of `at_work` may be on a break at once: `share` per cent, rounded up, at least one."""
    return max(1, -(-at_work * share // 100))


def share_breaches(queue: Queue, shifts: Iterable[Shift], share: int) -> list[Breach]:
    """Spans during which too many of a queue's operators are planned on a break (lunch too), each with its worst."""
    worst: tuple[int, int] | None = None
    since: datetime | None = None
    found = []
    for at, at_work, on_break in _counts(shifts):
        over = on_break > most_on_break(at_work, share)
        if over and (worst is None or (on_break, -at_work) > (worst[0], -worst[1])):
            worst = on_break, at_work
        if over and since is None:
            since = at
        elif not over and since is not None and worst is not None:
            found.append(_share_breach(queue, since, at, worst, share))
            worst = since = None
    return found


def _share_breach(queue: Queue, begin: datetime, end: datetime, worst: tuple[int, int], share: int) -> Breach:
    on_break, at_work = worst
    what = f"{on_break} of {at_work} on a break at once"
    right = f"at most {most_on_break(at_work, share)} ({share} %)"
    return Breach(scope="queue", who=queue.name, begin=begin, end=end, what=what, right=right)


def _counts(shifts: Iterable[Shift]) -> Iterator[tuple[datetime, int, int]]:
    """(from when, how many are at work, how many of them on a break), at every change. Ends with nobody."""
    changes: dict[datetime, list[int]] = {}
    for shift in shifts:
        changes.setdefault(shift.begin, [0, 0])[0] += 1
        changes.setdefault(shift.end, [0, 0])[0] -= 1
        for slot in shift.slots:
            changes.setdefault(slot.begin, [0, 0])[1] += 1
            changes.setdefault(slot.end, [0, 0])[1] -= 1
    at_work = on_break = 0
    for at, (more_work, more_breaks) in sorted(changes.items()):
        at_work += more_work
        on_break += more_breaks
        yield at, at_work, on_break


def minutes(begin: datetime, end: datetime) -> int:
    return int((end - begin).total_seconds()) // 60
