"""Lamps follow from what was established: after each turn the facts among its effects tell which may have changed.

`login-EXTENSION`: at work. `break-EXTENSION`: on a pause (the policy lets it blink before the end). `hand-EXTENSION`:
blinks while somebody needs this senior or head; steady for who has raised a hand, or helps. `queue-NAME`: callers wait.
"""

from __future__ import annotations

from handlers.turn import Turn
from telephony.core.break_facts import HandEscalated, HandLowered, HandRaised, HandTaken
from telephony.core.center import Center
from telephony.core.effects import LampState, SetLamp
from telephony.core.events import AnyEvent, OperatorsChanged
from telephony.core.facts import AttemptEnded, AttemptMade, CallEnded, CallQueued, OperatorChanged
from telephony.core.operators import Agent, State

_OF_QUEUES = (CallQueued, AttemptMade, AttemptEnded, CallEnded)
_OF_HANDS = (HandRaised, HandEscalated, HandTaken, HandLowered)


def follow(turn: Turn, event: AnyEvent) -> None:
    """Show what this turn has changed; all of it when nothing has been shown yet, or the people are others."""
    center = turn.center
    if not center.pbx_up and not center.lamps:
        return  # at start: nothing is known before the first picture
    if not center.lamps or isinstance(event, OperatorsChanged):
        _show_all(turn)
        return
    queues = hands = False
    for effect in list(turn.effects):
        if isinstance(effect, SetLamp):
            center.lamps[effect.name] = effect.state
        elif isinstance(effect, OperatorChanged):
            agent = center.agents.get(effect.login)
            if agent is not None:
                _show_operator(turn, agent)
        queues = queues or isinstance(effect, _OF_QUEUES)
        hands = hands or isinstance(effect, _OF_HANDS)
    if queues:
        _show_queues(turn)
    if hands:
        for agent in list(center.at_phone.values()):
            _set(turn, f"hand-{agent.person.extension}", _hand(center, agent))


def _show_all(turn: Turn) -> None:
    for agent in turn.center.agents.values():
        _show_operator(turn, agent)
    _show_queues(turn)


def _show_operator(turn: Turn, agent: Agent) -> None:
    extension = agent.person.extension
    _set(turn, f"login-{extension}", "on" if agent.at_work else "off")
    if agent.state is not State.BREAK:
        _set(turn, f"break-{extension}", "off")
    elif turn.center.lamps.get(f"break-{extension}") != "blinking":
        _set(turn, f"break-{extension}", "on")
    _set(turn, f"hand-{extension}", _hand(turn.center, agent))


def _show_queues(turn: Turn) -> None:
    for name, lanes in turn.center.matcher.lanes.items():
        _set(turn, f"queue-{name}", "on" if any(lane.callers for lane in lanes) else "off")


def _hand(center: Center, agent: Agent) -> LampState:
    """What this operator is to see of the raised hands."""
    if not agent.at_work or not center.hands:
        return "off"
    rules = center.plan.breaks
    senior, head = center.belongs(agent.person, rules.seniors), center.belongs(agent.person, rules.heads)
    others = [hand for hand in center.hands.values() if hand.login != agent.login and hand.taken_by is None]
    if (senior and others) or (head and any(hand.heads_told for hand in others)):
        return "blinking"
    mine = any(agent.login in (hand.login, hand.taken_by) for hand in center.hands.values())
    return "on" if mine else "off"


def _set(turn: Turn, name: str, state: LampState) -> None:
    if turn.center.lamps.get(name) != state:
        turn.center.lamps[name] = state
        turn.do(SetLamp(name=name, state=state))
