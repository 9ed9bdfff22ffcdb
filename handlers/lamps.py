"""What the lamps of the phones show: `break-EXTENSION`, `login-EXTENSION`, and `queue-NAME`: somebody waits there.
Those of raised hands are in `hand_lamps`."""

from __future__ import annotations

from handlers import hand_lamps
from handlers.turn import Turn
from telephony.core.effects import LampState, SetLamp
from telephony.core.events import AnyEvent, OperatorsChanged
from telephony.core.operators import OVERRUN, Agent, State


def break_light(agent: Agent) -> LampState:
    """On during a break, blinking when it is nearly over, and when it is and the operator is not back."""
    if agent.state is State.BREAK:
        return "blinking" if agent.warned else "on"
    return "blinking" if (agent.state, agent.reason) == (State.UNREACHABLE, OVERRUN) else "off"


def follow(turn: Turn, agent: Agent, shown: LampState, was_at_work: bool) -> None:
    """The operator's state has changed: so do their lamps, where they differ from what was `shown`."""
    light = break_light(agent)
    if light != shown:
        turn.do(SetLamp(name=f"break-{agent.person.extension}", state=light))
    if agent.at_work != was_at_work:
        turn.do(SetLamp(name=f"login-{agent.person.extension}", state="on" if agent.at_work else "off"))


def warn(turn: Turn, agent: Agent) -> None:
    """The break is nearly over."""
    agent.warned = True
    turn.do(SetLamp(name=f"break-{agent.person.extension}", state="blinking"))


def end_turn(turn: Turn, event: AnyEvent) -> None:
    """What this turn has changed besides the states of operators; all lamps when nothing has been shown yet in this
    life of the router, or the people are others."""
    center = turn.center
    if center.pbx_up and (not center.lamps_shown or isinstance(event, OperatorsChanged)):
        center.lamps_shown = True
        _show_all(turn)
    elif center.matcher.moved:
        _show_queues(turn)
    hand_lamps.follow(turn)


def _show_all(turn: Turn) -> None:
    """As it stands. A former life may have died between a change and its lamp."""
    for agent in turn.center.agents.values():
        extension = agent.person.extension
        turn.do(SetLamp(name=f"login-{extension}", state="on" if agent.at_work else "off"))
        turn.do(SetLamp(name=f"break-{extension}", state=break_light(agent)))
        hand_lamps.show(turn, agent)
    for queue in turn.center.queues:
        waits = turn.center.matcher.anybody_in(queue)
        turn.do(SetLamp(name=f"queue-{queue}", state="on" if waits else "off"))
        (turn.center.lit.add if waits else turn.center.lit.discard)(queue)
    turn.center.matcher.moved.clear()


def _show_queues(turn: Turn) -> None:
    """In which queues somebody waits, where that has changed."""
    center = turn.center
    for queue in sorted(center.matcher.moved):
        waits = center.matcher.anybody_in(queue)
        if waits != (queue in center.lit):
            turn.do(SetLamp(name=f"queue-{queue}", state="on" if waits else "off"))
            (center.lit.add if waits else center.lit.discard)(queue)
    center.matcher.moved.clear()


def put_out(turn: Turn, extension: str) -> None:
    """It belonged to an operator at work who has another one now."""
    turn.do(SetLamp(name=f"break-{extension}", state="off"), SetLamp(name=f"login-{extension}", state="off"))
