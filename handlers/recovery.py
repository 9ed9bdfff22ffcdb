"""Starting, losing the PBX, finding it again: our state is made from the PBX's picture and the open rows, never from a
replay of the journal. The same comparison runs as an audit every 30 s; what it has to repair is counted.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from handlers import agents, bridging, legs, operators, waiting
from handlers.turn import Turn
from telephony.core.calls import Call, Leg, LegState, Role
from telephony.core.effects import Dissolve, HangUp, TakeBack
from telephony.core.events import (
    CallRecorded,
    ChannelGone,
    OpenCall,
    OpenOperator,
    PbxLost,
    PbxRestarted,
    PhoneChanged,
    PictureTaken,
    SeenBridge,
    SeenChannel,
    Started,
    TimerFired,
)
from telephony.core.facts import (
    AttemptAnswered,
    AttemptEnded,
    AttemptMade,
    AttemptResult,
    CallBridged,
    CallEnded,
    CallKind,
    CallMissed,
    CallOpened,
    CallQueued,
    Outcome,
    Repaired,
)
from telephony.core.operators import IN_CALL, Agent, State

RECORD_TIMER = "record:"
RECORD_PATIENCE = 10
"""Seconds we wait for the PBX's own record of a call that ended unseen."""
SETTLED = timedelta(seconds=2)
"""A difference younger than this may be our own request still under way."""
RING_SLACK = timedelta(seconds=10)
"""How much longer than its ring time a leg may live unanswered before the audit ends it."""


# -- start


def started(turn: Turn, event: Started) -> None:
    """Adopt plan and persons; what was open is remembered until the picture shows what became of it."""
    center = turn.center
    center.adopt_plan(event.plan, event.run)
    center.set_persons(event.operators)
    center.remembered = {call.call: call for call in event.open_calls}
    center.remembered_operators = {row.login: row for row in event.open_operators}
    for talk in event.last_talks:
        center.last_talks[talk.caller] = (talk.login, talk.ended)
    for row in event.open_operators:
        agent = center.agents.get(row.login)
        if agent is not None and row.phone in center.phones and row.phone not in center.at_phone:
            center.seat(agent, row.phone)
            _restore(agent, row)


def _restore(agent: Agent, row: OpenOperator) -> None:
    agent.state, agent.since, agent.reason = State(row.state), row.since, row.reason
    agent.idle_since = row.idle_since
    agent.until = row.until


def pbx_lost(turn: Turn, event: PbxLost) -> None:
    """No decisions until the next picture; calls on the PBX go on without us."""
    turn.center.pbx_up = False
    turn.center.pbx_lost = turn.center.pbx_lost or turn.now


def pbx_restarted(turn: Turn, event: PbxRestarted) -> None:
    """A new PBX process knows none of the old channels: their calls are closed at the moment it was lost."""
    at = turn.center.pbx_lost or event.started
    _forget_all(turn, at)


def _forget_all(turn: Turn, at: datetime) -> None:
    center = turn.center
    center.pbx_up = False
    for call in list(center.calls.values()):
        call.outcome, call.ended_by, call.connecting = call.outcome or Outcome.LOST, "pbx", None
        for channel in [call.party, *call.legs]:
            legs.gone(turn, ChannelGone(channel=channel), at)
    for channel in list(center.strangers):
        legs.gone(turn, ChannelGone(channel=channel), at)
    for remembered in list(center.remembered.values()):
        _close_remembered(turn, remembered, at)


# -- the picture


def picture_taken(turn: Turn, event: PictureTaken) -> None:
    center = turn.center
    if event.why != "audit":
        before, since = center.pbx_started, event.pbx_started
        if before is not None and since is not None and since > before:
            _forget_all(turn, center.pbx_lost or since)
        center.pbx_started = event.pbx_started
    alive = {seen.channel: seen for seen in event.channels}
    missing = _missing(turn, alive)
    if event.why == "audit":
        _audit(turn, missing, alive, event.bridges)
        _note_phones(turn, set(event.unreachable_phones))
        return
    center.unreachable = set(event.unreachable_phones)
    for channel in missing:
        _ended_unseen(turn, channel)
    center.pbx_up, center.pbx_lost = True, None
    _adopt(turn, alive, event.bridges)
    _settle_operators(turn, starting=event.why == "start")
    for call_id in list(center.remembered):
        if call_id not in alive:
            turn.wake(RECORD_TIMER + call_id, 0, RECORD_PATIENCE)
    waiting.match_all(turn)


def _note_phones(turn: Turn, unreachable: set[str]) -> None:
    """As if we had just heard of each difference."""
    for phone in sorted(unreachable ^ turn.center.unreachable):
        operators.phone_changed(turn, PhoneChanged(phone=phone, reachable=phone not in unreachable))


def _missing(turn: Turn, alive: dict[str, SeenChannel]) -> set[str]:
    known = {**turn.center.channels, **turn.center.strangers}
    return {channel for channel in known if channel not in alive}


def _ended_unseen(turn: Turn, channel: str) -> None:
    """A channel went while we could not see. A party's true end is in the PBX's record: the call is remembered
    until that is read. A leg's end is now, as far as anybody can tell."""
    call = turn.center.channels.get(channel)
    if call is None or channel != call.party or call.ended:
        legs.gone(turn, ChannelGone(channel=channel), turn.now)
        return
    turn.center.remembered[call.id] = OpenCall(
        call=call.id,
        kind=call.kind,
        number=call.number,
        caller=call.caller,
        arrived=call.arrived,
        queue=call.queue,
        queued=call.queued,
        priority=call.priority,
        answered=call.answered,
        operator=call.talked_to,
        attempts=call.attempts,
    )
    call.end_unknown, call.connecting = True, None
    legs.gone(turn, ChannelGone(channel=channel), turn.now)
    if call.recorded is not None:
        call_recorded(turn, call.recorded)


# -- adopting what is there


def _adopt(turn: Turn, alive: dict[str, SeenChannel], bridges: tuple[SeenBridge, ...]) -> None:
    center = turn.center
    together = {channel: bridge for bridge in bridges if bridge.kind == "mixing" for channel in bridge.channels}
    ours = [seen for seen in alive.values() if seen.where == "ours" and seen.channel not in center.channels]
    parties = [seen for seen in ours if "GUDOK_CALL" not in seen.variables]
    for seen in sorted(parties, key=lambda seen: seen.created):
        _adopt_party(turn, seen)
    for seen in ours:
        if "GUDOK_CALL" in seen.variables:
            _adopt_leg(turn, seen, together)
    for seen in alive.values():
        if seen.where == "fallback" and seen.channel not in together:
            queue = seen.variables.get("GUDOK_QUEUE", "")
            turn.do(TakeBack(call=seen.channel, channel=seen.channel, queue=queue))
        if seen.where != "ours" and seen.phone in center.at_phone and seen.channel not in center.strangers:
            agents.occupy(turn, center.at_phone[seen.phone], seen.channel, watch=True)
    for seen in parties:
        call = center.channels[seen.channel]
        if not call.ended:
            _resume_call(turn, call, together.get(call.party))
    _sweep_bridges(turn, bridges)


def _adopt_party(turn: Turn, seen: SeenChannel) -> None:
    """Open the call again, under the record it had, if it had one."""
    center = turn.center
    known = center.remembered.pop(seen.channel, None)
    own = seen.variables.get("GUDOK_ROLE") == "own" or seen.phone is not None
    agent = center.at_phone.get(seen.phone or "") if own else None
    arrived = _arrival(seen) if known is None else known.arrived
    call = Call(
        id=seen.channel,
        kind=CallKind.OWN if own else CallKind.INBOUND,
        number=seen.number if known is None else known.number,
        caller=seen.caller if known is None else known.caller,
        arrived=arrived,
        party=seen.channel,
        origin=None if agent is None else agent.login,
        attempts=0 if known is None else known.attempts,
        answered=None if known is None else known.answered,
        priority=0 if known is None else known.priority,
        queued=None if known is None else known.queued,
    )
    center.open(call)
    if agent is not None:
        agent.channels.add(call.party)
    if known is None:
        turn.do(
            CallOpened(
                call=call.id,
                kind=call.kind,
                number=call.number,
                caller=call.caller,
                operator=call.origin,
                arrived=arrived,
            ),
            Repaired(what="unknown_caller", subject=call.id, at=turn.now),
        )
    name = (known.queue if known is not None else None) or seen.variables.get("GUDOK_QUEUE")
    queue = center.queues.get(name or "") or (None if own else center.by_number.get(call.number))
    if queue is not None:
        call.queue, call.priority = queue.name, queue.priority
        call.queued = call.queued or arrived
        if known is None or known.queue != queue.name:
            turn.do(CallQueued(call=call.id, queue=queue.name, priority=queue.priority, why="arrival", at=call.queued))


def _arrival(seen: SeenChannel) -> datetime:
    stamp = seen.variables.get("GUDOK_ARRIVED", "")
    try:
        return datetime.fromtimestamp(float(stamp), tz=seen.created.tzinfo)
    except ValueError:
        return seen.created


def _adopt_leg(turn: Turn, seen: SeenChannel, together: dict[str, SeenBridge]) -> None:
    """A leg of ours: it talks, it rings, or nobody needs it any more."""
    center = turn.center
    call = center.calls.get(seen.variables["GUDOK_CALL"])
    if call is None:
        call = next((c for c in center.calls.values() if _same_bridge(together, c.party, seen.channel)), None)
    login = seen.variables.get("GUDOK_OPERATOR")
    agent = center.agents.get(login or "")
    if agent is not None:
        agent.channels.add(seen.channel)
    if call is None:
        _hang_up_stray(turn, seen, agent)
        return
    n = int(seen.variables.get("GUDOK_ATTEMPT", "0") or 0)
    call.attempts = max(call.attempts, n)
    role = Role.OPERATOR if agent is not None else Role.FAR
    queue = center.queues.get(call.queue or "")
    state = {"up": LegState.UP, "ringing": LegState.RINGING, "down": LegState.DIALED}[seen.state]
    ring = queue.ring if queue is not None else center.plan.default_ring
    leg = Leg(seen.channel, role, n, ring, seen.created, login, _why(seen), state)
    center.add_leg(call, leg)


def _why(seen: SeenChannel) -> Literal["queue", "transfer", "own"]:
    match seen.variables.get("GUDOK_WHY"):
        case "transfer":
            return "transfer"
        case "own":
            return "own"
        case _:
            return "queue"


def _same_bridge(together: dict[str, SeenBridge], one: str, other: str) -> bool:
    return one in together and together[one] is together.get(other)


def _hang_up_stray(turn: Turn, seen: SeenChannel, agent: Agent | None) -> None:
    """A leg whose call is gone: end it; its operator is free when the PBX says so."""
    if agent is not None:
        turn.center.strangers[seen.channel] = agent
    turn.do(HangUp(call=seen.channel, channel=seen.channel))


def _resume_call(turn: Turn, call: Call, bridge: SeenBridge | None) -> None:
    """Go on where the call stands: talking, ringing, or waiting."""
    if bridge is not None:
        call.bridge = bridge.bridge
        call.in_bridge = {channel for channel in bridge.channels if channel == call.party or channel in call.legs}
    talking = [leg for leg in call.legs.values() if leg.channel in call.in_bridge]
    if call.party in call.in_bridge and talking:
        call.talked_to = talking[0].login
        if call.answered is None:
            call.answered = turn.now
            turn.do(CallBridged(call=call.id, operator=call.talked_to, at=turn.now))
    else:
        _resume_waiting(turn, call)


def _resume_waiting(turn: Turn, call: Call) -> None:
    answered = next((leg for leg in call.legs.values() if leg.state is LegState.UP), None)
    ringing = next((leg for leg in call.legs.values() if leg.state is LegState.RINGING), None)
    for leg in call.legs.values():
        if leg not in (answered, ringing) or (answered and leg is ringing):
            leg.result = AttemptResult.CANCELLED
            turn.hang_up(call, leg.channel)
    if answered is not None:
        bridging.connect(turn, call, answered)
    elif ringing is not None and call.queue is not None:
        call.offer, call.eligible = ringing.channel, True
        waiting.hold(turn, call)
    elif ringing is not None:
        pass  # an own call still rings: its far end will answer or fail
    elif call.queue is not None:
        waiting.resume(turn, call)
    else:
        call.ended_by = "center"
        turn.hang_up(call, call.party)


def _sweep_bridges(turn: Turn, bridges: tuple[SeenBridge, ...]) -> None:
    """Mixing bridges of ours in which nobody is, left by a life that was cut short."""
    used = {call.bridge for call in turn.center.calls.values()}
    for bridge in bridges:
        if bridge.kind == "mixing" and not bridge.channels and bridge.bridge not in used:
            turn.do(Dissolve(call=bridge.bridge, bridge=bridge.bridge))


def _settle_operators(turn: Turn, *, starting: bool) -> None:
    """Set every operator's state to what the picture shows."""
    for agent in list(turn.center.agents.values()):
        if not agent.at_work:
            continue
        call = next((turn.center.channels[c] for c in sorted(agent.channels) if c in turn.center.channels), None)
        talking = call is not None and call.bridge is not None
        if call is not None and talking and agent.state not in IN_CALL:
            agents.set_state(turn, agent, State.TALKING, call=call.id)
        elif call is not None and not talking and agent.state is not State.RINGING:
            agents.set_state(turn, agent, State.RINGING, call=call.id)
        elif call is None and agent.channels and agent.state is not State.TALKING:
            agents.set_state(turn, agent, State.TALKING, reason="native_call")
        elif not agent.channels:
            _settle_free(turn, agent)
        if starting:
            agents.mirror(turn, agent)


def _settle_free(turn: Turn, agent: Agent) -> None:
    if agent.state is State.WRAP_UP:
        agent.generation += 1
        left = (agent.until or turn.now) - turn.now
        turn.wake(agents.WRAP_UP_TIMER + agent.login, agent.generation, max(left, timedelta()))
    elif agent.state is State.UNREACHABLE:
        if agent.reason == "phone_lost" and agent.phone not in turn.center.unreachable:
            agents.make_ready(turn, agent, "phone_back")
    elif agent.state is State.READY:
        agent.idle_since = agent.idle_since or agent.since or turn.now
        if agent.phone in turn.center.unreachable:
            agents.make_ready(turn, agent)
        else:
            turn.center.make_free(agent)
    else:
        agents.settle(turn, agent)


# -- the audit


def _audit(turn: Turn, missing: set[str], alive: dict[str, SeenChannel], bridges: tuple[SeenBridge, ...]) -> None:
    """Differences seen in two audits running are repaired; one alone may be an event still on its way."""
    center = turn.center
    unknown = {
        seen.channel
        for seen in alive.values()
        if seen.where == "ours" and seen.channel not in center.channels and turn.now - seen.created > SETTLED
    }
    stuck = {
        leg.channel
        for call in center.calls.values()
        for leg in call.legs.values()
        if leg.state is not LegState.UP and turn.now - leg.made > timedelta(seconds=leg.seconds) + RING_SLACK
    }
    suspects = frozenset(missing | unknown | stuck)
    for channel in sorted(suspects & center.suspects):
        turn.do(Repaired(what="audit", subject=channel, at=turn.now))
        if channel in missing:
            _ended_unseen(turn, channel)
        elif channel in stuck:
            turn.hang_up(center.channels[channel], channel)
    if unknown & center.suspects:
        _adopt(turn, alive, bridges)
    center.suspects = suspects - center.suspects


# -- calls that ended unseen


def call_recorded(turn: Turn, event: CallRecorded) -> None:
    """The PBX's own record of a finished call. Every call has one: most end before our eyes, and theirs is no news."""
    center = turn.center
    call = center.calls.get(event.call)
    if call is not None:
        call.recorded = event  # its end is still on its way to us, unless it was lost: then this tells it
        return
    known = center.remembered.pop(event.call, None)
    if known is None:
        turn.do(_missed(turn, event))
        return
    turn.forget_timer(RECORD_TIMER + event.call)
    if event.answered is not None and known.answered is None:
        _close_attempt(turn, known, event.answered)
        _answered_natively(turn, event, known.attempts + 1)
    else:
        _close_attempt(turn, known, event.ended)
    answered = event.answered is not None or known.answered is not None
    outcome = Outcome.ANSWERED if answered else Outcome.ABANDONED
    turn.do(CallEnded(call=event.call, outcome=outcome, by="caller", at=event.ended))


def _missed(turn: Turn, event: CallRecorded) -> CallMissed:
    """Counts only for a call of which the log knows nothing."""
    agent = turn.center.at_phone.get(event.answered_by or "")
    return CallMissed(
        call=event.call,
        number=event.number,
        caller=event.caller,
        arrived=event.arrived,
        ended=event.ended,
        answered=event.answered,
        operator=None if agent is None else agent.login,
        phone=event.answered_by,
        via_fallback=event.via_fallback,
    )


def _close_attempt(turn: Turn, known: OpenCall, at: datetime) -> None:
    """The attempt that the log holds open ends with the call."""
    if known.operator is not None and known.attempts:
        result = AttemptResult.ANSWERED if known.answered else AttemptResult.CANCELLED
        turn.do(AttemptEnded(call=known.call, n=known.attempts, result=result, at=at))


def _answered_natively(turn: Turn, event: CallRecorded, n: int) -> None:
    assert event.answered is not None
    agent = turn.center.at_phone.get(event.answered_by or "")
    login = None if agent is None else agent.login
    turn.do(
        AttemptMade(
            call=event.call,
            n=n,
            channel=event.call,
            why="fallback",
            operator=login,
            phone=event.answered_by,
            at=event.answered,
        ),
        AttemptAnswered(call=event.call, n=n, at=event.answered),
        CallBridged(call=event.call, operator=login, at=event.answered),
        AttemptEnded(call=event.call, n=n, result=AttemptResult.ANSWERED, at=event.ended),
    )


def record_overdue(turn: Turn, event: TimerFired) -> None:
    """No record of the PBX tells the end of this call: it is closed as lost."""
    known = turn.center.remembered.get(event.key.removeprefix(RECORD_TIMER))
    if known is not None:
        _close_remembered(turn, known, turn.now)


def _close_remembered(turn: Turn, known: OpenCall, at: datetime) -> None:
    del turn.center.remembered[known.call]
    _close_attempt(turn, known, at)
    outcome = Outcome.ANSWERED if known.answered else Outcome.LOST
    turn.do(CallEnded(call=known.call, outcome=outcome, by="pbx", at=at))
