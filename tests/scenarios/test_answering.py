"""A caller reaches an operator."""

from __future__ import annotations

from telephony.testing.story import Story


def test_a_free_operator_is_rung_at_once_and_the_two_talk(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    assert anna.logs_in("phone01") == "logged-in"
    caller = story.calls("1300")
    assert anna.rings_for(caller)
    assert anna.state == "ringing"
    anna.answers()
    assert caller.hears == "anna"
    assert anna.state == "talking"
    story.passes(60)
    caller.hangs_up()
    assert anna.state == "wrap_up"
    record = caller.record
    assert (record.outcome, record.ended_by, record.answered_by) == ("answered", "caller", "anna")
    assert record.rung == [("anna", "answered")]
    story.passes(10)
    assert anna.state == "ready"
    assert anna.states == ["ready", "ringing", "talking", "wrap_up", "ready"]


def test_a_caller_hears_the_greeting_then_music_and_an_operator_cuts_the_greeting_short(story: Story) -> None:
    waiting = story.calls("1300")
    assert waiting.hears == "prompt"
    story.passes(3)
    assert waiting.hears == "music"
    cut_short = story.calls("1300")
    assert cut_short.hears == "prompt"
    waiting.hangs_up()
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    assert anna.rings_for(cut_short)
    anna.answers()
    assert cut_short.hears == "anna"


def test_a_greeting_that_must_be_heard_out_delays_the_offer(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    caller = story.calls("1306")
    story.passes(2)
    assert caller.hears == "prompt"
    assert not anna.rings()
    story.passes(1)
    assert anna.rings_for(caller)
    assert caller.hears == "music"


def test_a_missing_greeting_strands_nobody(story: Story) -> None:
    story.switch.missing_prompts.add("long-welcome")
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    assert anna.rings_for(story.calls("1306"))


def test_a_number_nobody_serves_is_told_so_and_logged(story: Story) -> None:
    caller = story.calls("1999")
    assert caller.hears == "prompt"
    story.passes(4)
    assert caller.gone
    assert (caller.record.outcome, caller.record.ended_by) == ("unknown_number", "center")


def test_ring_no_answer_puts_the_caller_back_at_the_head_and_the_operator_aside(story: Story) -> None:
    anna, boris = story.operator("anna", booking=1), story.operator("boris", booking=1)
    anna.logs_in("phone01")
    first = story.calls("1300")
    story.passes(10)
    second = story.calls("1300")
    story.passes(11)
    assert not anna.rings()
    assert (anna.state, anna.interval.reason) == ("unreachable", "no_answer")
    assert first.hears == "music"
    boris.logs_in("phone02")
    assert boris.rings_for(first)
    boris.answers()
    boris.hangs_up()
    assert first.gone
    assert first.record.rung == [("anna", "no_answer"), ("boris", "answered")]
    story.passes(10)
    assert boris.rings_for(second)
    assert anna.comes_back() == "you-are-ready"
    assert anna.state == "ready"


def test_busy_and_rejected_pass_the_caller_on_at_once(story: Story) -> None:
    anna, boris, vera = (story.operator(login, booking=1) for login in ("anna", "boris", "vera"))
    for operator, phone in ((anna, "phone01"), (boris, "phone02"), (vera, "phone03")):
        operator.logs_in(phone)
    caller = story.calls("1300")
    anna.is_busy()
    boris.rejects()
    assert vera.rings_for(caller)
    vera.answers()
    assert caller.record.rung == [("anna", "busy"), ("boris", "rejected"), ("vera", None)]
    assert (anna.interval.reason, boris.interval.reason) == ("busy", "rejected")


def test_a_phone_the_pbx_cannot_reach_is_passed_over(story: Story) -> None:
    anna, boris = story.operator("anna", booking=1), story.operator("boris", booking=1)
    anna.logs_in("phone01")
    boris.logs_in("phone02")
    anna.phone.reachable = False  # nobody has noticed yet
    caller = story.calls("1300")
    assert boris.rings_for(caller)
    assert caller.record.rung[0] == ("anna", "unreachable")
    assert anna.state == "unreachable"


def test_a_caller_who_hangs_up_while_it_rings_frees_the_operator(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    caller = story.calls("1300")
    caller.hangs_up()
    assert not anna.rings()
    assert anna.state == "ready"
    assert caller.record.rung == [("anna", "cancelled")]
    assert caller.record.outcome == "abandoned"
    next_caller = story.calls("1300")
    assert anna.rings_for(next_caller)


def test_a_caller_who_hangs_up_as_the_operator_answers(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    caller = story.calls("1300")
    with story.at_once():
        anna.answers()
        caller.hangs_up()
    assert anna.talking == []
    assert anna.state in ("ready", "wrap_up")
    assert caller.record.ended is not None


def test_the_router_dies_while_callers_wait_and_talk(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    talking = story.calls("1300")
    anna.answers()
    waiting = story.calls("1300")
    story.passes(5)
    story.restart_router()
    assert talking.hears == "anna"
    assert waiting.hears == "music"
    assert anna.state == "talking"
    anna.hangs_up()
    assert talking.gone
    story.passes(10)
    assert anna.rings_for(waiting)
    anna.answers()
    assert waiting.hears == "anna"
    assert story.log.repairs == []
