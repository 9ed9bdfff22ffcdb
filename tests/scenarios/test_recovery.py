"""The router is killed, the PBX dies, the line breaks: nobody is cut off, and every call is on record once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

import handlers
from handlers import records
from telephony.core import commands
from telephony.core import events as ev
from telephony.core.center import Center
from telephony.core.events import PbxRefused
from telephony.core.facts import CallEnded, Outcome
from telephony.testing.parts import Channel
from telephony.testing.people import Caller, Operator
from telephony.testing.story import Story
from tests.scenarios.break_center import violations
from tests.scenarios.small_center import NewStory


def at_work(story: Story) -> Operator:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    return anna


def talking(story: Story) -> tuple[Operator, Caller]:
    anna = at_work(story)
    caller = story.calls("1300")
    anna.answers()
    return anna, caller


# -- the router is killed


def heard_out(story: Story, caller: Caller) -> None:
    """The greeting of this queue must be, from its beginning if need be, before an operator is rung."""
    assert caller.hears == "prompt"
    anna = at_work(story)
    assert not anna.rings()
    story.passes(3)
    assert anna.rings_for(caller)
    assert caller.hears == "music"
    assert caller.record.queues == ["polite"]


def test_during_the_greeting(story: Story) -> None:
    caller = story.calls("1306")
    story.passes(1)
    assert caller.hears == "prompt"
    story.restart_router()
    heard_out(story, caller)


def test_the_line_breaks_during_the_greeting(story: Story) -> None:
    caller = story.calls("1306")
    story.lose_connection()
    story.reconnect()
    heard_out(story, caller)


def test_who_comes_before_the_picture_is_greeted_all_the_same(story: Story) -> None:
    story.kill_router()
    with story.at_once():
        story.start_router()
        assert not story.center.pbx_up
        caller = story.calls("1306")
    heard_out(story, caller)


def test_while_waiting_the_place_is_kept(story: Story) -> None:
    first = story.calls("1302")
    story.passes(30)
    story.restart_router()
    second = story.calls("1302")
    anna = at_work(story)
    assert anna.rings_for(first)
    anna.answers()
    assert first.hears == "anna"
    assert second.hears == "music"
    assert len(first.record.queues) == 1


def test_while_ringing_it_rings_on(story: Story) -> None:
    anna = at_work(story)
    caller = story.calls("1302")
    leg = anna.ringing
    story.restart_router()
    assert anna.ringing is leg
    anna.answers()
    assert caller.hears == "anna"
    assert caller.record.rung == [("anna", None)]


def test_while_ringing_and_the_ring_ends_unseen(story: Story) -> None:
    anna = at_work(story)
    caller = story.calls("1302")
    story.kill_router()
    anna.rejects()
    story.start_router()
    assert anna.rings_for(caller)
    assert caller.record.rung[0] == ("anna", "cancelled")


def test_an_operator_who_waits_in_a_queue_and_a_ring_that_fails(story: Story) -> None:
    anna, boris = at_work(story), story.operator("boris", booking=1)
    story.operator("anna", results=1)
    boris.logs_in("phone02")
    anna.dials("801")
    assert boris.rings()
    story.restart_router()
    boris.rejects()
    assert anna.hears == "music"
    boris.comes_back()
    boris.answers()
    assert anna.hears == "boris"


@pytest.mark.parametrize("milliseconds", [0, 1, 2, 3, 4, 6, 8, 10, 15, 30])
@pytest.mark.parametrize("seed", [1, 2])
def test_just_answered(new_story: NewStory, milliseconds: int, seed: int) -> None:
    """At any moment between the pick-up and the talk."""
    story = new_story(seed=seed)
    anna = at_work(story)
    caller = story.calls("1302")
    with story.at_once():
        anna.answers()
        story.passes(milliseconds / 1000)
        story.kill_router()
    story.start_router()
    assert caller.hears == "anna"
    assert anna.state == "talking"
    story.passes(5)
    caller.hangs_up()
    assert caller.record.outcome == "answered"
    assert caller.record.rung == [("anna", "answered")]


def test_while_talking_they_talk_on(story: Story) -> None:
    anna, caller = talking(story)
    story.restart_router()
    assert caller.hears == "anna"
    story.passes(20)
    anna.hangs_up()
    assert caller.gone
    assert anna.state == "wrap_up"
    assert (caller.record.outcome, caller.record.ended_by) == ("answered", "operator")


def test_a_caller_taken_back_from_hold_unseen(story: Story) -> None:
    anna, caller = talking(story)
    anna.holds()
    story.kill_router()
    anna.resumes()
    story.start_router()
    assert (anna.state, caller.hears) == ("talking", "anna")
    anna.holds()
    assert anna.state == "on_hold"


def test_a_caller_put_on_hold_unseen(story: Story) -> None:
    anna, _ = talking(story)
    story.kill_router()
    anna.holds()
    story.start_router()
    assert anna.state == "on_hold"
    story.lose_connection()
    anna.resumes()
    story.reconnect()
    assert anna.state == "talking"


def test_on_hold_they_are_on_hold_still_and_in_a_consultation_still_talking(story: Story) -> None:
    anna, _ = talking(story)
    anna.holds()
    story.restart_router()
    assert anna.states[-1] == "on_hold"
    anna.consults("201")
    story.telephone("doctor01").answers()
    before = anna.states
    story.restart_router()
    assert anna.state == "talking"
    assert anna.states == before


def test_while_talking_and_the_operator_hangs_up_unseen(story: Story) -> None:
    anna, caller = talking(story)
    story.passes(5)
    story.kill_router()
    anna.hangs_up()
    assert caller.hears == "silence"
    story.start_router()
    assert caller.gone
    assert caller.record.outcome == "answered"
    assert anna.state == "wrap_up", "as when only the line was down"
    story.passes(11)
    assert anna.state == "ready"


def test_while_talking_and_the_call_ends_unseen(story: Story) -> None:
    anna, caller = talking(story)
    story.passes(5)
    story.kill_router()
    with story.at_once():
        caller.hangs_up()
        anna.hangs_up()
    story.passes(4)
    story.start_router()
    story.passes(2)
    assert caller.record.outcome == "answered"
    assert caller.record.rung == [("anna", "answered")]


@pytest.mark.parametrize("who", ["operator", "caller"])
def test_who_ended_a_talk_unseen_is_on_record(story: Story, who: str) -> None:
    """The PBX ends it for both; the operator may have logged out by the time its record is read."""
    anna, caller = talking(story)
    story.kill_router()
    with story.at_once():
        for one in (anna, caller) if who == "operator" else (caller, anna):
            one.hangs_up()
    story.start_router()
    anna.logs_out()
    story.passes(2)
    assert (caller.record.outcome, caller.record.ended_by) == ("answered", who)


def test_who_ended_a_talk_with_a_specialist_unseen_is_on_record(story: Story) -> None:
    anna, caller = talking(story)
    doctor = story.telephone("doctor01")
    anna.transfers_to("201")
    doctor.answers()
    story.kill_router()
    doctor.hangs_up()
    caller.hangs_up()
    story.start_router()
    story.passes(2)
    assert (caller.record.outcome, caller.record.ended_by) == ("answered", "far_end")


def test_who_ended_a_talk_in_the_native_queue_is_on_record(story: Story) -> None:
    anna = at_work(story)
    story.kill_router()
    caller = story.calls("1300")
    story.passes(1)
    anna.answers()
    story.passes(1)
    anna.hangs_up()
    assert caller.gone
    story.start_router()
    story.passes(2)
    assert (caller.record.outcome, caller.record.ended_by) == ("answered", "operator")


def test_a_caller_who_gives_up_unseen_has_their_true_end(story: Story) -> None:
    caller = story.calls("1300")
    story.kill_router()
    story.passes(2)
    caller.hangs_up()
    story.passes(5)
    story.start_router()
    story.passes(2)
    assert caller.record.outcome == "abandoned"
    assert caller.record.ended is not None
    assert (story.clock.now() - caller.record.ended).total_seconds() > 7


@pytest.mark.parametrize("written", [True, False], ids=["it tells the end", "it does not"])
def test_no_end_is_guessed_while_the_record_that_may_tell_it_is_being_read(story: Story, *, written: bool) -> None:
    """There is much in it where no router lived for long; what concerns us stands at its end, or nowhere."""
    caller = story.calls("1300")
    story.kill_router()
    story.passes(2)
    caller.hangs_up()
    story.passes(1)
    if not written:
        story.switch.record.finished.clear()
    story.switch.record.long = True
    story.start_router()
    story.passes(25)
    assert caller.record.ended is None
    story.reads_on()
    if written:
        assert caller.record.outcome == "abandoned"
        assert caller.record.ended == story.switch.record.truth[caller.id].ended
    else:
        story.passes(records.RECORD_PATIENCE)
        assert (caller.record.outcome, caller.record.ended_by) == ("lost", "pbx")
        story.switch.record.truth[caller.id].ended = caller.record.ended  # nobody can tell it any more


def test_a_call_that_passed_unseen_is_on_record(story: Story) -> None:
    story.kill_router()
    caller = story.calls("1300")
    story.passes(3)
    caller.hangs_up()
    story.start_router()
    story.passes(2)
    assert (caller.record.outcome, caller.record.ended_by) == ("abandoned", "caller")


def test_a_leg_that_a_stalled_pbx_makes_late_is_ended(story: Story) -> None:
    """It was given up when no answer came in time; the operator is rung anew, on a leg that somebody waits for."""
    anna = at_work(story)
    with story.at_once():
        caller = story.calls("1302")
        while not anna.phone.channels:
            story.passes(0.001)
        [late] = anna.phone.channels
        story.life.deliver(PbxRefused(effect="CreateLeg", status=504, reason="late", call=caller.id, channel=late))
    story.passes(1)
    assert late not in anna.phone.channels
    assert anna.rings_for(caller)
    assert caller.record.rung == [("anna", "cancelled"), ("anna", None)]
    assert story.life.alarms == []


def test_who_leaves_in_the_moment_they_are_put_on_hold_is_no_alarm(story: Story) -> None:
    caller = story.calls("1302")
    gone = PbxRefused(effect="Hold", status=400, reason="Channel not found", call=caller.id, channel=caller.id)
    story.life.deliver(gone)
    story.passes(1)
    assert story.life.alarms == []


def test_a_queue_that_left_the_config_leaves_its_callers_to_another(story: Story) -> None:
    caller = story.calls("1301")
    story.plan = replace(story.plan, queues=tuple(one for one in story.plan.queues if one.name != "children"))
    story.restart_router()
    assert caller.hears == "music"
    anna = at_work(story)
    assert anna.rings_for(caller)


def test_an_operator_whose_phone_left_the_config_is_logged_out(story: Story) -> None:
    anna, caller = talking(story)
    story.plan = replace(story.plan, phones=tuple(one for one in story.plan.phones if one.name != "phone01"))
    story.restart_router()
    assert caller.hears == "anna"
    assert anna.state == "offline"
    anna.hangs_up()
    assert caller.record.outcome == "answered"


def test_who_logs_in_on_a_phone_that_left_the_config_in_a_talk_has_that_talk(story: Story) -> None:
    """The leg was made for a colleague. At every later start, too, it is who sits at the phone that talks."""
    anna, caller = talking(story)
    config = story.plan
    story.plan = replace(config, phones=tuple(one for one in config.phones if one.name != "phone01"))
    story.restart_router()
    story.plan = config
    story.restart_router()
    boris = story.operator("boris", booking=1)
    boris.logs_in("phone01")
    assert (anna.state, boris.state) == ("offline", "talking")
    story.restart_router()
    assert boris.state == "talking"
    waiting = story.calls("1302")
    assert waiting.rung == []
    caller.hangs_up()
    story.passes(10)
    assert boris.rings_for(waiting)


def test_during_wrap_up_what_is_left_of_it_stays(story: Story) -> None:
    anna, caller = talking(story)
    caller.hangs_up()
    story.passes(4)
    story.restart_router(after=2)
    assert anna.state == "wrap_up"
    story.passes(4)
    assert anna.state == "ready"
    assert anna.states.count("wrap_up") == 1


def nobody_lives_at_the_end_of_the_wrap_up(story: Story) -> Operator:
    """It lasts ten seconds, and the router is away for half an hour."""
    anna, caller = talking(story)
    caller.hangs_up()
    story.passes(4)
    story.kill_router()
    story.passes(minutes=30)
    return anna


def wrap_up_and_after(story: Story, anna: Operator) -> tuple[float, list[str]]:
    """Seconds that it lasts on record, and the states after it."""
    states = anna.states
    n = states.index("wrap_up")
    interval = story.log.intervals["anna"][n]
    assert interval.ended is not None
    return (interval.ended - interval.since).total_seconds(), states[n + 1 :]


def test_a_wrap_up_ends_at_its_time_also_when_no_router_lives(story: Story) -> None:
    anna = nobody_lives_at_the_end_of_the_wrap_up(story)
    story.start_router()
    assert wrap_up_and_after(story, anna) == (10, ["ready"])


def test_also_when_they_talk_in_the_native_queue_by_then(story: Story) -> None:
    anna = nobody_lives_at_the_end_of_the_wrap_up(story)
    story.calls("1300")
    story.passes(2)
    anna.answers()
    story.start_router()
    assert wrap_up_and_after(story, anna) == (10, ["ready", "talking"])


def test_also_when_the_pbx_is_away_too(story: Story) -> None:
    anna = nobody_lives_at_the_end_of_the_wrap_up(story)
    story.kill_pbx()
    story.start_router()
    story.asks(lambda name: commands.LogOut(command=name, login="anna"))
    assert wrap_up_and_after(story, anna) == (10, ["ready"])


def test_who_did_not_answer_stays_unreachable(story: Story) -> None:
    anna = at_work(story)
    caller = story.calls("1302")
    anna.rejects()
    story.restart_router()
    assert anna.state == "unreachable"
    assert anna.comes_back() == "you-are-ready"
    assert anna.rings_for(caller)


def test_longest_idle_is_still_the_longest(story: Story) -> None:
    anna, boris = story.operator("anna", booking=1), story.operator("boris", booking=1)
    boris.logs_in("phone02")
    anna.logs_in("phone01")
    story.restart_router()
    assert boris.rings_for(story.calls("1302"))


@pytest.mark.parametrize("stays", [True, False], ids=["the operator waits", "the operator has gone"])
@pytest.mark.parametrize("answered", ["while nobody is there", "after"])
@pytest.mark.parametrize(("kind", "to", "phone"), [("blind", "201", "doctor01"), ("attended", "2002", "phone02")])
def test_a_transfer_that_rings_goes_on(
    story: Story, kind: str, to: str, phone: str, answered: str, *, stays: bool
) -> None:
    anna, caller = transferring(story, kind, to)
    if not stays:
        anna.hangs_up()
    story.kill_router()
    story.passes(1)
    if answered != "after":
        story.telephone(phone).answers()
    story.start_router()
    if answered == "after":
        assert caller.hears == "music"
        story.telephone(phone).answers()
    assert caller.hears == {"phone02": "boris"}.get(phone, phone)
    assert anna.talking == []
    assert anna.state == "wrap_up"
    assert caller.record.transfers == [(kind, to, "done")]
    caller.hangs_up()
    assert [result for _, result in caller.record.rung] == ["answered", "answered"]


@pytest.mark.parametrize("stays", [True, False], ids=["the operator waits", "the operator has gone"])
@pytest.mark.parametrize("refused", ["while nobody is there", "after"])
def test_a_transfer_that_rings_and_fails_brings_the_caller_back(story: Story, refused: str, *, stays: bool) -> None:
    anna, caller = transferring(story, "blind", "201")
    if not stays:
        anna.hangs_up()
    story.kill_router()
    story.passes(1)
    if refused != "after":
        story.telephone("doctor01").rejects()
    story.start_router()
    if refused == "after":
        story.telephone("doctor01").rejects()
    if not stays:
        boris = story.operators["boris"]
        assert boris.rings_for(caller), "first in the queue, and he is free"
        boris.answers()
    assert caller.hears == ("anna" if stays else "boris")
    assert caller.record.transfers == [("blind", "201", "failed")]


@pytest.mark.parametrize("seconds", [0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15])
def test_a_transfer_is_stated_once_whenever_nobody_is_there(story: Story, seconds: float) -> None:
    """Killed just after the target has picked up: decided, asked for, done, on record, or not yet."""
    anna, caller = transferring(story, "blind", "201")
    with story.at_once():
        story.telephone("doctor01").answers()
        story.passes(seconds)
        story.kill_router()
    story.start_router()
    assert caller.hears == "doctor01"
    assert anna.talking == []
    assert caller.record.transfers == [("blind", "201", "done")]


@pytest.mark.parametrize("takes_back", [True, False], ids=["she has taken them back", "she had gone before"])
@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.15])
def test_a_failed_transfer_is_over_also_when_its_end_was_not_committed(
    story: Story, seconds: float, *, takes_back: bool
) -> None:
    """The next in the queue rings already: nobody else is rung."""
    anna, caller = transferring(story, "blind", "201")
    boris, vera = story.operators["boris"], story.operator("vera", booking=1)
    vera.logs_in("phone03")
    if not takes_back:
        anna.hangs_up()
    with story.at_once():
        story.journal.hold()
        story.telephone("doctor01").rejects()
        if takes_back:
            story.passes(0.03)
            anna.hangs_up()
        story.passes(seconds)
        story.kill_router()
    story.start_router()
    assert boris.rings_for(caller) is not vera.rings_for(caller)
    assert caller.record.transfers == [("blind", "201", "failed")]


@pytest.mark.parametrize("seconds", [0.005, 0.012, 0.015, 0.018, 0.03])
@pytest.mark.parametrize("to", ["2002", "201"])
def test_a_transfer_cut_off_at_its_beginning_leaves_nobody_in_silence(story: Story, to: str, seconds: float) -> None:
    """Killed when the leg to the target was not made, made but not told to ring, or ringing."""
    anna, caller = talking(story)
    boris = story.operator("boris", booking=1)
    boris.logs_in("phone02")
    with story.at_once():
        anna.transfers_to(to)
        story.passes(seconds)
        story.kill_router()
    story.start_router()
    story.passes(1)
    if caller.hears == "music":
        target = boris if to == "2002" else story.telephone("doctor01")
        assert target.rings_for(caller)
        target.rejects()
    assert (caller.hears, anna.hears) == ("anna", caller.channel.caller)
    assert boris.state != "ringing"


@pytest.mark.parametrize("seconds", [0.002, 0.004, 0.006, 0.01, 0.02])
@pytest.mark.parametrize("breaks", ["router", "line"])
@pytest.mark.parametrize("to", ["2002", "801"])
def test_a_join_that_is_cut_off_half_way_comes_about(story: Story, to: str, breaks: str, seconds: float) -> None:
    """The colleague belongs to the caller's call already, and was not let into the bridge yet."""
    anna, caller = talking(story)
    boris = story.operator("boris", booking=1)
    boris.logs_in("phone02")
    anna.consults(to)
    boris.answers()
    with story.at_once():
        anna.completes_transfer()
        story.passes(seconds)
        if breaks == "router":
            story.kill_router()
        else:
            story.lose_connection()
    if breaks == "router":
        story.start_router()
    else:
        story.reconnect()
    story.passes(1)
    if anna.talking:  # nothing of it was done
        assert (caller.hears, boris.hears) == ("anna", "anna")
    else:
        assert (caller.hears, boris.hears) == ("boris", caller.channel.caller)


def test_who_picks_up_last_has_the_caller_where_nothing_tells_of_a_transfer(story: Story) -> None:
    """The router died before it was noted on the PBX."""
    anna, caller = transferring(story, "blind", "201")
    story.kill_router()
    del caller.channel.variables["GUDOK_TRANSFER"]
    story.telephone("doctor01").answers()
    story.start_router()
    assert caller.hears == "doctor01"
    assert anna.talking == []
    caller.hangs_up()
    assert caller.record.rung == [("anna", "answered"), ("doctor01", "answered")]


def transferring(story: Story, kind: str, to: str) -> tuple[Operator, Caller]:
    """The target of Anna's transfer rings."""
    anna, caller = talking(story)
    story.operator("boris", booking=1).logs_in("phone02")
    if kind == "blind":
        anna.transfers_to(to)
    else:
        anna.consults(to)
        anna.completes_transfer()
    assert caller.hears == "music"
    return anna, caller


def test_after_an_attended_transfer_they_talk_on(story: Story) -> None:
    anna, caller = talking(story)
    boris = story.operator("boris", booking=1)
    boris.logs_in("phone02")
    anna.consults("2002")
    boris.answers()
    anna.completes_transfer()
    story.restart_router()
    assert caller.hears == "boris"
    caller.hangs_up()
    assert caller.record.rung == [("anna", "answered"), ("boris", "answered")]


def test_an_own_call_that_was_handed_on_goes_on(story: Story) -> None:
    anna, boris = story.operator("anna", booking=1), story.operator("boris", booking=1)
    anna.logs_in("phone01")
    boris.logs_in("phone02")
    anna.dials("234567")
    story.outside("234567").answers()
    anna.transfers_to("2002")
    boris.answers()
    story.restart_router()
    assert boris.hears == "234567"
    assert (anna.state, boris.state) == ("ready", "talking")
    story.outside("234567").hangs_up()
    assert boris.talking == []


def test_many_times_in_a_row(story: Story) -> None:
    anna, caller = talking(story)
    waiting = story.calls("1302")
    for _ in range(5):
        story.restart_router(after=0.2)
    assert caller.hears == "anna"
    assert waiting.hears == "music"
    anna.hangs_up()
    story.passes(10)
    assert anna.rings_for(waiting)


# -- nobody is back for a while: the native queue


def test_callers_are_answered_natively_and_come_back(story: Story) -> None:
    anna = at_work(story)
    story.kill_router()
    answered = story.calls("1302")
    story.passes(1)
    anna.answers()
    assert answered.hears == "anna"
    waiting = story.calls("1302")
    story.start_router()
    assert answered.hears == "anna"
    assert anna.state == "talking"
    assert waiting.hears == "music"
    anna.hangs_up()
    story.passes(3)
    assert anna.rings_for(waiting)
    assert answered.record.outcome == "answered"
    assert answered.record.answered_by == "anna"
    assert waiting.record.arrived == story.switch.record.truth[waiting.id].arrived


def test_a_caller_taken_back_at_the_moment_of_a_native_answer_goes_on_waiting(story: Story) -> None:
    """The router that asked for them is dead when they come; the next one finds them on record as talked to."""
    anna = at_work(story)
    story.kill_router()
    caller = story.calls("1302")
    story.passes(1)
    anna.answers()
    story.pbx.native.give_back(caller.channel, "urgent")
    story.start_router()
    story.passes(3)
    assert anna.rings_for(caller)


def test_nobody_is_rung_by_both_when_the_router_comes_back(new_story: NewStory) -> None:
    """Each caller whom we take back leaves the native queue to the next one, and for that one it would ring the phone
    that we ring."""
    for moment in range(20):
        story = new_story()
        anna = at_work(story)
        story.kill_router()
        answered, *waiting = (story.calls("1302") for _ in range(4))
        story.passes(1)
        anna.answers()
        story.passes(1 + moment / 40)
        with story.at_once():
            anna.hangs_up()
            story.start_router()
            for _ in range(100):
                story.passes(0.001)
                assert len(anna.phone.channels) < 2
        story.passes(3)
        assert anna.rings_for(waiting[0])
        assert answered.record.outcome == "answered"


def test_callers_of_the_dead_router_are_handed_over_after_ten_seconds(story: Story) -> None:
    anna = at_work(story)
    anna.is_lost()
    caller = story.calls("1302")
    story.kill_router()
    story.passes(11)
    assert story.pbx.native.waiting() == [caller.channel]
    story.start_router()
    assert story.pbx.native.waiting() == []
    assert caller.hears == "music"
    anna.is_back()
    assert anna.rings_for(caller)
    assert caller.record.queues == ["urgent", "urgent"]


@pytest.mark.parametrize("picks_up", [True, False], ids=["somebody picks up natively", "nobody does"])
def test_a_transfer_out_of_which_the_caller_is_taken_has_failed(story: Story, *, picks_up: bool) -> None:
    anna, caller = transferring(story, "blind", "201")
    anna.hangs_up()
    story.kill_router()
    story.passes(12)
    assert caller.channel.where == "fallback"
    boris = story.operators["boris"]
    if picks_up:
        story.passes(10)
        next(one for one in (anna, boris) if one.rings()).answers()
    story.start_router()
    story.restart_router()
    story.passes(5)
    if not picks_up:
        next(one for one in (anna, boris) if one.rings_for(caller)).answers()
    caller.hangs_up()
    story.passes(5)
    assert caller.record.transfers == [("blind", "201", "failed")]


def test_the_longest_wait_goes_on_through_the_native_queue(story: Story) -> None:
    """It is 90 s in this queue."""
    zoe = story.operator("zoe", paid=1)
    zoe.logs_in("phone01")
    zoe.dials("201")
    caller = story.calls("1304")
    story.passes(40)
    story.kill_router()
    story.passes(30)
    assert story.pbx.native.waiting() == [caller.channel]
    story.start_router()
    story.passes(15)
    assert caller.hears == "music"
    story.passes(5)
    assert caller.hears == "prompt"


def test_a_wait_after_a_transfer_goes_on_through_the_native_queue(story: Story) -> None:
    """It began with the transfer: neither with the arrival, nor with the return. An overflow is due after 30 s."""
    anna = at_work(story)
    caller = story.calls("1302")
    anna.answers()
    story.passes(100)
    anna.transfers_to("802")
    moved = story.clock.now()
    story.passes(20)
    story.kill_router()
    story.passes(15)
    assert story.pbx.native.waiting() == [caller.channel]
    story.start_router()
    [call] = story.center.calls.values()
    assert call.queued is not None
    assert abs((call.queued - moved).total_seconds()) < 1
    assert call.step == 1


def a_native_talk(story: Story) -> tuple[Operator, Operator, Caller]:
    """It began while no router lived, and goes on now that one does; a colleague is free."""
    anna = at_work(story)
    story.kill_router()
    caller = story.calls("1302")
    story.passes(1)
    anna.answers()
    story.start_router()
    assert (anna.state, caller.hears) == ("talking", "anna")
    boris = story.operator("boris", children=3)
    boris.logs_in("phone02")
    return anna, boris, caller


@pytest.mark.parametrize("to", ["802", "2002"], ids=["to a queue", "to a colleague"])
def test_a_native_talk_is_transferred_to_a_colleague_who_gets_no_second_call(story: Story, to: str) -> None:
    anna, boris, caller = a_native_talk(story)
    anna.transfers_to(to)
    assert anna.state == "ready"
    assert boris.rings_for(caller)
    boris.answers()
    assert (boris.state, caller.hears) == ("talking", "boris")
    assert story.calls("1301").rung == []
    caller.hangs_up()
    assert caller.record.transfers == [("blind", "children" if to == "802" else to, "done")]


@pytest.mark.parametrize("to", ["201", "777"], ids=["nobody picks up", "nobody has the number"])
def test_a_native_talk_whose_transfer_fails_begins_a_new_wait(story: Story, to: str) -> None:
    anna, _, caller = a_native_talk(story)
    story.passes(10)
    anna.transfers_to(to)
    if to == "201":
        story.telephone("doctor01").rejects()
    assert anna.rings_for(caller)
    [call] = story.center.calls.values()
    assert call.queue == "urgent"
    assert call.waited(story.clock.now()).total_seconds() < 1
    assert caller.record.transfers == [("blind", to, "failed")]


def test_a_native_talk_counts_as_no_wait_when_we_go_during_its_transfer(story: Story) -> None:
    anna, _, caller = a_native_talk(story)
    story.passes(100)
    anna.transfers_to("201")
    rang = story.clock.now()
    assert story.telephone("doctor01").rings()
    story.kill_router()
    anna.is_lost()
    story.passes(11)
    assert story.pbx.native.waiting() == [caller.channel]
    story.start_router()
    [call] = story.center.calls.values()
    assert call.queued is not None
    assert abs((call.queued - rang).total_seconds()) < 1


def in_a_native_call(story: Story, phone: str) -> Channel:
    """It began while no router lived, and goes on now that one does."""
    story.kill_router()
    channel = story.switch.dial_code(story.switch.phones[phone])
    story.start_router()
    return channel


def test_who_logs_in_on_a_phone_in_a_native_call_is_rung_when_that_has_ended(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    channel = in_a_native_call(story, "phone01")
    anna.logs_in("phone01")
    caller = story.calls("1302")
    story.passes(90)
    assert caller.rung == []
    assert violations(story, "anna") == [], "they may talk with a caller of the fallback queue"
    story.switch.hang_up(channel)
    story.moment()
    assert anna.rings_for(caller)


def test_who_takes_over_a_phone_in_a_native_call_is_rung_when_that_has_ended(story: Story) -> None:
    anna, boris = at_work(story), story.operator("boris", booking=1)
    channel = in_a_native_call(story, "phone01")
    boris.logs_in("phone01")
    caller = story.calls("1302")
    assert (anna.state, caller.rung) == ("offline", [])
    story.switch.hang_up(channel)
    story.moment()
    assert boris.rings_for(caller)
    boris.rejects()
    anna.logs_in("phone02")
    assert anna.rings_for(caller), "she holds no call any more"


def test_a_native_call_that_ended_unseen_keeps_nobody_busy(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    channel = in_a_native_call(story, "phone01")
    story.switch.hang_up(channel)
    anna.logs_in("phone01")
    assert anna.rings_for(story.calls("1302"))


# -- the router freezes


def test_callers_of_a_frozen_router_wait_and_later_ones_are_answered_natively(story: Story) -> None:
    anna = at_work(story)
    with story.at_once():
        story.life.frozen = True
        swallowed = story.calls("1302")
        story.passes(4)
        later = story.calls("1302")
        story.passes(1)
        assert swallowed.hears == "silence"
        assert anna.rings()
        story.life.thaw()
    anna.answers()
    story.passes(31)
    assert {swallowed.hears, later.hears} == {"anna", "music"}


# -- the line breaks


def test_talks_and_waits_go_on_without_a_line(story: Story) -> None:
    anna, caller = talking(story)
    waiting = story.calls("1302")
    story.lose_connection()
    story.passes(3)
    assert caller.hears == "anna"
    assert waiting.hears == "music"
    anna.hangs_up()
    gone = waiting
    gone.hangs_up()
    story.reconnect()
    story.passes(3)
    assert caller.gone
    assert caller.record.outcome == "answered"
    assert gone.record.outcome == "abandoned"


def test_an_answer_during_the_break_is_connected_after_it(story: Story) -> None:
    anna = at_work(story)
    caller = story.calls("1302")
    story.lose_connection()
    anna.answers()
    assert caller.hears == "music"
    story.reconnect()
    assert caller.hears == "anna"


def test_a_farewell_that_was_cut_off_is_still_a_farewell(story: Story) -> None:
    caller = story.calls("1304")
    assert caller.hears == "prompt"
    story.lose_connection()
    story.passes(5)
    story.reconnect()
    assert caller.gone
    assert caller.record.outcome == "sent_away"


def test_the_longest_wait_that_passes_during_the_break(story: Story) -> None:
    caller = story.calls("1305")
    story.passes(15)
    story.lose_connection()
    story.passes(9)
    assert caller.hears == "music"
    story.reconnect()
    assert caller.hears == "prompt"
    story.passes(4)
    assert caller.record.outcome == "sent_away"


def test_a_leg_asked_for_as_the_line_breaks_is_no_fault_of_the_operator(story: Story) -> None:
    anna = at_work(story)
    with story.at_once():
        caller = story.calls("1302")
        story.passes(0.006)
        story.lose_connection()
    story.reconnect()
    story.passes(1)
    assert anna.state == "ringing"
    assert anna.rings_for(caller)


@pytest.mark.parametrize("seconds", [0.001, 0.003, 0.005, 0.008])
def test_who_has_changed_places_as_the_line_breaks_is_known_to_the_next_life(story: Story, seconds: float) -> None:
    """The far end of an own call has become its party, and the operator a leg of it."""
    anna, boris = at_work(story), story.operator("boris", booking=1)
    boris.logs_in("phone02")
    anna.dials("2002")
    boris.answers()
    with story.at_once():
        anna.transfers_to("201")
        story.passes(seconds)
        story.lose_connection()
    story.reconnect()
    story.restart_router()
    assert (anna.hears, boris.hears) == ("boris", "anna")
    anna.transfers_to("202")
    story.outside("500202").answers()
    assert (anna.talking, boris.hears) == ([], "500202")


@pytest.mark.parametrize("seconds", [0.003, 0.005, 0.008])
def test_a_transfer_that_rings_as_the_line_breaks_is_known_to_the_next_life(story: Story, seconds: float) -> None:
    anna, caller = talking(story)
    boris = story.operator("boris", booking=1)
    boris.logs_in("phone02")
    anna.consults("2002")
    with story.at_once():
        anna.completes_transfer()
        story.passes(seconds)
        story.lose_connection()
    story.reconnect()
    story.restart_router()
    assert boris.rings_for(caller)
    assert caller.hears == "music"
    boris.rejects()
    assert caller.hears == "anna"
    assert caller.record.transfers == [("attended", "2002", "failed")]


@pytest.mark.parametrize("seconds", [0.002, 0.004, 0.006, 0.008])
def test_who_has_handed_on_as_the_line_breaks_is_released_after_it(story: Story, seconds: float) -> None:
    anna, caller = talking(story)
    with story.at_once():
        anna.transfers_to("801")
        story.passes(seconds)
        story.lose_connection()
    story.reconnect()
    story.passes(1)
    assert anna.talking == []
    assert caller.hears == "music"
    story.passes(11)  # her wrap-up
    assert anna.rings_for(caller)


# -- the PBX dies


def test_calls_of_a_dead_pbx_are_closed_as_such_and_new_ones_are_served(story: Story) -> None:
    anna, caller = talking(story)
    waiting = story.calls("1302")
    story.passes(5)
    story.kill_pbx()
    story.passes(6)
    story.start_pbx()
    story.passes(2)
    assert (caller.record.outcome, caller.record.ended_by) == ("answered", "pbx")
    assert (waiting.record.outcome, waiting.record.ended_by) == ("lost", "pbx")
    assert caller.record.ended == story.switch.record.truth[caller.id].ended
    story.passes(10)
    assert anna.state == "ready"
    assert anna.rings_for(story.calls("1302"))


def test_both_die(story: Story) -> None:
    anna, caller = talking(story)
    waiting = story.calls("1302")
    story.passes(1)
    story.kill_router()
    story.kill_pbx()
    story.passes(5)
    story.start_pbx()
    story.start_router()
    story.passes(12)
    assert caller.record.outcome == "answered"
    assert waiting.record.ended is not None
    assert anna.rings_for(story.calls("1302"))


# -- the audit


def test_in_good_order_an_audit_repairs_nothing(story: Story) -> None:
    anna, _ = talking(story)
    story.calls("1302")
    anna.consults("201")
    for _ in range(4):
        story.passes(30)
    assert story.log.repairs == []


@contextmanager
def unheard(story: Story) -> Iterator[None]:
    """What happens meanwhile is not reported."""
    tell, story.switch.tell = story.switch.tell, lambda channel, event: None
    yield
    story.switch.tell = tell


def test_an_end_that_was_never_reported_is_on_the_record_of_the_pbx(story: Story) -> None:
    anna, caller = talking(story)
    with unheard(story), story.at_once():
        caller.hangs_up()
        anna.hangs_up()
    story.passes(1)
    assert caller.record.outcome == "answered"
    assert anna.state == "wrap_up"
    story.passes(90)
    assert story.log.repairs == []


def test_a_channel_that_never_ended_does_not_keep_the_operator_for_ever(story: Story) -> None:
    anna = at_work(story)
    code = story.switch.dial_code(anna.phone)
    story.tell(commands.TellState(command="c", phone="phone01", channel=code.id))
    with unheard(story):
        story.passes(0.1)
        story.switch.hang_up(code)
        story.moment()
    caller = story.calls("1302")
    assert not anna.rings()
    story.passes(62)
    assert anna.rings_for(caller)
    assert [repair.subject for repair in story.log.repairs] == [code.id]


def test_a_caller_who_was_never_announced_is_found_by_two_audits(story: Story) -> None:
    anna = at_work(story)
    with unheard(story):
        caller = story.calls("1302")
    story.passes(62)
    assert anna.rings_for(caller)
    anna.answers()
    assert caller.hears == "anna"
    assert {repair.what for repair in story.log.repairs} == {"audit", "unknown_caller"}


def test_a_leg_whose_end_was_never_reported_does_not_ring_for_ever(story: Story) -> None:
    anna = at_work(story)
    caller = story.calls("1302")
    with unheard(story):
        anna.rejects()
    story.passes(61)
    assert anna.rings_for(caller)


@pytest.mark.parametrize("spoke", [False, True])
def test_who_parts_before_we_have_seen_them_together_is_on_record_as_the_pbx_says(story: Story, *, spoke: bool) -> None:
    """The operator has picked up while no router lived; the former one's last wish may have joined the two after the
    next one had asked who is together."""
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    caller = story.calls("1300")
    story.passes(3)
    with story.at_once():
        anna.answers()
        story.kill_router()
        story.passes(0.2)
        story.start_router()
        story.passes(0.004)
        caller.hangs_up()
    story.passes(5)
    ends: list[CallEnded] = []
    center = Center()
    for entry, _ in story.journal.entries:
        event = entry.event
        if isinstance(event, ev.Started):
            center = Center()
        if isinstance(event, ev.CallRecorded) and spoke:
            event = replace(event, answered=event.ended, answered_by="phone01")
        ends += [fact for fact in handlers.handle(center, event, entry.at) if isinstance(fact, CallEnded)]
    [end] = ends
    assert end.outcome == (Outcome.ANSWERED if spoke else Outcome.ABANDONED)


@pytest.mark.parametrize("milliseconds", range(0, 40, 2))
def test_no_caller_is_hung_up_because_somebody_picked_up_and_was_not_connected(story: Story, milliseconds: int) -> None:
    """On the way back from the native queue callers are in no bridge in which they wait."""
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    caller = story.calls("1300")
    story.kill_router()
    anna.answers()
    with story.at_once():
        story.start_router()
        story.passes(0.005)
        story.journal.commit()
        story.kill_router()
    anna.hangs_up()
    story.passes(11)
    assert caller.channel.where == "fallback"
    assert caller.record.answered is None
    with story.at_once():
        story.start_router()
        story.passes(milliseconds / 1000)
        story.kill_router()
    story.passes(1)
    story.start_router()
    story.passes(4)
    assert not caller.gone
