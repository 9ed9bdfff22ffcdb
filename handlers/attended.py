"""Attended transfers: the caller is joined to whoever the operator consults, be it that they talk, ring, or that the
operator waits for one in a queue. What becomes of a transfer is in `transfers`."""

from __future__ import annotations

from handlers import agents, attempts, bridging, scripts, talks, transfers, waiting
from handlers.turn import Turn
from telephony.core.calls import Call, Leg, LegState, Role, Transfer
from telephony.core.effects import Join, SetVariables
from telephony.core.event import ChannelId
from telephony.core.facts import AttemptEnded, AttemptResult, CallKind
from telephony.core.operators import IN_CALL, Agent


def join(turn: Turn, call: Call, by: ChannelId, replaced: ChannelId) -> None:
    """Join the caller to whoever the operator is consulting: talking, still ringing, or still waiting in a queue. It is
    the phone's choice on which of its two calls it asks, and which one the REFER is to replace."""
    asks_on, consultation = by, turn.center.channels.get(replaced)
    if consultation is not None and _only_consults(call, by, consultation, replaced):
        call, by, consultation, replaced = consultation, replaced, call, by
    if consultation is None or not _can_join(call, by, consultation, replaced):
        transfers.report(turn, call, asks_on, "declined")
        return
    if by in call.legs:
        call.legs[by].asks_on = asks_on
    if replaced != consultation.party:  # they were called: whoever called them goes over
        transfers.let_party_stay(turn, consultation, consultation.party)
    queue = turn.center.queues.get(consultation.queue or "")
    far = next((leg for leg in consultation.legs.values() if leg.result is None), None)
    if far is not None and (queue is None or far.state is LegState.UP):
        _take_over(turn, call, by, consultation, far)
    elif queue is None or waiting.nobody_there(turn, queue) is not None:
        transfers.fail(turn, call, by, "attended", consultation.number)
    else:
        transfers.to_queue(turn, call, by, queue, "attended")
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
    return talks and not moves and not ends and transfers.can_transfer(call, by)


def _take_over(turn: Turn, call: Call, by: ChannelId, consultation: Call, far: Leg) -> None:
    """The consulted leg changes over to the caller's call, ringing or talking. It gets its new names in the course of
    the consultation, where its old ones may still be on their way."""
    center = turn.center
    transfers.let_party_stay(turn, call, by)
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
        transfers.target_answered(turn, call)
    else:
        transfers.let_ring(turn, call, transfer)
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
