"""Demands of the management, and emergencies with the look that seniors take at them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from telephony.core.break_facts import (
    BreakAsked,
    EmergencyReviewed,
    PermissionGiven,
    Verdict,
    ViolationKind,
)
from telephony.core.commands import AnyCommand, GiveOrder, ReviewEmergency, WithdrawOrder
from telephony.core.effects import Effects
from telephony.core.events import AnyEvent
from telephony.testing.people import Caller, Operator
from telephony.testing.story import Story
from tests.scenarios.break_center import (
    BREAK_PLAN,
    EMERGENCY,
    MANAGEMENT,
    anna_at_work,
    how_it_ended,
    it_is,
    last_answer,
    last_said,
    order,
    three_on_one_slot,
    violations,
    waits_for_break,
)
from tests.scenarios.small_center import NewStory


@pytest.fixture
def story(new_story: NewStory) -> Story:
    return new_story(BREAK_PLAN)


# -- management


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


def test_on_another_break_the_pause_of_the_order_comes_after_it(story: Story) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    it_is(story, "0:10")
    anna.asks_break()
    name = order(story, olga, "anna", minutes=60)
    assert anna.interval.reason == "technical"
    asked = last_answer(story, "anna")
    assert (asked.door, asked.verdict, asked.reason) == ("supervisor", Verdict.DEFERRED, "on_break")
    it_is(story, "0:26")
    assert (anna.state, anna.interval.reason) == ("break", "management")
    assert story.log.breaks.of(PermissionGiven, "anna")[-1].order == name
    assert anna.states == ["ready", "break", "break"]
    assert anna.comes_back() == "you-are-ready"  # once is enough
    story.passes(minutes=1)
    assert anna.state == "ready"


def test_an_order_that_lasts_longer_goes_on_when_the_first_is_over(story: Story) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    order(story, olga, "anna", minutes=5)
    name = order(story, olga, "anna", minutes=10)
    story.passes(minutes=6)
    assert anna.states == ["ready", "break", "break"]
    assert story.log.breaks.of(PermissionGiven, "anna")[-1].order == name
    story.passes(minutes=5)
    assert anna.state == "ready"


def test_no_break_covers_the_time_between_two_when_nobody_lived_to_end_the_first(story: Story) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    it_is(story, "0:10")
    anna.asks_break()
    order(story, olga, "anna", minutes=60)
    story.restart_router(after=16 * 60)
    assert anna.states == ["ready", "break", "ready", "break"]
    first, between = story.log.intervals["anna"][1:3]
    assert first.ended == first.since + timedelta(minutes=15)
    assert between.reason == "break_over"
    assert anna.interval.reason == "management"


def test_who_ends_the_break_early_is_told_of_the_order(story: Story) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    anna.asks_break(EMERGENCY, "1")
    order(story, olga, "anna", minutes=60)
    assert anna.comes_back() == "break-granted"
    assert last_said(story) == ("break-granted", "break-until", "hour-20", "minute-0")
    assert anna.interval.reason == "management"


def test_who_logs_in_while_an_order_holds_is_paused_then(story: Story) -> None:
    anna, olga = story.operator("anna", booking=1), story.operator("olga")
    order(story, olga, "anna")
    caller = story.calls("1302")
    anna.logs_in("phone01")
    assert (anna.state, anna.interval.reason) == ("break", "management")
    anna.logs_out()
    anna.logs_in("phone01")
    assert anna.state == "break"
    assert not anna.rings()
    assert anna.comes_back() == "you-are-ready"
    assert anna.rings_for(caller)


@pytest.mark.parametrize("at_work", [True, False])
def test_a_router_killed_in_the_middle_of_a_group_goes_on_with_the_rest(
    story: Story, monkeypatch: pytest.MonkeyPatch, *, at_work: bool
) -> None:
    for n in range(120):
        story.operator(f"op{n}", senior=1)
    first, last = story.operator("op0", senior=1), story.operator("op99", senior=1)
    story.operator("olga")
    first.logs_in("phone01")
    if at_work:
        last.logs_in("phone02")
    until = story.clock.now() + timedelta(minutes=30)
    decided = story.decided

    def stop_after_the_first_turn(event: AnyEvent, effects: Effects) -> None:
        decided(event, effects)
        story.life.frozen = isinstance(event, GiveOrder)

    with monkeypatch.context() as dying:
        dying.setattr(story, "decided", stop_after_the_first_turn)
        story.tell(GiveOrder(command="c", by="olga", group="seniors", until=until, why="drill"))
    story.journal.commit()
    story.kill_router()
    assert (first.state, last.state == "break") == ("break", False)
    story.start_router()
    story.passes(1)
    if not at_work:
        last.logs_in("phone02")
    assert [first.state, last.state] == ["break", "break"]
    first.comes_back()
    story.restart_router()
    story.passes(1)
    assert [first.state, last.state] == ["ready", "break"]


def test_an_order_withdrawn_brings_back_who_is_on_it(story: Story) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    name = order(story, olga, "anna")
    assert anna.state == "break"
    assert story.asks(lambda n: WithdrawOrder(command=n, by="anna", order=name)).code == "refused-not-allowed"
    assert story.asks(lambda n: WithdrawOrder(command=n, by="olga", order=name)).ok
    assert (anna.state, anna.interval.reason) == ("ready", "order_withdrawn")
    assert how_it_ended(story) == ["withdrawn"]
    assert story.asks(lambda n: WithdrawOrder(command=n, by="olga", order=name)).code == "refused-no-such-order"


def ordered_in_a_call(story: Story) -> tuple[Operator, Caller]:
    """For an hour, at once: after the call."""
    anna, olga = anna_at_work(story), story.operator("olga")
    caller = story.calls("1302")
    anna.answers()
    order(story, olga, "anna", minutes=60)
    assert waits_for_break(story, "anna")
    return anna, caller


@pytest.mark.parametrize("restart", [False, True])
def test_who_takes_back_the_pause_of_an_order_is_not_sent_again(story: Story, *, restart: bool) -> None:
    anna, caller = ordered_in_a_call(story)
    assert anna.comes_back() == "break-cancelled"
    caller.hangs_up()
    story.passes(6)
    if restart:
        story.restart_router()
    assert anna.state == "ready"
    assert how_it_ended(story) == ["declined"]


@pytest.mark.parametrize("restart", [False, True])
def test_an_emergency_only_puts_off_the_pause_of_an_order(story: Story, *, restart: bool) -> None:
    anna, caller = ordered_in_a_call(story)
    assert anna.asks_break(EMERGENCY, "1") == "break-deferred"
    caller.hangs_up()
    assert anna.interval.reason == "emergency"
    if restart:
        story.restart_router()
    story.passes(minutes=15)
    assert (anna.state, anna.interval.reason) == ("break", "management")


@pytest.mark.parametrize("restart", [False, True])
def test_an_emergency_within_the_pause_of_an_order_is_followed_by_what_is_left_of_it(
    story: Story, *, restart: bool
) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    order(story, olga, "anna", minutes=60)
    until = anna.interval.until
    story.passes(minutes=5)
    assert anna.asks_break(EMERGENCY, "1") == "break-granted"
    if restart:
        story.restart_router()
    story.passes(minutes=16)
    assert (anna.state, anna.interval.reason, anna.interval.until) == ("break", "management", until)
    assert anna.comes_back() == "you-are-ready"
    assert how_it_ended(story) == ["displaced", "over", "used"]


@pytest.mark.parametrize("restart", [False, True])
def test_who_has_followed_an_order_before_going_home_need_not_again(story: Story, *, restart: bool) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    order(story, olga, "anna", minutes=60)
    anna.comes_back()
    anna.logs_out()
    if restart:
        story.restart_router()
    anna.logs_in("phone01")
    assert anna.state == "ready"


@pytest.mark.parametrize("restart", [False, True])
def test_who_goes_home_on_the_pause_of_an_order_is_sent_again(story: Story, *, restart: bool) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    order(story, olga, "anna", minutes=60)
    anna.logs_out()
    if restart:
        story.restart_router()
    anna.logs_in("phone01")
    assert (anna.state, anna.interval.reason) == ("break", "management")


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


def test_a_refusal_to_a_senior_is_on_record_and_told_in_words(story: Story) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    until = story.clock.now() + timedelta(minutes=30)
    asked: list[Callable[[str], AnyCommand]] = [
        lambda n: GiveOrder(command=n, by=anna.login, logins=("olga",), until=until, why="training"),
        lambda n: GiveOrder(command=n, by=olga.login, logins=("nobody",), until=until, why="training"),
        lambda n: WithdrawOrder(command=n, by=olga.login, order="r1-77"),
        lambda n: ReviewEmergency(command=n, by=olga.login, permission="r1-77", confirmed=True),
    ]
    assert [story.asks(one).text for one in asked] == [
        "refused: only seniors and heads may do this",
        "refused: nobody has this login",
        "refused: no order of this name holds",
        "refused: no emergency of this name waits for its review",
    ]
    story.journal.commit()
    on_record = [(one.login, one.kind, one.door, one.reason, one.permission) for one in story.log.breaks.of(BreakAsked)]
    assert on_record == [
        ("anna", MANAGEMENT, "order", "not-allowed", None),
        ("olga", MANAGEMENT, "order", "unknown-operator", None),
        ("olga", MANAGEMENT, "withdraw", "no-such-order", None),
        ("olga", EMERGENCY, "review", "no-such-pause", "r1-77"),
    ]


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
    assert how_it_ended(story) == ["displaced"]
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


@pytest.mark.parametrize("restarts", [False, True])
def test_an_emergency_taken_back_before_it_began_is_nothing_to_judge(story: Story, restarts: bool) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    caller = story.calls("1302")
    anna.answers()
    anna.asks_break(EMERGENCY, "1")
    name = last_answer(story, "anna").permission or ""
    assert anna.comes_back() == "break-cancelled"
    caller.hangs_up()
    if restarts:
        story.restart_router()
    reply = story.asks(lambda n: ReviewEmergency(command=n, by=olga.login, permission=name, confirmed=False))
    assert reply.code == "refused-no-such-pause"
    assert violations(story, "anna") == []


def test_nobody_reviews_their_own_emergency(story: Story) -> None:
    sonya = story.operator("sonya", senior=1)
    sonya.logs_in("phone01")
    sonya.asks_break(EMERGENCY, "1")
    name = last_answer(story, "sonya").permission or ""
    reply = story.asks(lambda n: ReviewEmergency(command=n, by="sonya", permission=name, confirmed=True))
    assert reply.code == "refused-own-pause"
