"""A call log in memory, folded from facts: what a story's calls look like on record, and what is odd about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from telephony.core import facts
from telephony.core.break_facts import AnyBreakFact, HandEscalated, HandLowered, HandRaised, LogInLocked
from telephony.core.facts import AttemptResult, CallKind
from telephony.core.operators import State
from telephony.core.remembered import FailedLogIn, LastTalk, LockedLogIn, OpenAttempt, OpenCall, OpenHand
from telephony.testing.breaklog import BreakLog


@dataclass(slots=True)
class Attempt:
    n: int
    channel: str
    why: str
    operator: str | None
    phone: str | None
    number: str | None
    made: datetime
    answered: datetime | None = None
    ended: datetime | None = None
    result: AttemptResult | None = None
    queue: str | None = None


def _missed(n: int, missed: facts.MissedAttempt) -> Attempt:
    return Attempt(
        n,
        missed.channel,
        missed.why,
        missed.operator,
        missed.phone,
        None,
        missed.made,
        missed.answered,
        missed.ended,
        AttemptResult.CANCELLED if missed.answered is None else AttemptResult.ANSWERED,
    )


@dataclass(slots=True)
class Call:
    """One call on record."""

    id: str
    kind: CallKind
    number: str
    caller: str
    operator: str | None
    arrived: datetime
    queue: str | None = None
    queued: datetime | None = None
    queues: list[str] = field(default_factory=list)
    priority: int = 0
    answered: datetime | None = None
    answered_by: str | None = None
    ended: datetime | None = None
    outcome: str | None = None
    ended_by: str | None = None
    attempts: dict[int, Attempt] = field(default_factory=dict)
    transfers: list[tuple[str, str, str]] = field(default_factory=list)
    """Kind, target, result of each."""

    @property
    def rung(self) -> list[tuple[str | None, str | None]]:
        """Who was rung in turn, and what came of it."""
        return [
            (attempt.operator or attempt.number or attempt.phone, attempt.result) for attempt in self.attempts.values()
        ]


@dataclass(slots=True)
class Interval:
    login: str
    state: str
    phone: str | None
    reason: str
    call: str | None
    since: datetime
    idle_since: datetime | None
    until: datetime | None
    permission: str | None = None
    ended: datetime | None = None
    how: str = ""
    """Why they left, if it ended so."""


_NOT_IDLE = frozenset({State.TALKING, State.ON_HOLD, State.WRAP_UP})


class CallLog:
    """`oddities` lists facts that fit no row or came twice: there should be none."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.intervals: dict[str, list[Interval]] = {}
        self.last_talks: dict[str, LastTalk] = {}
        self.denied: list[facts.LogInDenied] = []
        self.repairs: list[facts.Repaired] = []
        self.breaks = BreakLog()
        self.oddities: list[facts.AnyFact] = []

    def open_hands(self) -> tuple[OpenHand, ...]:
        """Raised and not down."""
        up: dict[str, OpenHand] = {}
        for one in self.breaks.facts:
            if isinstance(one, HandRaised):
                up[one.hand] = OpenHand(hand=one.hand, login=one.login, call=one.call, at=one.at)
            elif isinstance(one, HandEscalated) and one.hand in up:
                up[one.hand] = replace(up[one.hand], heads_told=True)
            elif isinstance(one, HandLowered):
                up.pop(one.hand, None)
        return tuple(up.values())

    def add(self, fact: facts.AnyFact) -> None:
        match fact:
            case facts.CallOpened():
                self._opened(fact)
            case facts.CallMissed():
                self._missed(fact)
            case facts.OperatorChanged():
                self._operator_changed(fact)
            case facts.LogInDenied():
                self.denied.append(fact)
            case facts.Repaired():
                self.repairs.append(fact)
            case _ if isinstance(fact, AnyBreakFact):
                self.breaks.add(fact)
            case _:
                call = self.calls.get(fact.call)
                if call is None or not self._in_call(call, fact):
                    self.oddities.append(fact)

    def _opened(self, fact: facts.CallOpened) -> None:
        if fact.call in self.calls:
            self.oddities.append(fact)
            return
        self.calls[fact.call] = Call(fact.call, fact.kind, fact.number, fact.caller, fact.operator, fact.arrived)

    def _close(self, call: Call, fact: facts.CallMissed) -> None:
        """The router did not know that it was on record."""
        legs = {missed.channel: missed for missed in fact.attempts}
        for attempt in call.attempts.values():
            if attempt.ended is None:
                leg = legs.get(attempt.channel)
                attempt.answered = attempt.answered or (None if leg is None else leg.answered)
                attempt.ended = fact.ended if leg is None else leg.ended
                attempt.result = AttemptResult.CANCELLED if attempt.answered is None else AttemptResult.ANSWERED
        call.answered = call.answered or fact.answered
        call.answered_by = call.answered_by or fact.operator
        unanswered = facts.Outcome.ABANDONED if fact.kind is CallKind.INBOUND else facts.Outcome.NOT_REACHED
        call.outcome = unanswered if call.answered is None else facts.Outcome.ANSWERED
        call.ended, call.ended_by = fact.ended, fact.by or "pbx"

    def _missed(self, fact: facts.CallMissed) -> None:
        known = self.calls.get(fact.call)
        if known is not None and known.ended is None:
            self._close(known, fact)
        elif known is not None:
            known.ended = known.ended and min(known.ended, fact.ended)
            if fact.answered is not None and known.ended and (known.answered or fact.ended) > fact.answered:
                known.answered, known.outcome = fact.answered, facts.Outcome.ANSWERED
                known.answered_by = known.answered_by or fact.operator
        else:
            answered = fact.answered is not None
            inbound = fact.kind is CallKind.INBOUND
            unanswered = facts.Outcome.ABANDONED if inbound else facts.Outcome.NOT_REACHED
            self.calls[fact.call] = Call(
                fact.call,
                fact.kind,
                fact.number,
                fact.caller,
                fact.origin,
                fact.arrived,
                answered=fact.answered,
                answered_by=fact.operator,
                ended=fact.ended,
                outcome=facts.Outcome.ANSWERED if answered else unanswered,
                ended_by=fact.by or ("pbx" if answered else "caller" if inbound else "operator"),
                attempts={n: _missed(n, attempt) for n, attempt in enumerate(fact.attempts, 1)},
            )

    def _in_call(self, call: Call, fact: facts.AnyFact) -> bool:
        """False when the fact changes nothing."""
        match fact:
            case facts.CallQueued():
                call.queue, call.queued, call.priority = fact.queue, fact.at, fact.priority
                call.queues.append(fact.queue)
            case facts.AttemptMade():
                if fact.n in call.attempts:
                    return False
                call.attempts[fact.n] = Attempt(
                    fact.n, fact.channel, fact.why, fact.operator, fact.phone, fact.number, fact.at, queue=fact.queue
                )
            case facts.AttemptAnswered() | facts.AttemptEnded():
                return self._in_attempt(call, fact)
            case facts.CallBridged():
                if call.answered is not None:
                    return False
                call.answered, call.answered_by = fact.at, fact.operator
            case facts.CallTransferred():
                call.transfers.append((fact.kind, fact.to, fact.result))
            case facts.CallEnded():
                if call.ended is not None:
                    return False
                call.ended, call.outcome, call.ended_by = fact.at, fact.outcome, fact.by
            case _:
                return False
        return True

    def _in_attempt(self, call: Call, fact: facts.AttemptAnswered | facts.AttemptEnded) -> bool:
        attempt = call.attempts.get(fact.n)
        if attempt is None or attempt.ended is not None:
            return False
        if isinstance(fact, facts.AttemptAnswered):
            attempt.answered = fact.at
            return True
        attempt.ended, attempt.result = fact.at, fact.result
        if fact.result is AttemptResult.ANSWERED and attempt.operator and call.kind is CallKind.INBOUND:
            self.last_talks.pop(call.caller, None)
            self.last_talks[call.caller] = LastTalk(caller=call.caller, login=attempt.operator, ended=fact.at)
        return True

    def _operator_changed(self, fact: facts.OperatorChanged) -> None:
        intervals = self.intervals.setdefault(fact.login, [])
        was = intervals[-1] if intervals and intervals[-1].ended is None else None
        if was is not None:
            was.ended = fact.at
            before = (was.state, was.reason, was.call, was.phone, was.permission)
            if before == (fact.state, fact.reason, fact.call, fact.phone, fact.permission):
                self.oddities.append(fact)
        if fact.state == State.OFFLINE:
            if was is not None:
                was.how = fact.reason
            return
        if fact.permission is not None:
            self.breaks.began(fact.permission)
        idle_since = None if was is None or fact.state in _NOT_IDLE else was.idle_since
        if fact.state == State.READY and idle_since is None:
            idle_since = fact.at
        intervals.append(
            Interval(
                fact.login,
                fact.state,
                fact.phone,
                fact.reason,
                fact.call,
                fact.at,
                idle_since,
                fact.until,
                fact.permission,
            )
        )

    # -- what a new life of the router is told

    def failed_log_ins(self) -> tuple[FailedLogIn, ...]:
        """Wrong PINs since the last lock. (That the person has logged in since is for the real store to find.)"""
        locked = {lock.extension: lock.at for lock in self._locks()}
        failed = [FailedLogIn(extension=one.extension, at=one.at) for one in self.denied if one.reason != "locked"]
        return tuple(one for one in failed if one.extension not in locked or one.at > locked[one.extension])

    def locked_log_ins(self) -> tuple[LockedLogIn, ...]:
        return tuple(LockedLogIn(extension=lock.extension, until=lock.until) for lock in self._locks())

    def _locks(self) -> list[LogInLocked]:
        return self.breaks.of(LogInLocked)

    def open_calls(self) -> tuple[OpenCall, ...]:
        return tuple(_open(call) for call in self.calls.values() if call.ended is None)


def _open(call: Call) -> OpenCall:
    live = [attempt for attempt in call.attempts.values() if attempt.ended is None and attempt.operator]
    return OpenCall(
        call=call.id,
        kind=call.kind,
        number=call.number,
        caller=call.caller,
        arrived=call.arrived,
        queue=call.queue,
        queued=call.queued,
        priority=call.priority,
        answered=call.answered,
        operator=live[-1].operator if live else None,
        attempts=max(call.attempts, default=0),
        open_attempts=tuple(
            OpenAttempt(n=one.n, channel=one.channel, operator=one.operator, answered=one.answered)
            for one in call.attempts.values()
            if one.ended is None
        ),
    )
