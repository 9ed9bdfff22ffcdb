"""An operator needs a senior in a conversation."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest
from msgspec.structs import replace

from telephony.core.break_facts import HandEscalated, HandLowered, HandRaised, HandTaken, OutcomeGiven, ViolationSeen
from telephony.core.commands import GiveOrder
from telephony.core.plan import BreakRules, Disposition, Group
from telephony.testing.people import Caller, Operator
from telephony.testing.story import Story
from tests.scenarios.small_center import PLAN, NewStory

HAND_PLAN = replace(
    PLAN,
    breaks=BreakRules(seniors="seniors", heads="heads"),
    groups=(*PLAN.groups, Group(name="heads", logins=("head",))),
    outcomes=(Disposition(code="1", label="Booked"), Disposition(code="2#", label="Complaint")),
)


@pytest.fixture
def story(new_story: NewStory) -> Story:
    return new_story(HAND_PLAN)


@pytest.fixture
def anna(story: Story) -> Operator:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    return anna


@pytest.fixture
def senior(story: Story) -> Operator:
    senior = story.operator("senior", senior=1)
    senior.logs_in("phone02")
    return senior


@pytest.fixture
def caller(story: Story, anna: Operator) -> Caller:
    """Talks with anna."""
    caller = story.calls("1300")
    anna.answers()
    return caller


def lamp(story: Story, kind: str, operator: Operator) -> str:
    return story.pbx.lamps[f"{kind}-{operator.person.extension}"]


def said(story: Story, *kinds: type) -> list[object]:
    story.journal.commit()
    return [fact for fact in story.log.breaks.facts if isinstance(fact, kinds or (HandRaised, HandTaken, HandLowered))]


def test_a_hand_raised_by_keys_blinks_at_the_seniors_and_leaves_the_talk_alone(
    story: Story, senior: Operator, anna: Operator, caller: Caller
) -> None:
    anna.presses("**")
    assert lamp(story, "hand", senior) == "blinking"
    assert lamp(story, "hand", anna) == "on"
    assert caller.hears == "anna"
    anna.presses("**")
    assert lamp(story, "hand", senior) == "off"
    assert [type(fact) for fact in said(story)] == [HandRaised, HandLowered]


def test_keys_pressed_slowly_or_by_the_caller_raise_nothing(
    story: Story, senior: Operator, anna: Operator, caller: Caller
) -> None:
    anna.presses("*")
    story.passes(4)
    anna.presses("*1*")
    for _ in range(2):
        story.switch.press(caller.channel, "*")
    story.moment()
    assert said(story) == []
    anna.presses("*")
    assert len(said(story)) == 1


def test_by_the_code_on_the_second_line_and_only_in_a_conversation(
    story: Story, senior: Operator, anna: Operator
) -> None:
    assert anna.raises_hand() == "hand-no-call"
    story.calls("1300")
    anna.answers()
    anna.holds()
    assert anna.raises_hand() == "hand-raised"
    assert anna.raises_hand() == "hand-lowered"


def test_the_end_of_the_call_lowers_it(story: Story, senior: Operator, anna: Operator, caller: Caller) -> None:
    anna.presses("**")
    caller.hangs_up()
    assert lamp(story, "hand", senior) == "off"
    [_, lowered] = said(story)
    assert isinstance(lowered, HandLowered)
    assert lowered.how == "call_ended"


def test_the_heads_are_told_at_once_when_no_senior_is_free_else_after_a_while_then_there_is_an_alarm(
    story: Story, anna: Operator, caller: Caller
) -> None:
    head = story.operator("head")
    head.logs_in("phone03")
    anna.presses("**")
    assert lamp(story, "hand", head) == "blinking"
    anna.presses("**")
    senior = story.operator("senior", senior=1)
    senior.logs_in("phone02")
    anna.presses("**")
    assert (lamp(story, "hand", senior), lamp(story, "hand", head)) == ("blinking", "off")
    story.passes(30)
    assert lamp(story, "hand", head) == "blinking"
    assert len(said(story, HandEscalated)) == 2
    assert story.life.alarms == []
    story.passes(60)
    assert [(alarm.code, alarm.subject) for alarm in story.life.alarms] == [("hand_waits", "anna")]


def test_heads_who_were_told_are_told_still_by_the_next_router(story: Story, anna: Operator, caller: Caller) -> None:
    head = story.operator("head")
    head.logs_in("phone03")
    anna.presses("**")
    story.restart_router()
    assert lamp(story, "hand", head) == "blinking"
    story.passes(60)
    assert len(said(story, HandEscalated)) == 1, "and on record once"


def test_a_senior_listens_whispers_and_joins(story: Story, senior: Operator, anna: Operator, caller: Caller) -> None:
    anna.presses("**")
    channel = senior.helps("listen")
    assert senior.hears == f"anna {caller.channel.caller}"
    assert (anna.hears, caller.hears) == (caller.channel.caller, "anna")
    assert senior.state == "talking"
    assert (lamp(story, "hand", senior), lamp(story, "hand", anna)) == ("on", "on")
    senior.presses("2")
    assert (anna.hears, caller.hears) == (f"{caller.channel.caller} senior", "anna")
    senior.presses("3")
    assert caller.hears == "anna senior"
    senior.presses("1")
    assert caller.hears == "anna"
    assert senior.hears == f"anna {caller.channel.caller}"
    senior.hangs_up()
    assert caller.hears == "anna"
    assert senior.state == "ready"
    raised, *taken, lowered = said(story)
    assert isinstance(raised, HandRaised)
    assert [fact.mode for fact in taken if isinstance(fact, HandTaken)] == ["listen", "whisper", "join", "listen"]
    assert isinstance(lowered, HandLowered)
    assert lowered.how == "helped"
    record = story.log.calls[channel.id]
    assert (record.kind, record.operator, record.outcome) == ("own", "senior", "answered")


@pytest.mark.parametrize("mode", ["listen", "join"])
@pytest.mark.parametrize("who", ["anna", "caller"])
def test_the_end_of_the_conversation_sends_the_senior_home(
    story: Story, senior: Operator, anna: Operator, caller: Caller, mode: str, who: str
) -> None:
    anna.presses("**")
    senior.helps("join" if mode == "join" else "listen")
    (anna if who == "anna" else caller).hangs_up()
    assert caller.gone
    assert senior.talking == []
    assert senior.state == "ready"
    assert not any(bridge.kind == "mixing" for bridge in story.switch.bridges.values())


@pytest.mark.parametrize("kind", ["blind", "attended"])
def test_who_has_joined_is_with_them_again_after_a_transfer_that_failed(
    story: Story, senior: Operator, anna: Operator, caller: Caller, kind: str
) -> None:
    """While it rings the senior is with the operator; the hand stays theirs."""
    anna.presses("**")
    senior.helps("join")
    if kind == "blind":
        anna.transfers_to("201")
    else:
        anna.consults("201")
        anna.completes_transfer()
    assert (caller.hears, senior.hears) == ("music", "anna")
    story.telephone("doctor01").rejects()
    assert (caller.hears, senior.hears) == ("anna senior", f"anna {caller.channel.caller}")
    senior.presses("1")
    assert (caller.hears, senior.hears) == ("anna", f"anna {caller.channel.caller}")
    anna.hangs_up()
    assert senior.state == "ready"


def test_a_named_operator_is_heard_without_a_raised_hand(
    story: Story, senior: Operator, anna: Operator, caller: Caller
) -> None:
    senior.helps("whisper", anna.person.extension)
    assert senior.hears == f"anna {caller.channel.caller}"
    assert said(story) == []


def test_who_may_not_help_or_finds_nobody_is_told_so(
    story: Story, senior: Operator, anna: Operator, caller: Caller
) -> None:
    boris = story.operator("boris", results=1)
    boris.logs_in("phone03")
    for operator in (boris, senior):
        channel = operator.helps("listen")
        assert operator.hears == "prompt"
        story.passes(4)
        assert channel.gone
        assert story.log.calls[channel.id].outcome == "not_reached"
    assert [operator.state for operator in (boris, senior)] == ["ready", "ready"]


@pytest.mark.parametrize("mode", ["listen", "join"])
def test_the_router_dies_while_a_senior_helps(
    story: Story, senior: Operator, anna: Operator, caller: Caller, mode: str
) -> None:
    anna.presses("**")
    senior.helps("join" if mode == "join" else "listen")
    story.restart_router()
    assert caller.hears == "anna"
    assert senior.state == "ready"
    assert lamp(story, "hand", senior) == "blinking", "she still needs help"
    assert not any(channel.spies_on for channel in story.switch.channels.values())
    story.passes(90)
    assert len(story.life.alarms) == 1
    senior.helps("listen")
    assert lamp(story, "hand", senior) == "on"


def test_a_hand_whose_call_ended_while_no_router_lived_is_down(
    story: Story, senior: Operator, anna: Operator, caller: Caller
) -> None:
    anna.presses("**")
    story.journal.commit()
    story.kill_router()
    caller.hangs_up()
    story.switch.hang_up(anna.talking[0])
    story.passes(1)
    story.start_router()
    assert lamp(story, "hand", senior) == "off"
    assert isinstance(said(story)[-1], HandLowered)


@pytest.mark.parametrize("mode", ["listen", "whisper", "join"])
def test_a_lost_connection_leaves_senior_and_conversation_alone(
    story: Story, senior: Operator, anna: Operator, caller: Caller, mode: str
) -> None:
    anna.presses("**")
    senior.helps("listen")
    senior.presses({"listen": "", "whisper": "2", "join": "3"}[mode])
    story.lose_connection()
    story.passes(1)
    story.reconnect()
    assert "senior" not in caller.hears or mode == "join"
    assert senior.hears == f"anna {caller.channel.caller}"
    senior.hangs_up()
    assert caller.hears == "anna"


def test_an_outcome_is_given_after_the_talk_and_can_be_corrected(story: Story, anna: Operator, caller: Caller) -> None:
    assert anna.gives_outcome("1") == "finish-call-first"
    caller.hangs_up()
    assert anna.state == "wrap_up"
    assert anna.gives_outcome("7") == "outcome-unknown"
    assert anna.gives_outcome("1") == "outcome-noted"
    story.passes(20)
    assert anna.gives_outcome("2#") == "outcome-noted"
    given = said(story, OutcomeGiven)
    assert [(fact.call, fact.outcome) for fact in given if isinstance(fact, OutcomeGiven)] == [
        (caller.id, "Booked"),
        (caller.id, "Complaint"),
    ]


@pytest.mark.parametrize("hangs_up", ["before", "meanwhile", "after"])
def test_an_outcome_is_given_after_the_router_has_died(
    story: Story, anna: Operator, caller: Caller, hangs_up: str
) -> None:
    if hangs_up == "before":
        caller.hangs_up()
    story.kill_router()
    if hangs_up == "meanwhile":
        caller.hangs_up()
    story.start_router()
    if hangs_up == "after":
        caller.hangs_up()
    assert anna.gives_outcome("1") == "outcome-noted"
    given = said(story, OutcomeGiven)
    assert [fact.call for fact in given if isinstance(fact, OutcomeGiven)] == [caller.id]


def test_no_talk_no_outcome(story: Story, anna: Operator) -> None:
    assert anna.gives_outcome("1") == "outcome-no-call"
    assert anna.logs_out() == "logged-out"
    assert anna.gives_outcome("1") == "not-logged-in"


@pytest.mark.parametrize("mode", ["listen", "join"])
def test_a_senior_at_whom_a_call_rings_is_told_to_take_it_first(mode: Literal["listen", "join"], story: Story) -> None:
    senior = story.operator("senior", senior=1, booking=1)
    senior.logs_in("phone02")
    caller = story.calls("1300")
    assert senior.rings_for(caller)
    channel = senior.helps(mode)
    assert senior.hears == "prompt"
    story.passes(4)
    assert channel.gone
    assert story.log.calls[channel.id].outcome == "not_reached"
    assert senior.state == "ringing"
    senior.answers()
    assert caller.hears == "senior"


@pytest.mark.parametrize("at_end", ["return", "overrun"])
def test_a_senior_who_comes_from_a_break_is_back_from_it(
    new_story: NewStory, at_end: Literal["return", "overrun"]
) -> None:
    story = new_story(replace(HAND_PLAN, breaks=BreakRules(seniors="seniors", heads="heads", at_end=at_end)))
    anna, senior = story.operator("anna", booking=1), story.operator("senior", senior=1)
    anna.logs_in("phone01")
    senior.logs_in("phone02")
    caller = story.calls("1300")
    anna.answers()
    story.shift("senior", "0:00", "8:00", "0:00-0:15")
    assert senior.asks_break() == "break-granted"
    senior.helps("join", anna.person.extension)
    assert sorted(caller.hears.split()) == ["anna", "senior"]
    assert (senior.state, senior.interval.reason) == ("talking", "helping")
    assert lamp(story, "break", senior) == "off"
    story.passes(minutes=16)
    caller.hangs_up()
    assert senior.states == ["ready", "break", "talking", "ready"]
    story.journal.commit()
    assert list(story.log.breaks.how.values()) == ["used"]
    assert story.log.breaks.of(ViolationSeen, "senior") == []


def test_who_finds_nobody_to_help_is_still_on_their_break(story: Story, senior: Operator) -> None:
    story.shift("senior", "0:00", "8:00", "0:00-0:15")
    senior.asks_break()
    senior.helps("join")
    story.passes(4)
    assert senior.states == ["ready", "break"]


def test_a_pause_that_waits_for_the_end_of_a_break_comes_after_the_help(
    story: Story, senior: Operator, caller: Caller
) -> None:
    head = story.operator("head", senior=1)
    story.shift("senior", "0:00", "8:00", "0:00-0:15")
    senior.asks_break()
    until = story.clock.now() + timedelta(minutes=30)
    order = GiveOrder(command="order", by=head.login, logins=("senior",), until=until, why="training", at_once=True)
    story.tell(order)
    senior.helps("listen", story.operators["anna"].person.extension)
    assert (senior.state, senior.interval.reason) == ("talking", "helping")
    caller.hangs_up()
    assert (senior.state, senior.interval.reason) == ("break", "management")
