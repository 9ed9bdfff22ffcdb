"""A senior comes to help: listens to an operator's conversation, whispers to the operator, or joins the two.

The senior dials a code; it is a call of their own, on record, and keeps them busy. The conversation is never touched:
what the senior hears comes from a snoop channel beside it, and only joining brings them into its bridge.
"""

from __future__ import annotations

from handlers import breaks, hands, own_calls, scripts, talks
from handlers.picture import Picture
from handlers.turn import Turn
from telephony.core.break_facts import HandTaken
from telephony.core.calls import Call
from telephony.core.effects import Answer, Dissolve, EndSnoop, HangUpReason, Join, Snoop
from telephony.core.event import ChannelId
from telephony.core.events import Bridged, DigitPressed, HelperArrived, PbxRefused
from telephony.core.facts import CallBridged, Outcome
from telephony.core.hands import MODE_KEYS, Hand, Help, Mode
from telephony.core.operators import Agent, State
from telephony.core.script import farewell


def helper_arrived(turn: Turn, event: HelperArrived) -> None:
    """To the one named by extension, else to whoever's hand has been up for longest."""
    center = turn.center
    if event.channel in center.channels:
        return
    code = next((code.code for code in center.plan.codes if code.action == event.mode), event.mode)
    number = code + event.extension
    opened = own_calls.open_call(turn, event.channel, event.phone, number, "helping", say="help-ringing")
    if opened is None:
        return
    opened.helps = True
    turn.do(Answer(call=opened.id, channel=opened.party))
    found = _whom(turn, event, center.at_phone.get(event.phone))
    if isinstance(found, str):
        scripts.run(turn, opened, farewell(found, Outcome.NOT_REACHED))
        return
    agent, call, hand = found
    helper = center.agents[opened.origin or ""]
    if helper.state is State.BREAK:
        breaks.leave_to_help(turn, helper, opened.id)
    operator = hands.channel_of(call, agent.login)
    assert operator is not None
    assert opened.origin is not None
    helping = Help(event.channel, opened.origin, agent.login, operator, call.id, event.mode)
    if hand is not None:
        helping.hand, hand.taken_by = hand.id, opened.origin
    center.helps[event.channel] = helping
    _enter(turn, helping, event.mode)


def _whom(turn: Turn, event: HelperArrived, helper: Agent | None) -> tuple[Agent, Call, Hand | None] | str:
    """The operator, their conversation and raised hand; or the prompt that says why not."""
    center = turn.center
    if helper is None or not center.leads(helper.person):
        return "help-not-allowed"
    waiting = [hand for hand in center.hands.values() if hand.taken_by is None and hand.login != helper.login]
    if event.extension:
        asked = [one for one in center.at_phone.values() if one.person.extension == event.extension]
    else:
        asked = [center.agents[hand.login] for hand in waiting]
    for agent in asked:
        hand = next((hand for hand in waiting if hand.login == agent.login), None)
        call = hands.conversation(turn, agent) if hand is None else center.calls.get(hand.call)
        if agent is not helper and call is not None and _can_be_heard(call, agent):
            return agent, call, hand
    return "help-nobody"


def _can_be_heard(call: Call, agent: Agent) -> bool:
    return call.bridge is not None and hands.channel_of(call, agent.login) is not None


def _enter(turn: Turn, helping: Help, mode: Mode) -> None:
    """In this mode from now on; what was before is taken away after the new stands, so that nothing is missed."""
    center = turn.center
    before = _end_of_snoop(helping)
    helping.mode, helping.snoop = mode, None
    if mode == "join":
        _join(turn, helping, center.calls[helping.call])
    else:
        helping.made += 1
        helping.snoop = f"{helping.channel}-{center.run}-s{helping.made}"
        center.snoops[helping.snoop] = helping
        turn.do(
            Snoop(
                call=helping.channel,
                operator=helping.operator,
                helper=helping.channel,
                snoop=helping.snoop,
                bridge=helping.bridge,
                mode=mode,
            )
        )
    turn.do(*before)


def _join(turn: Turn, helping: Help, conversation: Call) -> None:
    turn.do(Join(call=helping.channel, bridge=conversation.bridge or "", channel=helping.channel, staff=True))


def come_along(turn: Turn, conversation: Call) -> None:
    """The conversation stands in a new bridge, as after a transfer that has failed: whoever had joined the operator is
    alone in what is left of the old one. Who had joined one that has handed the caller over is on the way out."""
    for helping in turn.center.helps.values():
        if helping.mode == "join" and helping.call == conversation.id and helping.operator in conversation.in_bridge:
            _join(turn, helping, conversation)


def _end_of_snoop(helping: Help) -> list[EndSnoop]:
    if helping.snoop is None:
        return []
    return [EndSnoop(call=helping.channel, snoop=helping.snoop, bridge=helping.bridge)]


def let_in(turn: Turn, event: Bridged) -> None:
    """The PBX confirms that the senior hears the conversation, in the mode they asked for."""
    center = turn.center
    helping = center.helps[event.call]
    conversation = center.calls.get(helping.call)
    bridge = helping.bridge if helping.snoop is not None else conversation and conversation.bridge
    if event.bridge != bridge:
        return  # they have changed the mode meanwhile
    call = center.calls[event.call]
    if helping.begun is None:
        helping.begun = call.answered = turn.now
        turn.do(CallBridged(call=call.id, operator=helping.helper, at=turn.now))
        talks.follow(turn, center.agents[helping.helper])
    if helping.hand is not None and helping.hand in center.hands:
        turn.do(HandTaken(hand=helping.hand, by=helping.helper, mode=helping.mode, at=turn.now))


def key_pressed(turn: Turn, event: DigitPressed) -> None:
    """1 listens, 2 whispers, 3 joins."""
    helping = turn.center.helps[event.channel]
    mode = MODE_KEYS.get(event.digit)
    if mode is not None and mode != helping.mode and helping.begun is not None and helping.call in turn.center.calls:
        _enter(turn, helping, mode)


def not_let_in(turn: Turn, event: PbxRefused) -> None:
    """Whom they wanted to hear was gone already. A line that is down says nothing: the picture after it will."""
    helping = turn.center.helps.get(event.call)
    if helping is not None and event.status:
        _send_home(turn, helping)


# -- the end


def left(turn: Turn, call: Call, channel: ChannelId) -> None:
    """A channel has left `call`: the helper's own, or one that was helped."""
    center = turn.center
    center.pressed.pop(channel, None)
    helping = center.helps.pop(channel, None)
    if helping is not None:
        _helper_left(turn, helping)
    for other in list(center.helps.values()):
        if other.operator == channel or (other.call == call.id and call.ended):
            _send_home(turn, other)
    hands.lower_unless_talking(turn, call)


def _helper_left(turn: Turn, helping: Help) -> None:
    turn.do(*_end_of_snoop(helping))
    hand = turn.center.hands.get(helping.hand or "")
    if hand is None:
        return
    if helping.begun is not None:
        hands.lower(turn, hand, "helped")
    else:
        hand.taken_by = None  # they never got in: it is somebody else's to take


def _send_home(turn: Turn, helping: Help) -> None:
    """Their channel goes; what is left to do is done when it has gone."""
    call = turn.center.calls.get(helping.channel)
    if call is not None:
        call.ended_by = call.ended_by or "center"
        turn.hang_up(call, call.party, HangUpReason.NORMAL)


def snoop_gone(turn: Turn, channel: ChannelId) -> bool:
    """Whether it was a snoop. One that goes by itself leaves the senior in silence: they are sent home."""
    helping = turn.center.snoops.pop(channel, None)
    if helping is None:
        return False
    if helping.snoop == channel:
        turn.do(Dissolve(call=helping.channel, bridge=helping.bridge))
        helping.snoop = None
        if helping.channel in turn.center.helps:
            _send_home(turn, helping)
    return True


def look_again(turn: Turn, call: Call, picture: Picture) -> None:
    """After a time in which we could not see: who is not where they ought to be, or came in a former life of the
    router, is sent home and may come again."""
    if not picture.after_break:
        return
    helping = turn.center.helps.get(call.party)
    here = () if call.party not in picture.together else picture.together[call.party].channels
    other = None if helping is None else helping.snoop or helping.operator
    if helping is None or other not in here:
        if not call.script:  # a refusal is still being said
            call.ended_by = call.ended_by or "center"
            turn.hang_up(call, call.party)
    elif helping.begun is None:
        let_in(turn, Bridged(call=call.id, bridge=picture.together[call.party].bridge, channels=(call.party,)))
