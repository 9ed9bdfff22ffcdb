"""What a killed router leaves behind is taken over by the next one: found by killing a real one at chosen moments."""

from __future__ import annotations

from datetime import timedelta

from telephony.testing.story import Story

SECOND = timedelta(seconds=1)


def test_a_greeting_from_before_the_kill_does_not_hold_up_the_operator(story: Story) -> None:
    story.switch.prompt_seconds["welcome"] = 20
    anna = story.operator("anna", booking=1)
    caller = story.calls("1300")
    assert caller.hears == "prompt"
    story.restart_router(after=1)
    assert caller.hears == "prompt", "what is heard goes on"
    anna.logs_in("phone01")
    assert anna.rings_for(caller)
    anna.answers()
    assert caller.hears == "anna"


def test_a_talk_that_ended_while_nobody_looked_is_not_begun_anew(story: Story) -> None:
    anna, boris = story.operator("anna", booking=1), story.operator("boris", booking=1)
    anna.logs_in("phone01")
    caller = story.calls("1300")
    boris.logs_in("phone02")
    anna.answers()
    picked_up = story.clock.now()
    story.kill_router()
    story.passes(5)
    anna.hangs_up()
    hung_up = story.clock.now()
    story.passes(3)
    story.start_router()
    assert not boris.rings(), "the caller has been served"
    assert caller.record.outcome == "answered"
    [attempt] = caller.record.attempts.values()
    assert attempt.answered is not None
    assert attempt.ended is not None
    assert picked_up - attempt.answered < SECOND
    assert hung_up - attempt.ended < SECOND


def test_a_talk_of_which_nothing_was_committed_is_on_record(story: Story) -> None:
    anna, boris = story.operator("anna", booking=1), story.operator("boris", booking=1)
    anna.logs_in("phone01")
    story.journal.hold()
    caller = story.calls("1300")
    boris.logs_in("phone02")
    anna.answers()
    story.kill_router()
    story.passes(5)
    anna.hangs_up()
    story.start_router()
    assert not boris.rings()
    assert caller.record.outcome == "answered"
    assert caller.record.rung == [("anna", "answered")]


def test_a_transfer_into_a_queue_of_which_nothing_was_committed_is_kept(story: Story) -> None:
    """The channel tells of it: the caller does not go back to where they came from, and their talk was no waiting."""
    anna, vera = story.operator("anna", booking=1), story.operator("vera", children=3)
    anna.logs_in("phone01")
    vera.logs_in("phone03")
    caller = story.calls("1300")
    anna.answers()
    story.passes(50)
    story.journal.hold()
    anna.transfers_to("802")
    asked = story.clock.now()
    story.restart_router()
    assert caller.record.queues == ["booking", "children"]
    assert caller.record.queued is not None
    assert asked - caller.record.queued < SECOND
    story.passes(11)  # her wrap-up
    vera.rejects()
    assert anna.state == "ready"
    assert not anna.rings()
    assert caller.hears == "music"
    vera.comes_back()
    assert vera.rings_for(caller)


def test_an_overflow_of_which_nothing_was_committed_is_kept(story: Story) -> None:
    caller = story.calls("1303")
    story.passes(39)
    story.journal.hold()
    story.passes(2)
    story.restart_router(after=5)
    story.passes(1)
    assert caller.record.queues == ["results", "booking"]
    assert caller.record.queued is not None
    assert abs(caller.record.queued - caller.record.arrived - 40 * SECOND) < SECOND


def test_who_was_rung_before_the_fallback_queue_is_on_record(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    story.journal.hold()
    caller = story.calls("1300")
    assert anna.rings_for(caller)
    story.kill_router()
    anna.answers()  # nobody is there to connect her
    story.passes(2)
    anna.hangs_up()
    story.passes(10)  # the guard hands the caller over
    anna.rejects()
    story.start_router()
    assert anna.rings_for(caller)
    anna.answers()
    assert caller.record.rung == [("anna", "answered"), ("anna", None)]
