"""What is heard: a script is data, walked by one pure machine. No coroutine per call.

A greeting that must be heard out stands before the `Enqueue`, one that may be cut short stands after it; a farewell
is a `Say` before a `Finish`. `Say` holds the script until its playback has ended (or failed: a missing prompt must not
strand a caller); whatever ends the call, or an operator who answers, drops the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

from telephony.core.facts import Outcome
from telephony.core.plan import Queue


@dataclass(frozen=True, slots=True)
class Say:
    """Play these prompts to the caller."""

    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Enqueue:
    """The caller may be given to an operator from here on."""

    queue: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The center hangs up; the call ends with `outcome`."""

    outcome: Outcome


Step = Say | Enqueue | Finish
Script = tuple[Step, ...]


def advance(script: Script) -> tuple[tuple[Step, ...], Script]:
    """The steps to carry out now, and the script that waits for the end of the last of them."""
    for index, step in enumerate(script):
        if not isinstance(step, Enqueue):
            return script[: index + 1], script[index + 1 :]
    return script, ()


def welcome(queue: Queue) -> Script:
    """What a caller of `queue` goes through on arrival."""
    enqueue = Enqueue(queue.name)
    if queue.greeting is None:
        return (enqueue,)
    greeting = Say((queue.greeting,))
    return (greeting, enqueue) if queue.hear_out else (enqueue, greeting)


def farewell(prompt: str, outcome: Outcome) -> Script:
    """Said politely, then hung up."""
    return (Say((prompt,)), Finish(outcome))
