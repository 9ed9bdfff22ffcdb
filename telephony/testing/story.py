"""Stories of calls: the rules, a PBX in memory and people, in virtual time.

    story = Story(handlers.handle, plan)
    anna = story.operator("anna", booking=3)
    anna.logs_in("phone01")
    caller = story.calls("1300")
    anna.answers()
    story.passes(seconds=60)
    caller.hangs_up()
    assert caller.record.outcome == "answered"

After each act a moment passes, so that what follows from it has happened; `with story.at_once():` leaves it out.
Everything random comes from `seed`. Layers: the rules are given, not imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random

from telephony.core import effects as do
from telephony.core import events as ev
from telephony.core import staff
from telephony.core.center import Center
from telephony.core.commands import AnyCommand
from telephony.core.facts import AnyFact
from telephony.core.plan import Plan
from telephony.core.roster import Shift, Slot
from telephony.testing.calllog import CallLog
from telephony.testing.clock import MORNING, VirtualClock
from telephony.testing.journal import MemoryJournal
from telephony.testing.last_acts import last_rings, logged_out, open_operators
from telephony.testing.life import Life
from telephony.testing.parts import Channel
from telephony.testing.pbx import MemoryPbx
from telephony.testing.people import Caller, Operator, Telephone
from telephony.testing.switch import Switch

Handle = Callable[[Center, ev.AnyEvent, datetime], Sequence[do.AnyEffect | AnyFact]]
MOMENT = 0.5
"""Seconds that pass after each act."""
AUDIT = 30.0
GUARD = 10.0
"""Seconds without a router after which waiting callers are handed to the native queue."""


class Story:
    """`watch` is called after every decision with the event and what was decided: the place for promises."""

    def __init__(
        self,
        handle: Handle,
        plan: Plan,
        *,
        seed: int = 0,
        watch: Callable[[Story, ev.AnyEvent, Sequence[do.AnyEffect | AnyFact]], None] | None = None,
    ) -> None:
        self.handle, self.plan = handle, plan
        self.random = Random(seed)
        self.clock = VirtualClock()
        self.switch = Switch(plan, self.clock, self.random)
        self.pbx = MemoryPbx(self.switch)
        self.log = CallLog()
        self.journal = MemoryJournal(self.clock, self.log.add)
        self.operators: dict[str, Operator] = {}
        self.callers: dict[str, Caller] = {}
        self.shifts: tuple[Shift, ...] = ()
        self.switch.tell_reported = self._notified
        self._watch = watch
        self._runs = self._asked = 0
        self._hasty = False
        self._read = 0
        self._dead_since: datetime | None = None
        self.life: Life = self._start()
        self._every_second()
        self.clock.after(AUDIT, self._every_audit)
        self.moment()

    # -- people

    def operator(self, login: str, **skills: int) -> Operator:
        """A new operator, or one with other skills."""
        person = staff.Operator(login=login, name=login.title(), extension=self._extension(login), skills=skills)
        operator = self.operators.setdefault(login, Operator(self, person))
        self.change(person)
        return operator

    def change(self, person: staff.Operator) -> None:
        """Somebody edits the list of operators."""
        self.operators[person.login].person = person
        self.tell(ev.OperatorsChanged(operators=self._persons()))

    def shift(self, login: str, begin: str, end: str, *slots: str) -> None:
        """The operator works from `begin` to `end`, with `slots` such as "1:00-1:15". Hours and minutes count from the
        morning in which stories begin."""
        breaks = tuple(Slot(begin=self._time(slot.split("-")[0]), end=self._time(slot.split("-")[1])) for slot in slots)
        self.correct(Shift(login=login, begin=self._time(begin), end=self._time(end), slots=breaks))

    def _time(self, text: str) -> datetime:
        hours, minutes = map(int, text.split(":"))
        return MORNING + timedelta(hours=hours, minutes=minutes)

    def correct(self, *shifts: Shift) -> None:
        """Somebody edits the roster: these shifts of an operator take the place of all that they had."""
        corrected = {shift.login for shift in shifts}
        self.shifts = (*(one for one in self.shifts if one.login not in corrected), *shifts)
        self.tell(ev.RosterChanged(shifts=self.shifts))

    def pauses_past_us(self, operator: Operator, *, paused: bool = True) -> None:
        """Somebody uses the back door: QueuePause on the native queues."""
        self.pbx.pause_past_us(operator.login, paused=paused)
        self.moment()

    def asks(self, ask: Callable[[str], AnyCommand]) -> do.Reply:
        """A command from elsewhere than a phone, with its answer; `ask` makes it from its name."""
        self._asked += 1
        name = f"asked-{self._asked}"
        self.tell(ask(name))
        self.moment()
        return self.life.replies[name]

    def _extension(self, login: str) -> str:
        known = self.operators.get(login)
        return known.person.extension if known is not None else str(2001 + len(self.operators))

    def _persons(self) -> tuple[staff.Operator, ...]:
        return tuple(operator.person for operator in self.operators.values())

    def telephone(self, name: str) -> Telephone:
        """A phone of the plan that nobody is logged in on: a specialist's."""
        return Telephone(self, self.switch.phones[name])

    def outside(self, number: str) -> Telephone:
        """A telephone outside, once it has been dialed."""
        return Telephone(self, self.switch.outside[number])

    def calls(self, number: str, as_: str | None = None) -> Caller:
        """Somebody calls a service number; `as_` is the token of their own."""
        channel = self.switch.call_in(number, as_ or f"caller-{len(self.callers) + 1}")
        caller = self.callers[channel.id] = Caller(self, channel)
        self.moment()
        return caller

    def _notified(self, channel: Channel, state: str) -> None:
        """A phone whose transfer has succeeded lets go by itself."""
        if state == "success":
            self.switch.later(0.0, 0.02, lambda: self.switch.hang_up(channel))

    def reads_on(self) -> None:
        """The router gets to the end of what was a long record."""
        self.switch.record.long = False
        self._read_records()
        self.tell(ev.RecordRead())
        self.moment()

    # -- time

    def passes(self, seconds: float = 0.0, *, minutes: float = 0.0) -> None:
        self.clock.run_until(self.clock.now() + timedelta(seconds=seconds, minutes=minutes))

    def moment(self) -> None:
        """Long enough for the PBX and the router to finish what they are at."""
        if not self._hasty:
            self.passes(MOMENT)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is done inside happens at the same instant."""
        self._hasty = True
        try:
            yield
        finally:
            self._hasty = False
            self.moment()

    # -- the router

    @property
    def center(self) -> Center:
        return self.life.center

    def tell(self, event: ev.AnyEvent) -> None:
        """An event from elsewhere than the PBX; lost while no router lives."""
        if self.life.alive:
            self.life.deliver(event)

    def decided(self, event: ev.AnyEvent, effects: Sequence[do.AnyEffect | AnyFact]) -> None:
        if self._watch is not None:
            self._watch(self, event, effects)

    def kill_router(self) -> None:
        """SIGKILL: the last uncommitted entries of the journal are lost with it."""
        self.life.end()
        self.journal.lose_buffer()
        self.pbx.abandon()
        self._dead_since = self.clock.now()

    def start_router(self) -> None:
        self.life = self._start()
        self.moment()

    def restart_router(self, after: float = 1.0) -> None:
        """Killed, and back after so many seconds."""
        self.kill_router()
        self.passes(after)
        self.start_router()

    def _start(self) -> Life:
        self._dead_since = None
        self._runs += 1
        self.life = life = Life(self, f"r{self._runs}")
        self.pbx.attend(life.deliver)
        life.deliver(
            ev.Started(
                plan=self.plan,
                operators=self._persons(),
                open_operators=open_operators(self.log),
                open_calls=self.log.open_calls(),
                last_talks=tuple(self.log.last_talks.values()),
                last_rings=last_rings(self.log),
                shifts=self.shifts,
                permissions=self.log.breaks.open_permissions(),
                claims=tuple(self.log.breaks.claims.values()),
                log_outs=logged_out(self.log),
                orders=self.log.breaks.open_orders(self.clock.now()),
                violations=self.log.breaks.open_violations(),
                hands=self.log.open_hands(),
                failed_log_ins=self.log.failed_log_ins(),
                locked_log_ins=self.log.locked_log_ins(),
                run=life.run,
            )
        )
        self._read = self.journal.position
        if self.switch.up:
            self._connect("start")
        return life

    def _connect(self, why: str) -> None:
        self.pbx.connect()
        self.pbx.beat(int(self.clock.epoch()))
        self.pbx.take_picture("start" if why == "start" else "reconnect")

    def router_freezes(self, seconds: float) -> None:
        """It hangs for so long, and goes on as if nothing had been."""
        self.life.frozen = True
        self.passes(seconds)
        self.life.thaw()
        self.moment()

    def lose_connection(self) -> None:
        """Between router and PBX; both live on."""
        self.pbx.cut()
        self.moment()

    def reconnect(self) -> None:
        self._connect("reconnect")
        self.moment()

    def kill_pbx(self) -> None:
        """Asterisk dies, all calls with it."""
        self.pbx.cut("connection reset")
        self.switch.die()
        self.moment()

    def start_pbx(self) -> None:
        """Asterisk is back as a new process."""
        self.switch.come_up()
        if self.life.alive:
            self._connect("reconnect")
        self.moment()

    def audit(self) -> None:
        """The router compares the PBX with its state."""
        if self.life.alive and self.pbx.connected:
            self.pbx.take_picture("audit")
            self.moment()

    def _every_second(self) -> None:
        """The beat, the guard, and the reader of the PBX's own record."""
        if self.life.alive and not self.life.frozen and self.pbx.connected:
            self.pbx.beat(int(self.clock.epoch()))
        dead = self._dead_since
        if dead is not None and self.clock.now() - dead >= timedelta(seconds=GUARD) and self.switch.up:
            self.pbx.native.rescue()
        self.clock.after(1.0, self._every_second)
        self._read_records()

    def _read_records(self) -> None:
        if self.switch.record.long:
            return
        while self.life.alive and not self.life.frozen and self._read < len(self.switch.record.finished):
            record = self.switch.record.finished[self._read]
            self._read += 1
            self.life.deliver(record)
            self.journal.remember_position(self._read)

    def _every_audit(self) -> None:
        if self.life.alive and not self.life.frozen and self.pbx.connected:
            self.pbx.take_picture("audit")
        self.clock.after(AUDIT, self._every_audit)
