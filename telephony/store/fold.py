"""The call log is a fold over the facts of the journal: pure, the same live and in a rebuild.

A fact meets the rows of its call (or operator) and answers the rows that are new or changed. A fact
that finds no row to change, or comes a second time, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from telephony.core import facts as fact_types
from telephony.core.facts import AnyFact
from telephony.core.operators import State
from telephony.store.break_fold import BREAK_NOTES, NAMED_FOLDS
from telephony.store.break_rows import NAMED, NamedRow, Row
from telephony.store.missed import call_missed
from telephony.store.rows import (
    AnyRow,
    AttemptRow,
    CallRow,
    DeniedRow,
    RepairRow,
    StateRow,
    TransferRow,
)


class Place(NamedTuple):
    """Where a fact stands: the `n`-th effect (from 0) of journal entry `seq`."""

    seq: int
    n: int


class Family(msgspec.Struct):
    """A call's row, if there is one yet, with all its attempts."""

    call: CallRow | None = None
    attempts: dict[int, AttemptRow] = {}

    @property
    def over(self) -> bool:
        """No further fact is to be expected."""
        if self.call is None or self.call.ended is None:
            return False
        return all(attempt.ended is not None for attempt in self.attempts.values())


Named = tuple[type[Row], str]
"""Names a permission, an order, a violation or a hand."""


class Rows(msgspec.Struct):
    """What a fold may look at: the calls, the operators and the named rows that its facts speak of."""

    families: dict[str, Family] = {}
    states: dict[str, StateRow | None] = {}
    """Login -> open interval; None: known to be offline."""
    named: dict[Named, NamedRow | None] = {}
    """None: known not to be there."""

    def keep(self, row: AnyRow) -> None:
        """Let later facts see what the fold has answered."""
        if type(row) is CallRow:
            self.families[row.id].call = row
        elif type(row) is AttemptRow:
            self.families[row.call].attempts[row.n] = row
        elif type(row) is StateRow:
            self.states[row.login] = row if row.ended is None else None
        elif type(row) in NAMED:
            self.named[type(row), row.id] = row  # type: ignore[union-attr,assignment]


def call_of(fact: AnyFact) -> str | None:
    """The call whose family `fold` needs for this fact."""
    return getattr(fact, "call", None) if type(fact) in CALL_FOLDS else None


def login_of(fact: AnyFact) -> str | None:
    """The operator whose open interval `fold` needs for this fact."""
    return fact.login if isinstance(fact, fact_types.OperatorChanged) else None


def named_of(fact: AnyFact) -> Named | None:
    """The named row that `fold` needs for this fact."""
    found = NAMED_FOLDS.get(type(fact))
    return None if found is None else (found.kind, getattr(fact, found.name))


def fold(fact: AnyFact, place: Place, rows: Rows) -> tuple[AnyRow, ...]:
    """The rows that `fact` makes or changes.

    `rows` must hold the family of `call_of(fact)`, the open interval of `login_of(fact)` and the row `named_of(fact)`.
    """
    on_call = CALL_FOLDS.get(type(fact))
    if on_call is not None:
        return on_call(fact, place, rows.families[fact.call])  # type: ignore[union-attr,index]
    if isinstance(fact, fact_types.OperatorChanged):
        return _operator_changed(fact, place, rows.states[fact.login])
    named = named_of(fact)
    if named is not None:
        changed = NAMED_FOLDS[type(fact)].fold(fact, rows.named[named])
        return () if changed is None else (changed,)
    return (_noted(fact, place),)


# --- calls -------------------------------------------------------------------------------------------------


def _call_opened(fact: fact_types.CallOpened, place: Place, family: Family) -> tuple[AnyRow, ...]:
    if family.call is not None:
        return ()
    return (
        CallRow(
            id=fact.call,
            kind=str(fact.kind),
            number=fact.number,
            caller=fact.caller,
            operator=fact.operator,
            arrived=fact.arrived,
            via_fallback=fact.via_fallback,
        ),
    )


def _call_queued(fact: fact_types.CallQueued, place: Place, family: Family) -> tuple[AnyRow, ...]:
    call = family.call
    if call is None:
        return ()
    return (
        replace(
            call,
            first_queue=call.first_queue or fact.queue,
            queue=fact.queue,
            queued=fact.at,
            priority=fact.priority,
            via_fallback=call.via_fallback or fact.why == "return",
        ),
    )


def _attempt_made(fact: fact_types.AttemptMade, place: Place, family: Family) -> tuple[AnyRow, ...]:
    if fact.n in family.attempts:
        return ()
    attempt = AttemptRow(
        call=fact.call,
        n=fact.n,
        channel=fact.channel,
        why=fact.why,
        operator=fact.operator,
        phone=fact.phone,
        number=fact.number,
        queue=fact.queue,
        made=fact.at,
    )
    if family.call is None:
        return (attempt,)
    return attempt, replace(family.call, attempts=max(family.call.attempts + 1, fact.n))


def _attempt_answered(fact: fact_types.AttemptAnswered, place: Place, family: Family) -> tuple[AnyRow, ...]:
    attempt = family.attempts.get(fact.n)
    if attempt is None or attempt.ended is not None:
        return ()
    answered = replace(attempt, answered=fact.at)
    if family.call is None or attempt.operator is None:
        return (answered,)
    return answered, replace(family.call, last_operator=attempt.operator)


def _attempt_ended(fact: fact_types.AttemptEnded, place: Place, family: Family) -> tuple[AnyRow, ...]:
    attempt = family.attempts.get(fact.n)
    if attempt is None or attempt.ended is not None:
        return ()
    return (replace(attempt, ended=fact.at, result=str(fact.result)),)


def _call_bridged(fact: fact_types.CallBridged, place: Place, family: Family) -> tuple[AnyRow, ...]:
    call = family.call
    if call is None or call.answered is not None:
        return ()
    return (
        replace(
            call,
            answered=fact.at,
            answered_by=fact.operator,
            last_operator=fact.operator or call.last_operator,
        ),
    )


def _call_transferred(fact: fact_types.CallTransferred, place: Place, family: Family) -> tuple[AnyRow, ...]:
    transfer = TransferRow(
        seq=place.seq,
        n=place.n,
        call=fact.call,
        operator=fact.operator,
        kind=fact.kind,
        target=fact.to,
        result=fact.result,
        at=fact.at,
    )
    if family.call is None or fact.result != "done":
        return (transfer,)
    return transfer, replace(family.call, transfers=family.call.transfers + 1)


def _call_ended(fact: fact_types.CallEnded, place: Place, family: Family) -> tuple[AnyRow, ...]:
    call = family.call
    if call is None or call.ended is not None:
        return ()
    return (replace(call, ended=fact.at, outcome=str(fact.outcome), ended_by=fact.by),)


def _call_missed(fact: fact_types.CallMissed, place: Place, family: Family) -> tuple[AnyRow, ...]:
    return call_missed(fact, family.call, family.attempts.values())


CallFold = Callable[[Any, Place, Family], tuple[AnyRow, ...]]
CALL_FOLDS: dict[type, CallFold] = {
    fact_types.CallOpened: _call_opened,
    fact_types.CallQueued: _call_queued,
    fact_types.AttemptMade: _attempt_made,
    fact_types.AttemptAnswered: _attempt_answered,
    fact_types.AttemptEnded: _attempt_ended,
    fact_types.CallBridged: _call_bridged,
    fact_types.CallTransferred: _call_transferred,
    fact_types.CallEnded: _call_ended,
    fact_types.CallMissed: _call_missed,
}


# --- operators and notes -----------------------------------------------------------------------------------

_NOT_IDLE = frozenset({State.TALKING, State.ON_HOLD, State.WRAP_UP})


def _operator_changed(fact: fact_types.OperatorChanged, place: Place, was: StateRow | None) -> tuple[AnyRow, ...]:
    if fact.state == State.OFFLINE:
        return () if was is None else (replace(was, ended=fact.at, how=fact.reason or None),)
    closed = () if was is None else (replace(was, ended=fact.at),)
    idle_since = None if was is None or fact.state in _NOT_IDLE else was.idle_since
    if fact.state == State.READY and idle_since is None:
        idle_since = fact.at
    row = StateRow(
        seq=place.seq,
        n=place.n,
        login=fact.login,
        state=str(fact.state),
        phone=fact.phone,
        reason=fact.reason,
        call=fact.call,
        since=fact.at,
        idle_since=idle_since,
        until=fact.until,
        permission=fact.permission,
    )
    return *closed, row


def _denied(fact: fact_types.LogInDenied, seq: int, n: int) -> DeniedRow:
    return DeniedRow(seq=seq, n=n, extension=fact.extension, phone=fact.phone, reason=fact.reason, at=fact.at)


def _repaired(fact: fact_types.Repaired, seq: int, n: int) -> RepairRow:
    return RepairRow(seq=seq, n=n, what=fact.what, subject=fact.subject, at=fact.at)


NOTES: dict[type, Callable[[Any, int, int], AnyRow]] = {
    fact_types.LogInDenied: _denied,
    fact_types.Repaired: _repaired,
    **BREAK_NOTES,
}
"""Facts that are a row by themselves, named by their place."""


def _noted(fact: AnyFact, place: Place) -> AnyRow:
    note = NOTES.get(type(fact))
    if note is None:
        raise TypeError(f"no fold for {type(fact).__name__}")
    return note(fact, *place)
