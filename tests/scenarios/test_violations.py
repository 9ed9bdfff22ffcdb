"""Disguised pauses and the back door: seen, on record, undone."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest

from telephony.core.break_facts import (
    Verdict,
    ViolationEnded,
    ViolationKind,
    ViolationSeen,
)
from telephony.core.commands import ComeBack, TakeBreak, TellState, WithdrawOrder
from telephony.core.effects import Play
from telephony.core.events import NativeMemberSeen, NativePauseSeen, RosterChanged
from telephony.core.facts import Repaired
from telephony.core.roster import Shift
from telephony.testing.clock import MORNING
from telephony.testing.people import Operator
from telephony.testing.story import Story
from tests.scenarios.break_center import (
    BREAK_PLAN,
    EMERGENCY,
    MANAGEMENT,
    anna_at_work,
    anna_stays_for_boris,
    it_is,
    last_answer,
    order,
    violations,
    waits_for_break,
    with_rules,
)
from tests.scenarios.small_center import NewStory


@pytest.fixture
def story(new_story: NewStory) -> Story:
    return new_story(BREAK_PLAN)


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


def lasted(story: Story) -> list[tuple[str, float | None]]:
    """Kind and minutes of each violation, by its begin; None: it is not over."""
    story.journal.commit()
    ended = {one.violation: one.at for one in story.log.breaks.of(ViolationEnded)}
    seen = story.log.breaks.of(ViolationSeen)
    return [
        (one.kind, round((ended[one.violation] - one.at).total_seconds() / 60) if one.violation in ended else None)
        for one in seen
    ]


@pytest.mark.parametrize("restart", [False, True])
def test_it_lasts_until_the_operator_is_back(story: Story, *, restart: bool) -> None:
    """A call of their own meanwhile does not end it."""
    anna = anna_at_work(story)
    caller = story.calls("1302")
    anna.rejects()
    caller.hangs_up()
    it_is(story, "0:30")
    anna.dials("201")
    if restart:
        story.restart_router()
    anna.hangs_up()
    assert anna.state == "unreachable"
    assert lasted(story) == [("rejected", None)]
    it_is(story, "1:00")
    anna.comes_back()
    assert lasted(story) == [("rejected", 60)]
    assert anna.state == "ready"


def test_it_lasts_no_longer_than_the_break_that_was_to_come_allows(story: Story) -> None:
    anna, olga = anna_at_work(story), story.operator("olga")
    story.calls("1302")
    order(story, olga, "anna")
    assert waits_for_break(story, "anna")
    anna.rejects()
    assert anna.state == "break"
    assert lasted(story) == [("rejected", 0)]


def test_a_phone_that_goes_away_after_it_is_another_violation(story: Story) -> None:
    anna = anna_at_work(story)
    caller = story.calls("1302")
    anna.rejects()
    caller.hangs_up()
    story.passes(60)
    anna.is_lost()
    story.asks(lambda name: ComeBack(command=name, login="anna"))
    assert lasted(story) == [("rejected", 1), ("unregistered", None)]


@pytest.mark.parametrize("answer", [(23, 302), (58, 488), (1, 404), (38, 500), (1, 604)])
def test_a_phone_that_answers_the_ring_with_something_else_is_one_too(story: Story, answer: tuple[int, int]) -> None:
    """Also one that forwards the call (302), where nobody follows it, or knows of no such number: it is there."""
    anna = anna_at_work(story)
    caller = story.calls("1302")
    assert anna.ringing is not None
    story.switch.refuse(anna.ringing, answer)
    story.moment()
    assert violations(story, "anna") == [ViolationKind.REJECTED]
    assert anna.state == "unreachable"
    assert caller.hears == "music"


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


@pytest.mark.parametrize("noticed", [False, True])
def test_a_phone_whose_ring_finds_its_connection_broken_is_away_until_it_is_back(
    story: Story, *, noticed: bool
) -> None:
    anna = anna_at_work(story)
    caller = story.calls("1302")
    assert anna.ringing is not None
    story.switch.refuse(anna.ringing, (34, 503))
    story.moment()
    caller.hangs_up()
    assert (anna.state, lasted(story)) == ("unreachable", [("unregistered", None)])
    if noticed:
        anna.is_lost()
        it_is(story, "0:30")
        anna.is_back()
    else:
        it_is(story, "0:30")
        story.restart_router()
    assert (anna.state, lasted(story)) == ("ready", [("unregistered", 30)])


def test_logging_out_for_a_while_within_the_shift(story: Story) -> None:
    anna = anna_at_work(story)
    for minutes in (0, 3, 90):
        anna.logs_out()
        story.passes(minutes=minutes)
        anna.logs_in("phone01")
    assert violations(story, "anna") == [ViolationKind.RELOGIN] * 3
    assert story.log.breaks.of(ViolationSeen, "anna")[-1].detail == "away for 5402 s"


def test_who_comes_back_for_the_next_shift_has_gone_home_between(story: Story) -> None:
    anna = anna_at_work(story)
    later = Shift(login="anna", begin=MORNING + timedelta(hours=12), end=MORNING + timedelta(hours=20))
    story.shifts = (*story.shifts, later)
    story.tell(RosterChanged(shifts=story.shifts))
    it_is(story, "7:59")
    anna.logs_out()
    it_is(story, "12:00")
    anna.logs_in("phone01")
    assert violations(story, "anna") == []


def test_who_stands_in_for_a_colleague_at_once_has_not_gone_home_between(story: Story) -> None:
    anna = anna_stays_for_boris(story)
    it_is(story, "0:45")
    anna.logs_out()
    it_is(story, "1:15")
    anna.logs_in("phone01")
    assert violations(story, "anna") == [ViolationKind.RELOGIN]


@pytest.mark.parametrize(("seconds", "phone", "seen"), [(30, "phone02", []), (61, "phone01", [ViolationKind.RELOGIN])])
def test_a_colleague_on_my_phone_is_no_excuse_for_being_away(
    story: Story, seconds: int, phone: str, seen: list[ViolationKind]
) -> None:
    anna, boris = anna_at_work(story), story.operator("boris", booking=1)
    boris.logs_in("phone01")
    boris.logs_out()
    story.restart_router()
    story.passes(seconds)
    anna.logs_in(phone)
    assert violations(story, "anna") == seen


@pytest.mark.parametrize("restart", [False, True])
def test_a_colleague_on_my_phone_is_an_excuse_once_a_shift_and_only_elsewhere(story: Story, *, restart: bool) -> None:
    anna, boris = anna_at_work(story), story.operator("boris", booking=1)
    seen = []
    for mine, next_one in (("phone01", "phone02"), ("phone02", "phone03"), ("phone03", "phone03")):
        boris.logs_in(mine)
        story.passes(20)
        boris.logs_out()
        anna.logs_in(next_one)
        seen.append(len(violations(story, "anna")))
        if restart:
            story.restart_router()
    assert seen == [0, 1, 2]


def test_who_sits_down_at_the_phone_that_was_taken_has_been_away(story: Story) -> None:
    anna, boris = anna_at_work(story), story.operator("boris", booking=1)
    boris.logs_in("phone01")
    story.restart_router()
    story.passes(20)
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


@pytest.mark.parametrize("restart", [False, True])
def test_codes_one_after_another_keep_a_ready_operator_from_callers(story: Story, *, restart: bool) -> None:
    anna = anna_at_work(story)
    caller = story.calls("1302")
    anna.rejects()
    caller.hangs_up()
    channel = story.switch.dial_code(anna.phone)
    story.tell(ComeBack(command="back", phone="phone01", channel=channel.id))
    assert anna.state == "ready"
    caller = story.calls("1302")
    for n in range(20):
        story.passes(2)
        following = story.switch.dial_code(anna.phone)
        story.tell(TellState(command=f"state-{n}", phone="phone01", channel=following.id))
        story.passes(1)
        story.switch.hang_up(channel)
        channel = following
        if restart and n == 12:
            story.restart_router()
    assert lasted(story)[1:] == [("phone_busy", None)]
    story.switch.hang_up(channel)
    story.moment()
    assert caller.hears == "music"
    assert anna.rings()
    assert lasted(story)[1:] == [("phone_busy", 1)]


def test_a_code_or_two_between_calls_are_none(story: Story) -> None:
    anna = anna_at_work(story)
    for _ in range(12):
        anna.asks_state()
        story.passes(1)
    assert violations(story, "anna") == []


def test_who_says_at_once_that_they_are_back_and_stays_on_the_line_is_still_after_the_call(story: Story) -> None:
    anna = anna_at_work(story)
    caller = story.calls("1300")
    anna.answers()
    caller.hangs_up()
    channel = story.switch.dial_code(anna.phone)
    story.tell(ComeBack(command="c", phone="phone01", channel=channel.id))
    story.passes(15)
    assert violations(story, "anna") == [ViolationKind.LONG_WRAP_UP]


def test_an_own_call_between_calls_is_none(story: Story) -> None:
    anna = anna_at_work(story)
    caller = story.calls("1300")
    anna.answers()
    caller.hangs_up()
    story.passes(15)
    anna.dials("201")
    story.passes(60)
    assert violations(story, "anna") == []


# -- a break stretched by a call of one's own


def anna_talks_on_her_break(story: Story) -> Operator:
    """A minute before its end at 0:25."""
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    it_is(story, "0:24")
    anna.dials("201")
    story.telephone("doctor01").answers()
    return anna


@pytest.mark.parametrize("at_end", ["return", "overrun"])
@pytest.mark.parametrize("restart", [None, "0:24", "0:26"])
def test_a_call_of_ones_own_that_stretches_a_break(
    new_story: NewStory, at_end: Literal["return", "overrun"], restart: str | None
) -> None:
    story = new_story(with_rules(at_end=at_end))
    anna = anna_talks_on_her_break(story)
    if restart is not None:
        it_is(story, restart)
        story.restart_router()
    it_is(story, "1:40")
    assert lasted(story) == [("overrun", None)]
    story.restart_router()
    anna.hangs_up()
    if at_end == "return":
        assert anna.state == "ready"
    anna.comes_back()
    assert (anna.state, lasted(story)) == ("ready", [("overrun", 75)])


@pytest.mark.parametrize("at_end", ["return", "overrun"])
def test_a_break_that_ends_within_such_a_call_while_no_router_lived(
    new_story: NewStory, at_end: Literal["return", "overrun"]
) -> None:
    story = new_story(with_rules(at_end=at_end))
    anna = anna_talks_on_her_break(story)
    story.restart_router(after=120)
    it_is(story, "1:26")
    assert lasted(story) == [("overrun", None)]
    anna.hangs_up()
    assert (anna.state, lasted(story)) == ("ready", [("overrun", 60)])


def test_who_says_in_such_a_call_that_they_are_back_is_so_when_it_ends(story: Story) -> None:
    anna = anna_talks_on_her_break(story)
    assert anna.comes_back() == "you-are-ready"
    assert anna.state == "talking"
    it_is(story, "0:25")
    assert violations(story, "anna") == [], "so long they might have stayed away"
    it_is(story, "0:34")
    assert lasted(story) == [("overrun", None)]
    anna.hangs_up()
    assert (anna.state, lasted(story)) == ("ready", [("overrun", 9)])


def test_who_was_granted_another_pause_after_such_a_call_overruns_none(story: Story) -> None:
    anna = anna_talks_on_her_break(story)
    it_is(story, "0:25")
    story.passes(3)
    order(story, story.operator("olga"), "anna")
    it_is(story, "0:35")
    assert (anna.state, violations(story, "anna")) == ("talking", [])
    anna.hangs_up()
    assert anna.state == "break"


def test_a_last_word_on_it_is_none(story: Story) -> None:
    anna = anna_talks_on_her_break(story)
    it_is(story, "0:25")
    story.passes(8)
    anna.hangs_up()
    anna.dials("201")
    story.telephone("doctor01").answers()
    it_is(story, "0:40")
    assert (anna.state, violations(story, "anna")) == ("talking", [])


def test_nor_is_a_call_that_ends_before_the_break(story: Story) -> None:
    anna = anna_talks_on_her_break(story)
    anna.hangs_up()
    it_is(story, "0:26")
    anna.dials("201")
    story.telephone("doctor01").answers()
    it_is(story, "0:40")
    assert (anna.state, violations(story, "anna")) == ("talking", [])


def test_nor_one_in_a_pause_that_somebody_else_has_ended(story: Story) -> None:
    """Nobody has told them."""
    anna, olga = anna_at_work(story), story.operator("olga")
    name = order(story, olga, "anna")
    anna.dials("201")
    story.telephone("doctor01").answers()
    story.asks(lambda command: WithdrawOrder(command=command, by="olga", order=name))
    story.passes(minutes=10)
    assert (anna.state, violations(story, "anna")) == ("talking", [])


def test_nor_one_that_may_have_ended_while_the_pbx_was_out_of_reach(story: Story) -> None:
    anna = anna_talks_on_her_break(story)
    story.lose_connection()
    it_is(story, "0:30")
    anna.hangs_up()
    story.reconnect()
    assert (anna.state, violations(story, "anna")) == ("ready", [])


def test_a_consultation_for_a_caller_right_after_the_break_is_none(story: Story) -> None:
    anna = anna_talks_on_her_break(story)
    anna.hangs_up()
    it_is(story, "0:25")
    story.calls("1302")
    anna.answers()
    anna.consults("201")
    story.telephone("doctor01").answers()
    it_is(story, "0:40")
    assert (anna.interval.reason, violations(story, "anna")) == ("consulting", [])


@pytest.mark.parametrize("on_a_break", [False, True])
def test_nobody_waits_in_a_queue_that_they_serve(story: Story, *, on_a_break: bool) -> None:
    """Nobody would ring them there, and no caller."""
    anna = anna_at_work(story)
    if on_a_break:
        assert anna.asks_break(EMERGENCY, "1") == "break-granted"
    channel = anna.dials("801")
    assert anna.hears == "prompt"
    said = [one.prompts for _, effects in story.journal.entries for one in effects if isinstance(one, Play)]
    assert said == [("own-queue",)]
    story.passes(4)
    assert channel.gone
    assert anna.state == ("break" if on_a_break else "ready")


# -- the back door


def test_a_pause_by_the_back_door_is_undone_and_on_record(story: Story) -> None:
    anna = anna_at_work(story)
    story.pauses_past_us(anna)
    assert not story.pbx.native.members["anna"].paused
    assert anna.state == "ready"
    assert violations(story, "anna") == [ViolationKind.BACK_DOOR]
    asked = last_answer(story, "anna")
    assert (asked.door, asked.verdict, asked.reason) == ("native", Verdict.REFUSED, "back-door")
    assert asked.next_slot == MORNING + timedelta(minutes=10)


def test_who_pauses_again_and_again_is_not_forgotten(story: Story) -> None:
    anna = anna_at_work(story)
    for _ in range(6):
        story.pauses_past_us(anna)
        story.passes(4)
    assert len(violations(story, "anna")) == 3  # within five seconds it is one act


@pytest.mark.parametrize("act", ["removed", "added", "ring_in_use", "penalty"])
def test_a_membership_changed_by_the_back_door_is_on_record(
    story: Story, act: Literal["removed", "added", "ring_in_use", "penalty"]
) -> None:
    anna = anna_at_work(story)
    story.tell(NativeMemberSeen(phone=anna.phone.name, queue="booking", act=act))
    assert violations(story, "anna") == [ViolationKind.BACK_DOOR]


def test_a_phone_added_that_nobody_is_at_is_a_repair(story: Story) -> None:
    story.tell(NativeMemberSeen(phone="phone09", queue="booking", act="added"))
    story.moment()
    story.journal.commit()
    decided = [effect for _, effects in story.journal.entries for effect in effects]
    assert [one.what for one in decided if isinstance(one, Repaired)] == ["native-member"]


def test_a_break_is_not_ended_by_the_back_door(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    story.pauses_past_us(anna, paused=False)
    assert story.pbx.native.members["anna"].paused
    assert violations(story, "anna") == [ViolationKind.BACK_DOOR]
    assert last_answer(story, "anna").door == "phone", "an end of a pause is no request for one"


def test_a_pause_taken_while_nobody_looked_is_found(story: Story) -> None:
    anna = anna_at_work(story)
    story.kill_router()
    story.pauses_past_us(anna)
    story.start_router()
    assert not story.pbx.native.members["anna"].paused
    assert violations(story, "anna") == [ViolationKind.BACK_DOOR]


def test_a_pause_that_stands_when_somebody_looks_again_is_on_record_from_its_begin_until_then(story: Story) -> None:
    anna = anna_at_work(story)
    story.kill_router()
    begun = story.clock.now()
    story.pauses_past_us(anna)
    story.passes(minutes=60)
    back = story.clock.now()
    story.start_router()
    asked = last_answer(story, "anna")
    (seen,) = story.log.breaks.of(ViolationSeen, "anna")
    assert (seen.at, asked.at, asked.door) == (begun, begun, "native")
    assert seen.detail.endswith("while nobody looked")
    (ended,) = [fact for fact in story.log.breaks.facts if isinstance(fact, ViolationEnded)]
    assert ended.violation == seen.violation
    assert back <= ended.at <= story.clock.now()
    assert asked.next_slot == MORNING + timedelta(minutes=10), "the next one as she paused"


def test_a_pause_that_came_and_went_while_nobody_looked_is_on_record_at_its_time(story: Story) -> None:
    """Whatever the operator does by now."""
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    for queue in ("booking", "urgent"):
        story.tell(NativePauseSeen(phone=anna.phone.name, queue=queue, paused=True, began=MORNING))
    assert anna.state == "break"
    story.journal.commit()
    (seen,) = [one for _, decided in story.journal.entries for one in decided if isinstance(one, ViolationSeen)]
    assert (seen.kind, seen.at) == (ViolationKind.BACK_DOOR, MORNING)
    assert "while nobody looked" in seen.detail


def test_a_break_ended_by_the_back_door_while_nobody_looked_is_found(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    story.kill_router()
    story.pauses_past_us(anna, paused=False)
    story.start_router()
    assert anna.state == "break"
    assert story.pbx.native.members["anna"].paused
    assert violations(story, "anna") == [ViolationKind.BACK_DOOR]


def test_a_break_that_was_over_while_nobody_looked_is_no_back_door(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    story.kill_router()
    story.passes(3600)
    story.start_router()
    assert ViolationKind.BACK_DOOR not in violations(story, "anna")
