"""The work rules: every breach with when, what, and what would be right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.core.plan import BreakRules, Plan, Queue, WorkRules
from telephony.core.roster import Shift, Slot, SlotKind
from telephony.core.staff import Operator
from telephony.core.work_rules import breaches, due_break_minutes, most_on_break, shift_breaches

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
RULES = WorkRules()


def at(clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return MIDNIGHT + timedelta(hours=int(hours), minutes=int(minutes))


def slots(*listed: str) -> tuple[Slot, ...]:
    """`10:00-10:15` a break, `lunch 13:00-14:00` a lunch."""
    found = []
    for text in listed:
        begin, end = text.removeprefix("lunch ").split("-")
        kind = SlotKind.LUNCH if text.startswith("lunch") else SlotKind.BREAK
        found.append(Slot(begin=at(begin), end=at(end), kind=kind))
    return tuple(found)


def shift(begin: str, end: str, *listed: str, login: str = "anna") -> Shift:
    return Shift(login=login, begin=at(begin), end=at(end), slots=slots(*listed))


GOOD = ("10:00-10:20", "11:30-11:50", "lunch 13:00-14:00", "15:30-15:55", "17:00-17:25")
"""Of a shift from 9:00 to 18:00: 90 minutes of paid breaks."""


def told(one: Shift, rules: WorkRules = RULES) -> list[str]:
    return [
        f"{breach.begin:%H:%M}-{breach.end:%H:%M} {breach.what}; {breach.right}"
        for breach in shift_breaches(one, rules)
    ]


def test_a_shift_by_the_rules_has_no_breach() -> None:
    assert told(shift("9:00", "18:00", *GOOD)) == []


def test_all_breaches_of_a_shift_are_told() -> None:
    assert told(shift("9:00", "18:00", "10:00-10:05", "lunch 13:00-13:20")) == [
        "10:05-13:00 175 min without a break; at most 120 min",
        "13:20-18:00 280 min without a break; at most 120 min",
        "10:00-10:05 a break of 5 min; at least 10 min",
        "13:00-13:20 a lunch of 20 min; 30 to 120 min",
        "09:00-18:00 5 min of paid breaks in 9 h; 90 min",
    ]


def test_more_paid_breaks_than_due_are_a_breach_too() -> None:
    assert told(shift("9:00", "18:00", *GOOD[:-1], "17:00-17:40")) == [
        "09:00-18:00 105 min of paid breaks in 9 h; 90 min"
    ]


def test_shifts_that_follow_each_other_are_checked_as_one() -> None:
    """Each for itself would need no lunch, and nobody sees the time without a break where they meet."""
    vera = [
        shift("14:00", "18:00", "15:50-16:10", login="vera"),
        shift("8:00", "14:00", "9:40-10:00", "lunch 12:00-12:30", login="vera"),
        shift("18:05", "20:00", login="vera"),
        shift("18:00", "20:00", login="boris"),
    ]
    found = [(one.who, f"{one.begin:%H:%M}-{one.end:%H:%M} {one.what}") for one in breaches(Plan(), [], vera)]
    assert found == [
        ("vera", "08:00-18:00 40 min of paid breaks in 10 h"),
        ("vera", "12:30-15:50 200 min without a break"),
    ]


def test_a_long_shift_without_lunch() -> None:
    without = tuple(slot for slot in GOOD if "lunch" not in slot)
    assert "09:00-18:00 no lunch; one of 60 min" in told(shift("9:00", "18:00", *without))


def test_a_short_shift_needs_no_lunch_and_no_share_of_paid_breaks() -> None:
    assert told(shift("9:00", "13:00", "11:00-11:10")) == []


@pytest.mark.parametrize(("minutes", "due"), [(479, None), (480, 90), (540, 90), (719, 90), (720, 140), (1440, 140)])
def test_paid_breaks_by_the_length_of_the_shift(minutes: int, due: int | None) -> None:
    assert due_break_minutes(minutes, RULES) == due


@pytest.mark.parametrize(("at_work", "most"), [(1, 1), (6, 1), (7, 2), (13, 2), (14, 3), (20, 3), (21, 4), (100, 15)])
def test_the_share_is_rounded_up_and_is_never_nobody(at_work: int, most: int) -> None:
    assert most_on_break(at_work, 15) == most


BOOKING = Queue(name="booking", label="Booking", require={"booking": 2})
PLAN = Plan(queues=(BOOKING,), breaks=BreakRules(max_on_break_share=15))


def crew(count: int, level: int = 2) -> list[Operator]:
    return [Operator(login=f"o{n}", name=f"O{n}", extension=f"1{n}", skills={"booking": level}) for n in range(count)]


def of_queue(operators: list[Operator], shifts: list[Shift]) -> list[str]:
    return [
        f"{breach.who} {breach.begin:%H:%M}-{breach.end:%H:%M} {breach.what}; {breach.right}"
        for breach in breaches(PLAN, operators, shifts)
        if breach.scope == "queue"
    ]


def test_too_many_of_a_queue_on_a_break_at_once() -> None:
    people = crew(3)
    shifts = [
        shift("9:00", "18:00", "10:00-10:30", login="o0"),
        shift("9:00", "18:00", "10:10-10:40", login="o1"),
        shift("9:00", "18:00", "10:20-10:50", login="o2"),
    ]
    assert of_queue(people, shifts) == ["booking 10:10-10:40 3 of 3 on a break at once; at most 1 (15 %)"]


def test_breaks_that_follow_each_other_are_no_breach() -> None:
    shifts = [
        shift("9:00", "18:00", "10:00-10:10", login="o0"),
        shift("9:00", "18:00", "10:10-10:20", login="o1"),
    ]
    assert of_queue(crew(2), shifts) == []


def test_only_those_count_who_may_serve_the_queue_and_are_at_work() -> None:
    both = [shift("9:00", "18:00", "10:00-10:30", login=login) for login in ("o0", "o1")]
    assert of_queue(crew(2), both) != []
    assert of_queue([*crew(1), *crew(2, level=1)[1:]], both) == [], "o1 lacks the level"
    assert of_queue(crew(7), [*both, *(shift("9:00", "18:00", login=f"o{n}") for n in range(2, 7))]) == []
    late = [shift("12:00", "20:00", login=f"o{n}") for n in range(2, 7)]
    assert of_queue(crew(7), [*both, *late]) != [], "they come when the break is over"


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 30)), max_size=12), st.integers(1, 100))
def test_a_breach_is_told_exactly_where_a_count_of_every_minute_finds_one(
    breaks: list[tuple[int, int]], share: int
) -> None:
    shifts = [
        Shift(
            login=f"o{n}",
            begin=MIDNIGHT,
            end=MIDNIGHT + timedelta(minutes=120),
            slots=(Slot(begin=MIDNIGHT + timedelta(minutes=first), end=MIDNIGHT + timedelta(minutes=first + length)),),
        )
        for n, (first, length) in enumerate(breaks)
    ]
    plan = Plan(queues=(BOOKING,), breaks=BreakRules(max_on_break_share=share))
    found = [breach for breach in breaches(plan, crew(len(breaks)), shifts) if breach.scope == "queue"]
    for minute in range(130):
        moment = MIDNIGHT + timedelta(minutes=minute)
        away = sum(first <= minute < first + length for first, length in breaks)
        at_work = len(breaks) if minute < 120 else 0
        over = away > max(1, -(-at_work * share // 100))
        assert over == any(breach.begin <= moment < breach.end for breach in found)
