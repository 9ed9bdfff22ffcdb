"""What the lamps of the phones show: my break, my login, and that somebody waits in a queue."""

from __future__ import annotations

from typing import Literal

from handlers.turn import Turn
from telephony.core.effects import SetLamp
from telephony.core.operators import OVERRUN, Agent, State

Light = Literal["off", "on", "blinking"]


def break_light(agent: Agent) -> Light:
    """On during a break, blinking when it is over and the operator is not back."""
    if agent.state is State.BREAK:
        return "on"
    return "blinking" if (agent.state, agent.reason) == (State.UNREACHABLE, OVERRUN) else "off"


def follow(turn: Turn, agent: Agent, shown: Light, was_at_work: bool) -> None:
    """The operator's state has changed: so do their lamps, where they differ from what was `shown`."""
    light = break_light(agent)
    if light != shown:
        turn.do(SetLamp(name=f"break-{agent.person.extension}", state=light))
    if agent.at_work != was_at_work:
        turn.do(SetLamp(name=f"login-{agent.person.extension}", state="on" if agent.at_work else "off"))


def warn(turn: Turn, agent: Agent) -> None:
    """The break is nearly over."""
    turn.do(SetLamp(name=f"break-{agent.person.extension}", state="blinking"))


def show(turn: Turn, agent: Agent) -> None:
    """As it stands, when a new life of the router begins."""
    follow(turn, agent, "off" if agent.state is State.BREAK else "on", was_at_work=False)


def move(turn: Turn, agent: Agent, extension: str) -> None:
    """The operator at work has another extension than this, which was theirs."""
    turn.do(SetLamp(name=f"break-{extension}", state="off"), SetLamp(name=f"login-{extension}", state="off"))
    show(turn, agent)


def show_queues(turn: Turn) -> None:
    """At the end of a turn: in which queues somebody waits, where that has changed."""
    center = turn.center
    for queue in sorted(center.matcher.moved):
        waits = center.matcher.anybody_in(queue)
        if waits != (queue in center.lit):
            turn.do(SetLamp(name=f"queue-{queue}", state="on" if waits else "off"))
            (center.lit.add if waits else center.lit.discard)(queue)
    center.matcher.moved.clear()
