"""The life of a channel: a leg becomes ready, rings, is answered, is bridged, goes."""

from __future__ import annotations

from datetime import datetime, timedelta

from handlers import (
    agents,
    announcements,
    bridging,
    helping,
    own_calls,
    records,
    scripts,
    talks,
    transfers,
    violations,
    waiting,
)
from handlers.turn import Turn
from telephony.core.calls import Call, Leg, LegState, Role
from telephony.core.effects import Alarm, DialLeg, Dissolve, HangUp
from telephony.core.event import ChannelId
from telephony.core.events import (
    TIMED_OUT,
    ChannelAnswered,
    ChannelGone,
    ChannelHeld,
    ChannelResumed,
    ChannelRinging,
    LegReady,
    PbxRefused,
)
from telephony.core.facts import (
    AttemptEnded,
    AttemptResult,
    CallKind,
)
from telephony.core.operators import PHONE_LOST, Agent

# Q.850 causes and SIP statuses of a ring that failed, as measured: docs/asterisk-facts.md, "The operator's leg".
BUSY_CAUSES = frozenset({17})
REJECTED_CAUSES = frozenset({21})
UNREACHABLE_CAUSES = frozenset({1, 3, 20, 27, 34, 38})
ITS_OWN_ANSWER = 300
"""SIP statuses from here on end a ring, and are the phone's own words,"""
CONNECTION_BROKEN = 503
"""but for this one, which the PBX says itself where it cannot send to the phone."""
NO_ANSWER_CAUSES = frozenset({18, 19})
CHANNEL_LEFT = frozenset({400, 422})
"""What adding a channel to a bridge answers when it is gone, or not ours any more: its end is on its way."""
MAKES = frozenset({"CreateLeg", "Announce"})
"""A PBX that stalls makes their channel when it goes on, and nobody waits for it any more. It does in order what it is
asked (measured): the end that is asked for at once finds the channel. What a helper hears by goes with the helper."""
STICKY_MEMORY = 200_000
"""Callers whose last operator is remembered."""

GIVE_BACK = timedelta(seconds=3)
"""A phone that hangs up sooner after its transfer has failed did not take the caller back. SIP repeats a lost message
after 0.5, 1 and 2 s (RFC 3261, timer E), so one second would be too short for it."""


def leg_ready(turn: Turn, event: LegReady) -> None:
    leg = _leg(turn, event.channel)
    if leg is not None and leg.state is LegState.NEW and leg.result is None:
        leg.state = LegState.DIALED
        turn.do(DialLeg(call=turn.center.channels[leg.channel].id, leg=leg.channel, seconds=leg.seconds))


def channel_ringing(turn: Turn, event: ChannelRinging) -> None:
    leg = _leg(turn, event.channel)
    if leg is not None and leg.state is LegState.DIALED:
        leg.state = LegState.RINGING


def channel_answered(turn: Turn, event: ChannelAnswered) -> None:
    """The phone was picked up: connect, unless the reason to ring has gone meanwhile."""
    leg = _leg(turn, event.channel)
    if leg is None:
        announcements.picked_up(turn, event.channel)
    if leg is None or leg.state is LegState.UP:
        return
    leg.state = LegState.UP
    call = turn.center.channels[leg.channel]
    if call.ended or leg.result is not None:
        turn.hang_up(call, leg.channel)
        return
    bridging.answered(turn, call, leg, turn.now)
    bridging.connect(turn, call, leg)


def channel_held(turn: Turn, event: ChannelHeld) -> None:
    agent = turn.center.agent_on(event.channel)
    if agent is not None:
        talks.held(turn, agent, event.channel)


def channel_resumed(turn: Turn, event: ChannelResumed) -> None:
    agent = turn.center.agent_on(event.channel)
    if agent is not None:
        talks.resumed(turn, agent, event.channel)


def _leg(turn: Turn, channel: ChannelId) -> Leg | None:
    call = turn.center.channels.get(channel)
    return None if call is None else call.legs.get(channel)


# -- the end of a channel


def channel_gone(turn: Turn, event: ChannelGone) -> None:
    gone(turn, event, turn.now)


def gone(turn: Turn, event: ChannelGone, at: datetime) -> None:
    """A channel has ended, at `at`: now, or earlier where the PBX's record says so."""
    center = turn.center
    stranger = center.strangers.pop(event.channel, None)
    if stranger is not None:
        announcements.rang_out(turn, stranger, event.channel)
        agents.release(turn, stranger, event.channel)
        return
    if helping.snoop_gone(turn, event.channel):
        return
    call = center.channels.get(event.channel)
    if call is None:
        return
    leg = call.legs.get(event.channel)
    if leg is not None:
        _leg_gone(turn, call, leg, event, at)
    elif event.channel == call.party and call.met_unseen and call.answered is None and not call.end_unknown:
        records.parted(turn, call)
    elif event.channel == call.party:
        _party_gone(turn, call, at)
    helping.left(turn, call, event.channel)


def _party_gone(turn: Turn, call: Call, at: datetime) -> None:
    """The one for whom the call exists has gone: the call ends here, its other channels are hung up."""
    scripts.drop(turn, call)
    waiting.stop_waiting(turn, call)
    bridging.end_call(turn, call, at)
    for leg in call.legs.values():
        if leg.state is not LegState.UP:
            leg.result = AttemptResult.CANCELLED
        turn.hang_up(call, leg.channel)
    if call.bridge is not None:
        turn.do(Dissolve(call=call.id, bridge=call.bridge))
    origin = turn.center.agents.get(call.origin) if call.origin is not None else None
    turn.center.forget_channel(call, call.party)
    if origin is not None:
        agents.release(turn, origin, call.party)


def _leg_gone(turn: Turn, call: Call, leg: Leg, event: ChannelGone, at: datetime) -> None:
    result = leg.result or (AttemptResult.ANSWERED if leg.state is LegState.UP else _result_of(event, leg))
    if leg.n:
        turn.do(AttemptEnded(call=call.id, n=leg.n, result=result, at=at))
    agent = turn.center.agents.get(leg.login) if leg.login is not None else None
    if agent is not None:
        _note_for_operator(turn, call, leg, agent, result, by_phone=leg.result is None and _answered_itself(event))
    turn.center.forget_channel(call, leg.channel)
    offered = call.offer == leg.channel and call.transfer is None
    if offered:
        call.offer = None
        waiting.stand(turn, call)
    elif not call.ended:
        _call_without(turn, call, leg, result)
    if agent is not None:
        agents.release(turn, agent, leg.channel)
    elif leg.phone is not None and call.kind is CallKind.INBOUND:
        talks.caller_left(turn, leg.phone)
    if offered and turn.center.matcher.is_waiting(call.id):
        waiting.resume(turn, call)


def _note_for_operator(
    turn: Turn, call: Call, leg: Leg, agent: Agent, result: AttemptResult, *, by_phone: bool
) -> None:
    """What the end of this leg means for its operator: a wrap-up, a failed ring, a talk to remember. A failure is the
    operator's doing where it is their phone that says so (`by_phone`), in whatever words, and not the PBX."""
    if result is AttemptResult.ANSWERED and call.kind is CallKind.INBOUND:
        agent.wrap_up = turn.center.queues[leg.queue].wrap_up if leg.queue else 0
        agent.talked = call.id
        if call.caller:
            _remember_talk(turn, call.caller, agent.login)
    elif leg.why != "own" and leg.state is not LegState.UP and result is not AttemptResult.CANCELLED and not call.ended:
        agent.rona = PHONE_LOST if result is AttemptResult.UNREACHABLE else result
        if by_phone or result is not AttemptResult.FAILED:
            violations.ring_failed(turn, agent, call.id, result)


def _remember_talk(turn: Turn, caller: str, login: str) -> None:
    talks = turn.center.last_talks
    talks.pop(caller, None)
    talks[caller] = (login, turn.now)
    if len(talks) > STICKY_MEMORY:
        del talks[next(iter(talks))]


def _call_without(turn: Turn, call: Call, leg: Leg, result: AttemptResult) -> None:
    """How a call goes on that has lost this leg."""
    if call.transfer is not None and leg.channel in (call.transfer.leg, call.transfer.by):
        transfers.lost_leg(turn, call, leg.channel)
    elif call.kind is CallKind.OWN and call.answered is None and call.bridge is None:
        own_calls.far_end_failed(turn, call, result)
    elif call.bridge is not None and not call.legs:
        turn.do(Dissolve(call=call.id, bridge=call.bridge))
        call.bridge = None
        if call.queue is not None and (call.answered is None or _gave_up(turn, call)):
            waiting.resume(turn, call)  # gone before the two heard each other (again)
        else:
            call.ended_by = call.ended_by or ("operator" if leg.role is Role.OPERATOR else "far_end")
            turn.hang_up(call, call.party)


def _gave_up(turn: Turn, call: Call) -> bool:
    """Phones that hang up by themselves when their transfer has failed (baresip does) mean no harm to the caller."""
    return call.given_back is not None and turn.now - call.given_back < GIVE_BACK


def _result_of(event: ChannelGone, leg: Leg) -> AttemptResult:
    """Why a leg did not answer, from cause and SIP status."""
    if event.tech_cause in (408, 480) or event.cause in NO_ANSWER_CAUSES:
        return AttemptResult.NO_ANSWER
    if event.cause in BUSY_CAUSES:
        return AttemptResult.BUSY
    if event.cause in REJECTED_CAUSES:
        return AttemptResult.REJECTED
    if event.cause not in UNREACHABLE_CAUSES or (leg.role is Role.OPERATOR and _answered_itself(event)):
        return AttemptResult.FAILED
    return AttemptResult.UNREACHABLE


def _answered_itself(event: ChannelGone) -> bool:
    """The phone has: it can be reached, whatever it says of the number, or of what lies behind it."""
    return event.tech_cause >= ITS_OWN_ANSWER and event.tech_cause != CONNECTION_BROKEN


# -- what the PBX refuses


def pbx_refused(turn: Turn, event: PbxRefused) -> None:
    """An effect failed. What it was for is treated as the event that makes the failure true."""
    center = turn.center
    call = center.calls.get(event.call)
    if event.status == 0:
        center.pbx_up = False  # the connection is gone: the picture taken after it will tell what became of this
    if event.effect in MAKES and event.status == TIMED_OUT:
        turn.do(HangUp(call=event.call, channel=event.channel))
    match event.effect:
        case "CreateLeg":
            _never_rang(turn, event)
        case "DialLeg" if call is not None and event.channel in call.legs:
            call.legs[event.channel].result = AttemptResult.FAILED if event.status else AttemptResult.CANCELLED
            turn.hang_up(call, event.channel)
        case "Watch" | "Announce":
            gone(turn, ChannelGone(channel=event.channel), turn.now)
        case "HangUp" if event.status == 404 and _leg(turn, event.channel) is not None:  # so much for its end
            gone(turn, ChannelGone(channel=event.channel), turn.now)
        case "Play" if event.status != 404:
            scripts.play_failed(turn, event)
        case "Snoop" | "Join" if event.call in center.helps:
            helping.not_let_in(turn, event)
        case "Connect" | "Join":
            bridging.not_bridged(turn, event)
        case "Hold" if event.status in CHANNEL_LEFT:
            pass
        case _ if event.status in (0, 404):
            pass  # the channel, or the connection, was gone before we asked: ChannelGone, or a picture, says more
        case _:
            turn.do(
                Alarm(
                    code="pbx_refused",
                    text=f"{event.effect}: {event.status} {event.reason}",
                    subject=event.call,
                )
            )


def _never_rang(turn: Turn, event: PbxRefused) -> None:
    """The PBX could not even make the leg: 500 for a phone it cannot reach (measured), 400 when the caller for whom it
    is made has just gone. All but the first is not the phone's fault."""
    leg = _leg(turn, event.channel)
    if leg is not None:
        leg.result = AttemptResult.UNREACHABLE if event.status == 500 else AttemptResult.CANCELLED
        if event.status == 400:
            waiting.doubt(turn, turn.center.channels[leg.channel])
        gone(turn, ChannelGone(channel=event.channel), turn.now)
