"""What operators are told at their phones without having asked: that a break is nearly over, or that it is."""

from __future__ import annotations

from handlers import agents
from handlers.turn import Turn
from telephony.core.effects import Announce, HangUp
from telephony.core.event import ChannelId
from telephony.core.events import TimerFired
from telephony.core.operators import OVERRUN, Agent, State

RING_SECONDS = 10
"""Who has not picked up by then is not at the phone."""
IDLE_TIMER = "idle:"


def announce(
    turn: Turn, agent: Agent, *prompts: str, within: int = RING_SECONDS, by_itself: bool = True
) -> ChannelId | None:
    """Ring the operator's phone and say this to whoever picks up, if nothing else is on that phone; nothing else rings
    there meanwhile. `within`: in so many seconds it is too late to say it. `by_itself`: the phone may pick up so, where
    it is configured to. Answers what rings."""
    center = turn.center
    if agent.phone is None or agent.phone in center.unreachable or agent.channels or not center.pbx_up:
        return None
    agent.announced = channel = f"announcement-{center.new_name()}"
    turn.do(
        Announce(
            call=channel,
            channel=channel,
            phone=agent.phone,
            prompts=prompts,
            seconds=min(within, RING_SECONDS),
            auto_answer=by_itself and agent.phone in center.pick_up,
        )
    )
    agents.occupy(turn, agent, channel, watch=True)
    return channel


def cut_off(turn: Turn, agent: Agent) -> None:
    """It is not true any more."""
    channel, agent.announced, agent.called_back, agent.call_back_due = agent.announced, None, None, False
    if channel in agent.channels:
        turn.do(HangUp(call=channel, channel=channel))


# -- a break is over: who picks up is back


def call_back(turn: Turn, agent: Agent) -> bool:
    """Ring until somebody picks up; False where the phone cannot be rung."""
    agent.call_back_due = False
    agent.called_back = announce(turn, agent, "break-over", by_itself=False)
    return agent.called_back is not None


def must_wait(turn: Turn, agent: Agent) -> bool:
    """Whether they cannot be rung yet, through no fault of theirs: the PBX is out of reach, or the warning or a code is
    still on the phone."""
    center = turn.center
    return not center.pbx_up or (bool(agent.channels) and agent.channels <= center.strangers.keys())


def expect_idle(turn: Turn, agent: Agent) -> None:
    """They are rung as soon as nothing is on the phone, before any caller."""
    agent.call_back_due = agent.state is State.READY
    turn.wake(IDLE_TIMER + agent.login, agent.breaks, RING_SECONDS)


def call_back_late(turn: Turn, agent: Agent) -> bool:
    """Whether the phone, on which nothing is any more, rings now for a break that ended when it could not."""
    return agent.call_back_due and turn.center.pbx_up and call_back(turn, agent)


def not_idle(turn: Turn, event: TimerFired) -> None:
    """Something has been on the phone for as long as it would have rung."""
    agent = turn.center.agents.get(event.key.removeprefix(IDLE_TIMER))
    if agent is None or agent.breaks != event.generation or not agent.call_back_due:
        return
    if turn.center.pbx_up and agent.channels:
        agents.set_state(turn, agent, State.UNREACHABLE, reason=OVERRUN)


def picked_up(turn: Turn, channel: ChannelId) -> None:
    agent = turn.center.strangers.get(channel)
    if agent is not None and agent.called_back == channel:
        agent.called_back = None


def rang_out(turn: Turn, agent: Agent, channel: ChannelId) -> None:
    """It has ended; nobody has picked up, unless that was heard of. A PBX that died had no time to ring."""
    if agent.called_back != channel:
        return
    agent.called_back = None
    if agent.state is State.READY and turn.center.pbx_up:
        agents.set_state(turn, agent, State.UNREACHABLE, reason=OVERRUN)
