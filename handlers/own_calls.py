"""Operators' own calls (to each other, the directory, a queue, out): on record, and they keep the operator busy."""

from __future__ import annotations

from typing import Literal

from handlers import agents, attempts, scripts, talks, waiting
from handlers.turn import Turn
from telephony.core.calls import Call, Leg, Role
from telephony.core.center import Target
from telephony.core.effects import Answer, HangUpReason, Ring
from telephony.core.event import ChannelId
from telephony.core.events import OwnCallStarted
from telephony.core.facts import AttemptResult, CallKind, CallOpened, Outcome
from telephony.core.operators import Agent, State
from telephony.core.script import farewell

REASONS = {
    AttemptResult.BUSY: HangUpReason.BUSY,
    AttemptResult.REJECTED: HangUpReason.BUSY,
    AttemptResult.NO_ANSWER: HangUpReason.NO_ANSWER,
}


def own_call_started(turn: Turn, event: OwnCallStarted) -> None:
    """An operator's phone dials. A phone nobody is logged in on may call too; that call has no operator."""
    if event.channel in turn.center.channels:
        return
    call = open_call(turn, event.channel, event.phone, event.number, "own_call")
    if call is not None:
        _place(turn, call, turn.center.resolve(event.number, event.trunk))


def open_call(turn: Turn, channel: ChannelId, phone: str, number: str, reason: str, *, say: str = "") -> Call | None:
    """Put the call on record and keep its operator busy, TALKING for `reason`; None when it was refused, by the words
    of the prompt `say` where there is one: the call that rings comes first."""
    center = turn.center
    agent = center.at_phone.get(phone)
    call = Call(
        id=channel,
        kind=CallKind.OWN,
        number=number,
        caller="",
        arrived=turn.now,
        opened=turn.now,
        party=channel,
        origin=None if agent is None else agent.login,
        phone=phone,
    )
    center.open(call)
    center.strangers.pop(channel, None)  # from a native talk it has been handed to us
    turn.do(
        CallOpened(call=call.id, kind=call.kind, number=call.number, operator=call.origin, arrived=call.arrived),
    )
    if agent is not None:
        ringing = agent.state is State.RINGING
        agents.occupy(turn, agent, call.party, watch=False)
        if ringing and say:
            turn.do(Answer(call=call.id, channel=call.party))
            scripts.run(turn, call, farewell(say, Outcome.NOT_REACHED))
            return None
        if ringing:
            refuse(turn, call, HangUpReason.BUSY)
            return None
        agent.keep_rona()
        if agent.state in (State.READY, State.WRAP_UP, State.UNREACHABLE):
            agents.set_state(turn, agent, State.TALKING, reason=reason, call=call.id)
    return call


def _place(turn: Turn, call: Call, target: Target | None) -> None:
    if target is None:
        turn.do(Answer(call=call.id, channel=call.party))
        scripts.run(turn, call, farewell(turn.center.plan.unknown_number, Outcome.UNKNOWN_NUMBER))
    elif target.queue is not None:
        turn.do(Answer(call=call.id, channel=call.party))
        waiting.enter(turn, call, target.queue, "arrival")
    elif not can_be_rung(turn, target, call.phone):
        refuse(turn, call, HangUpReason.BUSY)
    else:
        ring_target(turn, call, target, "own")
        turn.do(Ring(call=call.id, channel=call.party))


def turned_back(turn: Turn, call: Call) -> bool:
    """Who serves the queue would wait in it, and be rung by nobody: a pause. They are told so, and the call ends, for
    whoever is rung for it too. They may with a caller on hold, to ask a colleague, whoever is free."""
    center = turn.center
    agent = center.agents.get(call.origin or "")
    if agent is None or not center.pbx_up or not _serves(agent, call.queue) or talks.has_caller(turn, agent):
        return False
    waiting.stop_waiting(turn, call)
    if call.offer is not None:
        call.legs[call.offer].result = AttemptResult.CANCELLED
        turn.hang_up(call, call.offer)
    scripts.run(turn, call, farewell("own-queue", Outcome.NOT_REACHED))
    return True


def _serves(agent: Agent, queue: str | None) -> bool:
    return any(lane.queue.name == queue for lane in agent.lanes)


def look_again(turn: Turn, agent: Agent) -> None:
    """The operator serves other queues than before, or there is one call less on their phone: may they still wait?"""
    calls = (turn.center.channels.get(channel) for channel in sorted(agent.channels))
    for call in [call for call in calls if call is not None and call.origin == agent.login and call.eligible]:
        turned_back(turn, call)


def can_be_called(turn: Turn, agent: Agent) -> bool:
    """Whether a colleague may ring this operator: at work, and nothing rings or talks on the phone (promise I3)."""
    free = agent.state in (State.READY, State.WRAP_UP)
    return free and not agent.channels and agent.phone not in turn.center.unreachable


def can_be_rung(turn: Turn, target: Target, phone: str | None) -> bool:
    """Whether to ring this operator, directory entry or outside number for who is at `phone`, where it is one of the
    house: an operator when they can be called now, and nobody for themselves."""
    if target.agent is not None:
        return can_be_called(turn, target.agent)
    return phone is None or target.entry is None or target.entry.phone != phone


def ring_target(turn: Turn, call: Call, target: Target, reason: Literal["transfer", "own"]) -> Leg:
    """Ring an operator, a directory entry or an outside number: one who `can_be_rung`."""
    if target.agent is not None:
        return waiting.ring(turn, call, target.agent, turn.center.plan.default_ring, reason)
    if target.entry is not None:
        entry = target.entry
        return ring_far(turn, call, entry.ring, reason, phone=entry.phone, trunk=entry.trunk, number=entry.dial)
    return ring_far(turn, call, turn.center.plan.default_ring, reason, trunk=target.trunk, number=target.number)


def ring_far(
    turn: Turn,
    call: Call,
    seconds: int,
    reason: Literal["transfer", "own"],
    *,
    phone: str | None = None,
    trunk: str | None = None,
    number: str | None = None,
) -> Leg:
    """Make a leg to somebody who is not an operator at work."""
    leg = Leg(turn.center.name_leg(call), Role.FAR, call.attempts, seconds, turn.now, why=reason, phone=phone)
    turn.center.add_leg(call, leg)
    attempts.make_leg(turn, call, leg, trunk=trunk, number=number)
    return leg


def answer_origin(turn: Turn, call: Call) -> None:
    """The far end has picked up: only now the calling phone is answered."""
    turn.do(Answer(call=call.id, channel=call.party))


def far_end_failed(turn: Turn, call: Call, result: AttemptResult) -> None:
    call.outcome = Outcome.NOT_REACHED
    refuse(turn, call, REASONS.get(result, HangUpReason.CONGESTION))


def refuse(turn: Turn, call: Call, reason: HangUpReason) -> None:
    """End an own call that found nobody."""
    call.outcome, call.ended_by = call.outcome or Outcome.NOT_REACHED, "center"
    turn.hang_up(call, call.party, reason)
