"""Calls whose end we did not see: the PBX's own record tells it, or nobody does and they are closed as lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from typing import Literal

from msgspec.structs import replace

from handlers import legs
from handlers.turn import Turn
from telephony.core.calls import Call, LegState
from telephony.core.effects import TakePicture
from telephony.core.event import CallId, ChannelId
from telephony.core.events import CallRecorded, ChannelGone, RecordRead, TimerFired
from telephony.core.facts import (
    AttemptAnswered,
    AttemptEnded,
    AttemptMade,
    AttemptResult,
    CallBridged,
    CallEnded,
    CallKind,
    CallMissed,
    MissedAttempt,
    Outcome,
)
from telephony.core.record import RecordedLeg, RecordSoFar
from telephony.core.remembered import OpenAttempt, OpenCall

PICTURE_TIMER = "picture:"
SETTLED = 2
"""Seconds: a difference younger than this may be our own request, or an event, still under way."""
RECORD_TIMER = "record:"
RECORD_PATIENCE = 10
"""Seconds we wait for the PBX's own record of a call that ended unseen, and for as long as that is being read."""


def ended_unseen(turn: Turn, channel: str, lost: datetime | None = None, *, recorded: datetime | None = None) -> None:
    """A channel went while we could not see. A party's true end is in the PBX's record: the call is remembered
    until that is read. A leg's end is `recorded`, else now, as far as anybody can tell. `lost`: when the PBX died with
    them all."""
    call = turn.center.channels.get(channel)
    gone = ChannelGone(channel=channel)
    if call is None or channel != call.party or call.ended:
        leg = None if call is None else call.legs.get(channel)
        if leg is not None and leg.state is not LegState.UP:
            leg.result = leg.result or AttemptResult.CANCELLED  # whose fault it was nobody can tell
        legs.gone(turn, gone, lost or recorded or turn.now)
        return
    _remember(turn, call, lost)
    call.end_unknown, call.connecting = True, None
    legs.gone(turn, gone, lost or turn.now)


def parted(turn: Turn, call: Call) -> None:
    """The party went before we saw them together with whoever had picked up while we could not see: whether they
    spoke is in the PBX's record too."""
    ended_unseen(turn, call.party)
    _expect_record(turn, call.id)


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
            _expect_record(turn, call_id)


def _expect_record(turn: Turn, call: CallId) -> None:
    turn.wake(RECORD_TIMER + call, 0, RECORD_PATIENCE)


def call_recorded(turn: Turn, event: CallRecorded) -> None:
    """The PBX's own record of a finished call. Every call has one: most end before our eyes, and theirs is no news. One
    that we hold alive is not: the news of its end has been lost, or is later than the record. But nobody is ended whose
    own end the record does not tell: there the PBX is asked who lives."""
    center = turn.center
    call = center.calls.get(event.call)
    if call is not None and not call.ended:
        if not _tells_end_of(event, call.party):
            look_again(turn)
            return
        ended_unseen(turn, call.party)
    known = center.remembered.pop(event.call, None)
    if known is None:
        turn.do(as_fact(turn, event))
        return
    turn.forget_timer(RECORD_TIMER + event.call)
    if known.lost is not None and event.ended < known.lost:  # the record breaks off with its last line
        event = replace(event, ended=known.lost)
    heard = _heard_of(turn, known, event)
    close_attempts(turn, known.call, known.open_attempts, {leg.channel: leg for leg in heard}, event.ended)
    state_legs(turn, known.call, heard, beyond=known.attempts)
    _state_native_legs(turn, known, heard, event.ended)
    answered = known.answered is not None or event.answered is not None
    if event.answered is not None and known.answered is None:
        turn.do(CallBridged(call=event.call, operator=login_at(turn, event.answered_by), at=event.answered))
    inbound = known.kind == CallKind.INBOUND
    unanswered = Outcome.LOST if known.lost else Outcome.ABANDONED if inbound else Outcome.NOT_REACHED
    by = _who_hung_up(turn, event, known) or ("caller" if inbound else "operator")
    outcome = Outcome.ANSWERED if answered else unanswered
    ended = CallEnded(call=event.call, outcome=outcome, by="pbx" if known.lost else by, at=event.ended)
    turn.do(ended, as_fact(turn, event))


def _tells_end_of(event: CallRecorded, party: ChannelId) -> bool:
    """The call may have been handed on to another channel than it began with, which the PBX may have come to count
    among those of an older call."""
    return party == event.call or any(leg.channel == party and leg.ended is not None for leg in event.legs)


def _who_hung_up(
    turn: Turn, event: CallRecorded, known: OpenCall | None = None
) -> Literal["caller", "operator", "far_end"] | None:
    """As far as the record tells; `known`: what is on record of the call."""
    if event.hung_up is None:
        return None
    if event.hung_up == event.call:
        return "caller" if event.phone is None else "operator"
    rung = () if known is None else known.open_attempts
    at_work = any(attempt.channel == event.hung_up and attempt.operator is not None for attempt in rung)
    phone = next((leg.phone for leg in event.legs if leg.channel == event.hung_up), None)
    return "operator" if at_work or login_at(turn, phone) is not None else "far_end"


def as_fact(turn: Turn, event: CallRecorded) -> CallMissed:
    """Counts for a call of which the log does not know, or not that it was answered."""
    queue = turn.center.by_number.get(event.number) if event.phone is None else None
    return CallMissed(
        call=event.call,
        kind=CallKind.INBOUND if event.phone is None else CallKind.OWN,
        number=event.number,
        caller=event.caller,
        queue=None if queue is None else queue.name,
        origin=login_at(turn, event.phone),
        arrived=event.arrived,
        ended=event.ended,
        answered=event.answered,
        operator=login_at(turn, event.answered_by),
        phone=event.answered_by,
        via_fallback=event.via_fallback,
        by=_who_hung_up(turn, event),
        attempts=tuple(_missed_attempt(turn, event, leg) for leg in event.legs if leg.phone is not None),
    )


def _missed_attempt(turn: Turn, event: CallRecorded, leg: RecordedLeg) -> MissedAttempt:
    return MissedAttempt(
        channel=leg.channel,
        why="own" if event.phone is not None else "fallback" if _is_native(leg) else "queue",
        operator=login_at(turn, leg.phone),
        phone=leg.phone,
        made=leg.made,
        answered=leg.answered,
        ended=leg.ended or event.ended,
    )


def _is_native(leg: RecordedLeg) -> bool:
    """Made by the PBX itself, which ends its names so; ours end otherwise."""
    return leg.channel.rpartition(".")[2].isdigit()


def login_at(turn: Turn, phone: str | None) -> str | None:
    """Who works on this phone. The call may be older: nearly always it is the same operator."""
    agent = turn.center.at_phone.get(phone or "")
    return None if agent is None else agent.login


def close_attempts(
    turn: Turn, call: CallId, attempts: tuple[OpenAttempt, ...], legs: Mapping[ChannelId, RecordedLeg], at: datetime
) -> None:
    """The legs of these attempts are gone, the log still holds them open. They ended when the PBX's record says so,
    else at `at`."""
    for attempt in attempts:
        leg = legs.get(attempt.channel)
        answered = attempt.answered
        if leg is not None and leg.answered is not None and answered is None:
            answered = leg.answered
            turn.do(AttemptAnswered(call=call, n=attempt.n, at=answered))
        ended = at if leg is None else leg.ended or at
        turn.do(AttemptEnded(call=call, n=attempt.n, result=_result(answered), at=ended))


def _result(answered: datetime | None) -> AttemptResult:
    return AttemptResult.CANCELLED if answered is None else AttemptResult.ANSWERED


def number_of(call: CallId, channel: ChannelId) -> int:
    """The number of the attempt whose leg we named so; 0 where the name is not ours."""
    named, _, n = channel.rpartition("-")
    return int(n) if named.startswith(f"{call}-") and n.isdigit() else 0


def state_legs(turn: Turn, call: CallId, legs: Iterable[RecordedLeg], beyond: int) -> None:
    """Legs of which nothing was committed, made after attempt `beyond`, and ended since."""
    for leg in legs:
        n = number_of(call, leg.channel)
        if n > beyond and leg.ended is not None:
            _state_leg(turn, call, leg, n, "queue")


def catch_up(turn: Turn, call: Call, record: RecordSoFar, alive: Set[ChannelId]) -> None:
    """What happened to the call before anything of it was committed, and after. Who has talked natively only, and is
    with us now, waits: they were taken out of the native queue just as somebody picked up there."""
    gone = [leg for leg in record.legs if leg.channel not in alive]
    state_legs(turn, call.id, gone, beyond=call.attempts)
    call.attempts = max([call.attempts, *(number_of(call.id, leg.channel) for leg in record.legs)])
    if record.answered is None:
        call.talked = False  # whoever has picked up, they were not connected
    elif call.answered is None:
        call.answered = record.answered
        call.talked = any(leg.answered is not None and not _is_native(leg) for leg in record.legs)
        turn.do(CallBridged(call=call.id, operator=login_at(turn, record.answered_by), at=record.answered))


def _state_leg(
    turn: Turn, call: CallId, leg: RecordedLeg, n: int, why: Literal["queue", "fallback"], until: datetime | None = None
) -> None:
    made = AttemptMade(
        call=call,
        n=n,
        channel=leg.channel,
        why=why,
        operator=login_at(turn, leg.phone),
        phone=leg.phone,
        at=leg.made,
    )
    turn.do(made)
    if leg.answered is not None:
        turn.do(AttemptAnswered(call=call, n=n, at=leg.answered))
    turn.do(AttemptEnded(call=call, n=n, result=_result(leg.answered), at=leg.ended or until or turn.now))


def _heard_of(turn: Turn, known: OpenCall, event: CallRecorded) -> tuple[RecordedLeg, ...]:
    """The legs of the record; where it breaks off before the leg that talked, this one is made up for."""
    if event.answered is None or any(leg.answered is not None for leg in event.legs):
        return event.legs
    login = login_at(turn, event.answered_by)
    rung = next((one for one in known.open_attempts if one.operator == login), None)
    made_up = RecordedLeg(
        channel=event.call if rung is None else rung.channel,
        phone=event.answered_by,
        made=event.answered,
        answered=event.answered,
        ended=event.ended,
    )
    return (*event.legs, made_up)


def _state_native_legs(turn: Turn, known: OpenCall, legs: Iterable[RecordedLeg], ended: datetime) -> None:
    """Operators whom the fallback queue rang for the caller."""
    n = max([known.attempts, *(number_of(known.call, leg.channel) for leg in legs)])
    for leg in legs:
        if leg.phone is not None and _is_native(leg):
            n += 1
            _state_leg(turn, known.call, leg, n, "fallback", until=ended)


def record_read(turn: Turn, event: RecordRead) -> None:
    """From now on, what the record should tell and does not is overdue in its time."""
    turn.center.record_unread = False


def record_overdue(turn: Turn, event: TimerFired) -> None:
    """No record of the PBX tells the end of this call: it is closed as lost, unless the record is still being read."""
    call = event.key.removeprefix(RECORD_TIMER)
    if turn.center.record_unread:
        _expect_record(turn, call)
        return
    known = turn.center.remembered.pop(call, None)
    if known is not None:
        close_lost(turn, known)


def close_lost(turn: Turn, known: OpenCall) -> None:
    """A call older than the PBX's process died with the one before: it had ended when this one started."""
    started = known.lost or turn.center.pbx_started
    at = turn.now if started is None or known.arrived >= started else min(started, turn.now)
    close_attempts(turn, known.call, known.open_attempts, {}, at)
    outcome = Outcome.ANSWERED if known.answered else Outcome.LOST
    turn.do(CallEnded(call=known.call, outcome=outcome, by="pbx", at=at))
