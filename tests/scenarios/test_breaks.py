"""Breaks: only with a permission, asked for in every state, begun and ended as the rules say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from telephony.core.break_facts import (
    BreakAsked,
    BreakKind,
    EmergencyReviewed,
    PermissionGiven,
    Verdict,
    ViolationKind,
    ViolationSeen,
)
from telephony.core.commands import GiveOrder, LogOut, ReviewEmergency, TakeBreak, WithdrawOrder
from telephony.core.plan import BreakRules, Group, Plan
from telephony.testing.clock import MORNING
from telephony.testing.people import Operator
from telephony.testing.story import Story
from tests.scenarios.small_center import PLAN, NewStory

EMERGENCY, MANAGEMENT = BreakKind.EMERGENCY, BreakKind.MANAGEMENT
RULES = BreakRules(seniors="seniors", heads="heads", emergency_reasons={"1": "Fire", "2": "Sick"})
BREAK_PLAN = replace(PLAN, breaks=RULES, groups=(*PLAN.groups, Group(name="heads", logins=("olga",))))


def with_rules(**changes: object) -> Plan:
    return replace(BREAK_PLAN, breaks=replace(RULES, **changes))


@pytest.fixture
def story(new_story: NewStory) -> Story:
    return new_story(BREAK_PLAN)


def anna_at_work(story: Story, *slots: str) -> Operator:
    """Until the evening; a break at 0:10 unless other slots are given."""
    anna = story.operator("anna", booking=1)
    story.shift("anna", "0:00", "8:00", *(slots or ("0:10-0:25", "2:00-2:15")))
    anna.logs_in("phone01")
    return anna


def it_is(story: Story, time: str) -> None:
    """Hours and minutes since the story began; at once where it is later already."""
    hours, minutes = map(int, time.split(":"))
    story.passes((MORNING + timedelta(hours=hours, minutes=minutes) - story.clock.now()).total_seconds())


def since_morning(story: Story) -> timedelta:
    return story.clock.now() - MORNING


def last_answer(story: Story, login: str) -> BreakAsked:
    story.journal.commit()
    return story.log.breaks.of(BreakAsked, login)[-1]


def violations(story: Story, login: str) -> list[ViolationKind]:
    story.journal.commit()
    return [seen.kind for seen in story.log.breaks.of(ViolationSeen, login)]


def waits_for_break(story: Story, login: str) -> bool:
    """One begins after the call."""
    return story.center.agents[login].deferred


def how_it_ended(story: Story) -> list[str]:
    story.journal.commit()
    return list(story.log.breaks.how.values())


def say(story: Story, operator: Operator) -> tuple[str, ...]:
    return list(story.life.replies.values())[-1].say


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
    assert say(story, anna) == ("refused-not-in-slot", "next-slot-at", "hour-19", "minute-10")  # Sakhalin: 11 h ahead
    assert last_answer(story, "anna").next_slot == MORNING + timedelta(minutes=10)
    it_is(story, "0:10")
    anna.asks_break()
    assert say(story, anna) == ("break-granted", "break-until", "hour-19", "minute-25")


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


def test_without_a_shift_there_is_no_break(story: Story) -> None:
    anna, boris = story.operator("anna", booking=1), story.operator("boris", booking=1)
    anna.logs_in("phone01")
    assert anna.asks_break() == "refused-not-in-shift"
    assert boris.asks_break() == "not-logged-in"
    reply = story.asks(lambda name: TakeBreak(command=name, kind=BreakKind.TECHNICAL, login="boris", door="cli"))
    assert (reply.code, last_answer(story, "boris").reason) == ("not-logged-in", "not-logged-in")


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


def three_on_one_slot(story: Story) -> list[Operator]:
    """One in seven may be away: of three, one."""
    people = [story.operator(login, booking=1) for login in ("anna", "boris", "vera")]
    for n, person in enumerate(people, start=1):
        story.shift(person.login, "0:00", "8:00", "0:10-0:25")
        person.logs_in(f"phone0{n}")
    it_is(story, "0:10")
    return people


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


# -- management


def order(story: Story, by: Operator, *logins: str, at_once: bool = True, minutes: int = 30) -> str:
    """Answers the code; the name of the order is in the text."""
    until = story.clock.now() + timedelta(minutes=minutes)
    reply = story.asks(
        lambda name: GiveOrder(command=name, by=by.login, logins=logins, until=until, why="training", at_once=at_once)
    )
    return reply.text or reply.code


def test_management_only_on_an_order(story: Story) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    assert anna.asks_break(MANAGEMENT) == "refused-no-order"
    name = order(story, olga, "anna", at_once=False)
    assert anna.state == "ready"
    assert anna.asks_break(MANAGEMENT) == "break-granted"
    assert story.log.breaks.of(PermissionGiven, "anna")[-1].order == name
    anna.comes_back()
    assert anna.asks_break(MANAGEMENT) == "break-granted"  # as long as the order holds
    story.passes(minutes=31)
    assert anna.state == "ready"
    assert anna.asks_break(MANAGEMENT) == "refused-no-order"


def test_an_order_pauses_those_who_are_free_and_defers_those_in_calls(story: Story) -> None:
    anna, boris, vera = three_on_one_slot(story)
    olga = story.operator("olga")
    first = story.calls("1302")
    people = {person.login: person for person in (anna, boris, vera)}
    talking = people[first.rung[0]]
    talking.answers()
    second = story.calls("1302")
    ringing = people[second.rung[0]]
    order(story, olga, "anna", "boris", "vera")
    (free,) = (person for person in people.values() if person not in (talking, ringing))
    assert free.state == "break"
    assert (talking.state, ringing.state) == ("talking", "ringing")
    ringing.answers()
    first.hangs_up()
    second.hangs_up()
    assert [person.state for person in people.values()] == ["break"] * 3


def test_a_group_is_ordered_at_once_in_small_turns(story: Story) -> None:
    for n in range(120):
        story.operator(f"op{n}", senior=1)
    olga, anna = story.operator("olga"), story.operator("op3", senior=1)
    anna.logs_in("phone01")
    until = story.clock.now() + timedelta(minutes=5)
    reply = story.asks(lambda name: GiveOrder(command=name, by="olga", group="seniors", until=until, why="drill"))
    assert reply.ok
    assert anna.state == "break"
    assert olga.login not in story.center.orders[reply.text].logins
    assert len(story.center.orders[reply.text].logins) == 120


def test_an_order_withdrawn_brings_back_who_is_on_it(story: Story) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    name = order(story, olga, "anna")
    assert anna.state == "break"
    assert story.asks(lambda n: WithdrawOrder(command=n, by="anna", order=name)).code == "refused-not-allowed"
    assert story.asks(lambda n: WithdrawOrder(command=n, by="olga", order=name)).ok
    assert (anna.state, anna.interval.reason) == ("ready", "order_withdrawn")
    assert how_it_ended(story) == ["withdrawn"]
    assert story.asks(lambda n: WithdrawOrder(command=n, by="olga", order=name)).code == "refused-no-such-order"


def test_an_order_that_ends_during_the_call_leaves_nothing(story: Story) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    caller = story.calls("1302")
    anna.answers()
    order(story, olga, "anna", minutes=5)
    assert waits_for_break(story, "anna")
    story.passes(minutes=6)
    assert not waits_for_break(story, "anna")
    caller.hangs_up()
    story.passes(6)
    assert anna.state == "ready"


def test_who_may_order_whom(story: Story) -> None:
    anna, olga, sonya = anna_at_work(story), story.operator("olga"), story.operator("sonya", senior=1)
    assert order(story, anna, "olga") == "refused-not-allowed"
    assert order(story, olga, "olga", "anna") == "refused-own-order"
    assert order(story, olga, "nobody") == "unknown-operator"
    assert order(story, olga) == "refused-nobody"
    assert order(story, olga, "anna", minutes=0) == "refused-order-over"
    assert order(story, sonya, "anna").startswith("r1-")


# -- emergency


def test_an_emergency_needs_a_reason_of_the_list(story: Story) -> None:
    anna = anna_at_work(story)
    assert anna.asks_break(EMERGENCY) == "refused-no-reason"
    assert anna.asks_break(EMERGENCY, "7") == "refused-no-reason"
    assert anna.asks_break(EMERGENCY, "1") == "break-granted"
    assert story.log.breaks.of(PermissionGiven, "anna")[-1].reason == "Fire"
    assert [alarm.code for alarm in story.life.alarms] == ["emergency_pause"]
    story.passes(minutes=16)
    assert anna.state == "ready"


def test_an_emergency_while_ringing_gives_the_caller_to_the_next_operator(story: Story) -> None:
    anna, boris = anna_at_work(story), story.operator("boris", booking=1)
    caller = story.calls("1302")
    later = story.calls("1302")
    story.passes(2)
    assert anna.rings_for(caller)
    assert anna.asks_break(EMERGENCY, "2") == "break-granted"
    assert anna.state == "break"
    assert not anna.rings()
    boris.logs_in("phone02")
    assert boris.rings_for(caller)
    assert later.hears == "music"
    assert violations(story, "anna") == []
    assert [state for state in anna.states if state == "unreachable"] == []


def test_an_emergency_in_a_call_begins_after_it(story: Story) -> None:
    anna = anna_at_work(story)
    caller = story.calls("1302")
    anna.answers()
    assert anna.asks_break(EMERGENCY, "1") == "break-deferred"
    story.passes(minutes=20)
    assert caller.hears == "anna"
    caller.hangs_up()
    assert anna.state == "break"
    assert anna.interval.until == anna.interval.since + timedelta(minutes=15)


def test_an_emergency_takes_the_place_of_another_break(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    assert anna.asks_break(EMERGENCY, "1") == "break-granted"
    assert anna.interval.reason == "emergency"
    assert how_it_ended(story) == ["used"]
    assert anna.asks_break(EMERGENCY, "1") == "refused-already"


def test_a_rejected_emergency_was_a_violation_and_ends(story: Story) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    anna.asks_break(EMERGENCY, "1")
    name = last_answer(story, "anna").permission or ""

    def review(by: str, permission: str = name, *, confirmed: bool = False) -> str:
        return story.asks(lambda n: ReviewEmergency(command=n, by=by, permission=permission, confirmed=confirmed)).code

    assert review("anna") == "refused-not-allowed"
    assert review("olga", "r1-77") == "refused-no-such-pause"
    assert review("olga") == "emergency-rejected"
    assert (anna.state, anna.interval.reason) == ("ready", "emergency_rejected")
    assert violations(story, "anna") == [ViolationKind.REJECTED_EMERGENCY]
    assert review(olga.login) == "refused-no-such-pause"
    anna.asks_break(EMERGENCY, "2")
    name = last_answer(story, "anna").permission or ""
    assert review("olga", name, confirmed=True) == "emergency-confirmed"
    assert anna.state == "break"
    assert [seen.confirmed for seen in story.log.breaks.of(EmergencyReviewed)] == [False, True]


def test_nobody_reviews_their_own_emergency(story: Story) -> None:
    sonya = story.operator("sonya", senior=1)
    sonya.logs_in("phone01")
    sonya.asks_break(EMERGENCY, "1")
    name = last_answer(story, "sonya").permission or ""
    reply = story.asks(lambda n: ReviewEmergency(command=n, by="sonya", permission=name, confirmed=True))
    assert reply.code == "refused-own-pause"


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
    story.passes(minutes=20)
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


# -- disguised pauses


def test_a_ring_that_is_not_answered_or_rejected_is_a_violation(story: Story) -> None:
    anna = anna_at_work(story)
    story.calls("1302")
    story.passes(25)
    anna.comes_back()
    anna.rejects()
    anna.comes_back()
    anna.is_busy()
    assert violations(story, "anna") == [
        ViolationKind.NO_ANSWER,
        ViolationKind.REJECTED,
        ViolationKind.REJECTED,
    ]


def test_a_phone_gone_between_calls_is_one_as_long_as_it_lasts(story: Story) -> None:
    anna = anna_at_work(story)
    anna.is_lost()
    assert violations(story, "anna") == [ViolationKind.UNREGISTERED]
    assert len(story.log.breaks.open_violations()) == 1
    story.restart_router()
    anna.is_back()
    story.journal.commit()
    assert violations(story, "anna") == [ViolationKind.UNREGISTERED]
    assert story.log.breaks.open_violations() == ()


def test_logging_out_for_a_while_within_the_shift(story: Story) -> None:
    anna = anna_at_work(story)
    anna.logs_out()
    story.passes(minutes=3)
    anna.logs_in("phone01")
    assert violations(story, "anna") == [ViolationKind.RELOGIN]
    anna.logs_out()
    story.passes(minutes=11)
    anna.logs_in("phone01")
    assert violations(story, "anna") == [ViolationKind.RELOGIN]


def test_a_call_of_ones_own_that_stretches_the_wrap_up(story: Story) -> None:
    anna = anna_at_work(story)
    caller = story.calls("1300")
    anna.answers()
    caller.hangs_up()
    anna.dials("201")
    story.telephone("doctor01").answers()
    story.passes(15)
    assert violations(story, "anna") == []
    story.passes(15)
    assert violations(story, "anna") == [ViolationKind.LONG_WRAP_UP]
    anna.hangs_up()
    story.journal.commit()
    assert anna.state == "ready"
    assert story.log.breaks.open_violations() == ()


def test_a_phone_off_the_hook_after_the_wrap_up(story: Story) -> None:
    anna = anna_at_work(story)
    caller = story.calls("1300")
    anna.answers()
    caller.hangs_up()
    channel = story.switch.dial_code(anna.phone)
    story.tell(TakeBreak(command="c", kind=MANAGEMENT, phone="phone01", channel=channel.id))
    story.passes(25)
    assert violations(story, "anna") == [ViolationKind.LONG_WRAP_UP]
    story.switch.hang_up(channel)
    story.moment()
    story.journal.commit()
    assert story.log.breaks.open_violations() == ()


def test_an_own_call_between_calls_is_none(story: Story) -> None:
    anna = anna_at_work(story)
    caller = story.calls("1300")
    anna.answers()
    caller.hangs_up()
    story.passes(15)
    anna.dials("201")
    story.passes(60)
    assert violations(story, "anna") == []


# -- the back door


def test_a_pause_by_the_back_door_is_undone_and_on_record(story: Story) -> None:
    anna = anna_at_work(story)
    story.pauses_past_us(anna)
    assert not story.pbx.native.members["anna"].paused
    assert anna.state == "ready"
    assert violations(story, "anna") == [ViolationKind.BACK_DOOR]


def test_a_break_is_not_ended_by_the_back_door(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    story.pauses_past_us(anna, paused=False)
    assert story.pbx.native.members["anna"].paused
    assert violations(story, "anna") == [ViolationKind.BACK_DOOR]


def test_a_pause_taken_while_nobody_looked_is_found(story: Story) -> None:
    anna = anna_at_work(story)
    story.kill_router()
    story.pauses_past_us(anna)
    story.start_router()
    assert not story.pbx.native.members["anna"].paused
    assert violations(story, "anna") == [ViolationKind.BACK_DOOR]


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
