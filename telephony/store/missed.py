"""Folding what the PBX's own record tells of a call that no router, or none that remembers, has seen end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from telephony.core.facts import AttemptResult, CallKind, CallMissed, MissedAttempt, Outcome
from telephony.store.rows import AnyRow, AttemptRow, CallRow


def call_missed(fact: CallMissed, call: CallRow | None, attempts: Iterable[AttemptRow]) -> tuple[AnyRow, ...]:
    """`call` and `attempts`: what is on record of it."""
    if call is None:
        return _whole(fact)
    if call.ended is None:
        return _closed(fact, call, attempts)
    return _corrected(fact, call, call.ended)


def _whole(fact: CallMissed) -> tuple[AnyRow, ...]:
    caller = "caller" if fact.kind is CallKind.INBOUND else "operator"
    call = CallRow(
        id=fact.call,
        kind=fact.kind.value,
        number=fact.number,
        caller=fact.caller,
        operator=fact.origin,
        arrived=fact.arrived,
        first_queue=fact.queue,
        queue=fact.queue,
        queued=fact.arrived if fact.queue is not None else None,
        via_fallback=fact.via_fallback,
        answered=fact.answered,
        answered_by=fact.operator,
        last_operator=fact.operator,
        attempts=len(fact.attempts),
        ended=fact.ended,
        outcome=_outcome(fact, fact.answered),
        ended_by=fact.by or (caller if fact.answered is None else "pbx"),
    )
    return call, *(_attempt(fact, n, attempt) for n, attempt in enumerate(fact.attempts, 1))


def _attempt(fact: CallMissed, n: int, attempt: MissedAttempt) -> AttemptRow:
    return AttemptRow(
        call=fact.call,
        n=n,
        channel=attempt.channel,
        why=attempt.why,
        operator=attempt.operator,
        phone=attempt.phone,
        number=None,
        queue=fact.queue,
        made=attempt.made,
        answered=attempt.answered,
        ended=attempt.ended,
        result=_result(attempt.answered),
    )


def _closed(fact: CallMissed, call: CallRow, attempts: Iterable[AttemptRow]) -> tuple[AnyRow, ...]:
    """The router was killed while the database took nothing: the next one did not know that the call was on record."""
    legs = {leg.channel: leg for leg in fact.attempts}
    answered = call.answered or fact.answered
    closed = replace(
        call,
        answered=answered,
        answered_by=call.answered_by or fact.operator,
        last_operator=call.last_operator or fact.operator,
        ended=fact.ended,
        outcome=_outcome(fact, answered),
        ended_by=fact.by or "pbx",
    )
    return closed, *(_over(row, legs.get(row.channel), fact.ended) for row in attempts if row.ended is None)


def _over(row: AttemptRow, leg: MissedAttempt | None, ended: datetime) -> AttemptRow:
    answered = row.answered or (None if leg is None else leg.answered)
    return replace(row, answered=answered, ended=ended if leg is None else leg.ended, result=_result(answered))


def _corrected(fact: CallMissed, call: CallRow, ended: datetime) -> tuple[AnyRow, ...]:
    """The router was killed, blind or frozen at the moment of the answer, or of the end: the PBX was not."""
    corrected = replace(call, ended=min(ended, fact.ended))
    if fact.answered is not None and (call.answered is None or fact.answered < call.answered):
        corrected = replace(
            corrected,
            answered=fact.answered,
            answered_by=call.answered_by or fact.operator,
            last_operator=call.last_operator or fact.operator,
            outcome=Outcome.ANSWERED.value,
        )
    return (corrected,) if corrected != call else ()


def _outcome(fact: CallMissed, answered: datetime | None) -> str:
    unanswered = Outcome.ABANDONED if fact.kind is CallKind.INBOUND else Outcome.NOT_REACHED
    return (unanswered if answered is None else Outcome.ANSWERED).value


def _result(answered: datetime | None) -> str:
    return (AttemptResult.CANCELLED if answered is None else AttemptResult.ANSWERED).value
