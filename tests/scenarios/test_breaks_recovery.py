"""Breaks, permissions and orders survive the death of the router."""

from __future__ import annotations

from datetime import timedelta

import pytest

from telephony.core.break_facts import (
    BreakKind,
    Verdict,
    ViolationKind,
)
from telephony.core.commands import LogOut, TakeBreak
from telephony.testing.parts import Bridge, Channel
from telephony.testing.people import Operator
from telephony.testing.story import Story
from tests.scenarios.break_center import (
    BREAK_PLAN,
    EMERGENCY,
    MANAGEMENT,
    anna_at_work,
    anna_waits_for_a_place,
    how_it_ended,
    it_is,
    last_answer,
    order,
    violations,
    waits_for_break,
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


# -- a break that has begun, and a call in it


def test_who_picks_up_as_an_emergency_begins_has_one_pause_however_often_we_restart(story: Story) -> None:
    """The router dies before the ring is called off. What has begun ends at its time, in the call or out of it."""
    anna = anna_at_work(story)
    caller = story.calls("1302")
    ring = anna.ringing
    assert ring is not None
    with story.at_once():
        story.tell(TakeBreak(command="c", kind=EMERGENCY, login="anna", reason="1"))
        story.journal.commit()
        while "c" not in story.life.replies:
            story.passes(0.001)
        story.kill_router()
        story.switch.pick_up(ring)
    story.start_router()
    assert anna.state == "talking"
    story.restart_router(after=30)
    story.passes(minutes=16)
    assert how_it_ended(story) == ["over"]
    caller.hangs_up()
    assert anna.states == ["ready", "ringing", "break", "talking", "wrap_up"]


def talks_natively(story: Story, phone: str) -> Channel:
    """A call that the phone makes while no router lives."""
    phones = story.switch.phones
    own, other = story.switch.dial_code(phones[phone]), story.switch.dial_code(phones["phone03"])
    own.variables = {"GUDOK_PHONE": phone}
    bridge = Bridge("native-talk", "mixing", native=True)
    story.switch.bridges[bridge.id] = bridge
    story.switch.enter(bridge, (own, other))
    return own


def anna_calls_natively_in_her_break(story: Story) -> tuple[Operator, Channel]:
    anna = anna_at_work(story)
    anna.asks_break(EMERGENCY, "1")
    story.kill_router()
    own = talks_natively(story, "phone01")
    story.start_router()
    return anna, own


def test_a_call_of_ones_own_made_without_us_ends_no_break_either(story: Story) -> None:
    anna, own = anna_calls_natively_in_her_break(story)
    story.restart_router(after=30)
    assert anna.state == "break"
    assert story.pbx.native.members["anna"].paused
    story.switch.hang_up(own)
    story.passes(minutes=16)
    assert anna.states == ["ready", "break", "ready"]


def test_whose_break_is_over_in_it_is_talking_from_then_on(story: Story) -> None:
    anna, own = anna_calls_natively_in_her_break(story)
    until = anna.interval.until
    story.passes(minutes=16)
    assert (anna.state, anna.interval.reason, anna.interval.since) == ("talking", "native_call", until)
    story.switch.hang_up(own)
    story.moment()
    assert anna.states == ["ready", "break", "talking", "ready"]


# -- who waits for a place


def test_who_waits_for_a_place_still_does(story: Story) -> None:
    anna, boris = anna_waits_for_a_place(story)
    story.restart_router()
    assert anna.asks_break() == "refused-already"
    boris.comes_back()
    assert anna.state == "break"
    assert anna.interval.until == anna.interval.since + timedelta(minutes=15)
    assert story.log.breaks.claims == {}


def test_a_place_that_came_free_meanwhile_is_taken_at_once(story: Story) -> None:
    anna, boris = anna_waits_for_a_place(story)
    story.restart_router(after=900)
    assert (boris.state, anna.state) == ("ready", "break")


def test_whose_break_begins_at_the_start_is_not_in_a_wrap_up_until_then(story: Story) -> None:
    """Both the wrap-up and the break of the colleague who had the place have ended long ago."""
    anna, boris = anna_waits_for_a_place(story)
    assert anna.state == "wrap_up"
    story.restart_router(after=1800)
    assert (boris.state, anna.state) == ("ready", "break")
    assert anna.states[-3:] == ["wrap_up", "ready", "break"]
    wrap_up, ready = story.log.intervals["anna"][-3:-1]
    assert wrap_up.ended == wrap_up.until == ready.since


def test_who_took_it_back_or_went_home_waits_no_more(story: Story) -> None:
    anna, boris = anna_waits_for_a_place(story)
    assert anna.comes_back() == "break-cancelled"
    story.restart_router()
    boris.comes_back()
    assert anna.state == "ready"
    assert not waits_for_break(story, "anna")


def test_a_slot_that_is_none_any_more_is_not_waited_for(story: Story) -> None:
    anna, boris = anna_waits_for_a_place(story)
    story.kill_router()
    story.shift("anna", "0:00", "8:00", "2:00-2:15")
    story.start_router()
    boris.comes_back()
    story.passes(10)
    assert anna.state == "ready"
    story.journal.commit()
    assert story.log.breaks.claims == {}


# -- slots that moved


def test_a_break_missed_in_a_call_is_still_to_be_had_right_after_it(story: Story) -> None:
    """The restart is in the call: what counts is when it began, not when it was last put on hold."""
    anna = anna_at_work(story)
    it_is(story, "0:09")
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:20")
    anna.holds()
    story.restart_router()
    story.passes(minutes=5)
    caller.hangs_up()
    assert anna.asks_break() == "break-granted"


@pytest.mark.parametrize(("later", "answer"), [(60, "break-granted"), (150, "refused-not-in-slot")])
def test_a_break_missed_in_a_call_that_ended_just_before(story: Story, later: int, answer: str) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:09")
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:30")
    caller.hangs_up()
    story.passes(10)
    story.restart_router()
    story.passes(later)
    assert anna.asks_break() == answer


def anna_missed_her_break(story: Story) -> Operator:
    """In a call that has just ended."""
    anna = anna_at_work(story)
    it_is(story, "0:05")
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:20")
    caller.hangs_up()
    story.passes(6)
    assert anna.state == "ready"
    return anna


def test_it_is_so_after_a_second_restart(story: Story) -> None:
    anna = anna_missed_her_break(story)
    story.restart_router()
    story.restart_router()
    assert anna.asks_break() == "break-granted"


def test_and_when_the_phone_was_away_for_a_moment_since(story: Story) -> None:
    anna = anna_missed_her_break(story)
    anna.is_lost()
    story.passes(2)
    anna.is_back()
    story.restart_router()
    assert anna.asks_break() == "break-granted"


def test_and_when_another_caller_has_hung_up_since(story: Story) -> None:
    anna = anna_missed_her_break(story)
    story.passes(60)
    caller = story.calls("1302")
    assert anna.rings_for(caller)
    story.passes(10)
    caller.hangs_up()
    story.restart_router()
    story.passes(30)
    assert anna.asks_break() == "break-granted"


def test_time_off_the_phone_moves_no_break_after_a_restart_either(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:05")
    anna.logs_out()
    it_is(story, "0:20")
    anna.logs_in("phone01")
    story.restart_router()
    assert anna.asks_break() == "refused-not-in-slot"


@pytest.mark.parametrize("over", [False, True])
def test_nor_does_a_call_with_a_colleague(story: Story, *, over: bool) -> None:
    """Whether the restart is in it or after it."""
    anna, boris = anna_at_work(story), story.operator("boris")
    boris.logs_in("phone02")
    it_is(story, "0:05")
    boris.dials("2001")
    anna.answers()
    it_is(story, "0:20")
    for step in (anna.hangs_up, story.restart_router) if over else (story.restart_router, anna.hangs_up):
        step()
    assert anna.asks_break() == "refused-not-in-slot"


# -- what else is remembered


def test_logging_out_and_in_again_around_a_restart_is_still_a_violation(story: Story) -> None:
    anna = anna_at_work(story)
    anna.logs_out()
    story.restart_router()
    story.passes(minutes=3)
    anna.logs_in("phone01")
    assert violations(story, "anna") == [ViolationKind.RELOGIN]


def test_whose_phone_was_taken_over_has_not_logged_out(story: Story) -> None:
    anna, boris = anna_at_work(story), story.operator("boris", booking=1)
    boris.logs_in("phone01")
    story.restart_router()
    anna.logs_in("phone02")
    assert violations(story, "anna") == []


def test_the_lamp_of_a_break_that_is_nearly_over_blinks_again(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    it_is(story, "0:24")
    story.kill_router()
    story.pbx.lamps.clear()
    story.start_router()
    assert story.pbx.lamps["break-2001"] == "blinking"
    it_is(story, "0:26")
    assert story.pbx.lamps["break-2001"] == "off"


def test_a_wrap_up_stretched_by_a_call_of_ones_own_is_seen_after_a_restart(story: Story) -> None:
    anna = anna_at_work(story)
    caller = story.calls("1300")
    anna.answers()
    caller.hangs_up()
    story.restart_router()
    assert anna.state == "wrap_up"
    anna.dials("201")
    story.telephone("doctor01").answers()
    story.passes(25)
    assert violations(story, "anna") == [ViolationKind.LONG_WRAP_UP]
    story.restart_router()
    anna.hangs_up()
    story.journal.commit()
    assert story.log.breaks.open_violations() == ()
