"""What is heard, and when the caller may be given to an operator."""

from __future__ import annotations

from telephony.core.facts import Outcome
from telephony.core.plan import Queue
from telephony.core.script import Enqueue, Finish, Say, advance, farewell, welcome


def test_a_queue_without_a_greeting_takes_the_caller_at_once() -> None:
    assert welcome(Queue(name="q", label="Q")) == (Enqueue("q"),)


def test_a_greeting_that_may_be_cut_short_does_not_delay_the_queue() -> None:
    script = welcome(Queue(name="q", label="Q", greeting="hello"))
    due, rest = advance(script)
    assert due == (Enqueue("q"), Say(("hello",)))
    assert rest == ()


def test_a_greeting_that_must_be_heard_out_does() -> None:
    script = welcome(Queue(name="q", label="Q", greeting="hello", hear_out=True))
    due, rest = advance(script)
    assert due == (Say(("hello",)),)
    assert advance(rest) == ((Enqueue("q"),), ())


def test_a_farewell_is_said_before_the_center_hangs_up() -> None:
    due, rest = advance(farewell("sorry", Outcome.SENT_AWAY))
    assert due == (Say(("sorry",)),)
    assert advance(rest) == ((Finish(Outcome.SENT_AWAY),), ())


def test_nothing_comes_after_the_end() -> None:
    assert advance(()) == ((), ())
