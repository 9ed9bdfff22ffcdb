"""Transfers by the phone's own key. The PBX leaves the REFER to us (PJSIP_TRANSFER_HANDLING=ari-only); the caller keeps
one record through all of it, and a failed transfer brings them back: to the operator, or to the head of the queue.

While a blind transfer rings, the transferring phone stays on its leg, alone in the old bridge; it is released when the
target has answered. If it hangs up before (many phones do, right after the REFER), only the way back changes.
"""

from __future__ import annotations

from typing import Literal

from handlers import attended, bridging, own_calls, scripts, waiting
from handlers.turn import Turn
from telephony.core.calls import Call, Leg, LegState, Role, Transfer
from telephony.core.center import Target
from telephony.core.effects import Dissolve, HangUpReason, ReportTransfer, SetVariables
from telephony.core.event import CallId, ChannelId
from telephony.core.events import CallerArrived, TransferAsked
from telephony.core.facts import (
    AttemptEnded,
    AttemptResult,
    CallQueued,
    CallTransferred,
    Outcome,
)
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
        attended.join(turn, call, event.channel, event.consultation)
    elif not can_transfer(call, event.channel):
        report(turn, call, event.channel, "declined")
    else:
        _blind(turn, call, event)


def can_transfer(call: Call, by: ChannelId) -> bool:
    """Only a bridged conversation can be handed over, one transfer at a time: by an operator, or by a specialist who
    was called on a phone of the house."""
    leg = call.legs.get(by)
    may = call.origin is not None if leg is None else leg.role is Role.OPERATOR or leg.phone is not None
    return may and call.answered is not None and call.transfer is None and len(call.in_bridge) > 1


def _login_on(call: Call, by: ChannelId) -> str | None:
    return call.origin if by == call.party else call.legs[by].login


def report(
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


def let_party_stay(turn: Turn, call: Call, by: ChannelId) -> None:
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
        fail(turn, call, event.channel, "blind", event.number)
    elif target.queue is not None:
        to_queue(turn, call, event.channel, target.queue, "blind")
    else:
        let_party_stay(turn, call, event.channel)
        leg = own_calls.ring_target(turn, call, target, "transfer")
        login = _login_on(call, event.channel)
        let_ring(turn, call, Transfer(event.channel, login, "blind", event.number, leg.channel))


def let_ring(turn: Turn, call: Call, transfer: Transfer) -> None:
    """The party hears music while the target rings. The talk before was no waiting: should we be gone before the
    target answers, the native queue counts from now."""
    call.transfer = transfer
    call.in_bridge.discard(call.party)
    if transfer.by != NOBODY:
        report(turn, call, transfer.by, "progress")
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


def fail(turn: Turn, call: Call, by: ChannelId, kind: str, to: str) -> None:
    _state(turn, call.id, _login_on(call, by), kind, to, done=False)
    report(turn, call, by, "unavailable")


def to_queue(turn: Turn, call: Call, by: ChannelId, queue: Queue, kind: str) -> None:
    """Into the queue with the arrival they came with; the operator is released. The caller goes first: a router that
    dies half-way must leave behind one who waits, not one whose talk is over."""
    let_party_stay(turn, call, by)
    call.given_back = None
    _state(turn, call.id, call.legs[by].login, kind, queue.name, done=True)
    call.legs[by].result = AttemptResult.ANSWERED
    bridge, call.bridge = call.bridge, None
    call.in_bridge.clear()
    waiting.enter(turn, call, queue, "transfer")
    _release(turn, call, by)
    if bridge is not None:
        turn.do(Dissolve(call=call.id, bridge=bridge))


def leave_bridge(turn: Turn, call: Call) -> None:
    """The conversation is over; whoever of it goes on is elsewhere by now."""
    if call.bridge is not None:
        turn.do(Dissolve(call=call.id, bridge=call.bridge))
    call.bridge = None
    call.in_bridge.clear()


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
        let_ring(turn, call, Transfer(NOBODY, None, "blind", to, leg.channel))
    else:
        _state(turn, call.id, None, "blind", to, done=False)
        if queue is not None:
            waiting.resume(turn, call)
        else:
            scripts.run(turn, call, farewell(turn.center.plan.unknown_number, Outcome.UNKNOWN_NUMBER))


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
    report(turn, call, by, "success")
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
        report(turn, call, transfer.by, "unavailable")
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
