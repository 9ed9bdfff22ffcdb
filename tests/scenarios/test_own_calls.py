"""Operators call out, call each other, call specialists and queues: on record, and busy for the router."""

from __future__ import annotations

import pytest

from telephony.core.break_facts import HandRaised
from telephony.core.effects import Connect
from telephony.core.facts import CallKind
from telephony.testing.calllog import Call
from telephony.testing.people import Caller, Operator
from telephony.testing.story import Story
from tests.scenarios.break_center import anna_at_work, it_is


def own_call(story: Story) -> Call:
    """The last of the operators' own calls, as logged."""
    story.journal.commit()
    return [call for call in story.log.calls.values() if call.kind is CallKind.OWN][-1]


def two_at_work(story: Story) -> tuple[Operator, Operator]:
    anna, boris = story.operator("anna", booking=1), story.operator("boris", booking=1)
    anna.logs_in("phone01")
    boris.logs_in("phone02")
    return anna, boris


def test_a_colleague_is_called_by_extension(story: Story) -> None:
    anna, boris = two_at_work(story)
    anna.dials("2002")
    assert boris.rings()
    assert (anna.state, boris.state) == ("talking", "ringing")
    boris.answers()
    assert anna.hears == "boris"
    caller = story.calls("1302")
    assert caller.rung == []
    anna.hangs_up()
    assert own_call(story).outcome == "answered"
    assert own_call(story).operator == "anna"
    assert own_call(story).rung == [("boris", "answered")]
    assert anna.rings() or boris.rings()
    assert caller.hears == "music"


def test_a_colleague_in_a_call_is_busy(story: Story) -> None:
    anna, boris = two_at_work(story)
    boris.dials("201")
    channel = anna.dials("2002")
    assert channel.gone
    assert own_call(story).outcome == "not_reached"
    assert len(boris.phone.channels) == 1
    assert anna.state == "ready"


def test_a_colleague_who_does_not_answer_a_colleague_stays_ready(story: Story) -> None:
    anna, boris = two_at_work(story)
    channel = anna.dials("2002")
    story.passes(31)
    assert channel.gone
    assert (anna.state, boris.state) == ("ready", "ready")
    assert own_call(story).rung == [("boris", "no_answer")]


def test_a_specialist_in_the_house_and_one_outside(story: Story) -> None:
    anna, _ = two_at_work(story)
    anna.dials("201")
    story.telephone("doctor01").answers()
    assert anna.hears == "doctor01"
    story.telephone("doctor01").hangs_up()
    assert anna.state == "ready"
    assert (own_call(story).outcome, own_call(story).ended_by) == ("answered", "far_end")
    anna.dials("202")
    story.outside("500202").answers()
    assert anna.hears == "500202"
    anna.hangs_up()
    assert own_call(story).outcome == "answered"


def test_a_number_outside_by_an_outbound_rule(story: Story) -> None:
    anna, _ = two_at_work(story)
    anna.dials("234567")
    assert anna.hears == "silence"
    story.outside("234567").is_busy()
    assert anna.hears == "nothing"
    assert own_call(story).rung == [("234567", "busy")]
    assert own_call(story).outcome == "not_reached"


def test_a_number_that_means_nothing_is_told_so(story: Story) -> None:
    anna, _ = two_at_work(story)
    anna.dials("777")
    assert anna.hears == "prompt"
    story.passes(4)
    assert own_call(story).outcome == "unknown_number"
    assert anna.state == "ready"


def test_an_operator_in_a_queue_is_a_caller_like_others(story: Story) -> None:
    anna, boris = two_at_work(story)
    story.operator("anna", results=1)
    boris.dials("201")
    anna.dials("801")
    assert anna.hears == "music"
    boris.hangs_up()
    assert boris.rings()
    boris.answers()
    assert anna.hears == "boris"
    anna.hangs_up()
    assert own_call(story).queue == "booking"
    assert own_call(story).rung == [("boris", "answered")]


def test_with_a_caller_on_hold_they_may_ask_whoever_is_free(story: Story) -> None:
    anna, boris = two_at_work(story)
    story.calls("1302")
    if not anna.rings():
        anna, boris = boris, anna
    anna.answers()
    anna.holds()
    anna.dials("801")
    boris.answers()
    assert boris.hears == anna.login


def test_a_call_of_ones_own_during_wrap_up_ends_it(story: Story) -> None:
    anna, _ = two_at_work(story)
    caller = story.calls("1300")
    anna.answers()
    caller.hangs_up()
    anna.dials("201")
    assert anna.state == "talking"
    story.passes(15)
    assert anna.state == "talking"
    anna.hangs_up()
    assert anna.state == "ready"


def test_a_colleagues_call_that_is_not_taken_leaves_the_wrap_up_as_it_was(story: Story) -> None:
    anna, boris = two_at_work(story)
    caller = story.calls("1300")
    anna.answers()
    caller.hangs_up()
    due = anna.interval.until
    boris.dials("2001")
    assert anna.state == "ringing"
    anna.rejects()
    assert (anna.state, anna.interval.until) == ("wrap_up", due)
    boris.dials("2001")
    story.restart_router()
    boris.hangs_up()
    assert (anna.state, anna.interval.until) == ("wrap_up", due)
    boris.dials("201")
    waiting = story.calls("1300")
    assert waiting.rung == []
    story.passes(10)
    assert anna.interval.since == due
    assert anna.rings_for(waiting)


def test_a_colleagues_call_that_rings_longer_than_the_wrap_up_ends_it(story: Story) -> None:
    anna, boris = two_at_work(story)
    caller = story.calls("1300")
    anna.answers()
    caller.hangs_up()
    boris.dials("2001")
    story.passes(31)
    assert anna.states[-3:] == ["wrap_up", "ringing", "ready"]


def test_the_call_that_rings_comes_first(story: Story) -> None:
    anna, boris = two_at_work(story)
    boris.logs_out()
    caller = story.calls("1302")
    assert anna.rings()
    channel = anna.dials("201")
    assert channel.gone
    anna.answers()
    assert caller.hears == "anna"


def test_a_phone_nobody_works_on_may_call_too(story: Story) -> None:
    anna, _ = two_at_work(story)
    story.telephone("doctor01").dials("2001")
    anna.answers()
    assert anna.hears == "doctor01"
    assert own_call(story).operator is None
    anna.hangs_up()
    assert own_call(story).outcome == "answered"


def test_a_phone_that_dials_its_own_number_in_the_directory_is_busy(story: Story) -> None:
    doctor = story.telephone("doctor01")
    assert doctor.dials("201").gone
    assert not doctor.rings()
    assert (own_call(story).outcome, own_call(story).rung) == ("not_reached", [])


def test_who_logs_in_on_a_phone_that_talks_is_busy_until_it_has_ended(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    phone = story.telephone("phone01")
    phone.dials("201")
    story.telephone("doctor01").answers()
    assert anna.logs_in("phone01") == "logged-in"
    assert (anna.state, anna.interval.reason) == ("talking", "own_call")
    caller = story.calls("1302")
    assert caller.rung == []
    phone.hangs_up()
    assert anna.rings_for(caller)


def test_who_waits_in_a_queue_and_logs_in_to_serve_it_is_told_so(story: Story) -> None:
    boris, anna = story.operator("boris", booking=1), story.operator("anna", booking=1)
    boris.logs_in("phone02")
    phone = story.telephone("phone01")
    phone.dials("801")
    assert boris.rings()
    anna.logs_in("phone01")
    assert phone.hears == "prompt"
    assert not boris.rings()
    caller = story.calls("1302")
    assert boris.rings_for(caller)
    story.passes(4)
    assert own_call(story).outcome == "not_reached"
    assert own_call(story).rung == [("boris", "cancelled")]
    assert (anna.state, boris.state) == ("ready", "ringing")


def test_who_waits_in_a_queue_and_logs_in_to_serve_another_goes_on_waiting(story: Story) -> None:
    phone = story.telephone("phone01")
    phone.dials("801")
    story.operator("anna", children=3).logs_in("phone01")
    assert phone.hears == "music"


def leaves(story: Story, caller: Caller, anna: Operator, unseen: str) -> None:
    """`unseen`: what is away at that moment; her phone has ended the first call by itself then."""
    if unseen == "line":
        story.lose_connection()
    elif unseen == "router":
        story.kill_router()
    caller.hangs_up()
    if unseen != "no":
        story.switch.hang_up(anna.talking[0])
    if unseen == "line":
        story.reconnect()
    elif unseen == "router":
        story.start_router()
    story.passes(1)


@pytest.mark.parametrize("unseen", ["no", "line", "router"])
def test_who_waits_beside_a_caller_on_hold_is_told_so_when_the_caller_leaves(story: Story, unseen: str) -> None:
    """From then on it would be a pause."""
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    caller = story.calls("1300")
    anna.answers()
    anna.consults("801")
    assert anna.hears == "music"
    leaves(story, caller, anna, unseen)
    assert anna.hears == "prompt"
    story.passes(4)
    assert own_call(story).outcome == "not_reached"
    assert anna.state == "wrap_up"
    story.passes(10)
    assert anna.rings_for(story.calls("1302"))


@pytest.mark.parametrize("unseen", ["no", "line", "router"])
def test_whoever_rings_for_them_rings_no_more_when_the_caller_leaves(story: Story, unseen: str) -> None:
    """Also one who left while nobody looked."""
    anna, boris = two_at_work(story)
    caller = story.calls("1302")
    anna.answers()
    anna.consults("801")
    assert boris.rings()
    leaves(story, caller, anna, unseen)
    assert anna.hears == "prompt"
    assert not boris.rings()
    assert own_call(story).rung == [("boris", "cancelled")]
    assert boris.rings_for(story.calls("1302"))


@pytest.mark.parametrize("unseen", ["no", "line", "router"])
def test_who_has_reached_a_colleague_before_the_caller_leaves_talks_on(story: Story, unseen: str) -> None:
    anna, boris = two_at_work(story)
    caller = story.calls("1302")
    anna.answers()
    anna.consults("801")
    boris.answers()
    leaves(story, caller, anna, unseen)
    assert anna.hears == "boris"


@pytest.mark.parametrize("restart", [False, True])
def test_who_falls_back_into_the_queue_that_they_serve_is_told_so(story: Story, *, restart: bool) -> None:
    """They were reached by it, handed on, and nobody took them."""
    anna, boris = story.operator("anna", children=3), story.operator("boris", booking=1)
    anna.logs_in("phone01")
    boris.logs_in("phone02")
    anna.dials("801")
    boris.answers()
    anna.transfers_to("201")
    anna.hangs_up()
    if restart:
        story.restart_router()
    story.passes(25)
    assert boris.hears == "prompt"
    story.passes(4)
    assert boris.rings_for(story.calls("1302"))


def test_who_is_handed_to_the_queue_that_they_serve_is_told_so(story: Story) -> None:
    anna, boris = story.operator("anna", children=3), story.operator("boris", booking=1)
    anna.logs_in("phone01")
    boris.logs_in("phone02")
    anna.dials("2002")
    boris.answers()
    anna.transfers_to("801")
    assert boris.hears == "prompt"
    story.passes(4)
    assert (anna.state, boris.state) == ("ready", "ready")


def test_who_is_made_to_serve_the_queue_in_which_they_wait_is_told_so(story: Story) -> None:
    anna = story.operator("anna", children=3)
    anna.logs_in("phone01")
    anna.dials("801")
    assert anna.hears == "music"
    story.operator("anna", booking=1)
    story.moment()
    assert anna.hears == "prompt"


def test_who_logs_in_on_a_specialists_phone_has_the_caller_that_was_handed_over(story: Story) -> None:
    anna, boris = story.operator("anna", booking=1), story.operator("boris", booking=1)
    anna.logs_in("phone01")
    first = story.calls("1302")
    anna.answers()
    anna.transfers_to("201")
    doctor = story.telephone("doctor01")
    assert doctor.rings()
    boris.logs_in("doctor01")
    assert boris.state == "ringing"
    doctor.answers()
    assert (boris.state, boris.interval.reason, first.hears) == ("talking", "", "boris")
    anna.logs_out()
    second = story.calls("1302")
    assert second.rung == []
    first.hangs_up()
    assert boris.rings_for(second)


def test_who_takes_a_phone_over_in_the_break_of_a_colleague_has_the_colleagues_call(story: Story) -> None:
    anna, boris = anna_at_work(story), story.operator("boris", booking=1)
    it_is(story, "0:10")
    anna.asks_break()
    anna.dials("201")
    story.telephone("doctor01").answers()
    assert boris.logs_in("phone01") == "logged-in"
    assert (anna.state, boris.state) == ("offline", "talking")
    caller = story.calls("1302")
    assert caller.rung == []
    story.telephone("doctor01").hangs_up()
    assert boris.rings_for(caller)


def test_the_directory_number_of_a_phone_where_an_operator_works_means_the_operator(story: Story) -> None:
    anna, boris = story.operator("anna", booking=1), story.operator("boris", children=3)
    anna.logs_in("phone01")
    boris.logs_in("doctor01")
    first = story.calls("1302")
    anna.answers()
    anna.transfers_to("201")
    assert boris.rings_for(first)
    boris.answers()
    assert (boris.state, first.hears) == ("talking", "boris")
    second = story.calls("1301")
    assert second.rung == []
    assert anna.dials("201").gone
    assert own_call(story).outcome == "not_reached"
    first.hangs_up()
    story.passes(5)
    assert boris.rings_for(second)


def test_whoever_is_not_at_work_cannot_be_called_by_extension(story: Story) -> None:
    anna, boris = two_at_work(story)
    boris.logs_out()
    assert anna.dials("2002").gone
    assert own_call(story).outcome == "not_reached"


def test_somebody_calls_an_operator_the_moment_a_caller_comes(story: Story) -> None:
    anna, boris = two_at_work(story)
    with story.at_once():
        caller = story.calls("1302")
        anna.dials("2002")
        boris.dials("2001")
    assert caller.hears == "music"
    story.passes(40)
    assert max(len(operator.phone.channels) for operator in (anna, boris)) <= 1


def kept_from_the_other_side(story: Story) -> list[int]:
    """Of how many channels, in each bridge that was asked for."""
    return [len(one.staff) for _, effects in story.journal.entries for one in effects if isinstance(one, Connect)]


def test_keys_pressed_in_a_call_of_ones_own_reach_the_menu_at_the_other_side(story: Story) -> None:
    anna, boris = two_at_work(story)
    anna.dials("201")
    story.telephone("doctor01").answers()
    anna.presses("**")
    assert kept_from_the_other_side(story) == [0]
    story.calls("1302")
    boris.answers()
    assert kept_from_the_other_side(story) == [0, 1]
    story.journal.commit()
    assert story.log.breaks.of(HandRaised) == []
