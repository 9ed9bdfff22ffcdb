"""Every operator's state becomes what a picture shows: who rings, talks, or is free again."""

from __future__ import annotations

from datetime import timedelta

from handlers import agents, resumption, talks, violations
from handlers.picture import Picture
from handlers.turn import Turn
from telephony.core.calls import Call
from telephony.core.events import HoldsSeen
from telephony.core.operators import BREAK_OVER, IN_CALL, PHONE_LOST, Agent, State


def settle_all(turn: Turn, picture: Picture) -> None:
    """Set every operator's state to what the picture shows."""
    for agent in list(turn.center.agents.values()):
        if not agent.at_work:
            continue
        outside = agent.channels & turn.center.native_talks
        dialed = bool(outside) and all(picture.dialed(channel) for channel in outside)
        if not settle_busy(turn, agent, dialed=dialed) and not agent.channels:
            _settle_free(turn, agent)
        if agent.state is State.WRAP_UP:
            _wrap_up_on(turn, agent)
        elif agent.tail is not None and agent.state in IN_CALL:
            violations.expect_end(turn, agent, agent.until or turn.now)
        if picture.starting:
            agents.mirror(turn, agent)


def settle_busy(turn: Turn, agent: Agent, *, dialed: bool = False) -> bool:
    """Whether a call is on their phone: it rings there, or they talk. `dialed`: they made the one that is not ours. Who
    holds whom is not known yet: a talk that goes on is left as it is."""
    ringing, talk = _ringing(turn, agent), talks.find(turn, agent)
    if ringing is not None:
        if agent.state is not State.RINGING:
            agents.set_state(turn, agent, State.RINGING, call=ringing.id)
        return True
    if talk is None:
        return False
    own = dialed if talk.call is None else turn.center.calls[talk.call].origin == agent.login
    if agent.state is State.BREAK and own:
        return True  # a call of one's own does not end a break
    if agent.state not in IN_CALL or agent.call != talk.call:
        outlasted = own and _began_on_break(turn, agent, talk)
        agent.keep_rona()
        talks.enter(turn, agent, talk)
        if outlasted:
            violations.break_outlasted(turn, agent, turn.now)
    return True


def _began_on_break(turn: Turn, agent: Agent, talk: talks.Talk) -> bool:
    """Whether the break has ended within this call, while nobody looked."""
    call = turn.center.calls.get(talk.call or "")
    since_break = agent.since if (agent.state, agent.reason) == (State.READY, BREAK_OVER) else None
    return call is not None and since_break is not None and call.arrived < since_break


def _ringing(turn: Turn, agent: Agent) -> Call | None:
    known = turn.center.channels
    calls = [known[channel] for channel in sorted(agent.channels) if channel in known]
    mine = ((call, leg) for call in calls for leg in call.legs.values() if leg.login == agent.login)
    return next((call for call, leg in mine if resumption.unanswered(leg)), None)


def holds_seen(turn: Turn, event: HoldsSeen) -> None:
    """Who has put their caller on hold, or taken them back, while nobody looked."""
    for agent in turn.center.agents.values():
        agent.held = agent.channels.intersection(event.channels)
        talks.follow(turn, agent)


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
