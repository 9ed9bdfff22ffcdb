"""Breaks that began late, because of callers or for want of a place, and the planned ones after them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from telephony.testing.people import Operator
from telephony.testing.story import Story
from tests.scenarios.break_center import (
    BREAK_PLAN,
    anna_at_work,
    anna_stays_for_boris,
    anna_waits_for_a_place,
    how_it_ended,
    it_is,
    last_said,
)
from tests.scenarios.small_center import NewStory


@pytest.fixture
def story(new_story: NewStory) -> Story:
    return new_story(BREAK_PLAN)


def it_is_over(story: Story, operator: Operator) -> None:
    """The break that they are on."""
    assert operator.interval.until is not None
    story.passes((operator.interval.until - story.clock.now()).total_seconds() + 1)
    assert operator.state == "ready"


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(("later", "answer"), [(90, "break-granted"), (150, "refused-not-in-slot")])
def test_a_lunch_that_a_call_moved_over_the_next_break_moves_that_one_too(
    story: Story, later: int, answer: str, *, restart: bool
) -> None:
    anna = anna_at_work(story, "1:00-2:00", "2:15-2:30")
    it_is(story, "0:59")
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "1:20")
    caller.hangs_up()
    assert anna.asks_break() == "break-granted"
    it_is(story, "2:20")
    story.passes(5)
    assert anna.state == "ready"
    if restart:
        story.restart_router()
    story.passes(later)
    assert anna.asks_break() == answer


@pytest.mark.parametrize("restart", [False, True])
def test_of_two_breaks_missed_in_one_call_the_second_comes_after_the_first(story: Story, *, restart: bool) -> None:
    anna = anna_at_work(story, "0:10-0:25", "0:40-0:55", "0:57-1:02")
    it_is(story, "0:09")
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:45")
    caller.hangs_up()
    for _ in range(3):
        assert anna.asks_break() == "break-granted"
        it_is_over(story, anna)
        if restart:
            story.restart_router()
    assert anna.asks_break() == "refused-not-in-slot"


def test_a_break_that_ended_while_nobody_lived_has_moved_the_next_one(story: Story) -> None:
    anna = anna_at_work(story, "0:10-0:25", "0:35-0:50")
    it_is(story, "0:09")
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:24")
    caller.hangs_up()
    assert anna.asks_break() == "break-granted"
    it_is(story, "0:38")
    story.restart_router(after=90)
    assert anna.asks_break() == "break-granted"


@pytest.mark.parametrize("restart", [False, True])
def test_a_break_in_its_time_moves_none(story: Story, *, restart: bool) -> None:
    anna = anna_at_work(story, "0:10-0:25", "0:26-0:31")
    it_is(story, "0:11")
    assert anna.asks_break() == "break-granted"
    it_is_over(story, anna)
    if restart:
        story.restart_router()
    it_is(story, "0:28")
    story.passes(5)
    assert anna.asks_break() == "refused-not-in-slot"


@pytest.mark.parametrize("restart", [False, True])
def test_nor_does_a_late_one_bring_back_what_was_let_go_before_it(story: Story, *, restart: bool) -> None:
    anna = anna_at_work(story, "0:10-0:11", "0:12-0:25")
    it_is(story, "0:13")
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:30")
    caller.hangs_up()
    assert anna.asks_break() == "break-granted"
    it_is_over(story, anna)
    if restart:
        story.restart_router()
    assert anna.asks_break() != "break-granted"


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("second", ["0:26-0:30", "0:40-0:55"], ids=["while they waited", "on the late one"])
def test_what_came_due_behind_a_break_that_waited_for_a_place_comes_after_it(
    story: Story, second: str, *, restart: bool
) -> None:
    anna, _ = anna_waits_for_a_place(story)
    story.shift("anna", "0:00", "8:00", "0:10-0:25", second)
    it_is(story, "0:32")
    assert anna.state == "break"
    it_is_over(story, anna)
    if restart:
        story.restart_router()
    assert anna.asks_break() == "break-granted"


def test_a_break_after_a_call_that_reaches_into_the_next_shift_is_not_lost(story: Story) -> None:
    """No gap lies between the two: they are one."""
    anna = anna_stays_for_boris(story, "0:40-0:55")
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:41")
    assert anna.asks_break() == "break-deferred"
    it_is(story, "1:02")
    caller.hangs_up()
    assert anna.state == "break"


def in_a_call_of_her_own(story: Story) -> Operator:
    """Asks in it for the break at 0:10."""
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.dials("201")
    story.telephone("doctor01").answers()
    assert anna.asks_break() == "break-deferred"
    return anna


def with_boris_in_a_talk(story: Story) -> tuple[Operator, Operator]:
    """With a caller; Anna, a senior, is free, and her break is near."""
    anna, boris = anna_at_work(story), story.operator("boris", paid=1)
    story.operator("anna", booking=1, senior=1)
    boris.logs_in("phone02")
    it_is(story, "0:09")
    story.calls("1304")
    boris.answers()
    return anna, boris


@pytest.mark.parametrize(("until", "state"), [("0:11", "break"), ("0:13", "ready")])
def test_a_call_of_ones_own_puts_off_no_break(story: Story, until: str, state: str) -> None:
    anna = in_a_call_of_her_own(story)
    it_is(story, until)
    anna.hangs_up()
    assert anna.state == state
    assert how_it_ended(story) == ([] if state == "break" else ["unused"])


def test_they_are_told_by_when_that_must_be_over(story: Story) -> None:
    in_a_call_of_her_own(story)
    assert last_said(story) == ("break-deferred", "break-begin-by", "hour-19", "minute-12")
    (reply,) = [one for one in story.life.replies.values() if one.code == "break-deferred"]
    assert reply.text == "begins after the call, if that is over by 2030-01-07 19:12"


def is_asked(story: Story, anna: Operator, boris: Operator) -> None:
    """By a colleague, for his caller."""
    boris.consults("2001")
    anna.answers()


def is_called(story: Story, anna: Operator, boris: Operator) -> None:
    """By a colleague without a caller."""
    boris.hangs_up()
    story.passes(6)
    boris.dials("2001")
    anna.answers()


def helps(story: Story, anna: Operator, boris: Operator) -> None:
    boris.presses("**")
    anna.helps("listen")


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("busy", [is_asked, is_called, helps])
def test_a_call_whose_length_is_not_their_choice_takes_no_break_away(
    story: Story, busy: Callable[[Story, Operator, Operator], None], *, restart: bool
) -> None:
    anna, boris = with_boris_in_a_talk(story)
    busy(story, anna, boris)
    it_is(story, "0:10")
    assert anna.asks_break() == "break-deferred"
    assert last_said(story) == ("break-deferred",)
    it_is(story, "0:20")
    if restart:
        story.restart_router()
    if anna.talking:
        anna.hangs_up()
    assert anna.state == "break"


def test_nor_does_one_that_a_caller_has_joined_then(story: Story) -> None:
    anna, boris = with_boris_in_a_talk(story)
    is_asked(story, anna, boris)
    it_is(story, "0:10")
    assert anna.asks_break() == "break-deferred"
    it_is(story, "0:13")
    boris.completes_transfer()
    it_is(story, "0:20")
    anna.hangs_up()
    assert anna.state == "break"


def test_nor_what_the_operator_goes_on_with_when_the_caller_has_left(story: Story) -> None:
    anna = anna_at_work(story)
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:11")
    assert anna.asks_break() == "break-deferred"
    anna.consults("201")
    story.telephone("doctor01").answers()
    it_is(story, "0:20")
    caller.hangs_up()
    it_is(story, "0:23")
    anna.hangs_up()
    assert anna.state == "ready"


def test_who_ends_that_soon_after_the_caller_has_it_then(story: Story) -> None:
    anna = anna_at_work(story)
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:11")
    assert anna.asks_break() == "break-deferred"
    anna.consults("201")
    story.telephone("doctor01").answers()
    it_is(story, "0:20")
    caller.hangs_up()
    it_is(story, "0:21")
    anna.hangs_up()
    assert anna.state == "break"
