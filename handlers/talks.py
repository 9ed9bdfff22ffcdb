"""Which of the calls on an operator's phone is the talk they are in.

A caller's, as long as there is one: who is asked on another line meanwhile is asked for the caller (CONSULTING). With
the caller the talk ends, and the wrap-up begins; what the operator goes on with is a call of their own.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from handlers import agents, violations
from handlers.turn import Turn
from telephony.core.calls import Call, LegState
from telephony.core.event import CallId, ChannelId
from telephony.core.facts import CallKind
from telephony.core.operators import CONSULTING, IN_CALL, NATIVE_CALL, NO_CALLER, Agent, State


class Talk(NamedTuple):
    """How an operator in a call stands on record."""

    state: State
    reason: str
    call: CallId | None
    """None: one that is not ours, from a time when no router lived."""


def find(turn: Turn, agent: Agent) -> Talk | None:
    """None without a call on the phone: a code is none."""
    lines = _lines(turn, agent)
    callers = {channel: call for channel, call in lines.items() if call.kind is CallKind.INBOUND}
    own = {channel: call for channel, call in lines.items() if call.kind is not CallKind.INBOUND}
    natives = agent.channels & turn.center.native_talks
    if callers or natives:
        call = _of(agent, callers)
        if any(_connected(one) for channel, one in own.items() if channel not in agent.held):
            return Talk(State.TALKING, CONSULTING, None if call is None else call.id)
        state = State.ON_HOLD if callers.keys() | natives <= agent.held else State.TALKING
        return Talk(state, NATIVE_CALL, None) if call is None else Talk(state, "", call.id)
    spoken = {channel: call for channel, call in own.items() if channel not in agent.held}
    call = _of(agent, spoken or own)
    if call is None:
        return None
    reason = call.own_reason if call.origin == agent.login else ""
    return Talk(State.TALKING if spoken else State.ON_HOLD, reason, call.id)


def _lines(turn: Turn, agent: Agent) -> dict[ChannelId, Call]:
    """The calls that do not ring at the phone any more: answered there, or dialed."""
    known = turn.center.channels
    lines = {channel: known[channel] for channel in sorted(agent.channels) if channel in known}
    legs = {channel: call.legs.get(channel) for channel, call in lines.items()}
    return {channel: lines[channel] for channel, leg in legs.items() if leg is None or leg.state is LegState.UP}


def _of(agent: Agent, lines: dict[ChannelId, Call]) -> Call | None:
    """Of several the one that it is now, else one that has somebody at the other end."""
    calls = sorted(lines.values(), key=lambda call: (call.id != agent.call, not _connected(call)))
    return calls[0] if calls else None


def _connected(call: Call) -> bool:
    return call.bridge is not None or call.answered is not None


def has_caller(turn: Turn, agent: Agent) -> bool:
    """Whether one is on the operator's phone; in a call that is not ours there may be one."""
    calls = _lines(turn, agent).values()
    return bool(agent.channels & turn.center.native_talks) or any(call.kind is CallKind.INBOUND for call in calls)


def _caller_at(turn: Turn, phone: str) -> bool:
    """The same of any phone of the house: a specialist's, too, to whom a caller was handed."""
    agent = turn.center.at_phone.get(phone)
    if agent is not None:
        return has_caller(turn, agent)
    return any(call.kind is CallKind.INBOUND for call, _ in turn.center.calls_at(phone))


def with_caller(turn: Turn, agent: Agent) -> bool:
    """Whether what an operator in an ENGAGED state is in, or comes from, is a caller's."""
    call = turn.center.calls.get(agent.call or "")
    return agent.reason not in NO_CALLER and (call is None or call.kind is CallKind.INBOUND)


def for_caller(turn: Turn, agent: Agent) -> bool:
    """The same, or they are there for somebody else's: help a colleague in a talk, or are asked by one who has a
    caller, whichever of the two calls that colleague is in just now."""
    if with_caller(turn, agent) or agent.reason == "helping":
        return True
    call = turn.center.calls.get(agent.call or "")
    asking = None if call is None else call.phone
    return asking is not None and asking != agent.phone and _caller_at(turn, asking)


# -- what changes it


def held(turn: Turn, agent: Agent, channel: ChannelId) -> None:
    """The operator has put the other side of this channel on hold."""
    agent.held.add(channel)
    follow(turn, agent)


def resumed(turn: Turn, agent: Agent, channel: ChannelId) -> None:
    agent.held.discard(channel)
    follow(turn, agent)


def follow(turn: Turn, agent: Agent) -> None:
    """A call has come to those on the phone of an operator who is in one, is held or resumed, or has gone."""
    talk = find(turn, agent) if agent.state in IN_CALL else None
    if talk is not None:
        enter(turn, agent, talk)


def enter(turn: Turn, agent: Agent, talk: Talk, at: datetime | None = None) -> None:
    """The operator is in this talk, from now on or since `at`."""
    state, reason, call = talk
    was_callers = agent.engaged_since is not None and agent.state in IN_CALL
    if not was_callers or call is None or turn.center.calls[call].kind is CallKind.INBOUND:
        agents.set_state(turn, agent, state, reason=reason, call=call, at=at)
        return
    due = turn.now + timedelta(seconds=agent.wrap_up)
    agent.wrap_up = 0
    agents.set_state(turn, agent, state, reason=reason, call=call, until=due)
    violations.expect_end(turn, agent, due)
    if agent.phone is not None:
        caller_left(turn, agent.phone)


def caller_left(turn: Turn, phone: str) -> None:
    """This phone of the house has none any more. Whom it asks on another line they ask for nobody: the wrap-up that was
    cut short by it counts again."""
    dialed = [call for call, leg in turn.center.calls_at(phone) if leg is None]
    asked = [turn.center.agents[leg.login] for call in dialed for leg in call.legs.values() if leg.login is not None]
    for agent in asked:
        if agent.state in (State.RINGING, *IN_CALL) and agent.until is not None and not for_caller(turn, agent):
            violations.expect_end(turn, agent, agent.until)
