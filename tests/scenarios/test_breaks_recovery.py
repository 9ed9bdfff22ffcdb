"""Breaks, permissions and orders survive the death of the router."""

from __future__ import annotations

from datetime import timedelta

import pytest

from telephony.core.break_facts import (
    BreakKind,
    Verdict,
)
from telephony.core.commands import LogOut, TakeBreak
from telephony.testing.story import Story
from tests.scenarios.break_center import (
    BREAK_PLAN,
    MANAGEMENT,
    anna_at_work,
    how_it_ended,
    it_is,
    last_answer,
    order,
)
from tests.scenarios.small_center import NewStory


@pytest.fixture
def story(new_story: NewStory) -> Story:
    return new_story(BREAK_PLAN)


# -- the router dies


def test_a_break_goes_on_through_a_restart_and_ends_in_time(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    until = anna.interval.until
    story.restart_router(after=20)
    assert anna.state == "break"
    assert story.pbx.native.members["anna"].paused
    story.passes(minutes=16)
    assert anna.state == "ready"
    assert anna.interval.since == until
    assert anna.asks_break() == "refused-not-in-slot"
    assert anna.states == ["ready", "break", "ready"]


def test_a_break_that_ended_while_nobody_lived_ended_at_its_time(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    until = anna.interval.until
    story.restart_router(after=1200)
    assert anna.state == "ready"
    assert anna.interval.since == until
    assert not story.pbx.native.members["anna"].paused
    assert anna.rings_for(story.calls("1302"))


def test_a_deferred_break_survives(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    caller = story.calls("1302")
    anna.answers()
    anna.asks_break()
    story.restart_router()
    assert anna.state == "talking"
    story.passes(minutes=10)
    caller.hangs_up()
    assert anna.state == "break"
    assert anna.interval.until == anna.interval.since + timedelta(minutes=15)


def test_a_used_slot_stays_used_and_an_order_holds(story: Story) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    it_is(story, "0:10")
    anna.asks_break()
    anna.comes_back()
    order(story, olga, "anna", at_once=False)
    story.restart_router()
    assert anna.asks_break() == "refused-slot-used"
    assert anna.asks_break(MANAGEMENT) == "break-granted"


def test_a_break_given_up_by_a_killed_router_is_not_confirmed(story: Story) -> None:
    """What was not committed was not spoken either."""
    anna = anna_at_work(story)
    it_is(story, "0:10")
    story.tell(TakeBreak(command="c", kind=BreakKind.TECHNICAL, login="anna"))
    assert "c" not in story.life.replies
    story.kill_router()
    story.passes(1)
    story.start_router()
    assert anna.state == "ready"
    assert anna.asks_break() == "break-granted"


def test_who_logs_out_by_another_door_leaves_no_permission(story: Story) -> None:
    anna_at_work(story)
    order(story, story.operator("olga"), "anna")
    story.asks(lambda name: LogOut(command=name, login="anna"))
    assert how_it_ended(story) == ["offline"]
    assert last_answer(story, "anna").verdict is Verdict.GRANTED
