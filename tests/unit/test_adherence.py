"""Adherence and conformance: the field's own example, what counts as planned, and what must always hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.core.roster import Shift, Slot
from telephony.kpi.adherence import Figures, Span, common, length, measure, united, without

DAY = datetime(2026, 3, 2, tzinfo=UTC)
WHOLE_DAY = Span(DAY, DAY + timedelta(days=1))
EVENING = DAY + timedelta(hours=23)


def at(clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return DAY + timedelta(hours=int(hours), minutes=int(minutes))


@dataclass
class Was:
    state: str
    since: datetime
    ended: datetime | None
    permission: str | None = None


@dataclass
class May:
    kind: str
    begins: datetime
    until: datetime
    slot: datetime | None = None
    confirmed: bool | None = None
    ended: datetime | None = None
    how: str | None = None
    id: str = ""


def was(state: str, begin: str, end: str | None, permission: str | None = None) -> Was:
    return Was(state, at(begin), None if end is None else at(end), permission)


def shift(begin: str, end: str, *slots: tuple[str, str]) -> Shift:
    planned = tuple(Slot(begin=at(first), end=at(last)) for first, last in slots)
    return Shift(login="anna", begin=at(begin), end=at(end), slots=planned)


def figures(shifts: list[Shift], states: list[Was], may: list[May] | None = None, now: datetime = EVENING) -> Figures:
    return measure(shifts, states, may or [], WHOLE_DAY, now)


def test_a_quarter_of_an_hour_late_and_stayed_as_long() -> None:
    """The example of the field: 75 % and 100 %."""
    found = figures([shift("9:00", "10:00")], [was("ready", "9:15", "10:15")])
    assert (found.adherence, found.conformance) == (0.75, 1.0)


def test_who_follows_the_plan_with_its_breaks_has_all() -> None:
    found = figures(
        [shift("9:00", "12:00", ("10:00", "10:15"))],
        [was("ready", "9:00", "9:30"), was("talking", "9:30", "10:00"), was("break", "10:00", "10:15"),
         was("wrap_up", "10:15", "10:20"), was("on_hold", "10:20", "11:00"), was("ringing", "11:00", "12:00")],
    )  # fmt: skip
    assert (found.adherence, found.conformance) == (1.0, 1.0)


def test_working_through_the_break_is_not_as_planned_and_counts_as_work() -> None:
    found = figures([shift("9:00", "10:00", ("9:30", "9:40"))], [was("ready", "9:00", "10:00")])
    assert found.adherence == pytest.approx(50 / 60)
    assert found.conformance == pytest.approx(60 / 50)


def test_a_break_without_permission_and_a_phone_that_is_away_are_not_as_planned() -> None:
    found = figures(
        [shift("9:00", "10:00")],
        [was("ready", "9:00", "9:30"), was("break", "9:30", "9:45"), was("unreachable", "9:45", "10:00")],
    )
    assert (found.adherence, found.conformance) == (0.5, 0.5)


def test_a_break_moved_behind_a_long_call_is_where_the_permission_put_it() -> None:
    moved = May("technical", at("9:40"), at("9:50"), slot=at("9:30"))
    found = figures(
        [shift("9:00", "10:00", ("9:30", "9:40"))],
        [was("talking", "9:00", "9:40"), was("break", "9:40", "9:50"), was("ready", "9:50", "10:00")],
        [moved],
    )
    assert (found.adherence, found.conformance) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("may", "adherence"),
    [
        (May("management", at("9:30"), at("9:45")), 1.0),
        (May("emergency", at("9:30"), at("9:45"), confirmed=True), 1.0),
        (May("emergency", at("9:30"), at("9:45"), confirmed=False), 0.75),
        (May("emergency", at("9:30"), at("9:45")), 0.75),
    ],
)
def test_a_break_by_order_or_a_confirmed_emergency_is_as_planned(may: May, adherence: float) -> None:
    states = [was("ready", "9:00", "9:30"), was("break", "9:30", "9:45"), was("ready", "9:45", "10:00")]
    assert figures([shift("9:00", "10:00")], states, [may]).adherence == adherence


@pytest.mark.parametrize(("confirmed", "good"), [(True, 60), (False, 45), (None, 45)])
def test_only_a_confirmed_emergency_stands_for_the_planned_break_that_it_displaced(
    confirmed: bool | None, good: int
) -> None:
    planned = May("technical", at("9:00"), at("9:20"), slot=at("9:00"), ended=at("9:05"), how="used", id="p1")
    emergency = May("emergency", at("9:05"), at("9:20"), ended=at("9:20"), how="over", confirmed=confirmed, id="p2")
    states = [
        was("break", "9:00", "9:05", "p1"), was("break", "9:05", "9:20", "p2"), was("ready", "9:20", "10:00"),
    ]  # fmt: skip
    found = figures([shift("9:00", "10:00", ("9:00", "9:20"))], states, [planned, emergency])
    assert found.adherence == pytest.approx(good / 60)


def test_an_order_excuses_no_pause_after_its_own_has_ended() -> None:
    """Back at 9:10 from an order until 10:00; at 9:30 an emergency of a quarter of an hour, which is rejected."""
    states = [
        was("break", "9:00", "9:10"), was("ready", "9:10", "9:30"), was("break", "9:30", "9:45"),
        was("ready", "9:45", "10:00"),
    ]  # fmt: skip
    order = May("management", at("9:00"), at("10:00"), ended=at("9:10"), how="used")
    emergency = May("emergency", at("9:30"), at("9:40"), ended=at("9:45"), how="over", confirmed=False)
    found = figures([shift("9:00", "10:00")], states, [order, emergency])
    assert found.adherence == pytest.approx(45 / 60)
    assert found.planned_work == timedelta(minutes=50)
    assert found.conformance == pytest.approx(35 / 50)


@pytest.mark.parametrize("kind", ["management", "emergency"])
def test_a_permission_that_was_not_used_excuses_nothing(kind: str) -> None:
    """Asked for in a call, and taken back before its end."""
    unused = May(kind, at("9:10"), at("9:50"), confirmed=True, ended=at("9:45"), how="unused")
    states = [was("talking", "9:00", "9:30"), was("break", "9:30", "9:45"), was("ready", "9:45", "10:00")]
    assert figures([shift("9:00", "10:00")], states, [unused]).adherence == 0.75


def test_a_permission_that_was_not_used_moves_no_planned_break() -> None:
    unused = May("technical", at("9:40"), at("9:50"), slot=at("9:30"), ended=at("9:45"), how="unused")
    states = [was("ready", "9:00", "9:30"), was("break", "9:30", "9:40"), was("ready", "9:40", "10:00")]
    assert figures([shift("9:00", "10:00", ("9:30", "9:40"))], states, [unused]).adherence == 1.0


def test_a_break_taken_with_permission_stays_as_planned_when_the_roster_is_corrected_afterwards() -> None:
    taken = May("technical", at("9:15"), at("9:25"), slot=at("9:15"), ended=at("9:25"), how="over")
    states = [was("ready", "9:00", "9:15"), was("break", "9:15", "9:25"), was("ready", "9:25", "10:00")]
    assert figures([shift("9:00", "10:00", ("9:40", "9:50"))], states, [taken]).adherence == 1.0


def test_what_is_still_to_come_is_not_yet_scheduled() -> None:
    found = figures([shift("9:00", "17:00")], [was("ready", "9:00", None)], now=at("10:00"))
    assert (found.scheduled, found.adherence) == (timedelta(hours=1), 1.0)


def test_nobody_planned_nothing_to_adhere_to() -> None:
    found = figures([], [was("ready", "9:00", "10:00")])
    assert (found.adherence, found.conformance, found.worked) == (None, None, timedelta(hours=1))


minutes = st.integers(0, 24 * 60).map(lambda n: DAY + timedelta(minutes=n))
spans = st.lists(st.tuples(minutes, minutes), max_size=6).map(united)


def in_turn(found: list[tuple[str, datetime]]) -> list[Was]:
    """Each state ends where the next begins; the last goes on."""
    ordered = sorted(found, key=lambda one: one[1])
    ends = [*(since for _, since in ordered[1:]), None]
    return [Was(state, since, ended) for (state, since), ended in zip(ordered, ends, strict=False)]


states = st.lists(st.tuples(st.sampled_from(["ready", "talking", "break", "unreachable"]), minutes)).map(in_turn)
shifts = spans.map(lambda found: [Shift(login="anna", begin=begin, end=end) for begin, end in found])
permissions = st.lists(
    st.builds(May, kind=st.sampled_from(["technical", "management", "emergency"]), begins=minutes, until=minutes,
              slot=st.none() | minutes, confirmed=st.none() | st.booleans(), ended=st.none() | minutes,
              how=st.none() | st.sampled_from(["used", "unused"])),
    max_size=3,
)  # fmt: skip


@given(shifts, states, permissions)
def test_adherence_is_a_share_and_work_is_within_the_day(
    shifts: list[Shift], states: list[Was], may: list[May]
) -> None:
    found = figures(shifts, states, may)
    assert timedelta() <= found.as_planned <= found.scheduled
    assert timedelta() <= found.planned_work <= found.scheduled
    assert found.worked <= timedelta(days=1)
    assert found.adherence is None or 0 <= found.adherence <= 1


@given(shifts, states, permissions, minutes)
def test_a_day_is_the_sum_of_its_parts(shifts: list[Shift], states: list[Was], may: list[May], noon: datetime) -> None:
    morning = measure(shifts, states, may, Span(DAY, noon), EVENING)
    afternoon = measure(shifts, states, may, Span(noon, WHOLE_DAY.end), EVENING)
    assert morning + afternoon == figures(shifts, states, may)


@given(shifts)
def test_who_works_exactly_the_shift_has_both_whole(shifts: list[Shift]) -> None:
    found = figures(shifts, [Was("ready", shift.begin, shift.end) for shift in shifts], now=WHOLE_DAY.end)
    if found.scheduled:
        assert (found.adherence, found.conformance) == (1.0, 1.0)


@given(spans, spans)
def test_what_is_common_and_what_is_left_make_the_whole(one: list[Span], other: list[Span]) -> None:
    assert length(common(one, other)) + length(without(one, other)) == length(one)
    assert common(one, other) == common(other, one)
    assert united([*common(one, other), *without(one, other)]) == one
