"""Taking over what is there: channels and bridges of a picture become calls, legs and busy operators again."""

from __future__ import annotations

from collections.abc import Set
from typing import Literal

from msgspec.structs import replace

from handlers import agents, bridging, hands, orders, own_calls, records, reseating, resumption, standing, waiting
from handlers.picture import Picture
from handlers.turn import Turn
from telephony.core.calls import Call, Leg, LegState, Role
from telephony.core.effects import Dissolve, HangUp, TakeBack
from telephony.core.facts import (
    AttemptMade,
    CallKind,
    CallOpened,
    Repaired,
)
from telephony.core.operators import Agent
from telephony.core.picture import SeenChannel
from telephony.core.remembered import OpenAttempt, OpenCall


def adopt(turn: Turn, picture: Picture, only: Set[str] | None = None) -> None:
    """Make our state what the picture shows; with `only`, as far as these channels are concerned."""
    center = turn.center
    unknown = [seen for seen in picture.unknown(center) if only is None or seen.channel in only]
    unknown = _without_snoops(turn, unknown, picture)
    parties = {seen.channel: seen for seen in _parties(unknown).values()}
    taken_over = [_adopt_party(turn, seen, picture) for seen in parties.values()]
    opened = {known.call: list(known.open_attempts) for known in taken_over}
    for seen in unknown:
        if seen.channel not in parties:
            _adopt_leg(turn, seen, picture, opened)
    for call_id, attempts in opened.items():
        records.close_attempts(turn, call_id, tuple(attempts), picture.legs, turn.now)
    _note_strangers(turn, picture)
    calls = [call for call in center.calls.values() if only is None or call.id in opened]
    if picture.after_break:
        bridging.expect_no_answers(turn, calls)
    for call in calls:
        resumption.note_talk(turn, call, picture)
    for known in taken_over:
        call = center.calls[known.call]
        resumption.take_up(call, picture.alive[call.party], known.open_attempts, picture)
    center.pbx_up = True
    reseating.settle_all(turn, picture)
    for call in calls:
        resumption.go_on(turn, call, picture)
    for agent in center.agents.values():
        own_calls.look_again(turn, agent)  # whose caller has left meanwhile
    if only is None:
        hands.resume(turn)
        orders.resume(turn)
    look_around(turn, picture)
    waiting.match_all(turn)


# -- who is there


def _without_snoops(turn: Turn, unknown: list[SeenChannel], picture: Picture) -> list[SeenChannel]:
    """A former life let a senior listen: they have to come again, and the snoop goes."""
    for seen in unknown:
        if seen.variables.get("GUDOK_ROLE") == "snoop":
            turn.do(HangUp(call=seen.channel, channel=seen.channel))
            if seen.channel in picture.together:
                turn.do(Dissolve(call=seen.channel, bridge=picture.together[seen.channel].bridge))
    return [seen for seen in unknown if seen.variables.get("GUDOK_ROLE") != "snoop"]


def _parties(unknown: list[SeenChannel]) -> dict[str, SeenChannel]:
    """Call id -> the channel the call exists for: it came by itself, or has become it by a transfer."""
    found = {seen.channel: seen for seen in unknown if "GUDOK_CALL" not in seen.variables}
    for seen in unknown:
        if seen.variables.get("GUDOK_ROLE") == "party":
            found[_call_of(seen)] = seen
    return found


def _call_of(seen: SeenChannel) -> str:
    return seen.variables.get("GUDOK_CALL", seen.channel)


def _adopt_party(turn: Turn, seen: SeenChannel, picture: Picture) -> OpenCall:
    """Open the call again, under the record it had, or under a new one."""
    center = turn.center
    call_id = _call_of(seen)
    known = center.remembered.pop(call_id, None)
    own = known.kind == CallKind.OWN if known is not None else seen.phone is not None
    agent = _operator_at(turn, seen)
    record = known or OpenCall(
        call=call_id,
        kind=CallKind.OWN if own else CallKind.INBOUND,
        number=seen.number,
        caller="" if own else seen.caller,
        arrived=standing.time_on(seen, "GUDOK_ARRIVED") or seen.created,
    )
    record = standing.newest(record, seen)
    call = Call(
        id=call_id,
        kind=CallKind(record.kind),
        number=record.number,
        caller=record.caller,
        arrived=record.arrived,
        opened=turn.now,
        party=seen.channel,
        origin=None if agent is None else agent.login,
        phone=seen.phone,
        attempts=max((attempt.n for attempt in record.open_attempts), default=0),
        answered=record.answered,
        talked=standing.has_talked(record),
        priority=record.priority,
        queued=record.queued,
        held=seen.channel in picture.on_hold,
        helps=seen.variables.get("GUDOK_ROLE") == "helper",
    )
    call.attempts = max(call.attempts, record.attempts)
    center.open(call)
    _hear_on(turn, call, seen, picture)
    if agent is not None:
        agents.occupy(turn, agent, call.party, watch=False)
    if known is None:
        _open_late(turn, call, picture)
    standing.stand_in_queue(turn, call, known, record, seen)
    if call.id in picture.records:
        records.catch_up(turn, call, picture.records[call.id], picture.alive.keys())
    return record


def _hear_on(turn: Turn, call: Call, seen: SeenChannel, picture: Picture) -> None:
    """What was played last may still be heard, and would hold up whoever is connected: then it must be stopped."""
    playback = seen.variables.get("GUDOK_PLAYBACK")
    if playback and call.party not in picture.together:
        call.playback = playback
        turn.center.playbacks[playback] = call


def _operator_at(turn: Turn, seen: SeenChannel) -> Agent | None:
    """Whose channel this is: theirs who works on its phone now, whoever it was made for. They are not to be rung
    while it lives (promise I3)."""
    return turn.center.at_phone.get(seen.phone or "")


def _open_late(turn: Turn, call: Call, picture: Picture) -> None:
    """Its arrival was swallowed: the router died, or the line broke, at that moment."""
    turn.do(
        CallOpened(
            call=call.id,
            kind=call.kind,
            number=call.number,
            caller=call.caller,
            operator=call.origin,
            arrived=call.arrived,
        )
    )
    if not picture.starting:
        turn.do(Repaired(what="unknown_caller", subject=call.id, at=turn.now))


def _adopt_leg(turn: Turn, seen: SeenChannel, picture: Picture, opened: dict[str, list[OpenAttempt]]) -> None:
    """A leg of ours: it talks, it rings, or nobody needs it any more."""
    center = turn.center
    agent = _operator_at(turn, seen)
    if agent is not None:
        agents.occupy(turn, agent, seen.channel, watch=False)
    call = center.calls.get(_call_of(seen))
    if call is None or call.id not in opened:
        near = (center.calls[call_id] for call_id in opened)
        call = next((one for one in near if picture.same_bridge(one.party, seen.channel)), None)
    if call is None:
        _hang_up_stray(turn, seen, agent)
        return
    n, known = _attempt_of(turn, call, seen, agent, opened[call.id])
    queue = center.queues.get(call.queue or "")
    state = {"up": LegState.UP, "ringing": LegState.RINGING, "down": LegState.DIALED}[seen.state]
    role = Role.FAR if seen.variables.get("GUDOK_ROLE") == "far" else Role.OPERATOR
    ring = queue.ring if queue is not None else center.plan.default_ring
    login = None if agent is None else agent.login
    leg = Leg(seen.channel, role, n, ring, seen.created, login, _why(seen), state, queue=call.queue, phone=seen.phone)
    center.add_leg(call, leg)
    if n and state is LegState.UP and not known:
        bridging.answered(turn, call, leg, picture.answered(seen.channel) or turn.now)


def _attempt_of(
    turn: Turn, call: Call, seen: SeenChannel, agent: Agent | None, attempts: list[OpenAttempt]
) -> tuple[int, bool]:
    """The attempt under which this leg is on record, and whether its answer is; stated anew if the record was lost."""
    for attempt in attempts:
        if attempt.channel == seen.channel:
            attempts.remove(attempt)
            return attempt.n, attempt.answered is not None
    if seen.variables.get("GUDOK_ATTEMPT", "0") == "0":
        return 0, True
    n = records.number_of(call.id, seen.channel) or call.attempts + 1
    call.attempts = max(call.attempts, n)
    turn.do(
        AttemptMade(
            call=call.id,
            n=n,
            channel=seen.channel,
            why=_why(seen),
            operator=None if agent is None else agent.login,
            phone=seen.phone,
            queue=call.queue,
            at=seen.created,
        )
    )
    return n, False


def _why(seen: SeenChannel) -> Literal["queue", "transfer", "own"]:
    match seen.variables.get("GUDOK_WHY"):
        case "transfer":
            return "transfer"
        case "own":
            return "own"
        case _:
            return "queue"


def _hang_up_stray(turn: Turn, seen: SeenChannel, agent: Agent | None) -> None:
    """A leg whose call is gone: end it; its operator is free when the PBX says so."""
    if agent is not None:
        turn.center.strangers[seen.channel] = agent
    turn.do(HangUp(call=seen.channel, channel=seen.channel))


def _note_strangers(turn: Turn, picture: Picture) -> None:
    """Phones in calls that are not ours: the fallback's, or a feature code's."""
    center = turn.center
    found = picture.alive.values()
    center.natives = {seen.channel: seen.phone for seen in found if seen.phone is not None and seen.where != "ours"}
    center.native_talks = center.natives.keys() & picture.together.keys()
    for channel, phone in center.natives.items():
        agent = center.at_phone.get(phone)
        if agent is not None and channel not in center.strangers:
            agents.occupy(turn, agent, channel, watch=True)


# -- what is left over


def look_around(turn: Turn, picture: Picture) -> None:
    """Callers in the fallback come back to us, operators' other calls are noticed, empty bridges are removed."""
    center = turn.center
    _note_strangers(turn, picture)
    center.past = {call_id: record for call_id, record in center.past.items() if call_id in picture.alive}
    for seen in picture.alive.values():
        if seen.where == "fallback" and seen.channel in picture.records:
            center.past[seen.channel] = picture.records[seen.channel]
        if seen.where == "fallback" and seen.channel not in picture.together:
            queue = seen.variables.get("GUDOK_QUEUE", "")
            turn.do(TakeBack(call=seen.channel, channel=seen.channel, queue=queue))
    for call_id, known in list(center.remembered.items()):
        if call_id in picture.alive and known.open_attempts:
            resumption.give_up(turn, known, picture.alive[call_id])
            records.close_attempts(turn, call_id, known.open_attempts, picture.legs, turn.now)
            center.remembered[call_id] = replace(known, open_attempts=())
    records.expect_records(turn, picture.alive.keys())
    used = {call.bridge for call in center.calls.values()}
    used |= {helping.bridge for helping in center.helps.values() if helping.snoop is not None}
    used |= {call.connecting.bridge for call in center.calls.values() if call.connecting is not None}
    for bridge in picture.bridges:
        if bridge.kind == "mixing" and not bridge.channels and bridge.bridge not in used:
            turn.do(Dissolve(call=bridge.bridge, bridge=bridge.bridge))
