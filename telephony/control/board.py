"""What the center looks like right now, folded from the facts: for `gudok status`, `gudok watch` and
wallboards.

Times are seconds since 1970, so that whoever looks on can count durations up by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from telephony.control.board_breaks import Pauses
from telephony.control.board_rows import AlarmRow, OperatorRow, QueueRow, Snapshot, Tally, Totals
from telephony.core import facts as fact
from telephony.core.effects import Alarm, AnyEffect
from telephony.core.events import Started
from telephony.core.plan import Queue
from telephony.core.staff import Operator

_TOGETHER = 500


@dataclass(slots=True)
class _Live:
    """A call that has not ended."""

    arrived: float
    inbound: bool
    queue: str | None = None
    waiting: bool = False
    bridged: bool = False


class Board:
    """Implements `ports.Watchers`. `changed` is called after each publication. Facts are folded when somebody looks,
    or many together: one by one, between other work, each costs twice as much."""

    def __init__(self, now: float, changed: Callable[[], None] = lambda: None) -> None:
        self.totals = Totals(since=now)
        self.changed = changed
        self.pauses = Pauses()
        self._queues: dict[str, QueueRow] = {}
        self._operators: dict[str, OperatorRow] = {}
        self._names: dict[str, str] = {}
        self._calls: dict[str, _Live] = {}
        self._in_queue: dict[str, dict[str, float]] = {}
        self._dirty_queues: set[str] = set()
        self._dirty_operators: set[str] = set()
        self._alarms: list[AlarmRow] = []
        self._timezone = "UTC"
        self._told: list[fact.AnyFact] = []
        """Not yet folded: nobody has looked since."""

    def start(self, started: Started) -> None:
        """Begin where the last life of the router ended."""
        self._timezone = started.plan.timezone
        for queue in started.plan.queues:
            self._queues[queue.name] = _row(queue)
            self._in_queue[queue.name] = {}
        self.set_people(started.operators)
        for seat in started.open_operators:
            self._operators[seat.login] = OperatorRow(
                login=seat.login,
                name=self._names.get(seat.login, seat.login),
                state=seat.state,
                since=seat.since.timestamp(),
                phone=seat.phone,
                reason=seat.reason,
                until=_epoch(seat.until),
            )
        self.pauses.start(started)
        for call in started.open_calls:
            inbound = call.kind == fact.CallKind.INBOUND
            live = _Live(call.arrived.timestamp(), inbound, bridged=call.answered is not None)
            self._calls[call.call] = live
            if call.queue is not None and call.answered is None:
                self._wait(call.call, live, call.queue)

    def set_people(self, operators: Sequence[Operator]) -> None:
        self._fold()
        self._names = {person.login: person.name for person in operators}

    def add_earlier(self, tallies: Mapping[str, Tally]) -> None:
        """Count in what happened today before this life of the router."""
        for name, tally in tallies.items():
            row = self._queues[name]
            row.in_level += tally.in_level
            for counts in (row, self.totals):
                counts.answered += tally.answered
                counts.abandoned += tally.abandoned
                counts.sent_away += tally.sent_away
            self._dirty_queues.add(name)
        self.changed()

    def add_violations(self, earlier: int) -> None:
        """Those of today before this life of the router."""
        self.pauses.violations += earlier
        self.changed()

    def publish(self, facts: Sequence[fact.AnyFact], alarms: Sequence[AnyEffect]) -> None:
        self._told += facts
        if len(self._told) >= _TOGETHER:
            self._fold()
        for alarm in alarms:
            if isinstance(alarm, Alarm):
                self.totals.alarms += 1
                self._alarms.append(AlarmRow(code=alarm.code, text=alarm.text, subject=alarm.subject))
        del self._alarms[:-100]
        self.changed()

    def snapshot(self) -> Snapshot:
        self._fold()
        for name in self._queues:
            self._measure(name)
        return Snapshot(
            totals=self._count(),
            queues=list(self._queues.values()),
            operators=[self._shown(login) for login in self._operators],
            locked=self.pauses.locked(),
            timezone=self._timezone,
        )

    def changes(self) -> Snapshot:
        """What is different since the last call of this method."""
        self._fold()
        for name in self._dirty_queues:
            self._measure(name)
        logins = self._dirty_operators
        answer = Snapshot(
            totals=self._count(),
            queues=[self._queues[name] for name in self._dirty_queues],
            operators=[self._shown(login) for login in logins if login in self._operators],
            gone=[login for login in logins if login not in self._operators],
            alarms=self._alarms,
            locked=self.pauses.locked(),
            timezone=self._timezone,
        )
        self._dirty_queues, self._dirty_operators, self._alarms = set(), set(), []
        return answer

    # --- the fold ------------------------------------------------------------------------------------------

    def _fold(self) -> None:
        told, self._told = self._told, []
        for one in told:
            self._apply(one)

    def _apply(self, one: fact.AnyFact) -> None:
        login = self.pauses.apply(one)
        if login is not None and login in self._operators:
            self._dirty_operators.add(login)
        match one:
            case fact.CallOpened():
                inbound = one.kind is fact.CallKind.INBOUND
                self._calls[one.call] = _Live(one.arrived.timestamp(), inbound)
            case fact.CallQueued():
                if (live := self._calls.get(one.call)) is not None:
                    self._wait(one.call, live, one.queue)
            case fact.AttemptAnswered():
                if (live := self._calls.get(one.call)) is not None:
                    self._wait(one.call, live, None)
            case fact.CallBridged():
                self._bridged(one.call, one.at)
            case fact.CallEnded():
                self._ended(one.call, one.outcome)
            case fact.OperatorChanged():
                self._operator(one)
            case fact.Repaired():
                self.totals.repaired += 1
            case _:
                pass

    def _wait(self, call: str, live: _Live, queue: str | None) -> None:
        """The call waits in `queue` from now on, or (None) no longer."""
        if live.waiting and live.queue is not None:
            self._in_queue[live.queue].pop(call, None)
            self._dirty_queues.add(live.queue)
        live.waiting = queue in self._queues
        if queue is not None and live.waiting:
            live.queue = queue
            self._in_queue[queue][call] = live.arrived
            self._dirty_queues.add(queue)

    def _bridged(self, call: str, at: datetime) -> None:
        live = self._calls.get(call)
        if live is None:
            return
        self._wait(call, live, None)
        live.bridged = True
        if not live.inbound:
            return
        self.totals.answered += 1
        row = self._queues.get(live.queue or "")
        if row is not None:
            row.answered += 1
            row.in_level += at.timestamp() - live.arrived <= row.level_seconds
            self._dirty_queues.add(row.name)

    def _ended(self, call: str, outcome: fact.Outcome) -> None:
        live = self._calls.pop(call, None)
        if live is None:
            return
        self._wait(call, live, None)
        row = self._queues.get(live.queue or "")
        if not live.inbound:
            return
        if outcome is fact.Outcome.ABANDONED:
            self.totals.abandoned += 1
            if row is not None:
                row.abandoned += 1
                self._dirty_queues.add(row.name)
        elif outcome is fact.Outcome.SENT_AWAY:
            self.totals.sent_away += 1
            if row is not None:
                row.sent_away += 1
                self._dirty_queues.add(row.name)

    def _operator(self, one: fact.OperatorChanged) -> None:
        self._dirty_operators.add(one.login)
        if one.state == "offline":
            self._operators.pop(one.login, None)
            return
        self._operators[one.login] = OperatorRow(
            login=one.login,
            name=self._names.get(one.login, one.login),
            state=one.state,
            since=one.at.timestamp(),
            phone=one.phone,
            reason=one.reason,
            call=one.call,
            until=_epoch(one.until),
        )

    def _shown(self, login: str) -> OperatorRow:
        row = self._operators[login]
        self.pauses.show(row)
        return row

    def _measure(self, queue: str) -> None:
        row, waiting = self._queues[queue], self._in_queue[queue]
        row.waiting = len(waiting)
        row.oldest = min(waiting.values(), default=None)

    def _count(self) -> Totals:
        self.totals.calls = len(self._calls)
        self.totals.talking = sum(live.bridged and not live.waiting for live in self._calls.values())
        self.pauses.count(self.totals)
        self.totals.waiting = sum(len(waiting) for waiting in self._in_queue.values())
        return self.totals


def _epoch(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _row(queue: Queue) -> QueueRow:
    level = queue.service_level
    return QueueRow(name=queue.name, label=queue.label, level_percent=level.percent, level_seconds=level.seconds)
