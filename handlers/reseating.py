"""Every operator's state becomes what a picture shows: who rings, talks, or is free again."""

from __future__ import annotations

from datetime import timedelta

from handlers import agents, resumption
from handlers.picture import Picture
from handlers.turn import Turn
from telephony.core.calls import Call
from telephony.core.events import HoldsSeen
from telephony.core.operators import IN_CALL, PHONE_LOST, Agent, State


def settle_all(turn: Turn, picture: Picture) -> None:
    """Set every operator's state to what the picture shows."""
    for agent in list(turn.center.agents.values()):
        if not agent.at_work:
            continue
        held = sorted(agent.channels)
        call = next((turn.center.channels[channel] for channel in held if channel in turn.center.channels), None)
        if call is not None:
            settle_busy(turn, agent, call)
        elif talks := agent.channels & turn.center.native_talks:
            _settle_native(turn, agent, own=all(picture.dialed(channel) for channel in talks))
        elif not held:
            _settle_free(turn, agent)
        if agent.state is State.WRAP_UP:
            _wrap_up_on(turn, agent)
        if picture.starting:
            agents.mirror(turn, agent)


def settle_busy(turn: Turn, agent: Agent, call: Call) -> None:
    """They are in this call: it rings at their phone, or they talk."""
    if agent.call not in turn.center.calls:
        agent.call = call.id
    rings = any(resumption.unanswered(leg) for leg in call.legs.values() if leg.login == agent.login)
    if rings:
        if agent.state is not State.RINGING:
            agents.set_state(turn, agent, State.RINGING, call=call.id)
    elif agent.state is State.BREAK and call.origin == agent.login:
        return  # a call of one's own does not end a break
    elif agent.state not in IN_CALL:
        agent.keep_rona()
        reason = call.own_reason if call.origin == agent.login else ""
        agents.set_state(turn, agent, State.TALKING, reason=reason, call=call.id)


def _settle_native(turn: Turn, agent: Agent, *, own: bool) -> None:
    """They talk in a call that is not ours: one they made themselves (`own`), or that rang at their phone."""
    if agent.state is State.BREAK and own:
        return  # as above
    agent.keep_rona()
    if agent.state is not State.TALKING:
        agents.set_state(turn, agent, State.TALKING, reason="native_call")


def holds_seen(turn: Turn, event: HoldsSeen) -> None:
    """Who has put their caller on hold, or taken them back, while nobody looked. Who holds one and talks with another
    talks."""
    center, held = turn.center, set(event.channels)
    for agent in center.agents.values():
        calls = {channel: center.channels[channel] for channel in agent.channels if channel in center.channels}
        talks = {channel for channel, call in calls.items() if channel in call.in_bridge}
        if agent.state in IN_CALL and talks:
            state = State.ON_HOLD if talks <= held else State.TALKING
            if agent.state is not state:
                agents.set_state(turn, agent, state, reason=agent.reason, call=agent.call)


def _settle_free(turn: Turn, agent: Agent) -> None:
    if agent.state is State.UNREACHABLE:
        if agent.reason == PHONE_LOST and agent.phone not in turn.center.unreachable:
            agents.make_ready(turn, agent, "phone_back")
    elif agent.state is not State.WRAP_UP:
        if agent.state is State.READY:
            agent.idle_since = agent.idle_since or agent.since or turn.now
        agents.settle(turn, agent)


def _wrap_up_on(turn: Turn, agent: Agent) -> None:
    """For what is left of it."""
    agent.generation += 1
    left = (agent.until or turn.now) - turn.now
    turn.wake(agents.WRAP_UP_TIMER + agent.login, agent.generation, max(left, timedelta()))
