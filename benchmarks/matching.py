"""What a match costs as the center grows: `python -m benchmarks.matching`, part of `make bench`.

A match is measured where it matters, through the rules: an operator's leg ends, so they become free, the caller with
the highest claim among all their queues is chosen and the phone is rung; or a caller arrives, and the operator whom
the queue's strategy puts first is rung. Beside it, the matcher alone.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from time import perf_counter_ns

import handlers
from telephony.core import commands
from telephony.core import events as ev
from telephony.core.center import Center
from telephony.core.plan import Phone, Plan, Queue, Strategy
from telephony.core.staff import Operator

SIZES = ((100, 5, 500), (1_000, 20, 5_000), (3_000, 20, 30_000), (10_000, 20, 100_000))
"""Operators, queues, callers waiting."""
ROUNDS = 3_000
START = datetime(2030, 1, 7, 8, tzinfo=UTC)
Figures = dict[str, dict[str, float]]


class Bench:
    """A center of the wished size, everybody logged in, driven by events alone."""

    def __init__(self, operators: int, queues: int, *, seed: int = 1) -> None:
        self.random = Random(seed)
        self.center = Center()
        self.now = START
        self.queues = queues
        self._callers = 0
        strategies = list(Strategy)
        plan = Plan(
            queues=tuple(
                Queue(
                    name=f"queue{n}",
                    label=f"Queue {n}",
                    numbers=(f"13{n:02}",),
                    require={f"skill{n}": 1},
                    strategy=strategies[n % len(strategies)],
                    wrap_up=0,
                    max_wait=86_400,
                )
                for n in range(queues)
            ),
            phones=tuple(Phone(name=f"phone{n}") for n in range(operators)),
        )
        people = tuple(self._person(n) for n in range(operators))
        self.handle(ev.Started(plan=plan, operators=people, run="r1"))
        self.handle(ev.PictureTaken(why="start"))

    def _person(self, n: int) -> Operator:
        """Serves a quarter of the queues, at least two, at random levels."""
        some = self.random.sample(range(self.queues), max(2, self.queues // 4))
        skills = {f"skill{skill}": self.random.randint(1, 9) for skill in some}
        return Operator(login=f"login{n}", name=f"Operator {n}", extension=str(20_000 + n), skills=skills)

    def handle(self, event: ev.AnyEvent) -> None:
        self.now += timedelta(milliseconds=1)
        handlers.handle(self.center, event, self.now)

    def timed(self, event: ev.AnyEvent) -> float:
        """Microseconds that the decision takes."""
        now = self.now = self.now + timedelta(milliseconds=1)
        begun = perf_counter_ns()
        handlers.handle(self.center, event, now)
        return (perf_counter_ns() - begun) / 1000

    def logs_in(self, operators: int) -> None:
        for n in range(operators):
            self.handle(commands.LogIn(command=str(n), login=f"login{n}", phone=f"phone{n}"))

    def arrival(self) -> ev.CallerArrived:
        self._callers += 1
        return ev.CallerArrived(
            channel=f"gudok-1894003200.{self._callers}",
            number=f"13{self.random.randrange(self.queues):02}",
            caller=f"token{self._callers}",
            arrived=self.now,
        )

    def arrives(self) -> tuple[str, float]:
        """Call id, and microseconds until it is decided who is rung, or that the caller waits."""
        event = self.arrival()
        return event.channel, self.timed(event)

    def leg_of(self, call: str) -> str | None:
        return self.center.calls[call].offer

    def answers(self, leg: str) -> None:
        call = self.center.channels[leg]
        self.handle(ev.LegReady(channel=leg))
        self.handle(ev.ChannelAnswered(channel=leg))
        self.handle(ev.Bridged(call=call.id, bridge=call.bridge or "", channels=(call.party, leg)))


def free_operator(bench: Bench, waiting: int, rounds: int) -> tuple[list[float], list[float]]:
    """Everybody talks, `waiting` callers wait. A talk ends: who is next? Another caller arrives, and waits.
    Answers the microseconds of both."""
    legs: list[str] = []
    queued = 0
    while queued < waiting:
        call, _ = bench.arrives()
        leg = bench.leg_of(call)
        if leg is None:
            queued += 1
        else:
            bench.answers(leg)
            legs.append(leg)
    _settle_memory()
    matched, queueing = [], []
    for _ in range(rounds):
        place = bench.random.randrange(len(legs))
        talk = bench.center.channels[legs[place]]
        (agent,) = (bench.center.agents[leg.login or ""] for leg in talk.legs.values())
        matched.append(bench.timed(ev.ChannelGone(channel=legs[place])))
        (legs[place],) = agent.channels  # rings for the next caller
        bench.handle(ev.ChannelGone(channel=talk.party))
        bench.answers(legs[place])
        queueing.append(bench.arrives()[1])
    return matched, queueing


def arriving_caller(bench: Bench, rounds: int) -> list[float]:
    """Everybody is free. A caller arrives: whose phone rings?"""
    _settle_memory()
    spent = []
    for _ in range(rounds):
        call, took = bench.arrives()
        spent.append(took)
        leg = bench.leg_of(call)
        assert leg is not None, "nobody was rung"
        bench.handle(ev.ChannelGone(channel=call))
        bench.handle(ev.ChannelGone(channel=leg))
    return spent


def matcher_alone(bench: Bench, rounds: int) -> list[float]:
    """The choice itself, without the rest of the decision: the best of all callers whom an operator may take."""
    center, matcher = bench.center, bench.center.matcher
    agents = list(center.agents.values())
    spent = []
    for _ in range(rounds):
        lanes = bench.random.choice(agents).lanes
        begun = perf_counter_ns()
        call_id = matcher.next_caller(lanes)
        assert call_id is not None
        matcher.remove_caller(call_id)
        spent.append((perf_counter_ns() - begun) / 1000)
        call = center.calls[call_id]
        matcher.add_caller(call_id, matcher.lane(call.queue or "", call.step), call.priority, call.arrived)
    return spent


def _settle_memory() -> None:
    """What a long-lived router does after its start."""
    gc.collect()
    gc.freeze()


def _figures(spent: list[float]) -> dict[str, float]:
    ordered = sorted(spent)
    count = len(ordered)
    return {
        "p50": round(ordered[count // 2], 1),
        "p99": round(ordered[count * 99 // 100], 1),
        "mean": round(sum(ordered) / count, 1),
    }


def measure(operators: int, queues: int, waiting: int, rounds: int = ROUNDS) -> Figures:
    """Microseconds per decision, as p50, p99 and mean, for a center of this size."""
    bench = Bench(operators, queues)
    bench.logs_in(operators)
    arriving = arriving_caller(bench, rounds)
    matched, queueing = free_operator(bench, waiting, rounds)
    alone = matcher_alone(bench, rounds)
    gc.unfreeze()
    return {
        "operator_free_us": _figures(matched),
        "caller_arrives_us": _figures(arriving),
        "caller_waits_us": _figures(queueing),
        "matcher_alone_us": _figures(alone),
    }


COLUMNS = {
    "operator_free_us": "operator free -> next rings",
    "caller_arrives_us": "caller -> operator rings",
    "caller_waits_us": "caller -> waits",
    "matcher_alone_us": "matcher alone",
}


def run(say: Callable[[str], object] = print) -> dict[str, Figures]:
    """Measure all sizes, print a table, answer it for benchmarks/latest.json: size -> what -> figures."""
    say("Microseconds per decision, p50 / p99 / mean")
    say(f"{'operators, queues, waiting':28}" + "".join(f"{title:>29}" for title in COLUMNS.values()))
    results = {}
    for operators, queues, waiting in SIZES:
        found = results[f"{operators}/{queues}/{waiting}"] = measure(operators, queues, waiting)
        cells = (f"{one['p50']:.0f} / {one['p99']:.0f} / {one['mean']:.0f}" for one in found.values())
        say(f"{operators:>8,} {queues:>6} {waiting:>9,}   " + "".join(f"{cell:>29}" for cell in cells))
    return results


if __name__ == "__main__":
    run()
