"""Starting, losing the PBX, finding it again: our state is made from the PBX's picture and the open rows, never from a
replay of the journal. The same comparison runs as an audit every 30 s; what it has to repair is counted.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime, timedelta

from handlers import adoption, agents, hands, operators, records, restoration, resumption
from handlers.picture import Picture
from handlers.turn import Turn
from telephony.core.break_facts import ViolationKind
from telephony.core.calls import Call, LegState
from telephony.core.events import PbxLost, PhoneChanged, PictureTaken, Started
from telephony.core.facts import CallKind, OperatorChanged, Repaired
from telephony.core.logins import LogIns
from telephony.core.operators import ENGAGED, IN_CALL, NO_CALLER, Agent, State
from telephony.core.remembered import OpenCall, OpenOperator

SETTLED = timedelta(seconds=records.SETTLED)
RING_SLACK = timedelta(seconds=10)
"""How much longer than its ring time a leg may live unanswered before the audit ends it."""


# -- start


def started(turn: Turn, event: Started) -> None:
    """Adopt plan and persons; what was open is remembered until the picture shows what became of it."""
    center = turn.center
    center.adopt_plan(event.plan, event.run)
    center.set_persons(event.operators)
    center.log_ins = LogIns(event.failed_log_ins, event.locked_log_ins)
    center.remembered = {call.call: call for call in event.open_calls}
    hands.remember(turn, event.hands)
    for talk in event.last_talks:
        center.last_talks[talk.caller] = (talk.login, talk.ended)
    for ring in event.last_rings:
        center.matcher.took_turn(ring.queue, ring.login)
    own_calls = {call.call for call in event.open_calls if call.kind == CallKind.OWN}
    for row in event.open_operators:
        agent = center.agents.get(row.login)
        if agent is not None and row.phone in center.phones and row.phone not in center.at_phone:
            center.seat(agent, row.phone)
            _restore(agent, row, own_calls)
            # as on record: what differs on the PBX is others' doing
            agents.mirror(turn, agent, seen_until=event.last_entry)
        else:  # who or what they worked with has left the config: the shift ends here
            turn.do(OperatorChanged(login=row.login, state=State.OFFLINE, at=turn.now, reason="not_in_config"))
    for call in event.open_calls:
        _remember_talks(turn, call)
    restoration.restore_breaks(turn, event)


def _remember_talks(turn: Turn, call: OpenCall) -> None:
    """Who was in a conversation: if it is over by now it was their last, and its wrap-up is due."""
    queue = turn.center.queues.get(call.queue or "")
    for attempt in call.open_attempts:
        agent = turn.center.agents.get(attempt.operator or "")
        if agent is not None and agent.at_work and attempt.answered and call.kind == CallKind.INBOUND:
            agent.talked = call.call
            if agent.state in IN_CALL and queue is not None:
                agent.wrap_up = queue.wrap_up


def _restore(agent: Agent, row: OpenOperator, own_calls: Set[str]) -> None:
    agent.state, agent.since, agent.reason = State(row.state), row.since, row.reason
    agent.idle_since, agent.until, agent.call = row.idle_since, row.until, row.call
    with_caller = agent.state in ENGAGED and agent.reason not in NO_CALLER and agent.call not in own_calls
    agent.engaged_since = (row.free_until or row.since) if with_caller else None
    after_caller = agent.state is State.WRAP_UP or (agent.state in IN_CALL and agent.until is not None)
    agent.tail = ViolationKind.LONG_WRAP_UP if after_caller else None
    agent.talked, agent.calls = row.talked, row.calls


# -- the PBX goes


def pbx_lost(turn: Turn, event: PbxLost) -> None:
    """No decisions until the next picture; calls on the PBX go on without us."""
    turn.center.pbx_up = False
    turn.center.pbx_lost = turn.center.pbx_lost or turn.now


def _forget_old_process(turn: Turn, started: datetime, alive: Set[str]) -> None:
    """The calls of the old process have ended, as its record tells; what is alive belongs to the new one."""
    center = turn.center
    at = center.pbx_lost or started
    for call in list(center.calls.values()):
        if call.party not in alive and not _is_young(turn, call):
            for channel in [call.party, *call.legs]:
                records.ended_unseen(turn, channel, lost=at)
    for channel in [channel for channel in [*center.strangers, *center.snoops] if channel not in alive]:
        records.ended_unseen(turn, channel, lost=at)


# -- the picture


def picture_taken(turn: Turn, event: PictureTaken) -> None:
    center = turn.center
    picture = Picture(event)
    if event.why == "audit":
        _audit(turn, picture)
        _note_phones(turn, set(event.unreachable_phones))
        return
    center.record_unread = event.record_unread
    before, center.pbx_started = center.pbx_started, event.pbx_started
    center.pbx_up = False  # nothing is given out before all are known who hold a channel
    if before is not None and event.pbx_started is not None and event.pbx_started > before:
        _forget_old_process(turn, event.pbx_started, picture.alive.keys())
    center.unreachable = set(event.unreachable_phones)
    missing, young = _missing(turn, picture)
    for channel in sorted(missing):
        records.ended_unseen(turn, channel, recorded=picture.ended(channel))
    adoption.adopt(turn, picture)
    center.pbx_lost = None
    if young:
        records.look_again(turn)


def _missing(turn: Turn, picture: Picture) -> tuple[set[str], set[str]]:
    """What we know of and the picture does not show; apart from it what is too young to be judged: a leg whose making
    may still be waiting for its turn, too, unless the line was down and all that waited has been refused."""
    center = turn.center
    missing = {
        channel for channel in [*center.channels, *center.strangers, *center.snoops] if channel not in picture.alive
    }
    young = {channel for channel in missing if _is_young(turn, center.channels.get(channel), channel)}
    young |= {channel for channel in missing & center.strangers.keys() if _lately(turn, center.strangers[channel])}
    if not picture.after_break:
        new = {leg.channel for call in center.calls.values() for leg in call.legs.values() if leg.state is LegState.NEW}
        young |= new & missing
    return missing - young, young


def _is_young(turn: Turn, call: Call | None, channel: str | None = None) -> bool:
    """Heard of, or asked for, so lately that the picture may have been taken before."""
    if call is None:
        return False
    leg = call.legs.get(channel or "")
    return turn.now - (call.opened if leg is None else leg.made) < SETTLED


def _lately(turn: Turn, agent: Agent) -> bool:
    """The same of a channel outside our application: a code dialed at this phone, or an announcement."""
    return agent.occupied is not None and turn.now - agent.occupied < SETTLED


def _note_phones(turn: Turn, unreachable: set[str]) -> None:
    """As if we had just heard of each difference."""
    for phone in sorted(unreachable ^ turn.center.unreachable):
        operators.phone_changed(turn, PhoneChanged(phone=phone, reachable=phone not in unreachable))


# -- the audit


def _audit(turn: Turn, picture: Picture) -> None:
    """Differences seen in two audits running are repaired; one alone may be an event still on its way."""
    center = turn.center
    if not center.pbx_up:
        return
    missing, _ = _missing(turn, picture)
    unknown = {seen.channel for seen in picture.unknown(center) if turn.now - seen.created > SETTLED}
    stuck = {
        leg.channel
        for call in center.calls.values()
        for leg in call.legs.values()
        if resumption.unanswered(leg) and turn.now - leg.made > timedelta(seconds=leg.seconds) + RING_SLACK
    }
    suspects = frozenset(missing | unknown | stuck)
    again = suspects & center.suspects
    center.suspects = suspects - again
    for channel in sorted(again):
        turn.do(Repaired(what="audit", subject=channel, at=turn.now))
        if channel in missing:
            records.ended_unseen(turn, channel)
        elif channel in stuck and channel in center.channels:
            turn.hang_up(center.channels[channel], channel)
    if unknown & again:
        adoption.adopt(turn, picture, only=unknown & again)
    else:
        adoption.look_around(turn, picture)
