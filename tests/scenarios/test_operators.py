"""Operators come to work, take calls, and go."""

from __future__ import annotations

from msgspec.structs import replace

from telephony.core import commands
from telephony.core import events as ev
from telephony.testing.story import Story


def shown_paused(story: Story) -> bool:
    """Whether the native fallback queues hold Anna for paused."""
    return story.pbx.native.members["anna"].paused


def test_a_shift_from_login_to_logout(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    assert anna.logs_in("phone01") == "logged-in"
    assert anna.asks_state() == "state-ready"
    assert anna.logs_in("phone01") == "already-logged-in"
    assert anna.logs_out() == "logged-out"
    assert anna.asks_state() == "not-logged-in"
    assert anna.logs_out() == "not-logged-in"
    assert anna.states == ["ready"]
    assert anna.interval.ended is not None


def test_nobody_is_rung_before_the_call_of_the_code_has_ended(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    caller = story.calls("1302")
    anna.logs_in("phone01")
    assert anna.rings_for(caller)
    assert caller.record.attempts[1].made >= anna.interval.since


def test_one_login_one_phone(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    assert anna.logs_in("phone02") == "logged-in-elsewhere"
    anna.is_lost()
    assert anna.logs_in("phone02") == "logged-in"
    assert anna.rings_for(story.calls("1302"))
    assert anna.phone.name == "phone02"


def test_a_lost_phone_in_a_call_is_not_taken_over(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    story.calls("1302")
    anna.answers()
    anna.is_lost()
    assert anna.logs_in("phone02") == "logged-in-elsewhere"


def test_whoever_logs_in_on_a_phone_takes_it_over(story: Story) -> None:
    anna, boris = story.operator("anna", booking=1), story.operator("boris", booking=1)
    anna.logs_in("phone01")
    assert boris.logs_in("phone01") == "logged-in"
    assert anna.state == "offline"
    caller = story.calls("1302")
    assert boris.rings_for(caller)
    boris.answers()
    assert anna.logs_in("phone01") == "phone-in-use"


def test_strangers_and_strange_phones_are_refused(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    assert anna.logs_in("doctor01") == "logged-in"  # any phone of the center will do
    story.change(replace(anna.person, enabled=False))
    assert anna.logs_in("phone01") == "unknown-operator"
    story.tell(commands.LogIn(command="c1", login="nobody", phone="phone01"))
    story.tell(commands.LogIn(command="c2", login="anna", phone="phone99"))
    story.tell(ev.LogInRefused(extension="2001", phone="phone01", reason="wrong_pin"))
    story.moment()
    assert story.life.replies["c1"].code == "unknown-operator"
    assert not story.life.replies["c2"].ok
    assert [denied.reason for denied in story.log.denied] == ["wrong_pin"]


def test_wrap_up_ends_by_itself_or_when_the_operator_says_so(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    story.calls("1300")
    anna.answers()
    anna.hangs_up()
    second = story.calls("1300")
    assert anna.state == "wrap_up"
    assert anna.asks_state() == "state-wrap-up"
    assert not anna.rings()
    story.passes(10)
    assert anna.rings_for(second)
    anna.answers()
    anna.hangs_up()
    third = story.calls("1300")
    assert anna.comes_back() == "you-are-ready"
    assert anna.rings_for(third)


def test_who_did_not_answer_is_not_rung_until_they_say_so(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    story.calls("1302").hangs_up()
    story.calls("1302")
    anna.rejects()
    story.passes(minutes=20)
    assert anna.state == "unreachable"
    assert shown_paused(story)
    assert anna.asks_state() == "state-unreachable"
    waiting = story.calls("1302")
    assert not anna.rings()
    assert anna.comes_back() == "you-are-ready"
    assert not shown_paused(story)
    assert anna.rings()
    assert waiting.hears == "music"


def test_an_own_call_does_not_say_i_am_back(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    story.calls("1302")
    anna.rejects()
    anna.dials("201")
    assert anna.state == "talking"
    anna.hangs_up()
    assert (anna.state, anna.interval.reason) == ("unreachable", "rejected")


def test_a_lost_phone_is_not_rung_and_its_return_is_enough(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    anna.is_lost()
    assert (anna.state, anna.interval.reason) == ("unreachable", "phone_lost")
    caller = story.calls("1302")
    assert caller.rung == []
    anna.is_back()
    assert anna.rings_for(caller)


def test_who_is_logged_in_from_elsewhere_on_a_lost_phone_is_ready_when_it_is_back(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    phone = story.telephone("phone01")
    phone.is_lost()
    assert story.asks(lambda name: commands.LogIn(command=name, login="anna", phone="phone01")).code == "logged-in"
    assert (anna.state, anna.interval.reason) == ("unreachable", "phone_lost")
    caller = story.calls("1302")
    assert caller.rung == []
    phone.is_back()
    assert phone.rings_for(caller)


def test_who_dials_the_code_on_a_phone_held_for_lost_is_ready(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    story.telephone("phone01").is_lost()
    assert anna.logs_in("phone01") == "logged-in"
    assert anna.state == "ready"


def test_a_phone_lost_during_a_call_makes_unreachable_after_it(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    caller = story.calls("1302")
    anna.answers()
    anna.is_lost()
    assert anna.state == "talking"
    caller.hangs_up()
    story.passes(5)
    assert anna.states[-2:] == ["wrap_up", "unreachable"]
    anna.is_back()
    assert anna.state == "ready"


def test_a_phone_lost_while_a_code_is_dialed(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    channel = story.switch.dial_code(anna.phone)
    story.tell(commands.TellState(command="c", phone="phone01", channel=channel.id))
    anna.is_lost()
    story.switch.hang_up(channel)
    story.moment()
    assert anna.state == "unreachable"


def test_a_disabled_operator_finishes_the_call_and_leaves(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    caller = story.calls("1300")
    anna.answers()
    story.change(replace(anna.person, enabled=False))
    story.passes(30)
    assert caller.hears == "anna"
    caller.hangs_up()
    assert anna.state == "offline"
    assert anna.logs_in("phone01") == "unknown-operator"


def test_a_ring_that_failed_is_forgotten_with_the_end_of_the_shift(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    story.calls("1302")
    story.change(replace(anna.person, enabled=False))
    anna.rejects()
    assert anna.state == "offline"
    story.change(replace(anna.person, enabled=True))
    anna.logs_in("phone01")
    story.passes(5)
    assert anna.state != "unreachable"


def test_a_wrap_up_that_was_due_is_forgotten_with_the_end_of_the_shift(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    caller = story.calls("1300")
    anna.answers()
    story.change(replace(anna.person, enabled=False))
    caller.hangs_up()
    assert anna.state == "offline"
    story.change(replace(anna.person, enabled=True))
    anna.logs_in("phone01")
    anna.dials("201")
    anna.hangs_up()
    assert anna.state == "ready"


def test_holding_a_caller_shows_in_the_state(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    anna.logs_in("phone01")
    story.calls("1300")
    anna.answers()
    anna.holds()
    assert anna.state == "on_hold"
    story.passes(20)
    anna.resumes()
    assert anna.state == "talking"
    anna.hangs_up()
    assert anna.states == ["ready", "ringing", "talking", "on_hold", "talking", "wrap_up"]


def test_nothing_is_confirmed_to_an_operator_that_a_killed_router_would_forget(story: Story) -> None:
    anna = story.operator("anna", booking=1)
    story.switch.dial_code(story.switch.phones["phone01"])
    story.tell(commands.LogIn(command="c", login="anna", phone="phone01"))
    assert "c" not in story.life.replies
    story.kill_router()
    story.passes(1)
    story.start_router()
    assert anna.states == []
    assert anna.logs_in("phone01") == "logged-in"
