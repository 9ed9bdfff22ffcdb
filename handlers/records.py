"""Calls whose end we did not see: the PBX's own record tells it, or nobody does and they are closed as lost."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime
from typing import Literal

from handlers import legs
from handlers.turn import Turn
from telephony.core.calls import Call, LegState
from telephony.core.effects import TakePicture
from telephony.core.events import CallRecorded, ChannelGone, OpenAttempt, OpenCall, TimerFired
from telephony.core.facts import (
    AttemptAnswered,
    AttemptEnded,
    AttemptMade,
    AttemptResult,
    CallBridged,
    CallEnded,
    CallKind,
    CallMissed,
    Outcome,
)

PICTURE_TIMER = "picture:"
SETTLED = 2
"""Seconds: a difference younger than this may be our own request, or an event, still under way."""
RECORD_TIMER = "record:"
RECORD_PATIENCE = 10
"""Seconds we wait for the PBX's own record of a call that ended unseen."""


def ended_unseen(turn: Turn, channel: str, lost: datetime | None = None) -> None:
    """A channel went while we could not see. A party's true end is in the PBX's record: the call is remembered
    until that is read. A leg's end is now, as far as anybody can tell. `lost`: when the PBX died with them all."""
    call = turn.center.channels.get(channel)
    gone = ChannelGone(channel=channel)
    if call is None or channel != call.party or call.ended:
        leg = None if call is None else call.legs.get(channel)
        if leg is not None and leg.state is not LegState.UP:
            leg.result = leg.result or AttemptResult.CANCELLED  # whose fault it was nobody can tell
        legs.gone(turn, gone, lost or turn.now)
        return
    _remember(turn, call, lost)
    call.end_unknown, call.connecting = True, None
    legs.gone(turn, gone, lost or turn.now)


def _remember(turn: Turn, call: Call, lost: datetime | None) -> None:
    """Its legs are reported by themselves."""
    turn.center.remembered[call.id] = OpenCall(
        call=call.id,
        kind=call.kind,
        number=call.number,
        caller=call.caller,
        arrived=call.arrived,
        queue=call.queue,
        queued=call.queued,
        priority=call.priority,
        answered=call.answered,
        attempts=call.attempts,
        lost=lost,
    )


def look_again(turn: Turn) -> None:
    """A new picture, when all that is under way now must have arrived."""
    turn.wake(PICTURE_TIMER, 0, SETTLED)


def picture_due(turn: Turn, event: TimerFired) -> None:
    turn.do(TakePicture(why="overflow"))


def expect_records(turn: Turn, alive: Set[str]) -> None:
    """Of the remembered calls those that the PBX does not show have ended: their records must come soon."""
    for call_id in turn.center.remembered:
        if call_id not in alive:
            turn.wake(RECORD_TIMER + call_id, 0, RECORD_PATIENCE)


def call_recorded(turn: Turn, event: CallRecorded) -> None:
    """The PBX's own record of a finished call. Every call has one: most end before our eyes, and theirs is no news. One
    that we hold alive is not: the news of its end has been lost, or is later than the record."""
    center = turn.center
    call = center.calls.get(event.call)
    if call is not None and not call.ended:
        ended_unseen(turn, call.party)
    known = center.remembered.pop(event.call, None)
    if known is None:
        turn.do(as_fact(turn, event))
        return
    turn.forget_timer(RECORD_TIMER + event.call)
    answered = known.answered is not None
    if event.answered is not None and not answered:
        _answered_unseen(turn, known, event)
        answered = True
    else:
        close_attempts(turn, known.call, known.open_attempts, event.ended)
    inbound = known.kind == CallKind.INBOUND
    unanswered = Outcome.LOST if known.lost else Outcome.ABANDONED if inbound else Outcome.NOT_REACHED
    by: Literal["pbx", "operator", "caller"] = "pbx" if known.lost else "caller" if inbound else "operator"
    outcome = Outcome.ANSWERED if answered else unanswered
    turn.do(CallEnded(call=event.call, outcome=outcome, by=by, at=event.ended), as_fact(turn, event))


def as_fact(turn: Turn, event: CallRecorded) -> CallMissed:
    """Counts for a call of which the log does not know, or not that it was answered."""
    return CallMissed(
        call=event.call,
        kind=CallKind.INBOUND if event.phone is None else CallKind.OWN,
        number=event.number,
        caller=event.caller,
        origin=_login_at(turn, event.phone),
        arrived=event.arrived,
        ended=event.ended,
        answered=event.answered,
        operator=_login_at(turn, event.answered_by),
        phone=event.answered_by,
        via_fallback=event.via_fallback,
    )


def _login_at(turn: Turn, phone: str | None) -> str | None:
    """Who works on this phone. The call may be older: nearly always it is the same operator."""
    agent = turn.center.at_phone.get(phone or "")
    return None if agent is None else agent.login


def close_attempts(turn: Turn, call: str, attempts: tuple[OpenAttempt, ...], at: datetime) -> None:
    """The legs of these attempts are gone, the log still holds them open."""
    for attempt in attempts:
        result = AttemptResult.CANCELLED if attempt.answered is None else AttemptResult.ANSWERED
        turn.do(AttemptEnded(call=call, n=attempt.n, result=result, at=at))


def _answered_unseen(turn: Turn, known: OpenCall, event: CallRecorded) -> None:
    """Somebody talked with the caller meanwhile: one whom we had rung, or an operator of the fallback queue."""
    assert event.answered is not None
    login = _login_at(turn, event.answered_by)
    rung = next((attempt for attempt in known.open_attempts if attempt.operator == login), None)
    close_attempts(turn, known.call, tuple(a for a in known.open_attempts if a is not rung), event.answered)
    n = known.attempts + 1 if rung is None else rung.n
    if rung is None:
        turn.do(
            AttemptMade(
                call=event.call,
                n=n,
                channel=event.call,
                why="fallback",
                operator=login,
                phone=event.answered_by,
                at=event.answered,
            )
        )
    if rung is None or rung.answered is None:
        turn.do(AttemptAnswered(call=event.call, n=n, at=event.answered))
    turn.do(
        CallBridged(call=event.call, operator=login, at=event.answered),
        AttemptEnded(call=event.call, n=n, result=AttemptResult.ANSWERED, at=event.ended),
    )


def record_overdue(turn: Turn, event: TimerFired) -> None:
    """No record of the PBX tells the end of this call: it is closed as lost."""
    known = turn.center.remembered.pop(event.key.removeprefix(RECORD_TIMER), None)
    if known is not None:
        close_lost(turn, known)


def close_lost(turn: Turn, known: OpenCall) -> None:
    """A call older than the PBX's process died with the one before: it had ended when this one started."""
    started = known.lost or turn.center.pbx_started
    at = turn.now if started is None or known.arrived >= started else min(started, turn.now)
    close_attempts(turn, known.call, known.open_attempts, at)
    outcome = Outcome.ANSWERED if known.answered else Outcome.LOST
    turn.do(CallEnded(call=known.call, outcome=outcome, by="pbx", at=at))
