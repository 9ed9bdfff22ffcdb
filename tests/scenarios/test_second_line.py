"""An operator with a caller asks somebody on the second line: the talk is the caller's until the caller has left."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from telephony.core.break_facts import HandLowered, HandTaken
from telephony.core.commands import TellState
from telephony.testing.people import Caller, Operator, Telephone
from telephony.testing.story import Story
from tests.scenarios.break_center import BREAK_PLAN, anna_at_work, it_is, violations
from tests.scenarios.small_center import NewStory


@pytest.fixture
def story(new_story: NewStory) -> Story:
    return new_story(BREAK_PLAN)


def with_a_caller(story: Story, anna: Operator) -> Caller:
    caller = story.calls("1302")
    anna.answers()
    return caller


def asks_the_doctor(story: Story, anna: Operator) -> Telephone:
    """The caller is on hold meanwhile."""
    doctor = story.telephone("doctor01")
    anna.consults("201")
    doctor.answers()
    return doctor


def is_in(anna: Operator) -> tuple[str, str, str | None]:
    return anna.state, anna.interval.reason, anna.interval.call


# -- which of the two is the talk


@pytest.mark.parametrize("answers", [True, False])
def test_after_it_the_talk_is_the_callers_as_before(story: Story, *, answers: bool) -> None:
    anna = anna_at_work(story)
    caller = with_a_caller(story, anna)
    anna.consults("201")
    assert is_in(anna) == ("on_hold", "", caller.id)
    doctor = story.telephone("doctor01")
    if answers:
        doctor.answers()
        assert is_in(anna) == ("talking", "consulting", caller.id)
        doctor.hangs_up()
        assert is_in(anna) == ("on_hold", "", caller.id)
    else:
        doctor.rejects()
    anna.resumes()
    assert is_in(anna) == ("talking", "", caller.id)
    assert anna.raises_hand() == "hand-raised"


def test_who_goes_to_and_fro_between_the_two_is_where_they_talk(story: Story) -> None:
    anna = anna_at_work(story)
    caller = with_a_caller(story, anna)
    asks_the_doctor(story, anna)
    anna.holds()
    assert is_in(anna) == ("on_hold", "", caller.id)
    anna.resumes()
    assert is_in(anna) == ("talking", "", caller.id)
    story.switch.press(anna.talking[0], "*")
    story.switch.press(anna.talking[0], "*")
    story.moment()
    assert [hand.call for hand in story.center.hands.values()] == [caller.id]


@pytest.mark.parametrize("mode", ["listen", "join"])
def test_who_helps_comes_to_the_caller_not_into_the_consultation(story: Story, mode: str) -> None:
    anna = anna_at_work(story)
    vera = story.operator("vera", senior=1)
    vera.logs_in("phone02")
    caller = with_a_caller(story, anna)
    anna.presses("**")
    doctor = asks_the_doctor(story, anna)
    vera.helps("join" if mode == "join" else "listen")
    doctor.hangs_up()
    anna.resumes()
    assert vera.hears == f"anna {caller.channel.caller}"
    story.journal.commit()
    assert story.log.breaks.of(HandTaken) != []
    assert story.log.breaks.of(HandLowered) == []
    vera.hangs_up()
    assert [lowered.how for lowered in story.log.breaks.of(HandLowered)] == ["helped"]


def test_a_hand_that_nobody_can_take_now_holds_up_no_other(story: Story) -> None:
    """Anna's caller is being handed over while hers is up."""
    anna = anna_at_work(story)
    boris = story.operator("boris", paid=1)
    boris.logs_in("phone03")
    vera = story.operator("vera", senior=1)
    vera.logs_in("phone02")
    with_a_caller(story, anna)
    anna.presses("**")
    second = story.calls("1304")
    boris.answers()
    boris.presses("**")
    anna.transfers_to("201")
    story.telephone("doctor01").answers()
    vera.helps("listen")
    assert vera.hears == f"boris {second.channel.caller}"


def test_an_operator_who_has_asked_somebody_can_be_helped_and_so_can_the_next(story: Story) -> None:
    anna = anna_at_work(story)
    boris = story.operator("boris", paid=1)
    boris.logs_in("phone03")
    vera = story.operator("vera", senior=1)
    vera.logs_in("phone02")
    first = with_a_caller(story, anna)
    anna.presses("**")
    asks_the_doctor(story, anna).hangs_up()
    anna.resumes()
    vera.helps("listen")
    assert vera.hears == f"anna {first.channel.caller}"
    vera.hangs_up()
    second = story.calls("1304")
    boris.answers()
    boris.presses("**")
    vera.helps("listen")
    assert vera.hears == f"boris {second.channel.caller}"


@pytest.mark.parametrize("still", ["to the end", "for a while"])
@pytest.mark.parametrize("restart", ["no", "in the call", "after it"])
def test_a_break_missed_in_a_call_with_a_consultation_is_still_theirs(story: Story, still: str, restart: str) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:05")
    caller = with_a_caller(story, anna)
    doctor = asks_the_doctor(story, anna)
    it_is(story, "0:06")
    if still == "for a while":
        doctor.hangs_up()
        anna.resumes()
    it_is(story, "0:20")
    if restart == "in the call":
        story.restart_router()
    it_is(story, "0:30")
    if still == "to the end":
        doctor.hangs_up()
    caller.hangs_up()
    if restart == "after it":
        story.restart_router()
    assert anna.asks_break() == "break-granted"


def test_a_restart_finds_the_talk(story: Story) -> None:
    anna = anna_at_work(story)
    caller = with_a_caller(story, anna)
    doctor = asks_the_doctor(story, anna)
    story.kill_router()
    doctor.hangs_up()
    story.switch.resume(anna.talking[0])
    story.start_router()
    story.passes(1)
    assert is_in(anna) == ("talking", "", caller.id)


# -- where the caller's part ends


@pytest.mark.parametrize("answered", ["before", "after"])
def test_the_wrap_up_runs_from_when_the_caller_left(story: Story, answered: str) -> None:
    """Whatever the operator goes on with is a call of their own, and may not last longer than the wrap-up."""
    anna = anna_at_work(story)
    caller = with_a_caller(story, anna)
    channel = anna.consults("201")
    doctor = story.telephone("doctor01")
    if answered == "before":
        doctor.answers()
    caller.hangs_up()
    assert is_in(anna) == ("talking", "own_call", channel.id)
    if answered == "after":
        doctor.answers()
    story.passes(12)
    assert violations(story, "anna") == []
    story.passes(5)
    assert violations(story, "anna") == ["long_wrap_up"]
    doctor.hangs_up()
    assert anna.state == "ready", "the wrap-up was over"
    story.journal.commit()
    assert story.log.breaks.open_violations() == ()


def test_what_is_left_of_the_wrap_up_comes_after_it(story: Story) -> None:
    anna = anna_at_work(story)
    caller = with_a_caller(story, anna)
    doctor = asks_the_doctor(story, anna)
    caller.hangs_up()
    due = anna.interval.until
    story.passes(2)
    doctor.hangs_up()
    assert (anna.state, anna.interval.until) == ("wrap_up", due)
    story.passes(5)
    assert anna.state == "ready"
    assert violations(story, "anna") == []


def test_a_restart_does_not_forget_that_the_caller_has_left(story: Story) -> None:
    anna = anna_at_work(story)
    caller = with_a_caller(story, anna)
    asks_the_doctor(story, anna)
    caller.hangs_up()
    story.restart_router()
    story.passes(20)
    assert violations(story, "anna") == ["long_wrap_up"]


def test_a_caller_who_left_while_no_router_lived_has_left(story: Story) -> None:
    anna = anna_at_work(story)
    caller = with_a_caller(story, anna)
    asks_the_doctor(story, anna)
    story.kill_router()
    caller.hangs_up()
    story.switch.hang_up(anna.talking[0])
    story.start_router()
    story.passes(20)
    assert anna.interval.reason == "own_call"
    assert violations(story, "anna") == ["long_wrap_up"]


@pytest.mark.parametrize("consulting", [True, False])
def test_the_wrap_up_of_a_call_that_ended_while_no_router_lived_is_as_long(
    new_story: NewStory, *, consulting: bool
) -> None:
    queues = tuple(replace(queue, wrap_up=60) for queue in BREAK_PLAN.queues)
    story = new_story(replace(BREAK_PLAN, queues=queues))
    anna = anna_at_work(story)
    caller = with_a_caller(story, anna)
    if consulting:
        asks_the_doctor(story, anna)
    story.kill_router()
    caller.hangs_up()
    story.passes(1)
    story.start_router()
    story.passes(50)
    assert anna.state == ("talking" if consulting else "wrap_up")
    story.passes(15)
    assert violations(story, "anna") == []
    if consulting:
        anna.hangs_up()
    assert anna.state == "ready"


def test_on_hold_again_and_again_it_is_still_too_long(story: Story) -> None:
    anna = anna_at_work(story)
    caller = with_a_caller(story, anna)
    asks_the_doctor(story, anna)
    caller.hangs_up()
    for _ in range(5):
        story.passes(4)
        anna.holds()
        anna.resumes()
    assert violations(story, "anna") == ["long_wrap_up"]


def test_a_code_on_the_second_line_does_not_keep_the_talk_alive(story: Story) -> None:
    anna = anna_at_work(story)
    caller = with_a_caller(story, anna)
    anna.holds()
    code = story.switch.dial_code(anna.phone)
    story.tell(TellState(command="state", phone="phone01", channel=code.id))
    caller.hangs_up()
    assert anna.state == "wrap_up"
    story.passes(12)
    assert violations(story, "anna") == []
    story.passes(5)
    assert violations(story, "anna") == ["long_wrap_up"]


def test_no_planned_break_moves_for_what_comes_after_the_caller(story: Story) -> None:
    anna = anna_at_work(story)
    it_is(story, "0:07")
    caller = with_a_caller(story, anna)
    asks_the_doctor(story, anna)
    caller.hangs_up()
    it_is(story, "0:30")
    assert anna.asks_break() == "refused-not-in-slot"


def test_a_colleague_who_rings_in_the_wrap_up_does_not_make_it_longer(story: Story) -> None:
    anna = anna_at_work(story)
    boris = story.operator("boris", paid=1)
    boris.logs_in("phone02")
    caller = with_a_caller(story, anna)
    caller.hangs_up()
    boris.dials("2001")
    anna.answers()
    story.passes(12)
    assert violations(story, "anna") == []
    story.passes(5)
    assert violations(story, "anna") == ["long_wrap_up"]
    boris.hangs_up()
    assert anna.state == "ready"


def after_a_caller_and_with_one(story: Story) -> tuple[Operator, Operator]:
    """anna is in her wrap-up, boris has a caller."""
    anna = anna_at_work(story)
    boris = story.operator("boris", paid=1)
    boris.logs_in("phone02")
    caller = with_a_caller(story, anna)
    story.calls("1304")
    boris.answers()
    caller.hangs_up()
    return anna, boris


def with_the_doctor(story: Story, anna: Operator) -> tuple[Caller, Telephone]:
    """A caller whom anna has handed over."""
    caller = with_a_caller(story, anna)
    anna.transfers_to("201")
    doctor = story.telephone("doctor01")
    doctor.answers()
    story.passes(20)
    assert anna.state == "ready"
    return caller, doctor


def test_unless_the_colleague_asks_for_a_caller(story: Story) -> None:
    anna, boris = after_a_caller_and_with_one(story)
    boris.consults("2001")
    anna.answers()
    story.passes(minutes=2)
    assert violations(story, "anna") == []


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("hold", ["the caller", "the colleague", "both"])
def test_whichever_of_the_two_the_colleague_is_with_when_the_wrap_up_is_over(
    story: Story, hold: str, *, restart: bool
) -> None:
    anna, boris = after_a_caller_and_with_one(story)
    boris.consults("2001")
    anna.answers()
    if restart:
        story.restart_router()
    if hold != "the caller":
        story.switch.hold(boris.talking[-1])
    if hold == "the colleague":
        story.switch.resume(boris.talking[0])
    story.passes(minutes=2)
    assert violations(story, "anna") == []


def test_also_one_who_is_back_with_the_caller_before_the_other_picks_up(story: Story) -> None:
    anna, boris = after_a_caller_and_with_one(story)
    boris.consults("2001")
    story.switch.hold(boris.talking[-1])
    story.switch.resume(boris.talking[0])
    story.moment()
    anna.answers()
    story.passes(minutes=2)
    assert violations(story, "anna") == []


def test_a_specialist_with_a_caller_may_ask_like_a_colleague(story: Story) -> None:
    anna = anna_at_work(story)
    handed_over, doctor = with_the_doctor(story, anna)
    with_a_caller(story, anna).hangs_up()
    doctor.consults("2001")
    anna.answers()
    story.passes(minutes=2)
    assert not handed_over.gone
    assert violations(story, "anna") == []


@pytest.mark.parametrize("restart", ["no", "before", "while they leave"])
@pytest.mark.parametrize("asks", ["a colleague", "a specialist"])
def test_but_when_that_caller_leaves_the_rest_of_the_talk_is_for_nobody(story: Story, asks: str, restart: str) -> None:
    if asks == "a colleague":
        anna, boris = after_a_caller_and_with_one(story)
        boris.consults("2001")
        other = next(one for one in story.callers.values() if not one.gone)
    else:
        anna = anna_at_work(story)
        other, doctor = with_the_doctor(story, anna)
        with_a_caller(story, anna).hangs_up()
        doctor.consults("2001")
    anna.answers()
    story.passes(30)
    if restart == "before":
        story.restart_router()
    elif restart == "while they leave":
        story.kill_router()
    other.hangs_up()
    if restart == "while they leave":
        story.passes(1)
        story.start_router()
    story.passes(9)
    assert violations(story, "anna") == [], "for a last word"
    story.passes(3)
    assert violations(story, "anna") == ["long_wrap_up"]
    anna.hangs_up()
    story.journal.commit()
    assert story.log.breaks.open_violations() == ()


def test_also_when_the_caller_leaves_before_the_asked_one_picks_up(story: Story) -> None:
    anna, boris = after_a_caller_and_with_one(story)
    boris.consults("2001")
    next(one for one in story.callers.values() if not one.gone).hangs_up()
    story.passes(12)
    anna.answers()
    story.passes(9)
    assert violations(story, "anna") == []
    story.passes(3)
    assert violations(story, "anna") == ["long_wrap_up"]


def test_who_was_ready_when_a_colleague_asked_has_no_wrap_up_to_keep(story: Story) -> None:
    anna, boris = after_a_caller_and_with_one(story)
    story.passes(12)
    boris.consults("2001")
    anna.answers()
    next(one for one in story.callers.values() if not one.gone).hangs_up()
    story.passes(minutes=2)
    assert violations(story, "anna") == []
    assert violations(story, "boris") == ["long_wrap_up"]
