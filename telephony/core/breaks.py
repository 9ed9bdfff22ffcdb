"""Who may pause, when, and for how long: `decide(request, center, now)`, where the center holds the roster.

    technical    within the operator's slot, while the cap of every queue they serve holds
    management   on an order on record
    emergency    at once, with a reason of the configured list

Nothing here changes the center: the same question may be asked twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from telephony.core.break_facts import BreakKind, Verdict
from telephony.core.center import Center, first_queues
from telephony.core.operators import IN_CALL, OWN_CALL, Agent, State
from telephony.core.permissions import Claim, Permission
from telephony.core.roster import Shift, Slot, placed


@dataclass(frozen=True, slots=True)
class Request:
    """`login` asks for a pause of `kind`. `digit`: the reason of an emergency. `ordered`: the order asks for
    them, they have not."""

    login: str
    kind: BreakKind
    digit: str = ""
    ordered: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What is allowed. Exactly one of `length` (from when it begins) and `until` is set."""

    length: timedelta | None = None
    until: datetime | None = None
    slot: datetime | None = None
    order: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Granted at once; deferred with `reason` in_call (after the call), cap (no place is free: `claim` keeps the
    operator's turn) or on_break (the pause of an order comes after the one they have); or refused with a `reason`, a
    stable word. `next_slot`: begin of the operator's next planned break that is not used. `begin_by`: when the
    call must be over for the break to begin; None: it may last however long."""

    verdict: Verdict
    reason: str = ""
    grant: Grant | None = None
    claim: Claim | None = None
    next_slot: datetime | None = None
    begin_by: datetime | None = None


def _refused(reason: str) -> Decision:
    return Decision(Verdict.REFUSED, reason)


def decide(request: Request, center: Center, now: datetime) -> Decision:
    """The one policy behind every door. Whatever the reason of a refusal, it says when the next planned break is."""
    decision = _decide(request, center, now)
    if decision.verdict is Verdict.REFUSED and decision.next_slot is None:
        return replace(decision, next_slot=next_slot(center, request.login, now))
    return decision


def _decide(request: Request, center: Center, now: datetime) -> Decision:
    agent = center.agents.get(request.login)
    if agent is None or not agent.at_work:
        return _refused("not-logged-in")
    if _has_one_already(request, center, agent):
        return _refused("already") if request.ordered is None else Decision(Verdict.DEFERRED, "on_break")
    grant: Grant | Claim | Decision
    match request.kind:
        case BreakKind.EMERGENCY:
            grant = _emergency(request, center)
        case BreakKind.MANAGEMENT:
            grant = _management(request, center, now)
        case BreakKind.TECHNICAL:
            grant = _technical(center, agent, now)
    if isinstance(grant, Decision):
        return grant
    if agent.state is State.RINGING and request.kind is not BreakKind.EMERGENCY and request.ordered is None:
        return Decision(Verdict.REFUSED, "ringing", next_slot=grant.slot)
    if isinstance(grant, Claim):
        return Decision(Verdict.DEFERRED, "cap", claim=grant)
    if agent.state in IN_CALL or (agent.state is State.RINGING and request.kind is not BreakKind.EMERGENCY):
        by = None if grant.slot is None else begin_by(center, agent, grant.slot)
        return Decision(Verdict.DEFERRED, "in_call", grant, begin_by=by)
    return Decision(Verdict.GRANTED, grant=grant)


def _has_one_already(request: Request, center: Center, agent: Agent) -> bool:
    """One permission at a time; only an emergency goes before another kind."""
    waiting = request.kind is BreakKind.TECHNICAL and agent.login in center.claims
    return waiting or (
        agent.permission is not None
        and (request.kind is not BreakKind.EMERGENCY or agent.permission.kind is BreakKind.EMERGENCY)
    )


def _emergency(request: Request, center: Center) -> Grant | Decision:
    rules = center.plan.breaks
    label = rules.emergency_reasons.get(request.digit)
    if label is None:
        return _refused("no-reason")
    return Grant(length=timedelta(seconds=rules.emergency), reason=label)


def _management(request: Request, center: Center, now: datetime) -> Grant | Decision:
    """The order that lets them pause longest; where an order asks by itself, that one."""
    letting = [
        order
        for order in center.orders.values()
        if order.lets(request.login, now) and request.ordered in (None, order.id)
    ]
    if not letting:
        return _refused("no-order")
    order = max(letting, key=lambda order: order.until)
    return Grant(until=order.until, order=order.id)


# -- technical breaks


def _technical(center: Center, agent: Agent, now: datetime) -> Grant | Claim | Decision:
    shift = shift_at(center, agent.login, now)
    if shift is None:
        return _refused("not-in-shift")
    open_now = [slot for slot in shift.slots if _is_open(center, agent, slot, now)]
    used = used_in(center, shift) if open_now else set()
    slot = next((slot for slot in open_now if slot.begin not in used), None)
    if slot is None:
        return _refused("slot-used" if open_now else "not-in-slot")
    if place_for(center, agent):
        return Grant(length=slot.end - slot.begin, slot=slot.begin)
    claim = claim_to(center, agent.login, slot.begin, now) if _taken_by_callers(center, agent, slot, now) else None
    return claim or _refused("cap")


def _taken_by_callers(center: Center, agent: Agent, slot: Slot, now: datetime) -> bool:
    """Whether they have had, or have, of the time of a slot that is open, or of one before it that came late."""
    return (agent.login, slot.begin) in center.moved_slots or (slot.begin <= now and agent.engaged_since is not None)


def claim_to(center: Center, login: str, begin: datetime, now: datetime) -> Claim | None:
    """To the planned break that begins then, as the roster has it now; None when it has none, when it is used, or when
    its shift is over."""
    shift = shift_at(center, login, begin)
    if shift is None or now >= shift.end or begin in used_in(center, shift):
        return None
    slot = next((slot for slot in shift.slots if slot.begin == begin), None)
    return None if slot is None else Claim(slot.begin, slot.end - slot.begin, shift.end, login)


def shift_at(center: Center, login: str, now: datetime) -> Shift | None:
    """The shift they are in."""
    for shift in center.roster.shifts(login):
        if shift.begin <= now < shift.end:
            return shift
    return None


def _tolerance(center: Center) -> timedelta:
    return timedelta(seconds=center.plan.breaks.tolerance)


def _is_open(center: Center, agent: Agent, slot: Slot, now: datetime) -> bool:
    """Whether a break may begin in this slot: around its begin, or right after what took its time."""
    if now < slot.begin - _tolerance(center):
        return False
    return not _has_passed(center, agent, slot.begin, now)


def _deadline(center: Center, login: str, slot: datetime) -> datetime:
    """Until when the break planned for `slot` may begin, but for a call with a caller that goes on."""
    return center.moved_slots.get((login, slot), slot + _tolerance(center))


def begin_by(center: Center, agent: Agent, slot: datetime) -> datetime | None:
    """The same of a break that begins after the call: only a call that they have dialed themselves may outlast it. How
    long they are with a caller, are asked by a colleague, or help one, is not their choice."""
    return _deadline(center, agent.login, slot) if agent.reason == OWN_CALL else None


def _has_passed(center: Center, agent: Agent, slot: datetime, now: datetime) -> bool:
    deadline = _deadline(center, agent.login, slot)
    return now > deadline and (agent.engaged_since is None or agent.engaged_since > deadline)


def missed_slots(center: Center, login: str, begun: datetime, ended: datetime) -> list[datetime]:
    """Slots, by their begin, of whose time a part or all was taken by callers, or by a break that came late, between
    these times."""
    agent = center.agents.get(login)
    held = None if agent is None or agent.permission is None or agent.permission.begun else agent.permission.slot
    found = []
    for shift in center.roster.shifts(login):
        for slot in shift.slots:
            free = slot.begin == held or slot.begin not in used_in(center, shift)
            if slot.begin <= ended and begun <= _deadline(center, login, slot.begin) and free:
                found.append(slot.begin)
    return found


def used_in(center: Center, shift: Shift) -> set[datetime]:
    """Slots of the shift, by their begin, that are used up."""
    taken = center.used_slots.get(shift.login)
    return set(placed(shift, taken)) if taken else set()


def next_slot(center: Center, login: str, now: datetime) -> datetime | None:
    """Begin of the first planned break ahead that is not used."""
    for shift in center.roster.shifts(login):
        if shift.end > now:
            used = used_in(center, shift)
            for slot in shift.slots:
                if slot.begin > now and slot.begin not in used:
                    return slot.begin
    return None


def lapsed(center: Center, permission: Permission, now: datetime) -> bool:
    """Whether there is nothing left of it: the break itself, the order's time, or the shift is over, or the shift has
    been taken back and there is no other now; or a call that they have dialed has outlasted the time of the planned
    break. That time does not count where their turn was kept: it was given after it."""
    if permission.begun or permission.length is None:
        return now >= permission.until
    if permission.slot is None:
        return False
    login, slot = permission.login, permission.slot
    shift = shift_at(center, login, slot) or shift_at(center, login, now)
    if shift is None or now >= shift.end:
        return True
    deadline = begin_by(center, center.agents[login], slot)
    return deadline is not None and permission.begins <= deadline < now


def cap(center: Center, queue: str) -> int:
    """How many of those at work who serve `queue` may be on a technical break at once: the share, rounded up, at least
    one."""
    return max(1, -(-center.serving.get(queue, 0) * center.plan.breaks.max_on_break_share // 100))


def place_for(center: Center, agent: Agent) -> bool:
    """Whether one more technical break fits under the cap of every queue that the operator serves. It goes past nobody:
    a place that comes free is given, within the same turn, to the earliest slot of those who wait and need no other."""
    return all(room(center, queue) > 0 for queue in first_queues(agent))


def room(center: Center, queue: str) -> int:
    """How many more of those who serve `queue` may be on a technical break; below zero when too many are."""
    return cap(center, queue) - center.resting.get(queue, 0)
