"""The inbox and its loop: one event at a time, each stamped once, decided, journaled, carried out.

router = Router(handle=handlers.handle, center=Center(), pbx=…, journal=…, …)
router.deliver(event)                  # from an adapter
reply = await router.ask(LogIn(…))     # a command, with its answer
await router.run()                     # until stop(), or HandlerError
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from time import perf_counter
from typing import Generic, Protocol, TypeVar

import structlog

from telephony.clock import Clock
from telephony.core import effects as do
from telephony.core import events as ev
from telephony.core.commands import AnyCommand, Command
from telephony.core.fact import Fact
from telephony.core.facts import AnyFact
from telephony.ports import Journal, Pbx, Watchers
from telephony.router.metrics import Histogram
from telephony.router.poison import Poison

log = structlog.get_logger(__name__)

State = TypeVar("State")
AnyDecision = do.AnyEffect | AnyFact
Handle = Callable[[State, ev.AnyEvent, datetime], Sequence[AnyDecision]]

INBOX_LIMIT = 20_000
AUDIT_SECONDS = 30.0
_TURN_EVENTS = 256
_TURN_SECONDS = 0.005
"""After so many events, or so long, the loop gets its turn: sockets are read, beats are sent."""

MADE_GOOD = frozenset(
    {
        ev.CallerArrived,
        ev.OwnCallStarted,
        ev.LegReady,
        ev.ChannelRinging,
        ev.ChannelAnswered,
        ev.ChannelHeld,
        ev.ChannelResumed,
        ev.HoldsSeen,
        ev.ChannelGone,
        ev.PlayEnded,
        ev.DigitPressed,
        ev.TransferAsked,
        ev.PhoneChanged,
    }
)
"""What a full inbox may drop, because the next picture of the PBX makes it good."""


class TimerSetter(Protocol):
    def set(self, timer: do.SetTimer) -> None: ...

    def cancel(self, key: str) -> None: ...


class HandlerError(Exception):
    """A handler raised: the state may be half changed, so this life of the router must end."""


class Router(Generic[State]):
    """All methods belong to the loop's thread. `counters` and the histograms are for whoever looks on.

    `inbox_wait` is the time from entry to decision, `decision` the time one decision and its dispatch took.
    """

    def __init__(
        self,
        *,
        handle: Handle[State],
        center: State,
        pbx: Pbx,
        journal: Journal,
        timers: TimerSetter,
        watchers: Sequence[Watchers],
        clock: Clock,
        poison: Poison,
        next_seq: int = 1,
        inbox_limit: int = INBOX_LIMIT,
    ) -> None:
        self._handle = handle
        self._center = center
        self._pbx = pbx
        self._journal = journal
        self._timers = timers
        self._watchers = watchers
        self._clock = clock
        self._poison = poison
        self._seq = next_seq - 1
        self._limit = inbox_limit
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[tuple[datetime, float, ev.AnyEvent | asyncio.Future[None]]] = deque()
        self._turning = False
        self._overflowed = False
        self._answers: dict[str, asyncio.Future[do.Reply]] = {}
        self._over: asyncio.Future[None] = self._loop.create_future()
        self.counters: Counter[str] = Counter()
        self.inbox_wait = Histogram()
        self.decision = Histogram()

    # --- from outside --------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Events in the inbox."""
        return len(self._inbox)

    @property
    def handled(self) -> int:
        """Events decided in this life."""
        return self.decision.count

    def deliver(self, event: ev.AnyEvent) -> None:
        """Stamp the event and put it into the inbox. Never blocks."""
        if len(self._inbox) >= self._limit and not self._takes_in_spite(event):
            return
        self._put(event)

    def settled(self) -> asyncio.Future[None]:
        """Done once all that was delivered before is decided and in the journal's hands."""
        mark: asyncio.Future[None] = self._loop.create_future()
        self._put(mark)
        return mark

    def _put(self, item: ev.AnyEvent | asyncio.Future[None]) -> None:
        self._inbox.append((self._clock.now(), perf_counter(), item))
        if not self._turning:
            self._turning = True
            self._loop.call_soon(self._turn)

    async def ask(self, command: AnyCommand | ev.LogInRefused, wait: float = 5.0) -> do.Reply:
        """Deliver a command and await its answer. `wait` is in seconds; raises TimeoutError after it, which
        does not say whether the command was carried out."""
        answer: asyncio.Future[do.Reply] = self._loop.create_future()
        self._answers[command.command] = answer
        try:
            self.deliver(command)
            async with asyncio.timeout(wait):
                return await answer
        finally:
            del self._answers[command.command]

    def raise_alarm(self, alarm: do.Alarm) -> None:
        """Log, count and show what does not come from a decision."""
        self._notify(self._seq, alarm)
        self._publish([], [alarm])

    async def run(self, audit_seconds: float = AUDIT_SECONDS) -> None:
        """Until `stop()`. Raises HandlerError when a handler raised: the process must then end."""
        audit = self._loop.call_later(audit_seconds, self._audit, audit_seconds)
        self._audit_handle = audit
        try:
            await self._over
        finally:
            self._audit_handle.cancel()

    def stop(self) -> None:
        """No further event is decided."""
        if not self._over.done():
            self._over.set_result(None)

    # --- the loop ------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        inbox = self._inbox
        until = perf_counter() + _TURN_SECONDS
        for _ in range(_TURN_EVENTS):
            if not inbox or self._over.done():
                break
            at, entered, event = inbox.popleft()
            if isinstance(event, asyncio.Future):
                if not event.done():
                    event.set_result(None)
                continue
            begun = perf_counter()
            self.inbox_wait.add(begun - entered)
            try:
                self._decide(at, event)
            except Exception as error:  # noqa: BLE001 - whatever it is, the state may be half changed
                self._fail(event, error)
                return
            ended = perf_counter()
            self.decision.add(ended - begun)
            if ended > until:
                break
        if self._overflowed and len(inbox) <= self._limit // 2:
            self._overflowed = False
            self._pbx.take_picture("overflow")
        self._turning = bool(inbox) and not self._over.done()
        if self._turning:
            self._loop.call_soon(self._turn)

    def _decide(self, at: datetime, event: ev.AnyEvent) -> None:
        if self._poison.sets_aside(event):
            text = "an event that killed the router twice was skipped"
            self.raise_alarm(do.Alarm(code="event_set_aside", text=text, subject=type(event).__name__))
            self._turn_away(event, "set-aside")
            return
        decided = self._handle(self._center, event, at)
        self._seq += 1
        self._carry_out(self._seq, at, event, decided)

    def _carry_out(self, seq: int, at: datetime, event: ev.AnyEvent, decided: Sequence[AnyDecision]) -> None:
        """Calls first, then the record, then mirrors and notices."""
        facts: list[AnyFact] = []
        others: list[do.AnyEffect] = []
        for decision in decided:
            if isinstance(decision, do.CallEffect):
                self._pbx.perform(decision)
            elif isinstance(decision, Fact):
                facts.append(decision)
            else:
                others.append(decision)
        self._journal.append(seq, at, event, decided)
        alarms = [effect for effect in others if isinstance(effect, do.Alarm)]
        for effect in others:
            self._notify(seq, effect)
        if facts or alarms:
            self._publish(facts, alarms)

    def _publish(self, facts: Sequence[AnyFact], alarms: Sequence[do.AnyEffect]) -> None:
        for watcher in self._watchers:
            watcher.publish(facts, alarms)

    def _notify(self, seq: int, effect: do.AnyEffect) -> None:
        match effect:
            case do.SetTimer():
                self._timers.set(effect)
            case do.CancelTimer():
                self._timers.cancel(effect.key)
            case do.MirrorMember():
                self._pbx.mirror(effect)
            case do.SetLamp():
                self._pbx.light(effect)
            case do.Reply(durable=True):
                self._journal.when_durable(seq, partial(self._answer, effect))
            case do.Reply():
                self._answer(effect)
            case do.Continue():
                self.deliver(ev.Continued(work=effect.work, items=effect.items))
            case do.TakePicture():
                self._pbx.take_picture(effect.why)
            case do.Alarm():
                self.counters[f"alarm.{effect.code}"] += 1
                log.error("alarm", code=effect.code, text=effect.text, subject=effect.subject)
            case _:
                raise TypeError(f"nobody carries out {type(effect).__name__}")

    def _answer(self, reply: do.Reply) -> None:
        answer = self._answers.get(reply.command)
        if answer is None or answer.done():
            self.counters["reply.nobody_waits"] += 1
        else:
            answer.set_result(reply)

    # --- when things break ---------------------------------------------------------------------------------

    def _takes_in_spite(self, event: ev.AnyEvent) -> bool:
        """A full inbox drops what the PBX can be asked again, turns commands away, keeps the few others."""
        if type(event) in MADE_GOOD:
            self.counters["inbox.dropped"] += 1
            if not self._overflowed:
                self._overflowed = True
                log.error("inbox overflow", waiting=len(self._inbox))
            return False
        if isinstance(event, Command):
            self.counters["inbox.turned_away"] += 1
            self._turn_away(event, "busy")
            return False
        return True

    def _turn_away(self, event: ev.AnyEvent, code: str) -> None:
        """Whoever awaits an answer gets it now: no rule will give one."""
        if isinstance(event, Command):
            self._answer(do.Reply(command=event.command, ok=False, code=code, durable=False))

    def _fail(self, event: ev.AnyEvent, error: Exception) -> None:
        kind = type(event).__name__
        log.critical("handler failed", event_type=kind, exc_info=error)
        try:
            self._poison.strike(event, error)
        except Exception as fault:  # noqa: BLE001 - remembered or not, this life must end
            log.error("deadly event not remembered", event_type=kind, reason=str(fault))
        failed = HandlerError(kind)
        failed.__cause__ = error
        if not self._over.done():
            self._over.set_exception(failed)

    def _audit(self, seconds: float) -> None:
        """Compare the PBX with our state, from time to time."""
        self._pbx.take_picture("audit")
        self._audit_handle = self._loop.call_later(seconds, self._audit, seconds)
