"""What a decision about a break costs: `python -m benchmarks.policy`, part of `make bench`.

A center of 10,000 operators on the roster, each with a shift of eight slots, all logged in, some on breaks up to the
cap. Random operators ask for random kinds of breaks at random times of the day: the pure policy is measured alone,
and then through the inbox's handler, with permission, state, mirror, lamps and answer.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from time import perf_counter

import handlers
from telephony.core import commands
from telephony.core import events as ev
from telephony.core.break_facts import BreakKind
from telephony.core.breaks import Request, decide
from telephony.core.center import Center
from telephony.core.effects import Reply
from telephony.core.permissions import Claim
from telephony.core.plan import BreakRules, Phone, Plan, Queue
from telephony.core.roster import Shift, Slot
from telephony.core.staff import Operator

OPERATORS, QUEUES, DECISIONS = 10_000, 20, 100_000
TARGET = 20_000
"""Decisions a second."""
OTHER_EVENT_MS = 0.1
"""An event that has nothing to do with breaks, at most, however many wait for one."""
START = datetime(2030, 1, 7, 8, tzinfo=UTC)
KINDS = [BreakKind.TECHNICAL] * 8 + [BreakKind.MANAGEMENT, BreakKind.EMERGENCY]


def _plan(operators: int, queues: int) -> Plan:
    return Plan(
        queues=tuple(Queue(name=f"queue{n}", label=f"Queue {n}", require={f"skill{n}": 1}) for n in range(queues)),
        phones=tuple(Phone(name=f"phone{n}") for n in range(operators)),
        breaks=BreakRules(emergency_reasons={"1": "Fire"}),
    )


def _shift(n: int) -> Shift:
    """Eight hours with a break of ten minutes in each, a little later for each operator."""
    slots = []
    for hour in range(8):
        begin = START + timedelta(hours=hour, minutes=n % 50)
        slots.append(Slot(begin=begin, end=begin + timedelta(minutes=10)))
    return Shift(login=f"login{n}", begin=START, end=START + timedelta(hours=8), slots=tuple(slots))


def center_of(operators: int, queues: int, random: Random) -> Center:
    """Everybody is logged in and serves a quarter of the queues, at least one."""
    center = Center()
    people = []
    for n in range(operators):
        skills = {f"skill{skill}": 1 for skill in random.sample(range(queues), max(1, queues // 4))}
        people.append(Operator(login=f"login{n}", name=f"Operator {n}", extension=str(20_000 + n), skills=skills))
    shifts = tuple(_shift(n) for n in range(operators))
    started = ev.Started(plan=_plan(operators, queues), operators=tuple(people), shifts=shifts, run="r1")
    handlers.handle(center, started, START)
    handlers.handle(center, ev.PictureTaken(why="start"), START)
    for n in range(operators):
        handlers.handle(center, commands.LogIn(command=str(n), login=f"login{n}", phone=f"phone{n}"), START)
    return center


def _settle_memory() -> None:
    """What a long-lived router does after its start."""
    gc.collect()
    gc.freeze()


def measure(operators: int = OPERATORS, queues: int = QUEUES, decisions: int = DECISIONS) -> dict[str, float]:
    """Decisions a second, of the policy alone and of the whole handler; how many of the latter were not refused."""
    random = Random(1)
    center = center_of(operators, queues, random)
    minute = timedelta(minutes=1)
    handled: Counter[bool] = Counter()
    asked = [
        commands.TakeBreak(
            command="ask", kind=random.choice(KINDS), login=f"login{random.randrange(operators)}", reason="1"
        )
        for _ in range(decisions // 10)
    ]
    _settle_memory()
    begun = perf_counter()
    for n, event in enumerate(asked):
        now = START + minute * (480 * n // len(asked))
        handled.update(e.ok for e in handlers.handle(center, event, now) if isinstance(e, Reply))
    through_inbox = len(asked) / (perf_counter() - begun)
    alone = _decide_often(center, decisions, random)
    gc.unfreeze()
    return {
        "operators": operators,
        "decisions_per_second": round(alone),
        "handled_per_second": round(through_inbox),
        "granted_or_deferred": handled[True],
        "refused": handled[False],
    }


def _decide_often(center: Center, decisions: int, random: Random) -> float:
    """A second; the policy alone."""
    minute = timedelta(minutes=1)
    requests = [
        (
            Request(f"login{random.randrange(len(center.agents))}", random.choice(KINDS), "1"),
            START + minute * random.randrange(480),
        )
        for _ in range(decisions)
    ]
    begun = perf_counter()
    for request, now in requests:
        decide(request, center, now)
    return decisions / (perf_counter() - begun)


def measure_waiting(waiting: int, operators: int = OPERATORS, queues: int = QUEUES) -> dict[str, float]:
    """The same while so many wait for a place under a cap that is reached; and what an event costs that has nothing to
    do with breaks, in milliseconds."""
    random = Random(1)
    center = center_of(operators, queues, random)
    now, nothing = START + timedelta(hours=1), commands.TellState(command="state", phone="nobody's")
    for n in range(operators):
        if len(center.claims) == waiting:
            break
        center.claim(Claim(START, timedelta(minutes=10), START + timedelta(hours=8), f"login{n}", str(n)))
        handlers.handle(center, nothing, now)
    assert len(center.claims) == waiting, "too many places for so few operators"
    _settle_memory()
    begun = perf_counter()
    for _ in range(1_000):
        handlers.handle(center, nothing, now)
    trivial = perf_counter() - begun
    found = {"waiting": waiting, "decisions_per_second": round(_decide_often(center, DECISIONS // 5, random))}
    gc.unfreeze()
    return {**found, "other_event_ms": round(trivial, 4)}


def run(say: Callable[[str], object] = print) -> dict[str, float]:
    """Measure, say it in a line each, answer it for benchmarks/latest.json."""
    found = measure()
    for waiting in (200, 1_000):
        crowd = measure_waiting(waiting)
        found[f"decisions_per_second_{waiting}_waiting"] = crowd["decisions_per_second"]
        found[f"other_event_ms_{waiting}_waiting"] = crowd["other_event_ms"]
        say(
            f"Breaks, {waiting:,} waiting for a place: {crowd['decisions_per_second']:,} decisions/s "
            f"(target {TARGET:,}), any other event {crowd['other_event_ms']} ms (target {OTHER_EVENT_MS})"
        )
    say(
        f"Breaks, {found['operators']:,} on the roster: {found['decisions_per_second']:,} decisions/s "
        f"(target {TARGET:,}), {found['handled_per_second']:,}/s with all that follows from them"
    )
    return found


if __name__ == "__main__":
    run()
