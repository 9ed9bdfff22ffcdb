"""What a killed router leaves behind is taken over by the next one: found by killing a real one at chosen moments."""

from __future__ import annotations

from telephony.testing.story import Story


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
