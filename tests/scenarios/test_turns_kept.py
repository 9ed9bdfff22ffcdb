"""Turns that are kept for missed breaks: until a place is free, as the roster has them then, around other breaks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from telephony.core.break_facts import ClaimEnded, PermissionGiven
from telephony.testing.people import Operator
from telephony.testing.story import Story
from tests.scenarios.break_center import (
    BREAK_PLAN,
    EMERGENCY,
    anna_at_work,
    anna_waits_for_a_place,
    it_is,
    last_said,
    order,
    three_on_one_slot,
    waits_for_break,
)
from tests.scenarios.small_center import NewStory


@pytest.fixture
def story(new_story: NewStory) -> Story:
    return new_story(BREAK_PLAN)


def how_turns_ended(story: Story) -> list[str]:
    story.journal.commit()
    return [ended.how for ended in story.log.breaks.of(ClaimEnded)]


# -- whose


@pytest.mark.parametrize("asks_in_the_call", [False, True])
def test_a_short_call_at_the_begin_of_the_break_takes_none_of_it(story: Story, *, asks_in_the_call: bool) -> None:
    """It is over while the break could still begin, were there a place."""
    anna, boris, _ = three_on_one_slot(story)
    caller = story.calls("1302")
    anna.answers()
    assert boris.asks_break() == "break-granted"
    story.passes(30)
    if not asks_in_the_call:
        caller.hangs_up()
    assert anna.asks_break() == "break-waits"
    caller.hangs_up()
    it_is(story, "0:14")
    boris.comes_back()
    assert (anna.state, anna.interval.reason) == ("break", "technical")


def test_a_short_call_lets_them_ask_as_long_after_it_as_a_long_one(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    caller = story.calls("1302")
    anna.answers()
    story.passes(90)
    caller.hangs_up()
    it_is(story, "0:13")
    assert anna.asks_break() == "break-granted"


def test_who_waits_for_a_place_is_told_so_when_they_ask_for_their_state(story: Story) -> None:
    anna, boris = anna_waits_for_a_place(story)
    story.passes(10)
    assert anna.asks_state() == "state-ready"
    assert last_said(story) == ("state-ready", "break-waits")
    boris.comes_back()
    assert anna.asks_state() == "state-break"
    assert last_said(story)[:2] == ("state-break", "break-until")


def test_while_it_rings_the_call_comes_first(story: Story) -> None:
    anna, boris, _ = three_on_one_slot(story)
    assert boris.asks_break() == "break-granted"
    caller = story.calls("1302")
    assert anna.asks_break() == "refused-ringing"
    assert anna.rings_for(caller)


def test_for_want_of_a_place_alone_no_turn_is_kept(story: Story) -> None:
    anna, boris, _ = three_on_one_slot(story)
    boris.asks_break()
    assert anna.asks_break() == "refused-cap"
    it_is(story, "0:13")
    boris.comes_back()
    assert anna.asks_break() == "refused-not-in-slot"


# -- and the roster


def test_a_turn_ends_with_the_shift(story: Story) -> None:
    anna, boris = anna_waits_for_a_place(story)
    story.shift("anna", "0:00", "0:30", "0:10-0:25")
    story.shift("boris", "0:00", "8:00", "0:16-1:00")
    it_is(story, "0:30")
    boris.comes_back()
    assert anna.state == "ready"
    assert how_turns_ended(story) == ["lapsed"]
    assert anna.asks_break() == "refused-not-in-shift"


@pytest.mark.parametrize("restart", [False, True])
def test_a_shift_that_was_cut_short_cuts_the_turn_too(story: Story, *, restart: bool) -> None:
    anna, boris = anna_waits_for_a_place(story)
    story.shift("anna", "0:00", "0:20", "0:10-0:13")
    if restart:
        story.restart_router()
    it_is(story, "0:22")
    boris.comes_back()
    assert anna.state == "ready"
    assert how_turns_ended(story) == ["lapsed"]


@pytest.mark.parametrize("restart", [False, True])
def test_the_break_is_as_long_as_the_roster_has_it_now(story: Story, *, restart: bool) -> None:
    anna, boris = anna_waits_for_a_place(story)
    story.shift("anna", "0:00", "8:00", "0:10-0:18", "2:00-2:15")
    if restart:
        story.restart_router()
    boris.comes_back()
    assert anna.state == "break"
    assert anna.interval.until == anna.interval.since + timedelta(minutes=8)


def test_a_shift_that_was_made_longer_lets_them_wait_longer(story: Story) -> None:
    anna, boris = anna_waits_for_a_place(story)
    story.shift("boris", "0:00", "8:00", "0:16-1:00")
    story.shift("anna", "0:00", "0:20", "0:10-0:15")
    story.shift("anna", "0:00", "8:00", "0:10-0:25")
    it_is(story, "0:25")
    boris.comes_back()
    assert anna.state == "break"


# -- and other queues


def test_who_needs_a_place_in_two_queues_keeps_none_from_those_who_need_one(story: Story) -> None:
    anna, boris = story.operator("anna", booking=1, children=5), story.operator("boris", booking=1)
    vera = story.operator("vera", children=5)
    story.shift("anna", "0:00", "8:00", "0:10-0:25")
    story.shift("boris", "0:00", "8:00", "0:40-0:55")
    story.shift("vera", "0:00", "8:00", "0:14-2:00")
    anna.logs_in("phone01")
    it_is(story, "0:05")
    caller = story.calls("1300")
    anna.answers()
    boris.logs_in("phone02")
    vera.logs_in("phone03")
    it_is(story, "0:14")
    assert vera.asks_break() == "break-granted"
    it_is(story, "0:16")
    caller.hangs_up()
    assert anna.asks_break() == "break-waits"  # for the children's queue, which vera has left
    it_is(story, "0:40")
    assert boris.asks_break() == "break-granted"
    vera.comes_back()
    assert anna.state != "break"  # now it is the booking queue that has no place
    boris.comes_back()
    assert anna.state == "break"


# -- and other breaks


def test_an_order_in_between_takes_no_turn(story: Story) -> None:
    anna, boris = anna_waits_for_a_place(story)
    order(story, story.operator("olga"), "anna", minutes=2)
    assert anna.interval.reason == "management"
    story.passes(minutes=2)
    assert anna.state == "ready"
    boris.comes_back()
    assert (anna.state, anna.interval.reason) == ("break", "technical")
    assert how_turns_ended(story) == ["given"]


@pytest.mark.parametrize("restart", [False, True])
def test_a_place_that_comes_free_during_an_emergency_is_taken_after_it(story: Story, *, restart: bool) -> None:
    anna, boris = anna_waits_for_a_place(story)
    assert anna.asks_break(EMERGENCY, "1") == "break-granted"
    boris.comes_back()
    assert anna.interval.reason == "emergency"
    if restart:
        story.restart_router()
    story.passes(minutes=15)
    assert (anna.state, anna.interval.reason) == ("break", "technical")
    assert anna.interval.until == anna.interval.since + timedelta(minutes=15)


def test_who_ends_the_other_break_early_is_told_of_the_one_that_waited(story: Story) -> None:
    anna, boris = anna_waits_for_a_place(story)
    anna.asks_break(EMERGENCY, "1")
    boris.comes_back()
    assert anna.comes_back() == "break-granted"
    assert last_said(story) == ("break-granted", "break-until", "hour-19", "minute-31")
    assert anna.comes_back() == "you-are-ready"
    assert anna.state == "ready"


def a_break_displaced(story: Story) -> Operator:
    """Anna's planned break was to begin after the call; now it is an emergency."""
    anna = anna_at_work(story)
    it_is(story, "0:09")
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:14")
    assert anna.asks_break() == "break-deferred"
    assert anna.asks_break(EMERGENCY, "1") == "break-deferred"
    it_is(story, "0:20")
    caller.hangs_up()
    assert anna.interval.reason == "emergency"
    return anna


@pytest.mark.parametrize("restart", [False, True])
def test_a_break_after_the_call_comes_after_the_emergency_that_went_before_it(story: Story, *, restart: bool) -> None:
    anna = a_break_displaced(story)
    if restart:
        story.restart_router()
    story.passes(minutes=15)
    assert (anna.state, anna.interval.reason) == ("break", "technical")
    assert story.log.breaks.of(PermissionGiven, "anna")[-1].slot == story.shifts[0].slots[0].begin
    assert anna.interval.until == anna.interval.since + timedelta(minutes=15)
    assert how_turns_ended(story) == ["given"]


def test_taking_the_wish_back_in_the_call_takes_back_both(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    caller = story.calls("1302")
    anna.answers()
    anna.asks_break()
    anna.asks_break(EMERGENCY, "1")
    assert anna.comes_back() == "break-cancelled"
    assert not waits_for_break(story, "anna")
    caller.hangs_up()
    story.passes(6)
    assert anna.state == "ready"
    assert how_turns_ended(story) == ["withdrawn"]
