"""Two channels hear each other: asked for, confirmed by the PBX or refused, and what that means for the call's end."""

from __future__ import annotations

from datetime import datetime

from handlers import agents, helping, own_calls, scripts, talks, transfers, waiting
from handlers.turn import Turn
from telephony.core.calls import Call, Connecting, Leg, LegState, Role
from telephony.core.effects import Connect, Dissolve
from telephony.core.event import ChannelId
from telephony.core.events import Bridged, PbxRefused
from telephony.core.facts import AttemptAnswered, AttemptEnded, AttemptResult, CallBridged, CallEnded, CallKind, Outcome
from telephony.core.operators import State


def answered(turn: Turn, call: Call, leg: Leg, at: datetime) -> None:
    """The leg was picked up, on record: a call more that its operator has taken, unless a colleague's."""
    turn.do(AttemptAnswered(call=call.id, n=leg.n, at=at))
    if leg.login is not None:
        turn.center.agents[leg.login].calls += leg.why != "own"


def connect(turn: Turn, call: Call, leg: Leg) -> None:
    """Let the party and the answered leg hear each other."""
    scripts.drop(turn, call)
    waiting.stop_waiting(turn, call)
    if call.offer == leg.channel:
        call.offer = None
    if call.transfer is not None and call.transfer.leg == leg.channel:
        transfers.target_answered(turn, call)
    if call.kind is CallKind.OWN and call.answered is None:
        own_calls.answer_origin(turn, call)
    if call.bridge is not None:
        turn.do(Dissolve(call=call.id, bridge=call.bridge))
        call.in_bridge.clear()
    bridge_with(turn, call, leg)
    if call.origin is not None:
        talks.follow(turn, turn.center.agents[call.origin])
    if leg.login is not None:
        agent = turn.center.agents[leg.login]
        agents.set_state(turn, agent, State.TALKING, call=call.id)


def bridge_with(turn: Turn, call: Call, leg: Leg) -> None:
    """Ask for a new bridge of the two."""
    channels = (call.party, leg.channel)
    staff = tuple(channel for channel in channels if is_staff(call, channel))
    call.bridge, call.held = turn.center.name_bridge(call), False
    call.connecting = Connecting(call.bridge, leg.login)
    turn.do(Connect(call=call.id, bridge=call.bridge, channels=channels, staff=staff))


def is_staff(call: Call, channel: ChannelId) -> bool:
    """Whether the channel is an operator's who talks with a caller: its digits are kept from the other side. In a call
    of their own the digits are for whoever they have called: a menu, a door."""
    leg = call.legs.get(channel)
    return leg is not None and leg.role is Role.OPERATOR and call.kind is CallKind.INBOUND


def bridged(turn: Turn, event: Bridged) -> None:
    """The PBX confirms: only now the call counts as answered. One of the two may have left at that very moment."""
    call = turn.center.calls.get(event.call)
    if call is None:
        return
    asked = _asked(call, event.bridge)
    if not call.ended and call.bridge == event.bridge:
        call.in_bridge.update(event.channels)
        for leg in [call.legs[channel] for channel in event.channels if channel in call.legs]:
            call.talked_to, call.talked = leg.login, True
            _heard_each_other(turn, call, leg.login, turn.now)
        if asked is not None:
            helping.come_along(turn, call)
    elif asked is not None:
        _heard_each_other(turn, call, asked.login, call.ended_at or turn.now)
        settle_end(turn, call)


def _asked(call: Call, bridge: str) -> Connecting | None:
    """What was asked for, and is answered now."""
    asked = call.connecting
    if asked is None or asked.bridge != bridge:
        return None
    call.connecting = None
    return asked


def _heard_each_other(turn: Turn, call: Call, login: str | None, at: datetime) -> None:
    if call.answered is None:
        call.answered = at
        turn.do(CallBridged(call=call.id, operator=login, at=at))


def not_bridged(turn: Turn, event: PbxRefused) -> None:
    """One of the two was gone already. Its end is reported by itself; whoever is left goes back to the queue."""
    call = turn.center.calls.get(event.call)
    if call is None:
        return
    asked = _asked(call, event.bridge)
    if asked is not None and event.status:
        turn.do(Dissolve(call=call.id, bridge=event.bridge))
    if call.ended:
        if asked is not None:
            settle_end(turn, call)
    elif call.bridge == event.bridge and event.status:
        call.bridge = None
        for leg in list(call.legs.values()):
            if leg.state is LegState.UP and leg.channel not in call.in_bridge:
                _part(turn, call, leg)


def _part(turn: Turn, call: Call, leg: Leg) -> None:
    """The two do not come together (again): the leg ends. Which of them was gone is not said: a caller who is still
    there after a while goes back to the queue."""
    talked = leg.login is not None and leg.login == call.talked_to
    leg.result = AttemptResult.ANSWERED if talked else AttemptResult.FAILED
    turn.hang_up(call, leg.channel)
    if call.queue is not None:
        call.offer = call.offer or leg.channel
        waiting.doubt(turn, call)
    elif call.answered is not None:
        call.ended_by = "center"
        turn.hang_up(call, call.party)


# -- the end of a call


def end_call(turn: Turn, call: Call, at: datetime) -> None:
    """The party has gone. The outcome waits for the answer to a Connect that is still under way."""
    call.ended, call.ended_at = True, at
    if call.connecting is None:
        _state_end(turn, call, at)


def expect_no_answers(turn: Turn, calls: list[Call]) -> None:
    """The line was down: what was not answered before will not be."""
    for call in calls:
        if call.connecting is not None:
            call.connecting = None
            settle_end(turn, call)


def settle_end(turn: Turn, call: Call) -> None:
    """The answer has come."""
    if call.ended_at is not None:
        _state_end(turn, call, call.ended_at)
        turn.center.forget_if_over(call)


def end_attempts(turn: Turn, call: Call, at: datetime) -> None:
    """The call's legs are being hung up: their attempts end with it, on record at the same moment, so that no attempt
    stays open should this be the last that the router does."""
    for leg in call.legs.values():
        if leg.n:
            result = AttemptResult.ANSWERED if leg.state is LegState.UP else AttemptResult.CANCELLED
            turn.do(AttemptEnded(call=call.id, n=leg.n, result=leg.result or result, at=at))
            leg.n = 0


def _state_end(turn: Turn, call: Call, at: datetime) -> None:
    """State the call's end and its outcome, once."""
    end_attempts(turn, call, at)
    if call.end_unknown:
        return
    unanswered = Outcome.ABANDONED if call.kind is CallKind.INBOUND else Outcome.NOT_REACHED
    outcome = Outcome.ANSWERED if call.answered is not None else call.outcome or unanswered
    by = call.ended_by or ("caller" if call.origin is None else "operator")
    turn.do(CallEnded(call=call.id, outcome=outcome, by=by, at=at))
