"""A raised hand: a senior is needed in this conversation, which goes on untouched.

Seniors at work are told at once; the heads too when none of the seniors is free, or nobody has come in time; then
somebody must look (an alarm). `handlers.helping` is what those do who come.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from handlers import operators
from handlers.turn import Turn
from telephony.core.break_facts import HandEscalated, HandLowered, HandRaised
from telephony.core.calls import Call, LegState
from telephony.core.commands import RaiseHand
from telephony.core.effects import Alarm
from telephony.core.event import ChannelId
from telephony.core.events import DigitPressed, TimerFired
from telephony.core.facts import CallKind
from telephony.core.hands import KEYS_SECONDS, Hand
from telephony.core.operators import IN_CALL, Agent, State
from telephony.core.remembered import OpenHand

HEADS_TIMER = "hand-heads:"
ALARM_TIMER = "hand-alarm:"


def raise_hand(turn: Turn, event: RaiseHand) -> None:
    """By the code, dialed on the phone's second line while the first is on hold, or from the command line."""
    agent = operators.asked_by(turn, event.phone, event.login)
    if agent is None or not agent.at_work:
        operators.answer(turn, event.command, "not-logged-in", ok=False)
        return
    operators.busy_with_code(turn, agent, event.channel)
    code = _raise_or_withdraw(turn, agent)
    operators.answer(turn, event.command, code, ok=code != "hand-no-call")


def key_pressed(turn: Turn, event: DigitPressed) -> None:
    """The keys of the hand, pressed by an operator who talks with a caller: the bridge keeps them from the caller. In a
    call of their own all keys are for the other side."""
    keys = turn.center.plan.hands.keys
    call, agent = turn.center.channels.get(event.channel), turn.center.agent_on(event.channel)
    if keys is None or call is None or agent is None or call.kind is not CallKind.INBOUND:
        return
    pressed = (*turn.center.pressed.pop(event.channel, ()), (event.digit, turn.now))[-len(keys) :]
    in_time = turn.now - pressed[0][1] <= timedelta(seconds=KEYS_SECONDS)
    if "".join(digit for digit, _ in pressed) == keys and in_time:
        _raise_or_withdraw(turn, agent)
    else:
        turn.center.pressed[event.channel] = pressed


def _raise_or_withdraw(turn: Turn, agent: Agent) -> str:
    """What to answer."""
    center = turn.center
    up = next((hand for hand in center.hands.values() if hand.login == agent.login), None)
    if up is not None:
        lower(turn, up, "withdrawn")
        return "hand-lowered"
    call = conversation(turn, agent)
    if call is None or channel_of(call, agent.login) is None or call.party in center.helps:
        return "hand-no-call"
    hand = Hand(center.name_hand(), agent.login, call.id, turn.now)
    center.hands[hand.id] = hand
    turn.do(HandRaised(hand=hand.id, login=hand.login, call=hand.call, at=hand.at))
    _wait_for_help(turn, hand)
    if not any(_is_free_senior(turn, other) for other in center.at_phone.values() if other is not agent):
        _tell_heads(turn, hand)
    return "hand-raised"


def conversation(turn: Turn, agent: Agent) -> Call | None:
    """What the operator is in the middle of."""
    call = turn.center.calls.get(agent.call or "")
    if call is None or call.ended or call.answered is None or agent.state not in IN_CALL:
        return None
    return call


def channel_of(call: Call, login: str) -> ChannelId | None:
    """The operator's channel in this conversation."""
    if call.origin == login:
        return call.party
    legs = (leg for leg in call.legs.values() if leg.login == login and leg.state is LegState.UP)
    return next((leg.channel for leg in legs), None)


def _is_free_senior(turn: Turn, agent: Agent) -> bool:
    at_hand = agent.state in (State.READY, State.WRAP_UP)
    return at_hand and turn.center.belongs(agent.person, turn.center.plan.breaks.seniors)


# -- until somebody comes


def _wait_for_help(turn: Turn, hand: Hand) -> None:
    """Counted from when it went up, whichever life of the router that was in."""
    hand.awaited = True
    rules, waited = turn.center.plan.hands, turn.now - hand.at
    for timer, seconds in ((HEADS_TIMER, rules.heads_after), (ALARM_TIMER, rules.alarm_after)):
        turn.wake(timer + hand.id, 0, max(timedelta(seconds=seconds) - waited, timedelta()))


def _tell_heads(turn: Turn, hand: Hand) -> None:
    heads = turn.center.plan.breaks.heads
    if heads is not None and not hand.heads_told:
        hand.heads_told = True
        turn.do(HandEscalated(hand=hand.id, to=heads, at=turn.now))


def heads_due(turn: Turn, event: TimerFired) -> None:
    hand = turn.center.hands.get(event.key.removeprefix(HEADS_TIMER))
    if hand is not None and hand.taken_by is None:
        _tell_heads(turn, hand)


def alarm_due(turn: Turn, event: TimerFired) -> None:
    hand = turn.center.hands.get(event.key.removeprefix(ALARM_TIMER))
    if hand is not None and hand.taken_by is None:
        turn.do(Alarm(code="hand_waits", text="nobody has come to help an operator", subject=hand.login))


def lower(turn: Turn, hand: Hand, how: Literal["helped", "withdrawn", "call_ended"]) -> None:
    """The hand is down."""
    if turn.center.hands.pop(hand.id, None) is None:
        return
    for timer in (HEADS_TIMER, ALARM_TIMER):
        turn.forget_timer(timer + hand.id)
    turn.do(HandLowered(hand=hand.id, how=how, at=turn.now))


def lower_unless_talking(turn: Turn, call: Call) -> None:
    """A channel has left this call: whose operator has, has no need of a hand."""
    for hand in list(turn.center.hands.values()):
        if hand.call == call.id and (call.ended or channel_of(call, hand.login) is None):
            lower(turn, hand, "call_ended")


# -- after the router's death


def remember(turn: Turn, hands: tuple[OpenHand, ...]) -> None:
    """Those that were up when the last life ended."""
    for hand in hands:
        known = Hand(hand.hand, hand.login, hand.call, hand.at, heads_told=hand.heads_told)
        turn.center.hands[known.id] = known


def resume(turn: Turn) -> None:
    """A picture is understood: who talks on needs help still. Whoever had come in a former life of the router has to
    come again."""
    for hand in list(turn.center.hands.values()):
        agent, call = turn.center.agents.get(hand.login), turn.center.calls.get(hand.call)
        if agent is None or call is None or call.ended or channel_of(call, hand.login) is None:
            lower(turn, hand, "call_ended")
        elif not hand.awaited:
            _wait_for_help(turn, hand)
