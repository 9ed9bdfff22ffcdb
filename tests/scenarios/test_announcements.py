"""A break is nearly over: the operator's phone rings, and says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from telephony.core.break_facts import ViolationKind
from telephony.core.commands import TellState
from telephony.core.effects import HangUp
from telephony.core.events import PbxRefused
from telephony.core.operators import State
from telephony.testing.people import Operator
from telephony.testing.story import Story
from tests.scenarios.break_center import (
    BREAK_PLAN,
    EMERGENCY,
    anna_at_work,
    it_is,
    order,
    three_on_one_slot,
    violations,
    with_rules,
)
from tests.scenarios.small_center import NewStory


@pytest.fixture
def story(new_story: NewStory) -> Story:
    return new_story(BREAK_PLAN)


def anna_on_break(story: Story) -> Operator:
    """Until 0:25."""
    anna = anna_at_work(story)
    it_is(story, "0:10")
    anna.asks_break()
    return anna


def test_the_phone_rings_a_minute_before_the_end_and_says_so(story: Story) -> None:
    anna = anna_on_break(story)
    it_is(story, "0:24")
    assert not anna.rings()
    story.passes(1)
    assert anna.rings()
    anna.answers()
    assert (anna.hears, anna.state) == ("prompt", "break")
    story.passes(5)
    assert anna.hears == "nothing"
    assert anna.states == ["ready", "break"]
    it_is(story, "0:26")
    assert anna.rings_for(story.calls("1302"))
    assert len(story.log.calls) == 1


def test_nobody_picks_up_and_nobody_minds(story: Story) -> None:
    anna = anna_on_break(story)
    it_is(story, "0:24")
    story.passes(12)
    assert not anna.rings()
    assert anna.state == "break"
    assert violations(story, "anna") == []


def test_a_ring_that_a_stalled_pbx_makes_late_is_ended(story: Story) -> None:
    anna = anna_on_break(story)
    with story.at_once():
        it_is(story, "0:24")
        while not anna.phone.channels:
            story.passes(0.001)
        [late] = anna.phone.channels
        story.life.deliver(PbxRefused(effect="Announce", status=504, reason="late", call=late, channel=late))
    story.passes(1)
    assert not anna.rings()
    assert story.life.alarms == []


def test_who_has_something_else_at_the_phone_is_told_by_the_lamp(story: Story) -> None:
    anna = anna_on_break(story)
    anna.dials("201")
    story.telephone("doctor01").answers()
    it_is(story, "0:24")
    story.passes(1)
    assert not anna.rings()
    assert story.pbx.lamps["break-2001"] == "blinking"


def test_by_config_only_the_lamp_tells(new_story: NewStory) -> None:
    story = new_story(with_rules(announce=False))
    anna = anna_on_break(story)
    it_is(story, "0:24")
    story.passes(1)
    assert not anna.rings()
    assert story.pbx.lamps["break-2001"] == "blinking"


def test_a_phone_that_is_away_is_not_rung(story: Story) -> None:
    anna = anna_on_break(story)
    anna.is_lost()
    it_is(story, "0:24")
    story.passes(1)
    assert anna.phone.channels == {}
    assert story.pbx.refusals == []


def test_a_phone_that_has_just_gone_is_free_again(story: Story) -> None:
    """The PBX knows it first: it cannot even make the channel."""
    anna = anna_on_break(story)
    it_is(story, "0:23")
    story.passes(59.9)
    anna.phone.reachable = False
    story.passes(1)
    assert [one.effect for one in story.pbx.refusals] == ["Announce", "Watch"]
    assert story.center.agents["anna"].channels == set()
    anna.phone.reachable = True
    it_is(story, "0:26")
    assert anna.rings_for(story.calls("1302"))


def test_the_end_of_the_break_cuts_it_off_and_then_a_caller_rings(new_story: NewStory) -> None:
    story = new_story(with_rules(warning=3))
    anna = anna_on_break(story)
    it_is(story, "0:24")
    story.passes(58)
    anna.answers()
    caller = story.calls("1302")
    assert (anna.hears, caller.rung) == ("prompt", [])
    story.passes(2)
    assert anna.rings_for(caller)
    assert len(anna.phone.channels) == 1


def test_who_is_back_is_not_told_any_more(story: Story) -> None:
    anna = anna_on_break(story)
    it_is(story, "0:24")
    story.passes(1)
    assert anna.rings()
    anna.comes_back()
    assert not anna.rings()
    assert anna.state == "ready"
    assert anna.rings_for(story.calls("1302"))


def test_another_break_has_its_own_lamp_and_its_own_warning(story: Story) -> None:
    anna = anna_on_break(story)
    it_is(story, "0:24")
    anna.asks_break(EMERGENCY, "1")
    assert story.pbx.lamps["break-2001"] == "on"
    story.passes(minutes=14)
    story.passes(5)
    assert story.pbx.lamps["break-2001"] == "blinking"
    assert anna.rings()


@pytest.mark.parametrize("picked_up", [True, False])
def test_the_router_dies_while_the_phone_is_told(story: Story, picked_up: bool) -> None:
    anna = anna_on_break(story)
    story.switch.prompt_seconds["break-ends-soon"] = 20
    it_is(story, "0:24")
    story.passes(1)
    if picked_up:
        anna.answers()
    story.restart_router()
    assert story.center.agents["anna"].channels
    assert (anna.state, story.pbx.lamps["break-2001"]) == ("break", "blinking")
    it_is(story, "0:26")
    assert story.center.agents["anna"].channels == set()
    assert anna.states == ["ready", "break", "ready"]
    story.journal.commit()
    assert (story.log.calls, story.log.repairs) == ({}, [])


def test_the_pbx_dies_while_the_phone_is_told(story: Story) -> None:
    anna_on_break(story)
    it_is(story, "0:24")
    story.passes(1)
    story.kill_pbx()
    story.start_pbx()
    assert story.center.agents["anna"].channels == set()
    assert story.center.agents["anna"].state is State.BREAK


def test_a_phone_that_picks_up_by_itself_does_so(new_story: NewStory) -> None:
    phones = (replace(BREAK_PLAN.phones[0], auto_answer=True), *BREAK_PLAN.phones[1:])
    story = new_story(replace(BREAK_PLAN, phones=phones))
    anna = anna_on_break(story)
    it_is(story, "0:24")
    story.passes(1)
    assert anna.hears == "prompt"
    assert [effect for _, decided in story.journal.entries for effect in decided if isinstance(effect, HangUp)] == []


# -- by config the phone rings at the end, too


@pytest.fixture
def rung_at_the_end(new_story: NewStory) -> Story:
    """Anna's break has just ended, and her phone rings."""
    story = new_story(with_rules(at_end="overrun"))
    anna = anna_on_break(story)
    it_is(story, "0:25")
    story.passes(1)
    assert anna.rings()
    return story


def test_who_picks_up_at_the_end_is_back(rung_at_the_end: Story) -> None:
    story = rung_at_the_end
    anna = story.operators["anna"]
    caller = story.calls("1302")
    assert caller.rung == []
    anna.answers()
    assert anna.hears == "prompt"
    story.passes(5)
    assert anna.rings_for(caller)
    assert anna.states == ["ready", "break", "ready", "ringing"]
    assert violations(story, "anna") == []


def test_who_picks_up_before_the_pbx_tells_us_of_it_is_back_too(new_story: NewStory) -> None:
    """A phone that picks up by itself is quicker than our being told what happens on it."""
    story = new_story(with_rules(at_end="overrun"))
    anna = anna_on_break(story)
    it_is(story, "0:25")
    while anna.ringing is None:
        story.passes(0.0001)
    with story.at_once():
        assert not anna.ringing.watched
        anna.answers()
    story.passes(10)
    assert anna.states == ["ready", "break", "ready"]
    assert violations(story, "anna") == []


def test_who_does_not_pick_up_at_the_end_overruns_from_then_on(rung_at_the_end: Story) -> None:
    story = rung_at_the_end
    anna = story.operators["anna"]
    caller = story.calls("1302")
    story.passes(12)
    assert anna.states == ["ready", "break", "ready", "unreachable"]
    assert violations(story, "anna") == [ViolationKind.OVERRUN]
    assert caller.rung == []
    anna.comes_back()
    assert anna.rings_for(caller)


def test_who_dials_that_they_are_back_need_not_pick_up(rung_at_the_end: Story) -> None:
    anna = rung_at_the_end.operators["anna"]
    anna.comes_back()
    assert not anna.rings()
    rung_at_the_end.passes(20)
    assert anna.state == "ready"
    assert violations(rung_at_the_end, "anna") == []


def test_who_goes_home_at_the_end_overruns_nothing(rung_at_the_end: Story) -> None:
    anna = rung_at_the_end.operators["anna"]
    anna.logs_out()
    assert not anna.rings()
    anna.logs_in(anna.phone.name)
    rung_at_the_end.passes(20)
    assert anna.state == "ready"
    assert ViolationKind.OVERRUN not in violations(rung_at_the_end, "anna")


def test_a_phone_that_cannot_be_rung_at_the_end_overruns_at_once(new_story: NewStory) -> None:
    story = new_story(with_rules(at_end="overrun", announce=False))
    anna = anna_on_break(story)
    anna.dials("201")
    story.telephone("doctor01").answers()
    it_is(story, "0:25")
    story.passes(1)
    assert violations(story, "anna") == [ViolationKind.OVERRUN]


def test_who_dials_it_beside_a_call_of_their_own_is_in_that_call(new_story: NewStory) -> None:
    story = new_story(with_rules(at_end="overrun"))
    anna = anna_on_break(story)
    anna.dials("201")
    doctor = story.telephone("doctor01")
    doctor.answers()
    it_is(story, "0:26")
    assert anna.interval.reason == "overrun"
    anna.comes_back()
    assert (anna.state, anna.interval.reason) == ("talking", "own_call")
    assert story.log.breaks.open_violations() == ()
    story.passes(minutes=3)
    assert violations(story, "anna") == [ViolationKind.OVERRUN, ViolationKind.OVERRUN], "and goes on talking"
    doctor.hangs_up()
    assert anna.state == "ready"
    assert story.log.breaks.open_violations() == ()


def test_a_pbx_that_dies_while_it_rings_at_the_end_blames_nobody(rung_at_the_end: Story) -> None:
    story = rung_at_the_end
    story.kill_pbx()
    story.start_pbx()
    story.passes(20)
    assert violations(story, "anna") == []


def test_a_router_that_dies_while_it_rings_at_the_end_blames_nobody(rung_at_the_end: Story) -> None:
    story = rung_at_the_end
    story.restart_router()
    story.passes(20)
    assert story.operators["anna"].state == "ready"
    assert violations(story, "anna") == []


# -- the break ends while the PBX is out of reach


def router_dies(story: Story) -> None:
    story.restart_router(after=120)


def line_is_lost(story: Story) -> None:
    story.lose_connection()
    story.passes(120)
    story.reconnect()


def pbx_dies(story: Story) -> None:
    story.kill_pbx()
    story.passes(120)
    story.start_pbx()


OUT_OF_REACH = pytest.mark.parametrize("happens", [router_dies, line_is_lost, pbx_dies])


def break_ends_meanwhile(new_story: NewStory, happens: Callable[[Story], None]) -> tuple[Story, Operator]:
    """At 0:25; a minute later all is well again."""
    story = new_story(with_rules(at_end="overrun"))
    anna = anna_on_break(story)
    it_is(story, "0:24")
    happens(story)
    return story, anna


@OUT_OF_REACH
def test_who_could_not_be_rung_at_the_end_is_rung_afterwards(
    new_story: NewStory, happens: Callable[[Story], None]
) -> None:
    story, anna = break_ends_meanwhile(new_story, happens)
    assert anna.rings()
    caller = story.calls("1302")
    assert (anna.state, caller.rung) == ("ready", [])
    anna.answers()
    story.passes(5)
    assert anna.rings_for(caller)
    assert violations(story, "anna") == []
    on_break, back = story.log.intervals["anna"][1:3]
    assert on_break.ended == on_break.until == back.since


@OUT_OF_REACH
def test_and_overruns_only_when_they_do_not_pick_up_then(new_story: NewStory, happens: Callable[[Story], None]) -> None:
    story, anna = break_ends_meanwhile(new_story, happens)
    rung = story.clock.now()
    story.passes(12)
    assert anna.states == ["ready", "break", "ready", "unreachable"]
    assert violations(story, "anna") == [ViolationKind.OVERRUN]
    assert anna.interval.since > rung


@OUT_OF_REACH
def test_once_told_they_are_not_told_again(new_story: NewStory, happens: Callable[[Story], None]) -> None:
    story, anna = break_ends_meanwhile(new_story, happens)
    anna.answers()
    story.passes(10)
    anna.asks_state()
    story.passes(2)
    assert not anna.rings()
    story.lose_connection()
    story.reconnect()
    assert not anna.rings()


def test_who_is_in_a_call_of_their_own_by_then_is_back(new_story: NewStory) -> None:
    story = new_story(with_rules(at_end="overrun"))
    anna = anna_on_break(story)
    it_is(story, "0:24")
    anna.dials("201")
    story.telephone("doctor01").answers()
    router_dies(story)
    assert (anna.state, anna.interval.reason) == ("talking", "own_call")
    anna.hangs_up()
    story.passes(2)
    assert not anna.rings()
    assert anna.rings_for(story.calls("1302"))
    assert violations(story, "anna") == []


def test_callers_are_rung_through_after_breaks_that_ended_while_no_router_lived(new_story: NewStory) -> None:
    story = new_story(with_rules(at_end="overrun", max_on_break_share=100))
    people = three_on_one_slot(story)
    for person in people:
        person.asks_break()
    it_is(story, "0:24")
    router_dies(story)
    caller = story.calls("1302")
    for person in people:
        person.answers()
    story.passes(5)
    assert [person.rings_for(caller) for person in people].count(True) == 1


# -- another break begins while it rings


def test_an_order_cuts_off_the_ring_at_the_end(rung_at_the_end: Story) -> None:
    story = rung_at_the_end
    anna, olga = story.operators["anna"], story.operator("olga", booking=1)
    order(story, olga, "anna", minutes=5)
    assert not anna.rings()
    assert (anna.state, anna.interval.reason) == ("break", "management")
    story.passes(60)
    assert violations(story, "anna") == []


def test_so_does_an_emergency(rung_at_the_end: Story) -> None:
    anna = rung_at_the_end.operators["anna"]
    anna.asks_break(EMERGENCY, "1")
    assert not anna.rings()
    assert (anna.state, anna.interval.reason) == ("break", "emergency")


# -- something of ours is still on the phone at the end


def nearly_over(new_story: NewStory, seconds: float) -> tuple[Story, Operator]:
    """So many seconds are left of the break; the warning comes five before its end, and takes eight."""
    story = new_story(with_rules(at_end="overrun", warning=5))
    story.switch.prompt_seconds["break-ends-soon"] = 8
    anna = anna_on_break(story)
    it_is(story, "0:24")
    story.passes(60 - seconds)
    return story, anna


def is_told_that_it_is_over(story: Story, anna: Operator) -> None:
    assert anna.rings()
    assert len(anna.phone.channels) == 1
    caller = story.calls("1302")
    assert caller.rung == []
    anna.answers()
    story.passes(5)
    assert anna.rings_for(caller)
    assert anna.states == ["ready", "break", "ready", "ringing"]
    assert violations(story, "anna") == []


def test_whose_phone_still_rings_for_the_warning_is_rung_anew(new_story: NewStory) -> None:
    story, anna = nearly_over(new_story, 3)
    assert anna.rings()
    story.passes(4)
    is_told_that_it_is_over(story, anna)


def test_so_is_who_still_hears_it(new_story: NewStory) -> None:
    story, anna = nearly_over(new_story, 3)
    anna.answers()
    story.passes(4)
    is_told_that_it_is_over(story, anna)


def test_and_who_has_just_dialed_a_code(new_story: NewStory) -> None:
    story = new_story(with_rules(at_end="overrun", warning=0))
    anna = anna_on_break(story)
    it_is(story, "0:24")
    story.passes(59)
    assert anna.asks_state() == "state-break"
    is_told_that_it_is_over(story, anna)


def test_who_does_not_pick_up_then_overruns(new_story: NewStory) -> None:
    story, anna = nearly_over(new_story, 3)
    story.passes(15)
    assert anna.states == ["ready", "break", "ready", "unreachable"]
    assert violations(story, "anna") == [ViolationKind.OVERRUN]


def test_who_keeps_a_phone_off_the_hook_overruns_ten_seconds_later(new_story: NewStory) -> None:
    story, anna = nearly_over(new_story, 10)
    code = story.switch.dial_code(anna.phone)
    story.tell(TellState(command="c", phone=anna.phone.name, channel=code.id))
    story.passes(19)
    assert anna.state == "ready"
    story.passes(2)
    assert violations(story, "anna") == [ViolationKind.OVERRUN]
    assert anna.interval.reason == "overrun"
