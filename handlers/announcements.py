"""What operators are told at their phones without having asked: that a break is nearly over."""

from __future__ import annotations

from handlers import agents
from handlers.turn import Turn
from telephony.core.effects import Announce, HangUp
from telephony.core.operators import Agent

RING_SECONDS = 10
"""Who has not picked up by then is not at the phone."""


def announce(turn: Turn, agent: Agent, *prompts: str, within: int) -> None:
    """Ring the operator's phone and say this to whoever picks up, if nothing else is on that phone; nothing else rings
    there meanwhile. `within`: in so many seconds it is too late to say it."""
    center = turn.center
    if agent.phone is None or agent.phone in center.unreachable or agent.channels or not center.pbx_up:
        return
    agent.announced = channel = f"announcement-{center.new_name()}"
    turn.do(
        Announce(
            call=channel,
            channel=channel,
            phone=agent.phone,
            prompts=prompts,
            seconds=min(within, RING_SECONDS),
            auto_answer=agent.phone in center.pick_up,
        )
    )
    agents.occupy(turn, agent, channel, watch=True)


def cut_off(turn: Turn, agent: Agent) -> None:
    """It is not true any more."""
    channel, agent.announced = agent.announced, None
    if channel in agent.channels:
        turn.do(HangUp(call=channel, channel=channel))
