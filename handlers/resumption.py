"""Every call goes on where a picture shows it: talking, ringing, or waiting."""

from __future__ import annotations

from collections.abc import Set

from handlers import attempts, bridging, helping, scripts, transfers, waiting
from handlers.picture import Picture
from handlers.turn import Turn
from telephony.core.calls import Call, Leg, LegState, Transfer
from telephony.core.effects import Answer, SetVariables
from telephony.core.event import ChannelId
from telephony.core.facts import AttemptResult, CallBridged, CallKind, Outcome
from telephony.core.picture import SeenChannel
from telephony.core.remembered import OpenAttempt, OpenCall
from telephony.core.script import Enqueue, farewell, welcome


def unanswered(leg: Leg) -> bool:
    return leg.state is not LegState.UP


def note_talk(turn: Turn, call: Call, picture: Picture) -> None:
    """Who of the call hears whom."""
    if call.party not in picture.alive or call.transfer is not None or call.helps:
        return
    call.held = call.party in picture.on_hold
    bridge = picture.together.get(call.party)
    call.bridge = None if bridge is None else bridge.bridge
    here = () if bridge is None else bridge.channels
    call.in_bridge = {channel for channel in here if channel == call.party or channel in call.legs}
    talking = _talks_with(call)
    up = any(leg.result is None and leg.state is LegState.UP for leg in call.legs.values())
    if talking is None and call.bridge is not None and not up:
        transfers.leave_bridge(turn, call)  # whoever was there has gone, or goes
    elif talking is not None:
        talking.state, call.connecting = LegState.UP, None
        call.talked_to, call.talked = talking.login, True
        if call.answered is None:
            call.answered = turn.now
            turn.do(CallBridged(call=call.id, operator=talking.login, at=turn.now))


def take_up(call: Call, seen: SeenChannel, known: tuple[OpenAttempt, ...], picture: Picture) -> None:
    """A former life was carrying out the transfer that is noted on the party's channel; it goes on, unless its end is
    on record: then the attempt at its target has ended, or was answered."""
    transfer = _noted(seen)
    if transfer is None:
        return
    attempt = next((one for one in known if one.channel == transfer.leg), None)
    if (attempt is None and transfer.leg not in call.legs) or (attempt is not None and attempt.answered is not None):
        return
    call.transfer = transfer
    if call.bridge is None and transfer.by in picture.together:
        call.bridge = picture.together[transfer.by].bridge  # the transferring phone waits there


def give_up(turn: Turn, known: OpenCall, seen: SeenChannel) -> None:
    """The same where the native queue has the caller now, taken out of the transfer: it has failed."""
    transfer = _noted(seen)
    if transfer is not None and any(one.channel == transfer.leg and not one.answered for one in known.open_attempts):
        transfers.state_failed(turn, known.call, transfer)


def _noted(seen: SeenChannel) -> Transfer | None:
    match seen.variables.get("GUDOK_TRANSFER", "").split(","):
        case ["blind" | "attended" as kind, login, by, leg, to]:
            return Transfer(by, login or None, "blind" if kind == "blind" else "attended", to, leg)
    return None


def _transfer(turn: Turn, call: Call, transfer: Transfer) -> None:
    """The target has failed, has picked up, or rings; or the two have met, and that is all that was left to say."""
    target = call.legs.get(transfer.leg)
    if target is None:
        transfers.lost_leg(turn, call, transfer.leg)
    elif target.channel in call.in_bridge:
        transfers.target_answered(turn, call)
    elif target.state is LegState.UP:
        bridging.connect(turn, call, target)
    elif target.result is None and target.state is not LegState.RINGING:
        _cancel(turn, call, target)  # nothing shows that it was ever told to ring
    else:
        call.in_bridge.discard(call.party)
        waiting.hold(turn, call)


def _has_gone_on(call: Call, transfer: Transfer) -> bool:
    """Its target has failed, and somebody else has been rung since: the former life died before that was on record."""
    return transfer.leg not in call.legs and bool(call.legs.keys() - {transfer.by})


def _talks_with(call: Call) -> Leg | None:
    legs = call.legs.values()
    return next((leg for leg in legs if leg.result is None and leg.channel in call.in_bridge), None)


def go_on(turn: Turn, call: Call, picture: Picture) -> None:
    """Go on where the call stands. What we had asked for while the line was down is asked for again."""
    legs = [leg for leg in call.legs.values() if leg.channel in picture.alive]
    for leg in legs:
        _note_leg(turn, call, leg, picture)
    if call.ended or call.party not in picture.alive:
        return
    if call.helps:
        helping.look_again(turn, call, picture)
        return
    if picture.after_break:
        _name_again(turn, call, legs, picture)
    if picture.alive[call.party].state != "up" and _must_be_answered(call):
        turn.do(Answer(call=call.id, channel=call.party))
    live = [leg for leg in call.legs.values() if leg.result is None]
    up = max((leg for leg in live if leg.state is LegState.UP), key=lambda leg: leg.n, default=None)
    talking = _talks_with(call)
    if call.transfer is not None and _has_gone_on(call, call.transfer):
        transfers.failed(turn, call, call.transfer)
    if call.transfer is not None:
        _transfer(turn, call, call.transfer)
    elif talking is not None and (up is None or up.n <= talking.n):
        _cancel_others(turn, call, live, call.in_bridge)
    elif call.ended_by == "center":
        _say_farewell(turn, call)
    elif up is not None:
        _cancel_others(turn, call, live, {up.channel})
        call.met_unseen = True  # a former life's last wish may be carried out after bridges were listed
        bridging.connect(turn, call, up)
    elif live:
        _let_ring(turn, call, live)
    elif call.offer is not None:
        waiting.hold(turn, call)  # until the leg that is being given up has gone
    else:
        _wait_on(turn, call)


def _name_again(turn: Turn, call: Call, legs: list[Leg], picture: Picture) -> None:
    """What the next life of the router is to know them by, where the line broke before it was set."""
    wanted = {leg.channel: attempts.names(call, leg) | {"GUDOK_ROLE": leg.role.value} for leg in legs}
    party = wanted[call.party] = {}
    if call.party != call.id or "GUDOK_CALL" in picture.alive[call.party].variables:
        party |= {"GUDOK_CALL": call.id, "GUDOK_ROLE": "party"}
    if call.transfer is not None:
        party["GUDOK_TRANSFER"] = transfers.noted(call.transfer)
    for channel, names in wanted.items():
        if names.items() - picture.alive[channel].variables.items():
            turn.do(SetVariables(call=call.id, channel=channel, variables=names))


def _must_be_answered(call: Call) -> bool:
    """An operator's own call is, when the far end has been."""
    return call.kind is CallKind.INBOUND or call.queue is not None or _talks_with(call) is not None


def _note_leg(turn: Turn, call: Call, leg: Leg, picture: Picture) -> None:
    """What we may have missed of a leg's life."""
    if call.ended or leg.result is not None:
        turn.hang_up(call, leg.channel)
    elif unanswered(leg) and picture.alive[leg.channel].state == "up":
        leg.state = LegState.UP
        bridging.answered(turn, call, leg, picture.answered(leg.channel) or turn.now)
    elif unanswered(leg) and picture.alive[leg.channel].state == "ringing":
        leg.state = LegState.RINGING


def _cancel(turn: Turn, call: Call, leg: Leg) -> None:
    leg.result = AttemptResult.ANSWERED if leg.state is LegState.UP else AttemptResult.CANCELLED
    turn.hang_up(call, leg.channel)


def _cancel_others(turn: Turn, call: Call, live: list[Leg], needed: Set[ChannelId]) -> None:
    for leg in live:
        if leg.channel not in needed:
            _cancel(turn, call, leg)


def _let_ring(turn: Turn, call: Call, live: list[Leg]) -> None:
    """One leg goes on ringing, or begins to now; one that never began to, or rings beside it, is given up."""
    ringing = next((leg for leg in live if leg.state is LegState.RINGING or leg.made == turn.now), None)
    _cancel_others(turn, call, live, set() if ringing is None else {ringing.channel})
    if call.queue is not None:
        leg = ringing or live[0]
        call.offer, call.eligible, call.talked = leg.channel, True, call.talked or leg.why == "transfer"
        waiting.hold(turn, call)


def _say_farewell(turn: Turn, call: Call) -> None:
    """It was being sent away: to the end of that, as nobody knows how much of it was heard."""
    call.script = ()
    scripts.drop(turn, call)
    turn.hang_up(call, call.party)


def _wait_on(turn: Turn, call: Call) -> None:
    """Nobody is with the caller: they wait, are told something, or their talk is over."""
    if call.talked and not call.held:
        call.ended_by = "operator"
        turn.hang_up(call, call.party)
    elif call.script and isinstance(call.script[0], Enqueue):  # a greeting that must be heard out: once more
        scripts.run(turn, call, welcome(turn.center.queues[call.script[0].queue]))
    elif call.script:
        scripts.skip(turn, call)
    elif call.queue is not None:
        waiting.resume(turn, call)
    elif call.kind is CallKind.INBOUND:
        scripts.run(turn, call, farewell(turn.center.plan.unknown_number, Outcome.UNKNOWN_NUMBER))
    else:
        call.outcome, call.ended_by = call.outcome or Outcome.NOT_REACHED, "center"
        turn.hang_up(call, call.party)
