"""Technical breaks: in their slots, under the cap, begun and ended as the rules say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from telephony.core.break_facts import (
    BreakAsked,
    BreakKind,
    PermissionGiven,
    Verdict,
    ViolationKind,
)
from telephony.core.commands import TakeBreak
from telephony.core.events import RosterChanged
from telephony.core.roster import Shift, Slot
from telephony.testing.clock import MORNING
from telephony.testing.story import Story
from tests.scenarios.break_center import (
    BREAK_PLAN,
    EMERGENCY,
    MANAGEMENT,
    TECHNICAL,
    anna_at_work,
    how_it_ended,
    it_is,
    last_answer,
    last_said,
    order,
    three_on_one_slot,
    violations,
    waits_for_break,
    with_rules,
)
from tests.scenarios.small_center import NewStory


@pytest.fixture
def story(new_story: NewStory) -> Story:
    return new_story(BREAK_PLAN)


# -- technical breaks


def test_a_break_in_its_slot_begins_at_once_and_ends_by_itself(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    assert anna.asks_break() == "break-granted"
    assert (anna.state, anna.interval.reason) == ("break", "technical")
    assert anna.interval.permission == last_answer(story, "anna").permission
    caller = story.calls("1302")
    assert not anna.rings()
    story.passes(minutes=15)
    assert anna.rings_for(caller)
    assert anna.states == ["ready", "break", "ready", "ringing"]
    taken = story.log.intervals["anna"][1]
    assert taken.ended is not None
    assert taken.ended - taken.since == timedelta(minutes=15)
    assert how_it_ended(story) == ["over"]


def test_what_is_heard_is_when_it_ends_and_when_the_next_one_is(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:05")
    assert anna.asks_break() == "refused-not-in-slot"
    assert last_said(story) == ("refused-not-in-slot", "next-slot-at", "hour-19", "minute-10")  # Sakhalin: 11 h ahead
    assert last_answer(story, "anna").next_slot == MORNING + timedelta(minutes=10)
    it_is(story, "0:10")
    anna.asks_break()
    assert last_said(story) == ("break-granted", "break-until", "hour-19", "minute-25")
    assert anna.asks_state() == "state-break"
    assert last_said(story) == ("state-break", "break-until", "hour-19", "minute-25")


def test_a_next_break_that_is_not_today_is_told_with_its_day(story: Story) -> None:
    """By the center's clocks: it is 19:00 there."""
    anna = anna_at_work(story)
    for hours, day in ((24, ["tomorrow"]), (5, ["tomorrow"]), (4.5, []), (48, ["another-day"])):
        begin = MORNING + timedelta(hours=hours)
        slot = Slot(begin=begin, end=begin + timedelta(minutes=10))
        story.tell(RosterChanged(shifts=(Shift(login="anna", begin=MORNING, end=slot.end, slots=(slot,)),)))
        anna.asks_break()
        assert [*last_said(story)][2:-2] == day


def test_every_refusal_tells_when_the_next_break_is(story: Story) -> None:
    anna = anna_at_work(story)
    story.calls("1302")
    refused = [anna.asks_break(kind, digit) for kind, digit in ((MANAGEMENT, ""), (EMERGENCY, "7"), (TECHNICAL, ""))]
    anna.answers()
    anna.asks_break(EMERGENCY, "1")
    refused.append(anna.asks_break(EMERGENCY, "1"))
    assert refused == ["refused-no-order", "refused-no-reason", "refused-not-in-slot", "refused-already"]
    story.journal.commit()
    asked = [one for one in story.log.breaks.of(BreakAsked, "anna") if one.verdict is Verdict.REFUSED]
    assert [one.next_slot for one in asked] == [MORNING + timedelta(minutes=10)] * 4
    assert last_said(story)[1:] == ("next-slot-at", "hour-19", "minute-10")


def test_a_screen_is_told_in_words_what_a_phone_hears(story: Story) -> None:
    anna = anna_at_work(story)

    def asks() -> str:
        ask = TakeBreak(command="", kind=TECHNICAL, login="anna", door="cli")
        return story.asks(lambda name: replace(ask, command=name)).text

    refused = "refused: no planned break begins now; the next planned break begins at 2030-01-07 19:10"
    assert asks() == refused
    it_is(story, "0:10")
    assert asks() == "granted until 2030-01-07 19:25"
    anna.logs_out()
    assert asks() == "refused: the operator is not logged in; the next planned break begins at 2030-01-07 21:00"
    story.shift("anna", "0:00", "8:00")
    assert asks() == "refused: the operator is not logged in; no planned break is ahead"


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("0:07", "refused-not-in-slot"),
        ("0:08", "break-granted"),
        ("0:11", "break-granted"),
        ("0:13", "refused-not-in-slot"),
    ],
)
def test_the_tolerance_around_the_begin_of_a_slot(story: Story, time: str, said: str) -> None:
    anna = anna_at_work(story)
    it_is(story, time)
    assert anna.asks_break() == said


def test_a_break_begun_late_keeps_its_length(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:11")
    anna.asks_break()
    assert anna.interval.until == anna.interval.since + timedelta(minutes=15)


def test_a_slot_is_used_once(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    assert anna.comes_back() == "you-are-ready"
    assert anna.state == "ready"
    assert how_it_ended(story) == ["used"]
    assert anna.asks_break() == "refused-slot-used"
    assert last_answer(story, "anna").next_slot == MORNING + timedelta(hours=2)


@pytest.mark.parametrize("restart", [False, True])
def test_a_used_slot_does_not_come_back_when_the_roster_is_corrected(story: Story, *, restart: bool) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    anna.comes_back()
    story.shift("anna", "0:00", "8:00", "0:20-0:35", "2:00-2:15")
    if restart:
        story.restart_router()
    it_is(story, "0:20")
    assert anna.asks_break() == "refused-slot-used"
    assert last_answer(story, "anna").next_slot == MORNING + timedelta(hours=2)
    it_is(story, "2:00")
    assert anna.asks_break() == "break-granted"


def test_a_break_more_in_the_roster_is_a_break_more(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    anna.comes_back()
    story.shift("anna", "0:00", "8:00", "0:10-0:25", "1:00-1:10", "2:00-2:15")
    it_is(story, "1:00")
    assert anna.asks_break() == "break-granted"


def test_without_a_shift_there_is_no_break(story: Story) -> None:
    anna, boris = story.operator("anna", booking=1), story.operator("boris", booking=1)
    anna.logs_in("phone01")
    assert anna.asks_break() == "refused-not-in-shift"
    assert boris.asks_break() == "not-logged-in"
    reply = story.asks(lambda name: TakeBreak(command=name, kind=BreakKind.TECHNICAL, login="boris", door="cli"))
    assert (reply.code, last_answer(story, "boris").reason) == ("not-logged-in", "not-logged-in")


def test_a_request_from_a_phone_at_which_nobody_is_logged_in_is_on_record(story: Story) -> None:
    boris = story.operator("boris", booking=1)
    boris.logs_in("phone02")
    boris.logs_out()
    assert boris.asks_break(EMERGENCY, "1") == "not-logged-in"
    asked = last_answer(story, "")
    assert (asked.phone, asked.kind, asked.verdict, asked.reason) == (
        "phone02",
        EMERGENCY,
        Verdict.REFUSED,
        "not-logged-in",
    )


def test_a_correction_of_the_roster_counts_at_once(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "1:00")
    assert anna.asks_break() == "refused-not-in-slot"
    story.shift("anna", "0:00", "8:00", "1:00-1:10")
    assert anna.asks_break() == "break-granted"


def test_a_second_request_on_a_break_is_refused(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    assert anna.asks_break() == "refused-already"
    assert anna.state == "break"


def test_logging_out_on_a_break_ends_it(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    assert anna.logs_out() == "logged-out"
    assert how_it_ended(story) == ["offline"]
    anna.logs_in("phone01")
    assert anna.asks_break() == "refused-slot-used"


# -- the cap


def test_the_cap_leaves_enough_of_a_queue_at_work(story: Story) -> None:
    anna, boris, _ = three_on_one_slot(story)
    assert anna.asks_break() == "break-granted"
    assert boris.asks_break() == "refused-cap"
    assert anna.comes_back() == "you-are-ready"
    assert boris.asks_break() == "break-granted"


def test_the_cap_of_another_queue_is_no_matter(story: Story) -> None:
    anna, boris, _ = three_on_one_slot(story)
    story.operator("boris", results=1)
    assert anna.asks_break() == "break-granted"
    assert boris.asks_break() == "break-granted"


def test_a_deferred_break_takes_its_place_under_the_cap(story: Story) -> None:
    anna, boris, _ = three_on_one_slot(story)
    caller = story.calls("1302")
    anna.answers()
    assert anna.asks_break() == "break-deferred"
    assert boris.asks_break() == "refused-cap"
    caller.hangs_up()
    assert anna.state == "break"


def test_management_and_emergency_are_not_capped(story: Story) -> None:
    anna, boris, vera = three_on_one_slot(story)
    olga = story.operator("olga")
    assert anna.asks_break(EMERGENCY, "1") == "break-granted"
    order(story, olga, "vera")
    assert vera.state == "break"
    assert boris.asks_break() == "break-granted"


# -- slots missed because of a call


def test_a_slot_missed_because_of_a_long_call_moves_to_right_after_it(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:09")
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:20")
    caller.hangs_up()
    it_is(story, "0:21")
    assert anna.asks_break() == "break-granted"
    assert anna.interval.until == anna.interval.since + timedelta(minutes=15)


def test_a_missed_slot_is_lost_when_nobody_asks_in_time(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:09")
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:20")
    caller.hangs_up()
    it_is(story, "0:24")
    assert anna.asks_break() == "refused-not-in-slot"


def test_calls_one_after_the_other_move_a_slot_on_and_on(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:09")
    first, second = story.calls("1302"), story.calls("1302")
    anna.answers()
    it_is(story, "0:20")
    first.hangs_up()
    story.passes(6)
    anna.answers()
    it_is(story, "0:40")
    assert anna.asks_break() == "break-deferred"
    second.hangs_up()
    assert anna.state == "break"


def test_a_missed_slot_goes_before_later_ones_when_the_cap_is_reached(story: Story) -> None:
    anna, boris, vera = three_on_one_slot(story)
    story.shift("boris", "0:00", "8:00", "0:16-0:31")
    story.shift("vera", "0:00", "8:00", "0:26-0:41")
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:16")
    assert boris.asks_break() == "break-granted"
    it_is(story, "0:18")
    assert anna.asks_break() == "break-waits"  # for the place, and for the end of the call
    it_is(story, "0:26")
    assert vera.asks_break() == "refused-cap"
    boris.comes_back()
    assert waits_for_break(story, "anna")
    assert vera.asks_break() == "refused-cap"
    caller.hangs_up()
    assert anna.state == "break"
    assert anna.interval.until == anna.interval.since + timedelta(minutes=15)


def test_who_waits_for_a_place_can_change_their_mind(story: Story) -> None:
    anna, boris, _ = three_on_one_slot(story)
    story.shift("boris", "0:00", "8:00", "0:16-0:31")
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:16")
    boris.asks_break()
    caller.hangs_up()
    assert anna.asks_break() == "break-waits"
    assert anna.comes_back() == "break-cancelled"
    boris.comes_back()
    assert anna.state == "ready"


def test_who_serves_no_queue_any_more_needs_no_place_in_one(story: Story) -> None:
    anna, boris, _ = three_on_one_slot(story)
    story.shift("boris", "0:00", "8:00", "0:16-0:31")
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:16")
    boris.asks_break()
    caller.hangs_up()
    assert anna.asks_break() == "break-waits"
    story.operator("anna")
    assert (anna.state, boris.state) == ("break", "break")


def test_a_call_of_ones_own_moves_no_slot(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:09")
    anna.dials("201")
    story.telephone("doctor01").answers()
    it_is(story, "0:30")
    assert anna.asks_break() == "refused-not-in-slot"
    anna.hangs_up()
    assert anna.asks_break() == "refused-not-in-slot"


def test_nor_does_one_with_a_colleague(story: Story) -> None:
    anna, boris = anna_at_work(story), story.operator("boris")
    boris.logs_in("phone02")
    it_is(story, "0:09")
    boris.dials("2001")
    anna.answers()
    it_is(story, "0:30")
    assert anna.asks_break() == "refused-not-in-slot"


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("rejected", [False, True])
def test_nor_does_a_ring_that_is_not_taken(story: Story, *, rejected: bool, restart: bool) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:11")
    story.passes(50)
    caller = story.calls("1302")
    story.passes(15)
    if rejected:
        anna.rejects()
    story.passes(10)
    caller.hangs_up()
    assert anna.state == "unreachable"
    if restart:
        story.restart_router()
    assert anna.asks_break() == "refused-not-in-slot"
    assert anna.state == "unreachable"


@pytest.mark.parametrize("restart", ["", "in the ring", "after it"])
def test_but_what_a_caller_had_taken_before_the_ring_counts(story: Story, restart: str) -> None:
    anna, boris = anna_at_work(story), story.operator("boris", booking=1)
    boris.logs_in("phone02")
    it_is(story, "0:09")
    first = story.calls("1302")
    anna.answers()
    story.calls("1300")
    boris.answers()
    it_is(story, "0:13")
    first.hangs_up()
    boris.transfers_to("2001")
    assert anna.states[-2:] == ["wrap_up", "ringing"]
    if restart == "in the ring":
        story.restart_router()
    anna.rejects()
    if restart == "after it":
        story.restart_router()
    assert anna.state == "unreachable"
    assert anna.asks_break() == "break-granted"


@pytest.mark.parametrize("restart", [False, True])
def test_a_ring_that_the_caller_gives_up_does(story: Story, *, restart: bool) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:11")
    story.passes(50)
    caller = story.calls("1302")
    story.passes(15)
    caller.hangs_up()
    if restart:
        story.restart_router()
    assert anna.asks_break() == "break-granted"


def test_a_caller_on_hold_while_a_colleague_is_asked_is_still_a_caller(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:09")
    story.calls("1302")
    anna.answers()
    anna.holds()
    anna.dials("201")
    story.telephone("doctor01").answers()
    it_is(story, "0:30")
    assert anna.asks_break() == "break-deferred"


# -- asked in a call, and while ringing


def test_asked_during_a_call_it_begins_after_it(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    caller = story.calls("1300")
    anna.answers()
    assert anna.asks_break() == "break-deferred"
    anna.holds()
    story.passes(minutes=5)
    assert anna.state == "on_hold"
    anna.resumes()
    assert caller.hears == "anna"
    caller.hangs_up()
    assert anna.state == "break"
    assert anna.states[-2:] == ["talking", "break"]
    given = story.log.breaks.of(PermissionGiven, "anna")
    assert len({permission.permission for permission in given}) == 1
    assert given[-1].begins == anna.interval.since
    assert given[-1].until == anna.interval.since + timedelta(minutes=15)


def test_a_deferred_break_can_be_taken_back(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    caller = story.calls("1302")
    anna.answers()
    anna.asks_break()
    assert anna.comes_back() == "break-cancelled"
    caller.hangs_up()
    story.passes(6)
    assert anna.state == "ready"
    assert how_it_ended(story) == ["unused"]
    assert anna.asks_break() == "break-granted"  # the slot was not used


def test_while_it_rings_the_call_comes_first(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    caller = story.calls("1302")
    assert anna.asks_break() == "refused-ringing"
    assert anna.rings_for(caller)


def test_a_break_may_begin_from_the_wrap_up(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    caller = story.calls("1300")
    anna.answers()
    caller.hangs_up()
    assert anna.state == "wrap_up"
    assert anna.asks_break() == "break-granted"
    story.passes(60)
    assert anna.state == "break"


def test_a_break_does_not_outlive_the_shift(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    story.shift("anna", "0:00", "0:30", "0:10-0:25")
    anna.logs_in("phone01")
    it_is(story, "0:10")
    caller = story.calls("1302")
    anna.answers()
    assert anna.asks_break() == "break-deferred"
    it_is(story, "0:31")
    caller.hangs_up()
    story.passes(6)
    assert anna.state == "ready"
    assert how_it_ended(story) == ["unused"]


def test_nor_the_day_of_a_shift_that_was_taken_back(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    caller = story.calls("1302")
    anna.answers()
    assert anna.asks_break() == "break-deferred"
    story.shifts = ()
    story.tell(RosterChanged(shifts=()))
    it_is(story, "0:20")
    caller.hangs_up()
    story.passes(6)
    assert anna.state == "ready"
    assert how_it_ended(story) == ["unused"]


def test_a_call_of_ones_own_does_not_end_a_break(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    anna.dials("201")
    story.telephone("doctor01").answers()
    assert anna.state == "break"
    it_is(story, "0:26")
    assert (anna.state, anna.interval.reason) == ("talking", "own_call")
    anna.hangs_up()
    assert anna.state == "ready"


def test_who_is_on_a_break_is_not_called_by_colleagues(story: Story) -> None:
    anna, boris = anna_at_work(story), story.operator("boris")
    boris.logs_in("phone02")
    it_is(story, "0:10")
    anna.asks_break()
    boris.dials("2001")
    assert not anna.rings()


# -- the end


def test_the_lamp_warns_a_minute_before_the_end(story: Story) -> None:
    anna = anna_at_work(story)
    lamps = story.pbx.lamps
    assert (lamps["login-2001"], lamps.get("break-2001", "off")) == ("on", "off")
    it_is(story, "0:10")
    anna.asks_break()
    assert lamps["break-2001"] == "on"
    story.passes(minutes=14)
    assert lamps["break-2001"] == "blinking"
    story.passes(minutes=1)
    assert lamps["break-2001"] == "off"
    anna.logs_out()
    assert lamps["login-2001"] == "off"


def test_the_lamps_follow_a_new_extension(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    story.change(replace(anna.person, extension="2099"))
    lamps = story.pbx.lamps
    assert [lamps[f"{name}-2001"] for name in ("login", "break")] == ["off", "off"]
    assert [lamps[f"{name}-2099"] for name in ("login", "break")] == ["on", "on"]


def test_a_lamp_shows_that_somebody_waits(story: Story) -> None:
    first = story.calls("1302")
    assert story.pbx.lamps["queue-urgent"] == "on"
    first.hangs_up()
    assert story.pbx.lamps["queue-urgent"] == "off"


def test_by_config_a_break_that_is_over_is_a_violation_until_they_are_back(new_story: NewStory) -> None:
    story = new_story(with_rules(at_end="overrun"))
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    it_is(story, "0:25")
    story.passes(8)
    assert anna.rings()
    assert violations(story, "anna") == []
    story.passes(minutes=5)
    assert (anna.state, anna.interval.reason) == ("unreachable", "overrun")
    assert story.pbx.lamps["break-2001"] == "blinking"
    assert violations(story, "anna") == [ViolationKind.OVERRUN]
    assert story.log.breaks.open_violations() != ()
    anna.comes_back()
    assert anna.state == "ready"
    story.journal.commit()
    assert story.log.breaks.open_violations() == ()


def test_a_phone_that_is_lost_meanwhile_is_so_after_the_break(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    anna.is_lost()
    assert anna.state == "break"
    story.passes(minutes=16)
    assert anna.interval.reason == "phone_lost"
    assert violations(story, "anna") == [ViolationKind.UNREGISTERED]
