"""The lamps of raised hands: `hand-EXTENSION` blinks while somebody needs this senior or head, and is steady for who
has raised a hand, or helps. What a turn has established tells which may have changed."""

from __future__ import annotations

from handlers.turn import Turn
from telephony.core.break_facts import HandEscalated, HandLowered, HandRaised, HandTaken
from telephony.core.center import Center
from telephony.core.effects import LampState, SetLamp
from telephony.core.facts import OperatorChanged
from telephony.core.operators import Agent

_OF_HANDS = (HandRaised, HandEscalated, HandTaken, HandLowered)


def follow(turn: Turn) -> None:
    """At the end of a turn: where a hand went up or down, or somebody came to work or left."""
    center = turn.center
    if not center.hands and not center.hand_lamps:
        return  # nearly always
    if any(isinstance(effect, _OF_HANDS) for effect in turn.effects):
        changed = list(center.at_phone.values())
    else:
        logins = [effect.login for effect in turn.effects if isinstance(effect, OperatorChanged)]
        changed = [center.agents[login] for login in logins if login in center.agents]
    for agent in changed:
        if _light(center, agent) != center.hand_lamps.get(agent.login, "off"):
            show(turn, agent)


def show(turn: Turn, agent: Agent) -> None:
    light = _light(turn.center, agent)
    turn.do(SetLamp(name=f"hand-{agent.person.extension}", state=light))
    if light == "off":
        turn.center.hand_lamps.pop(agent.login, None)
    else:
        turn.center.hand_lamps[agent.login] = light


def _light(center: Center, agent: Agent) -> LampState:
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
