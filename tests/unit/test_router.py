"""The inbox: order, time, answers, and what happens when a handler fails or too much comes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from telephony.clock import Clock
from telephony.core import commands
from telephony.core import effects as do
from telephony.core import events as ev
from telephony.core.facts import AnyFact, Repaired
from telephony.router.poison import Poison
from telephony.router.router import AnyDecision, HandlerError, Router
from telephony.router.timers import Timers

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class Surroundings:
    """PBX, journal, timers and watchers in memory: `done` is what was asked of them, in order."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.entries: list[tuple[int, datetime, ev.AnyEvent]] = []
        self.commits: list[tuple[int, Callable[[], None]]] = []

    def perform(self, effect: do.CallEffect) -> None:
        self.done.append(effect)

    def light(self, effect: do.SetLamp) -> None:
        self.done.append(effect)

    def mirror(self, effect: do.MirrorMember) -> None:
        self.done.append(effect)

    def take_picture(self, why: str) -> None:
        self.done.append(("picture", why))

    def beat(self, epoch: int) -> None:
        self.done.append(("beat", epoch))

    def append(self, seq: int, at: datetime, event: ev.AnyEvent, effects: Sequence[AnyDecision]) -> None:
        self.entries.append((seq, at, event))

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        self.commits.append((seq, then))

    def commit(self) -> None:
        for _, then in self.commits:
            then()
        self.commits.clear()

    def set(self, timer: do.SetTimer) -> None:
        self.done.append(timer)

    def publish(self, facts: Sequence[AnyFact], alarms: Sequence[do.AnyEffect]) -> None:
        self.done.append(("publish", list(facts), list(alarms)))


class Rules:
    """A handler that answers each event type as the test says, and remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[tuple[ev.AnyEvent, datetime]] = []
        self.answers: dict[type, Callable[[Any], list[AnyDecision]]] = {}
        self.wanted: list[tuple[int, asyncio.Event]] = []

    def __call__(self, state: None, event: ev.AnyEvent, now: datetime) -> list[AnyDecision]:
        self.seen.append((event, now))
        for count, reached in self.wanted:
            if len(self.seen) >= count:
                reached.set()
        answer = self.answers.get(type(event))
        return answer(event) if answer else []

    async def saw(self, count: int) -> None:
        reached = asyncio.Event()
        if len(self.seen) >= count:
            return
        self.wanted.append((count, reached))
        await asyncio.wait_for(reached.wait(), 5)


@pytest.fixture
def around() -> Surroundings:
    return Surroundings()


@pytest.fixture
async def rules() -> Rules:
    return Rules()


def make(rules: Rules, around: Surroundings, state_dir: Path, clock: Clock | None = None, **more: Any) -> Router[None]:
    more.setdefault("timers", around)
    return Router(
        handle=rules,
        center=None,
        pbx=around,
        journal=around,
        watchers=[around],
        clock=clock or Clock(),
        poison=Poison(state_dir / "poison.json"),
        **more,
    )


def key(digit: str) -> ev.DigitPressed:
    return ev.DigitPressed(channel="gudok-1.1", digit=digit)


async def test_events_are_decided_in_order_and_numbered(rules: Rules, around: Surroundings, tmp_path: Path) -> None:
    router = make(rules, around, tmp_path, next_seq=101)
    for digit in "123":
        router.deliver(key(digit))
    await rules.saw(3)
    assert [event for event, _ in rules.seen] == [key("1"), key("2"), key("3")]
    assert [seq for seq, _, _ in around.entries] == [101, 102, 103]


async def test_time_is_stamped_at_entry_and_never_goes_back(rules: Rules, around: Surroundings, tmp_path: Path) -> None:
    wall = iter([1000.0, 1001.0, 900.0, 901.0, 1002.0])
    steady = iter([0.0, 1.0, 1.5, 2.5, 4.5])
    router = make(rules, around, tmp_path, Clock(lambda: next(wall), lambda: next(steady)))
    for digit in "1234":
        router.deliver(key(digit))
    await rules.saw(4)
    assert [now.timestamp() for _, now in rules.seen] == [1001.0, 1001.25, 1001.75, 1002.75]
    assert [at for _, at, _ in around.entries] == [now for _, now in rules.seen]


async def test_calls_go_before_mirrors_and_what_was_decided_is_in_the_journal_before_notices(
    rules: Rules, around: Surroundings, tmp_path: Path
) -> None:
    mirror = do.MirrorMember(login="anna", phone="101", queues=("main",))
    hang_up = do.HangUp(call="gudok-1.1", channel="gudok-1.1")
    repaired = Repaired(what="x", subject="y", at=START)
    alarm = do.Alarm(code="look", text="look here")
    rules.answers[ev.DigitPressed] = lambda _: [mirror, repaired, alarm, hang_up]
    router = make(rules, around, tmp_path)
    router.deliver(key("1"))
    await rules.saw(1)
    await asyncio.sleep(0)
    assert around.done == [hang_up, mirror, ("publish", [repaired], [alarm])]
    assert router.counters["alarm.look"] == 1


async def test_a_durable_answer_waits_for_the_commit(rules: Rules, around: Surroundings, tmp_path: Path) -> None:
    rules.answers[commands.LogIn] = lambda e: [do.Reply(command=e.command, ok=True, code="in", durable=True)]
    rules.answers[commands.TellState] = lambda e: [do.Reply(command=e.command, ok=True, code="me", durable=False)]
    router = make(rules, around, tmp_path)
    login = asyncio.ensure_future(router.ask(commands.LogIn(command="c1", login="anna", phone="101")))
    state = await router.ask(commands.TellState(command="c2", phone="101"))
    assert state.code == "me"
    assert not login.done()
    around.commit()
    assert (await login).code == "in"


async def test_a_command_nobody_answers_times_out_and_a_late_answer_is_counted(
    rules: Rules, around: Surroundings, tmp_path: Path
) -> None:
    rules.answers[commands.LogIn] = lambda e: [do.Reply(command=e.command, ok=True, code="in")]
    router = make(rules, around, tmp_path)
    with pytest.raises(TimeoutError):
        await router.ask(commands.LogIn(command="c1", login="anna", phone="101"), wait=0.01)
    around.commit()
    assert router.counters["reply.nobody_waits"] == 1


async def test_a_continued_work_lets_others_go_first(rules: Rules, around: Surroundings, tmp_path: Path) -> None:
    rules.answers[ev.PhoneChanged] = lambda _: [do.Continue(work="offer", items=("a",))]
    router = make(rules, around, tmp_path)
    router.deliver(ev.PhoneChanged(phone="101", reachable=True))
    router.deliver(key("1"))
    await rules.saw(3)
    assert [event for event, _ in rules.seen][1:] == [key("1"), ev.Continued(work="offer", items=("a",))]


async def test_the_loop_gets_its_turn_between_many_events(rules: Rules, around: Surroundings, tmp_path: Path) -> None:
    router = make(rules, around, tmp_path)
    for _ in range(10_000):
        router.deliver(key("1"))
    await asyncio.sleep(0)
    assert 0 < router.handled < 10_000
    await rules.saw(10_000)
    assert router.inbox_wait.count == 10_000


async def test_a_failing_handler_ends_this_life_and_twice_sets_the_event_aside(
    rules: Rules, around: Surroundings, tmp_path: Path
) -> None:
    def fail(_: ev.AnyEvent) -> list[AnyDecision]:
        raise ZeroDivisionError

    rules.answers[ev.DigitPressed] = fail
    for _ in range(2):
        router = make(rules, around, tmp_path)
        router.deliver(key("7"))
        router.deliver(ev.PhoneChanged(phone="101", reachable=True))
        with pytest.raises(HandlerError):
            await router.run()
    assert [type(event) for event, _ in rules.seen] == [ev.DigitPressed] * 2
    assert around.entries == []

    router = make(rules, around, tmp_path)
    router.deliver(key("7"))
    router.deliver(ev.PhoneChanged(phone="101", reachable=True))
    await rules.saw(3)
    assert isinstance(rules.seen[-1][0], ev.PhoneChanged)
    assert router.counters["alarm.event_set_aside"] == 1

    router.deliver(key("8"))
    with pytest.raises(HandlerError):
        await router.run()


async def test_a_command_that_kills_is_set_aside_under_whatever_name_its_answer_is_awaited(
    rules: Rules, around: Surroundings, tmp_path: Path
) -> None:
    def fail(_: ev.AnyEvent) -> list[AnyDecision]:
        raise ZeroDivisionError

    rules.answers[commands.LogOut] = fail
    for life in "12":
        router = make(rules, around, tmp_path)
        router.deliver(commands.LogOut(command=f"control-{life}-1", login="anna"))
        with pytest.raises(HandlerError):
            await router.run()
    router = make(rules, around, tmp_path)
    reply = await router.ask(commands.LogOut(command="control-3-1", login="anna"))
    assert (reply.ok, reply.code) == (False, "set-aside")
    assert router.counters["alarm.event_set_aside"] == 1
    assert len(rules.seen) == 2

    router.deliver(commands.LogOut(command="control-3-2", login="boris"))
    with pytest.raises(HandlerError):
        await router.run()


async def test_a_life_ends_though_the_deadly_event_cannot_be_written_down(
    rules: Rules, around: Surroundings, tmp_path: Path
) -> None:
    def fail(_: ev.AnyEvent) -> list[AnyDecision]:
        raise ZeroDivisionError

    rules.answers[ev.DigitPressed] = fail
    router = make(rules, around, tmp_path)
    router.deliver(key("\udcff"))  # no UTF-8 for it
    async with asyncio.timeout(5):
        with pytest.raises(HandlerError):
            await router.run()


def test_the_start_is_never_set_aside_and_a_damaged_file_is_noticed(tmp_path: Path) -> None:
    from telephony.core.plan import Plan

    poison = Poison(tmp_path / "poison.json")
    started = ev.Started(plan=Plan())
    for _ in range(3):
        poison.strike(started, ValueError())
    assert not Poison(tmp_path / "poison.json").sets_aside(started)
    (tmp_path / "poison.json").write_bytes(b"{half")
    assert Poison(tmp_path / "poison.json").damaged


async def test_a_full_inbox_drops_what_a_picture_makes_good_and_keeps_the_rest(
    rules: Rules, around: Surroundings, tmp_path: Path
) -> None:
    router = make(rules, around, tmp_path, inbox_limit=10)
    for _ in range(15):
        router.deliver(key("1"))
    timer = ev.TimerFired(key="wrap-up", generation=1)
    router.deliver(timer)
    refused = await router.ask(commands.TellState(command="c", phone="101"))
    assert (refused.ok, refused.code) == (False, "busy")
    await rules.saw(11)
    await asyncio.sleep(0)
    assert rules.seen[-1][0] == timer
    assert around.done == [("picture", "overflow")]
    assert router.counters["inbox.dropped"] == 5


async def test_the_pbx_is_audited_until_the_router_stops(rules: Rules, around: Surroundings, tmp_path: Path) -> None:
    router = make(rules, around, tmp_path)
    asked = asyncio.Event()
    take = around.take_picture

    def noticed(why: str) -> None:
        take(why)
        if len(around.done) == 2:
            asked.set()

    around.take_picture = noticed  # type: ignore[method-assign]
    running = asyncio.ensure_future(router.run(audit_seconds=0.001))
    await asyncio.wait_for(asked.wait(), 5)
    router.stop()
    await running
    assert around.done[:2] == [("picture", "audit")] * 2


async def test_a_timer_set_again_is_replaced_and_its_event_is_not_before_its_time(
    rules: Rules, around: Surroundings, tmp_path: Path
) -> None:
    clock = Clock()
    router_of: list[Router[None]] = []
    timers = Timers(clock, lambda event: router_of[0].deliver(event))
    router = make(rules, around, tmp_path, clock, timers=timers)
    router_of.append(router)
    soon = clock.now() + timedelta(milliseconds=20)
    rules.answers[ev.DigitPressed] = lambda e: [do.SetTimer(key="ring", generation=int(e.digit), at=soon)]
    router.deliver(key("1"))
    router.deliver(key("2"))
    await rules.saw(3)
    assert rules.seen[-1][0] == ev.TimerFired(key="ring", generation=2)
    assert rules.seen[-1][1] >= soon
    assert len(timers) == 0
