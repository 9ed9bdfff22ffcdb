"""Transfers by the phone's own key: the caller keeps one record, and is never lost."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from telephony.core.effects import ReportTransfer
from telephony.testing.people import Caller, Operator, Telephone
from telephony.testing.story import Story
from tests.scenarios.small_center import NewStory


def talking(story: Story, *colleagues: str) -> tuple[Operator, Caller]:
    """Anna talks with a caller; the colleagues work too."""
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    caller = story.calls("1300")
    anna.answers()
    for n, login in enumerate(colleagues, start=2):
        story.operator(login, booking=1).logs_in(f"phone0{n}")
    return anna, caller


# -- blind


def test_blind_to_a_colleague(story: Story) -> None:
    anna, caller = talking(story, "boris")
    boris = story.operators["boris"]
    anna.transfers_to("2002")
    assert boris.rings_for(caller)
    assert caller.hears == "music"
    boris.answers()
    assert caller.hears == "boris"
    assert anna.state == "wrap_up"
    caller.hangs_up()
    record = caller.record
    assert record.rung == [("anna", "answered"), ("boris", "answered")]
    assert record.transfers == [("blind", "2002", "done")]
    assert (record.outcome, record.answered_by) == ("answered", "anna")
    assert len(story.log.calls) == 1
    assert boris.state == "wrap_up"


def test_blind_and_the_phone_hangs_up_at_once(story: Story) -> None:
    anna, caller = talking(story, "boris")
    with story.at_once():
        anna.transfers_to("2002")
        story.passes(0.05)
        anna.hangs_up()
    assert caller.hears == "music"
    assert anna.state == "wrap_up"
    story.operators["boris"].answers()
    assert caller.hears == "boris"


def test_blind_that_fails_brings_the_caller_back_to_the_operator(story: Story) -> None:
    anna, caller = talking(story, "boris")
    anna.transfers_to("2002")
    story.operators["boris"].rejects()
    assert caller.hears == "anna"
    assert anna.hears == caller.channel.caller
    assert anna.state == "talking"
    assert caller.record.transfers == [("blind", "2002", "failed")]
    story.passes(5)
    anna.hangs_up()
    assert caller.gone


@pytest.mark.parametrize("seed", range(170, 270, 2))
def test_a_phone_that_hangs_up_as_its_transfer_fails_does_not_take_the_caller_along(
    new_story: NewStory, seed: int
) -> None:
    """However its BYE and our asking for the bridge overtake each other."""
    story = new_story(seed=seed)
    anna, caller = talking(story, "boris")
    anna.transfers_to("2002")
    boris = story.operators["boris"]
    with story.at_once():
        boris.rejects()
        story.passes(Random(seed).uniform(0, 0.03))
        anna.hangs_up()
    story.passes(20)
    assert anna.rings_for(caller)


def test_blind_that_fails_with_the_operator_gone_goes_to_the_head_of_the_queue(story: Story) -> None:
    anna, caller = talking(story)
    anna.transfers_to("201")
    anna.hangs_up()
    later = story.calls("1300")
    story.telephone("doctor01").rejects()
    assert caller.record.transfers == [("blind", "201", "failed")]
    story.passes(10)
    assert anna.rings_for(caller)
    anna.answers()
    assert caller.hears == "anna"
    assert later.hears == "music"


def long_talk(story: Story, number: str, seconds: float, **skills: int) -> tuple[Operator, Caller]:
    """Eve has talked with a caller for longer than callers of that queue may wait."""
    eve = story.operator("eve", **skills)
    eve.logs_in("phone01")
    caller = story.calls(number)
    eve.answers()
    story.passes(seconds)
    return eve, caller


def test_the_talk_before_a_failed_transfer_is_no_waiting(story: Story) -> None:
    eve, caller = long_talk(story, "1304", 100, paid=1)
    eve.transfers_to("201")
    eve.hangs_up()
    zoe = story.operator("zoe", paid=1)
    zoe.logs_in("phone02")
    story.telephone("doctor01").rejects()
    assert eve.rings_for(caller) or zoe.rings_for(caller)


def test_the_talk_before_a_failed_transfer_does_not_let_the_caller_overflow(story: Story) -> None:
    eve, caller = long_talk(story, "1303", 50, results=1)
    eve.transfers_to("201")
    eve.hangs_up()
    story.telephone("doctor01").rejects()
    story.passes(11)  # her wrap-up
    assert eve.rings_for(caller)
    assert caller.record.queue == "results"


def test_the_talk_is_no_waiting_for_whoever_is_given_back_to_a_phone_that_hangs_up(story: Story) -> None:
    eve, caller = long_talk(story, "1304", 100, paid=1)
    eve.transfers_to("201")
    story.telephone("doctor01").rejects()
    eve.hangs_up()
    assert eve.rings_for(caller)


@pytest.mark.parametrize("queue", ["1304", "1303"])
def test_the_talk_is_no_waiting_when_the_transfer_fails_after_a_restart(story: Story, queue: str) -> None:
    eve, caller = long_talk(story, queue, 100, paid=1, results=1)
    eve.transfers_to("201")
    eve.hangs_up()
    story.restart_router()
    story.telephone("doctor01").rejects()
    story.passes(11)
    assert eve.rings_for(caller)
    assert caller.record.queue == ("paid" if queue == "1304" else "results")


@pytest.mark.parametrize("kind", ["blind", "attended"])
def test_the_talk_is_no_waiting_in_the_native_queue_that_takes_the_caller_out_of_a_transfer(
    story: Story, kind: str
) -> None:
    """No router lives while the target rings."""
    eve, caller = long_talk(story, "1304", 100, paid=1)
    if kind == "blind":
        eve.transfers_to("201")
    else:
        eve.consults("201")
        eve.completes_transfer()
    assert caller.hears == "music"
    asked = story.clock.epoch()
    story.kill_router()
    eve.hangs_up()
    story.passes(11)
    assert caller.channel.where == "fallback"
    assert asked - float(caller.channel.variables["GUDOK_QUEUED"]) < 1
    story.start_router()
    assert caller.hears == "music"
    eve.comes_back()
    assert eve.rings_for(caller)


def test_blind_to_nobody_leaves_the_talk_as_it_is(story: Story) -> None:
    anna, caller = talking(story, "boris")
    story.operators["boris"].dials("201")
    for number in ("2002", "2001", "777"):
        anna.transfers_to(number)
        assert caller.hears == "anna"
    assert [result for _, _, result in caller.record.transfers] == ["failed"] * 3
    assert anna.state == "talking"


def test_blind_into_a_queue_that_nobody_serves_leaves_the_talk_as_it_is(story: Story) -> None:
    """Its callers are not to wait: they would be told so, and lost."""
    anna, caller = talking(story)
    anna.transfers_to("805")
    assert caller.hears == "anna"
    assert anna.hears == caller.channel.caller
    assert caller.record.transfers == [("blind", "805", "failed")]
    assert caller.record.queues == ["booking"]


def test_attended_into_a_queue_that_nobody_serves_leaves_the_talk_as_it_is(story: Story) -> None:
    anna, caller = talking(story)
    anna.consults("805")
    assert anna.hears == "prompt"
    anna.completes_transfer()
    anna.resumes()
    assert caller.hears == "anna"
    assert caller.record.transfers == [("attended", "805", "failed")]
    story.passes(5)
    assert len(anna.talking) == 1, "the consultation ends by itself"


def test_blind_to_a_specialist_and_the_caller_hangs_up_meanwhile(story: Story) -> None:
    anna, caller = talking(story)
    anna.transfers_to("201")
    assert story.telephone("doctor01").rings()
    caller.hangs_up()
    assert not story.telephone("doctor01").rings()
    assert anna.state == "wrap_up"
    assert caller.record.outcome == "answered"


def test_blind_outside(story: Story) -> None:
    anna, caller = talking(story)
    anna.transfers_to("202")
    story.outside("500202").answers()
    assert caller.hears == "500202"
    assert anna.state == "wrap_up"
    story.outside("500202").hangs_up()
    assert caller.gone
    assert caller.record.ended_by == "far_end"


def test_blind_into_a_queue_keeps_the_arrival(story: Story) -> None:
    anna, caller = talking(story)
    story.passes(60)
    later = story.calls("1302")
    anna.transfers_to("802")
    assert caller.hears == "music"
    assert caller.record.queues == ["booking", "children"]
    vera = story.operator("vera", children=5, booking=1)
    vera.logs_in("phone03")
    assert vera.rings_for(later)  # urgent goes first
    assert anna.state == "wrap_up"  # as the queue has it out of which she took the call
    vera.answers()
    vera.hangs_up()
    story.passes(5)
    assert vera.rings_for(caller)


def test_a_transfer_before_the_talk_has_begun_is_declined(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    caller = story.calls("1300")
    assert anna.ringing is not None
    story.switch.refer(anna.ringing, "201")
    story.moment()
    assert anna.rings_for(caller)
    assert caller.record.transfers == []


def test_a_second_press_of_the_key_gives_nobody_back(story: Story) -> None:
    """It is declined, as the first one is under way; a colleague who hangs up soon after has ended the talk."""
    anna, caller = talking(story, "boris")
    boris = story.operators["boris"]
    anna.transfers_to("2002")
    anna.transfers_to("2002")
    boris.answers()
    assert caller.hears == "boris"
    story.passes(0.5)
    boris.hangs_up()
    assert caller.gone
    assert caller.record.ended_by == "operator"
    assert caller.record.rung == [("anna", "answered"), ("boris", "answered")]


def test_who_was_given_back_once_and_handed_on_then_is_with_the_colleague(story: Story) -> None:
    anna, caller = talking(story, "boris")
    boris = story.operators["boris"]
    anna.transfers_to("999999999")
    anna.transfers_to("2002")
    boris.answers()
    boris.hangs_up()
    assert caller.gone
    assert caller.record.transfers == [("blind", "999999999", "failed"), ("blind", "2002", "done")]


# -- attended


def test_attended_to_a_colleague(story: Story) -> None:
    anna, caller = talking(story, "boris")
    boris = story.operators["boris"]
    anna.consults("2002")
    boris.answers()
    assert anna.hears == "boris"
    anna.completes_transfer()
    assert caller.hears == "boris"
    assert anna.talking == []
    assert anna.state == "wrap_up"
    assert boris.state == "talking"
    boris.hangs_up()
    assert caller.gone
    assert caller.record.rung == [("anna", "answered"), ("boris", "answered")]
    assert caller.record.transfers == [("attended", "2002", "done")]
    assert boris.state == "wrap_up"


def test_the_consultation_ends_without_a_transfer(story: Story) -> None:
    anna, caller = talking(story, "boris")
    anna.consults("2002")
    story.operators["boris"].answers()
    story.operators["boris"].hangs_up()
    assert len(anna.talking) == 1
    anna.resumes()
    assert caller.hears == "anna"
    assert anna.state == "talking"
    anna.hangs_up()
    assert anna.state == "wrap_up"


def test_the_caller_gives_up_during_the_consultation(story: Story) -> None:
    anna, caller = talking(story, "boris")
    anna.consults("2002")
    story.operators["boris"].answers()
    caller.hangs_up()
    assert anna.hears == "boris"
    assert anna.state == "talking"
    anna.hangs_up()
    assert caller.record.outcome == "answered"


def test_semi_attended_while_the_colleague_still_rings(story: Story) -> None:
    anna, caller = talking(story, "boris")
    boris = story.operators["boris"]
    anna.consults("2002")
    anna.completes_transfer()
    assert boris.rings()
    assert caller.hears == "music"
    boris.answers()
    assert caller.hears == "boris"
    assert anna.talking == []
    caller.hangs_up()
    assert caller.record.rung == [("anna", "answered"), ("boris", "answered")]


def test_semi_attended_that_fails_brings_the_caller_back(story: Story) -> None:
    anna, caller = talking(story, "boris")
    anna.consults("2002")
    anna.completes_transfer()
    story.operators["boris"].rejects()
    assert caller.hears == "anna"
    assert caller.record.transfers == [("attended", "2002", "failed")]


def test_attended_to_a_specialist_outside(story: Story) -> None:
    anna, caller = talking(story)
    anna.consults("202")
    story.outside("500202").answers()
    anna.completes_transfer()
    assert caller.hears == "500202"
    caller.hangs_up()
    assert caller.record.transfers == [("attended", "202", "done")]


def test_attended_out_of_a_queue_in_which_the_operator_waits(story: Story) -> None:
    anna, caller = talking(story)
    anna.consults("802")
    assert anna.hears == "music"
    anna.completes_transfer()
    assert caller.hears == "music"
    assert caller.record.queue == "children"
    assert anna.talking == []
    vera = story.operator("vera", children=5)
    vera.logs_in("phone03")
    assert vera.rings_for(caller)


@pytest.mark.parametrize("milliseconds", range(0, 30, 2))
@pytest.mark.parametrize("way", ["blind", "attended", "by a specialist"])
def test_no_caller_on_the_way_into_a_queue_is_hung_up_when_the_router_dies(
    story: Story, way: str, milliseconds: int
) -> None:
    """Half-way they are nobody's any more, and the queue's not yet."""
    if way == "by a specialist":
        _, phone, caller = with_the_doctor(story)
    else:
        phone, caller = talking(story)
    if way == "attended":
        phone.consults("802")
    with story.at_once():
        if way == "attended":
            phone.completes_transfer()
        else:
            phone.transfers_to("802")
        story.passes(milliseconds / 1000)
        story.kill_router()
    story.passes(1)
    story.start_router()
    story.passes(4)
    assert not caller.gone
    vera = story.operator("vera", children=5)
    vera.logs_in("phone03")
    assert vera.rings_for(caller) or caller.hears in ("anna", "doctor01")


# -- by a specialist


def with_the_doctor(story: Story, *colleagues: str) -> tuple[Operator, Telephone, Caller]:
    """Anna has handed her caller over to a specialist, who talks with them."""
    anna, caller = talking(story, *colleagues)
    doctor = story.telephone("doctor01")
    anna.transfers_to("201")
    doctor.answers()
    assert caller.hears == "doctor01"
    return anna, doctor, caller


def test_a_specialist_hands_the_caller_on_into_a_queue(story: Story) -> None:
    _, doctor, caller = with_the_doctor(story)
    doctor.transfers_to("802")
    assert caller.hears == "music"
    assert doctor.talking == []
    vera = story.operator("vera", children=5)
    vera.logs_in("phone03")
    assert vera.rings_for(caller)
    vera.answers()
    assert caller.hears == "vera"
    assert vera.state == "talking"
    caller.hangs_up()
    assert caller.record.transfers == [("blind", "201", "done"), ("blind", "children", "done")]
    assert len(story.log.calls) == 1


def test_a_specialist_hands_the_caller_on_to_an_operator_or_back(story: Story) -> None:
    _, doctor, caller = with_the_doctor(story, "boris")
    boris = story.operators["boris"]
    doctor.transfers_to("2002")
    boris.rejects()
    assert caller.hears == "doctor01"
    boris.comes_back()
    doctor.consults("2002")
    boris.answers()
    assert boris.hears == "doctor01"
    doctor.completes_transfer()
    assert caller.hears == "boris"
    assert doctor.talking == []
    assert caller.record.transfers == [
        ("blind", "201", "done"),
        ("blind", "2002", "failed"),
        ("attended", "2002", "done"),
    ]


def test_a_specialist_who_was_called_hands_the_operator_on(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    anna.dials("201")
    doctor = story.telephone("doctor01")
    doctor.answers()
    doctor.transfers_to("202")
    assert anna.hears == "music"
    story.outside("500202").answers()
    assert anna.hears == "500202"
    assert (anna.state, doctor.talking) == ("talking", [])
    anna.hangs_up()
    assert anna.state == "ready"


def test_nobody_outside_can_hand_a_call_on(story: Story) -> None:
    anna, caller = talking(story)
    anna.transfers_to("202")
    laboratory = story.outside("500202")
    laboratory.answers()
    laboratory.transfers_to("801")
    assert caller.hears == "500202"


# -- of operators' own calls


def test_the_far_end_of_an_own_call_is_handed_on(story: Story) -> None:
    anna, boris = story.operator("anna", booking=1), story.operator("boris", booking=1)
    anna.logs_in("phone01")
    boris.logs_in("phone02")
    anna.dials("234567")
    far = story.outside("234567")
    far.answers()
    anna.transfers_to("2002")
    assert boris.rings()
    boris.answers()
    assert boris.hears == "234567"
    assert anna.talking == []
    assert anna.state == "ready"
    far.hangs_up()
    assert boris.talking == []


def test_the_far_end_comes_back_when_the_transfer_of_an_own_call_fails(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    anna.dials("234567")
    story.outside("234567").answers()
    anna.transfers_to("201")
    story.telephone("doctor01").rejects()
    assert anna.hears == "234567"
    anna.hangs_up()
    assert anna.state == "ready"


def test_a_colleague_in_an_own_call_is_handed_into_a_queue(story: Story) -> None:
    anna, boris = story.operator("anna", booking=1), story.operator("boris", booking=1)
    anna.logs_in("phone01")
    boris.logs_in("phone02")
    anna.dials("2002")
    boris.answers()
    anna.transfers_to("802")
    assert boris.hears == "music"
    assert (anna.state, boris.state) == ("ready", "talking")
    boris.hangs_up()
    assert boris.state == "ready"


@pytest.mark.parametrize("attended", [False, True])
def test_a_transfer_of_an_own_call_that_cannot_be_leaves_it_as_it_was(story: Story, *, attended: bool) -> None:
    """Into a queue that nobody serves, or of the specialist to themselves: their talk lasts as long as the call."""
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    doctor = story.telephone("doctor01")
    anna.dials("201")
    doctor.answers()
    story.passes(10)
    if attended:
        anna.consults("805")
        anna.completes_transfer()
        anna.resumes()
    else:
        anna.transfers_to("201")
        assert not doctor.rings()
    story.passes(120)
    assert anna.hears == "doctor01"
    doctor.hangs_up()
    story.journal.commit()
    call = next(call for call in story.log.calls.values() if call.number == "201")
    assert [result for _, _, result in call.transfers] == ["failed"]
    assert call.rung == [("doctor01", "answered")]
    talk = call.attempts[1]
    assert talk.answered is not None
    assert talk.ended is not None
    assert talk.ended - talk.answered > timedelta(minutes=2)
    assert (call.ended_by, anna.state) == ("far_end", "ready")


# -- attended, whichever of its two calls the phone asks on


def reported(story: Story) -> list[tuple[str, str]]:
    """What phones were told of their transfers: where, and what."""
    told = (effect for _, effects in story.journal.entries for effect in effects if isinstance(effect, ReportTransfer))
    return [(report.channel, report.state) for report in told]


def test_the_phone_asks_on_the_consultation(story: Story) -> None:
    anna, caller = talking(story, "boris")
    boris = story.operators["boris"]
    consultation = anna.consults("2002")
    boris.answers()
    anna.completes_transfer(on_newest=True)
    assert reported(story) == [(consultation.id, "success")]
    assert caller.hears == "boris"
    assert (anna.talking, anna.state, boris.state) == ([], "wrap_up", "talking")
    caller.hangs_up()
    assert caller.record.rung == [("anna", "answered"), ("boris", "answered")]
    assert caller.record.transfers == [("attended", "2002", "done")]


def test_the_phone_asks_on_a_consultation_that_still_rings(story: Story) -> None:
    """That call is not even answered; hardly a phone asks so early, yet nobody is lost."""
    anna, caller = talking(story, "boris")
    anna.consults("2002")
    anna.completes_transfer(on_newest=True)
    story.operators["boris"].answers()
    assert caller.hears == "boris"
    assert anna.talking == []


def test_the_phone_asks_on_a_consultation_that_waits_in_a_queue(story: Story) -> None:
    anna, caller = talking(story)
    consultation = anna.consults("802")
    anna.completes_transfer(on_newest=True)
    assert reported(story) == [(consultation.id, "success")]
    assert (caller.hears, caller.record.queue) == ("music", "children")
    assert anna.talking == []


def test_each_time_the_phone_is_told_where_it_has_asked(story: Story) -> None:
    anna, caller = talking(story, "boris")
    boris = story.operators["boris"]
    [talk] = anna.talking
    consultation = anna.consults("2002")
    anna.completes_transfer(on_newest=True)
    boris.rejects()
    assert caller.hears == "anna"
    boris.comes_back()
    anna.transfers_to("2002")
    boris.answers()
    assert caller.hears == "boris"
    assert reported(story) == [
        (consultation.id, "progress"),
        (consultation.id, "unavailable"),
        (talk.id, "progress"),
        (talk.id, "success"),
    ]


@pytest.mark.parametrize("on_newest", [False, True])
def test_a_colleague_is_handed_on_by_whom_they_have_called(story: Story, on_newest: bool) -> None:
    anna, boris = story.operator("anna", booking=1), story.operator("boris", booking=1)
    anna.logs_in("phone01")
    boris.logs_in("phone02")
    anna.dials("2002")
    boris.answers()
    boris.consults("201")
    story.telephone("doctor01").answers()
    boris.completes_transfer(on_newest=on_newest)
    assert anna.hears == "doctor01"
    assert (boris.talking, anna.state, boris.state) == ([], "talking", "ready")
    anna.hangs_up()
    assert anna.state == "ready"
    story.journal.commit()
    [own, consultation] = story.log.calls.values()
    assert (own.transfers, consultation.transfers) == ([("attended", "201", "done")], [])


@pytest.mark.parametrize("on_newest", [False, True])
def test_a_specialist_joins_the_caller_to_a_colleague_who_has_called(story: Story, on_newest: bool) -> None:
    """The specialist has dialed neither of the two."""
    _, doctor, caller = with_the_doctor(story)
    boris = story.operator("boris", booking=1)
    boris.logs_in("phone02")
    boris.dials("201")
    doctor.answers()
    assert boris.hears == "doctor01"
    doctor.completes_transfer(on_newest=on_newest)
    assert caller.hears == "boris"
    assert (doctor.talking, boris.state) == ([], "talking")
    caller.hangs_up()
    assert boris.talking == []
    assert caller.record.transfers == [("blind", "201", "done"), ("attended", "2002", "done")]


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_colleague_who_had_called_waits_for_their_own_transfer_through_a_restart(
    new_story: NewStory, seed: int
) -> None:
    """Their channel was the consultation's, and has become the caller's before the router died."""
    story = new_story(seed=seed)
    _, doctor, caller = with_the_doctor(story)
    boris, vera = story.operator("boris", booking=1), story.operator("vera", booking=1)
    boris.logs_in("phone02")
    vera.logs_in("phone03")
    boris.dials("201")
    doctor.answers()
    doctor.completes_transfer()
    boris.transfers_to(vera.person.extension)
    story.restart_router()
    assert len(boris.talking) == 1
    vera.rejects()
    assert caller.hears == "boris"


def test_two_callers_are_not_joined(story: Story) -> None:
    anna, doctor, first = with_the_doctor(story)
    story.passes(11)
    second = story.calls("1300")
    anna.answers()
    anna.transfers_to("201")
    doctor.answers()
    doctor.completes_transfer()
    assert (first.hears, second.hears) == ("doctor01", "doctor01")


# -- in a bridge with an older call, which gives all who are in it its own linked id


def test_attended_to_whoever_was_called_before_the_caller_came(story: Story) -> None:
    anna, caller = talking(story, "boris")
    boris, doctor = story.operators["boris"], story.telephone("doctor01")
    caller.hangs_up()
    story.passes(11)
    doctor.dials("2002")
    boris.answers()
    caller = story.calls("1300")
    anna.answers()
    anna.transfers_to("201")
    doctor.answers()
    doctor.completes_transfer(on_newest=True)
    story.passes(70)
    assert caller.hears == "boris"
    caller.hangs_up()
    assert caller.record.transfers == [("blind", "201", "done"), ("attended", "2002", "done")]
    assert story.log.repairs == []


def test_two_specialists_are_joined_and_the_operator_leaves(story: Story) -> None:
    """Each call in its turn is the one on which she asks; the doctor stays the party of a call whose record ends."""
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    doctor = story.telephone("doctor01")
    for on_newest in (False, True):
        anna.dials("201")
        doctor.answers()
        anna.consults("202")
        laboratory = story.outside("500202")
        laboratory.answers()
        anna.completes_transfer(on_newest=on_newest)
        story.passes(70)
        assert doctor.hears == "500202"
        assert (anna.talking, anna.state) == ([], "ready")
        laboratory.hangs_up()
        assert doctor.talking == []
    assert story.log.repairs == []
