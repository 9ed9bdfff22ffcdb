"""Transfers by the phone's own key. The PBX leaves the REFER to us (PJSIP_TRANSFER_HANDLING=ari-only); the caller keeps
one record through all of it, and a failed transfer brings them back: to the operator, or to the head of the queue.

While a blind transfer rings, the transferring phone stays on its leg, alone in the old bridge; it is released when the
target has answered. If it hangs up before (many phones do, right after the REFER), only the way back changes.
"""

from __future__ import annotations

from typing import Literal

from handlers import agents, attempts, bridging, own_calls, scripts, talks, waiting
from handlers.turn import Turn
from telephony.core.calls import Call, Leg, LegState, Role, Transfer
from telephony.core.center import Target
from telephony.core.effects import Dissolve, HangUpReason, Join, ReportTransfer, SetVariables
from telephony.core.event import CallId, ChannelId
from telephony.core.events import CallerArrived, TransferAsked
from telephony.core.facts import (
    AttemptEnded,
    AttemptResult,
    CallKind,
    CallQueued,
    CallTransferred,
    Outcome,
)
from telephony.core.operators import IN_CALL, Agent
from telephony.core.plan import Queue
from telephony.core.script import farewell

NOBODY = ""
"""The channel that asked for a transfer, when it has left already."""


def transfer_asked(turn: Turn, event: TransferAsked) -> None:
    """Whoever sits at a phone of the house hands over the other side of their call."""
    call = turn.center.channels.get(event.channel)
    if call is None or call.ended:
        return
    if event.channel in call.legs:
        call.legs[event.channel].asks_on = event.channel
    if event.consultation:
        _attended(turn, call, event.channel, event.consultation)
    elif not _can_transfer(call, event.channel):
        _report(turn, call, event.channel, "declined")
    else:
        _blind(turn, call, event)


def _can_transfer(call: Call, by: ChannelId) -> bool:
    """Only a bridged conversation can be handed over, one transfer at a time: by an operator, or by a specialist who
    was called on a phone of the house."""
    leg = call.legs.get(by)
    may = call.origin is not None if leg is None else leg.role is Role.OPERATOR or leg.phone is not None
    return may and call.answered is not None and call.transfer is None and len(call.in_bridge) > 1


def _login_on(call: Call, by: ChannelId) -> str | None:
    return call.origin if by == call.party else call.legs[by].login


def _report(
    turn: Turn, call: Call, channel: ChannelId, state: Literal["progress", "success", "unavailable", "declined"]
) -> None:
    """Tell the phone how its transfer goes. Some hang up by themselves when it fails: their party is not to suffer."""
    leg = call.legs.get(channel)
    asked_on = channel if leg is None else leg.asks_on or channel
    asked = turn.center.channels.get(asked_on, call)  # before that one, too, is hung up
    turn.do(ReportTransfer(call=asked.id, channel=asked_on, state=state))
    if state in ("unavailable", "declined") and call.transfer is None:
        call.given_back = turn.now


def _far(call: Call) -> Leg:
    """Who talks with the party."""
    return next(leg for leg in call.legs.values() if leg.channel in call.in_bridge)


def _let_party_stay(turn: Turn, call: Call, by: ChannelId) -> None:
    """The operator hands over their own call: the far end stays. It becomes the party, the operator's channel becomes a
    leg, and their talk has ended; so this is done only when nothing is left that could keep the two together."""
    if by != call.party:
        return
    far = _far(call)
    if far.n:
        turn.do(AttemptEnded(call=call.id, n=far.n, result=AttemptResult.ANSWERED, at=turn.now))
    call.legs[by] = Leg(
        by, Role.OPERATOR, 0, 0, turn.now, login=call.origin, why="own", state=LegState.UP, phone=call.phone
    )
    del call.legs[far.channel]
    call.party, call.origin, call.phone = far.channel, far.login, far.phone
    same = {"GUDOK_CALL": call.id, "GUDOK_ATTEMPT": "0"}
    turn.do(
        SetVariables(call=call.id, channel=call.party, variables={**same, "GUDOK_ROLE": "party"}),
        SetVariables(call=call.id, channel=by, variables={**same, "GUDOK_ROLE": "operator"}),
    )


def _blind(turn: Turn, call: Call, event: TransferAsked) -> None:
    target = turn.center.resolve(event.number, event.trunk)
    handed_over = _far(call).phone if event.channel == call.party else call.phone
    if target is None or not _takes_calls(turn, target, handed_over):
        _fail(turn, call, event.channel, "blind", event.number)
    elif target.queue is not None:
        _to_queue(turn, call, event.channel, target.queue, "blind")
    else:
        _let_party_stay(turn, call, event.channel)
        leg = own_calls.ring_target(turn, call, target, "transfer")
        login = _login_on(call, event.channel)
        _let_ring(turn, call, Transfer(event.channel, login, "blind", event.number, leg.channel))


def _let_ring(turn: Turn, call: Call, transfer: Transfer) -> None:
    """The party hears music while the target rings. The talk before was no waiting: should we be gone before the
    target answers, the native queue counts from now."""
    call.transfer = transfer
    call.in_bridge.discard(call.party)
    if transfer.by != NOBODY:
        _report(turn, call, transfer.by, "progress")
    turn.do(SetVariables(call=call.id, channel=call.party, variables={"GUDOK_TRANSFER": noted(transfer)}))
    waiting.tell_wait(turn, call, turn.now)
    waiting.hold(turn, call)


def noted(transfer: Transfer) -> str:
    """As it stands on the party's channel, for the next life of the router: see `resumption.take_up`."""
    return ",".join((transfer.kind, transfer.login or "", transfer.by, transfer.leg, transfer.to))


def _takes_calls(turn: Turn, target: Target, phone: str | None) -> bool:
    """Whether it is worth a try for who is at `phone`: else they stay with the operator, whose phone is told at
    once."""
    if target.queue is not None:
        return waiting.nobody_there(turn, target.queue) is None
    return own_calls.can_be_rung(turn, target, phone)


def _fail(turn: Turn, call: Call, by: ChannelId, kind: str, to: str) -> None:
    _state(turn, call.id, _login_on(call, by), kind, to, done=False)
    _report(turn, call, by, "unavailable")


def _to_queue(turn: Turn, call: Call, by: ChannelId, queue: Queue, kind: str) -> None:
    """Into the queue with the arrival they came with; the operator is released."""
    _let_party_stay(turn, call, by)
    call.given_back = None
    _state(turn, call.id, call.legs[by].login, kind, queue.name, done=True)
    _release(turn, call, by)
    leave_bridge(turn, call)
    waiting.enter(turn, call, queue, "transfer")


def leave_bridge(turn: Turn, call: Call) -> None:
    """The conversation is over; whoever of it goes on is elsewhere by now."""
    if call.bridge is not None:
        turn.do(Dissolve(call=call.id, bridge=call.bridge))
    call.bridge = None
    call.in_bridge.clear()


def _attended(turn: Turn, call: Call, by: ChannelId, replaced: ChannelId) -> None:
    """Join the caller to whoever the operator is consulting: talking, still ringing, or still waiting in a queue. It is
    the phone's choice on which of its two calls it asks, and which one the REFER is to replace."""
    asks_on, consultation = by, turn.center.channels.get(replaced)
    if consultation is not None and _only_consults(call, by, consultation, replaced):
        call, by, consultation, replaced = consultation, replaced, call, by
    if consultation is None or not _can_join(call, by, consultation, replaced):
        _report(turn, call, asks_on, "declined")
        return
    if by in call.legs:
        call.legs[by].asks_on = asks_on
    if replaced != consultation.party:  # they were called: whoever called them goes over
        _let_party_stay(turn, consultation, consultation.party)
    queue = turn.center.queues.get(consultation.queue or "")
    far = next((leg for leg in consultation.legs.values() if leg.result is None), None)
    if far is not None and (queue is None or far.state is LegState.UP):
        _take_over(turn, call, by, consultation, far)
    elif queue is None or waiting.nobody_there(turn, queue) is not None:
        _fail(turn, call, by, "attended", consultation.number)
    else:
        _to_queue(turn, call, by, queue, "attended")
        _end_consultation(turn, consultation)


def _only_consults(call: Call, by: ChannelId, other: Call, replaced: ChannelId) -> bool:
    """Whether it is `call` that ends, of two on one phone. A caller's call stays; of two own calls, the one that
    somebody else has made."""
    dialed = by == call.party and replaced != other.party
    return call.kind is CallKind.OWN and (other.kind is not CallKind.OWN or dialed)


def _can_join(call: Call, by: ChannelId, consultation: Call, replaced: ChannelId) -> bool:
    """Whether the call can be handed over to whoever is at the other end of the consultation."""
    moves = consultation.transfer is not None or consultation.connecting is not None  # elsewhere right now
    ends = call.ended or consultation.ended or consultation is call or consultation.kind is not CallKind.OWN
    talks = replaced == consultation.party or {replaced, consultation.party} <= consultation.in_bridge
    return talks and not moves and not ends and _can_transfer(call, by)


def handed_over(turn: Turn, call: Call, event: CallerArrived, queue: Queue | None) -> None:
    """A native talk, which began while we were away, has been transferred: the PBX has let go of whoever asked for it.
    We ring whom it is for; should nobody take them, they wait in the queue that they came from."""
    to = event.handed_to or ""
    target = turn.center.resolve(to, event.trunk)
    call.talked = True
    if queue is not None:
        call.queue, call.queued, call.priority = queue.name, event.queued or turn.now, queue.priority
        turn.do(CallQueued(call=call.id, queue=queue.name, priority=queue.priority, why="return", at=call.queued))
    if target is not None and target.queue is not None:
        _state(turn, call.id, None, "blind", target.queue.name, done=True)
        waiting.enter(turn, call, target.queue, "transfer")
    elif target is not None and _takes_calls(turn, target, call.phone):
        leg = own_calls.ring_target(turn, call, target, "transfer")
        _let_ring(turn, call, Transfer(NOBODY, None, "blind", to, leg.channel))
    else:
        _state(turn, call.id, None, "blind", to, done=False)
        if queue is not None:
            waiting.resume(turn, call)
        else:
            scripts.run(turn, call, farewell(turn.center.plan.unknown_number, Outcome.UNKNOWN_NUMBER))


def _take_over(turn: Turn, call: Call, by: ChannelId, consultation: Call, far: Leg) -> None:
    """The consulted leg changes over to the caller's call, ringing or talking. It gets its new names in the course of
    the consultation, where its old ones may still be on their way."""
    center = turn.center
    _let_party_stay(turn, call, by)
    answered = far.state is LegState.UP
    if far.n:
        turn.do(AttemptEnded(call=consultation.id, n=far.n, result=_result(answered=answered), at=turn.now))
    to = _reached_by(turn, consultation, far)
    del consultation.legs[far.channel]
    consultation.in_bridge.discard(far.channel)
    call.attempts += 1
    leg = Leg(
        far.channel, far.role, call.attempts, far.seconds, turn.now, far.login, "transfer", far.state, queue=call.queue
    )
    leg.phone = far.phone
    center.add_leg(call, leg)
    attempts.put_on_record(turn, call, leg, None if leg.login else to)
    transfer = Transfer(by, call.legs[by].login, "attended", to, leg.channel)
    turn.do(SetVariables(call=consultation.id, channel=leg.channel, variables=attempts.names(call, leg)))
    if leg.login is not None:
        _comes_to(turn, center.agents[leg.login], call)
    if answered:
        bridging.answered(turn, call, leg, turn.now)
        assert call.bridge is not None
        turn.do(Join(call=call.id, bridge=call.bridge, channel=leg.channel, staff=leg.role is Role.OPERATOR))
        call.transfer = transfer
        target_answered(turn, call)
    else:
        _let_ring(turn, call, transfer)
    _end_consultation(turn, consultation)


def _comes_to(turn: Turn, agent: Agent, call: Call) -> None:
    """Their phone, which talks or rings, does so for this call now."""
    if agent.state in IN_CALL:
        talks.follow(turn, agent)
    else:
        agents.set_state(turn, agent, agent.state, reason=agent.reason, call=call.id)


def _reached_by(turn: Turn, consultation: Call, far: Leg) -> str:
    """The number that was dialed; for whoever has dialed themselves, one at which they are."""
    if far.n:
        return consultation.number
    return turn.center.agents[far.login].person.extension if far.login is not None else far.phone or ""


def _result(*, answered: bool) -> AttemptResult:
    return AttemptResult.ANSWERED if answered else AttemptResult.CANCELLED


def _end_consultation(turn: Turn, consultation: Call) -> None:
    scripts.drop(turn, consultation)
    waiting.stop_waiting(turn, consultation)
    consultation.ended_by = "operator"
    turn.hang_up(consultation, consultation.party)


def target_answered(turn: Turn, call: Call) -> None:
    """The transfer has succeeded: the transferring phone is told and released."""
    transfer = call.transfer
    assert transfer is not None
    call.transfer = call.given_back = None
    _state(turn, call.id, transfer.login, transfer.kind, transfer.to, done=True)
    if transfer.by in call.legs:
        _release(turn, call, transfer.by)


def _release(turn: Turn, call: Call, by: ChannelId) -> None:
    """The phone is told, and hung up: once more after a break of the line (see `resumption.go_on`)."""
    _report(turn, call, by, "success")
    call.legs[by].result = AttemptResult.ANSWERED
    turn.hang_up(call, by)


def failed(turn: Turn, call: Call, transfer: Transfer) -> None:
    """It is over; where the party goes is another matter."""
    call.transfer = None
    state_failed(turn, call.id, transfer)


def state_failed(turn: Turn, call: CallId, transfer: Transfer) -> None:
    _state(turn, call, transfer.login, transfer.kind, transfer.to, done=False)


def lost_leg(turn: Turn, call: Call, channel: ChannelId) -> None:
    """During a transfer: the transferring phone has hung up (then only the target counts), or the target failed."""
    transfer = call.transfer
    assert transfer is not None
    if channel == transfer.by:
        leave_bridge(turn, call)
        return
    failed(turn, call, transfer)
    back = call.legs.get(transfer.by)
    if back is not None and back.result is None:
        _report(turn, call, transfer.by, "unavailable")
        leave_bridge(turn, call)
        bridging.bridge_with(turn, call, back)
    elif call.queue is not None:
        waiting.resume(turn, call)
    else:
        call.ended_by = "center"
        turn.hang_up(call, call.party, HangUpReason.NO_ANSWER)


def _state(turn: Turn, call: CallId, login: str | None, kind: str, to: str, *, done: bool) -> None:
    turn.do(
        CallTransferred(
            call=call,
            operator=login,
            kind="blind" if kind == "blind" else "attended",
            to=to,
            result="done" if done else "failed",
            at=turn.now,
        )
    )
