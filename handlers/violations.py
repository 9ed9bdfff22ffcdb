"""Pauses without a permission, by whatever trick: seen, put on record, and undone where that is possible.

Those that last are tied to what the operator is in: an UNREACHABLE of a certain reason, a ring that was not taken and
the UNREACHABLE after it, or a time after a call that is longer than its wrap-up. They end with it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from handlers import agents, talks
from handlers.turn import Turn
from telephony.core.break_facts import BreakAsked, BreakKind, Verdict, ViolationEnded, ViolationKind, ViolationSeen
from telephony.core.breaks import next_slot, shift_at
from telephony.core.event import CallId
from telephony.core.events import NativeMemberSeen, NativePauseSeen, TimerFired
from telephony.core.facts import AttemptResult, Repaired
from telephony.core.operators import IN_CALL, OVERRUN, PAUSED, PHONE_LOST, Agent, State
from telephony.core.remembered import OpenViolation

TAIL_TIMER = "tail:"
GRACE = 10
"""Seconds after a wrap-up in which a phone may still be in a call: a feature code, a last word."""
CODES = 30
"""Seconds that a ready operator may be in codes without a gap."""
SAME_ACT = timedelta(seconds=5)
"""A pause of all queues is heard once for each of them."""

LASTING = {
    PHONE_LOST: ViolationKind.UNREGISTERED,
    OVERRUN: ViolationKind.OVERRUN,
}
"""Reasons of UNREACHABLE that are a violation as long as they last."""
ACTS = {
    "removed": "removed from",
    "added": "added to",
    "ring_in_use": "rung in calls in",
    "penalty": "given a penalty in",
}
RINGS: dict[str, ViolationKind] = {
    AttemptResult.NO_ANSWER: ViolationKind.NO_ANSWER,
    AttemptResult.BUSY: ViolationKind.REJECTED,
    AttemptResult.REJECTED: ViolationKind.REJECTED,
    AttemptResult.FAILED: ViolationKind.REJECTED,
}
"""Results of a ring, which become reasons of UNREACHABLE."""
TAILS = frozenset({ViolationKind.LONG_WRAP_UP, ViolationKind.PHONE_BUSY})
"""Of a phone that is not free; they end when it is."""
AFTER_CALL = frozenset({ViolationKind.LONG_WRAP_UP, ViolationKind.OVERRUN})
"""Tails that may be a call, of their own, that they did not begin when they were READY."""
UNTIL_BACK = frozenset({ViolationKind.NO_ANSWER, ViolationKind.REJECTED, ViolationKind.OVERRUN})
"""Named like the UNREACHABLE that ends only when the operator says that they are back."""


def see(
    turn: Turn,
    agent: Agent,
    kind: ViolationKind,
    *,
    at: datetime | None = None,
    call: CallId | None = None,
    detail: str = "",
    lasts: bool = False,
) -> str:
    """Put one on record; answers its name."""
    name, at = turn.center.new_name(), at or turn.now
    turn.do(
        ViolationSeen(violation=name, login=agent.login, kind=kind, at=at, call=call, detail=detail, lasts=lasts),
    )
    return name


def _begin(turn: Turn, agent: Agent, kind: ViolationKind, at: datetime, call: CallId | None = None) -> None:
    name = see(turn, agent, kind, at=at, call=call, lasts=True)
    agent.violation = OpenViolation(violation=name, login=agent.login, kind=kind, at=at, call=call)


def follow(turn: Turn, agent: Agent, at: datetime) -> None:
    """The operator's state has changed: a violation that lasts begins, goes on, or ends with it."""
    if agent.state is State.READY and agent.channels:
        in_use(turn, agent)
    elif agent.state is not State.UNREACHABLE and not (agent.tail or agent.rona or agent.violation):
        return
    if agent.tail is not None and agent.state is not State.WRAP_UP and not _tail_lasts(turn, agent):
        agent.tail = None
        if agent.channels:
            turn.forget_timer(TAIL_TIMER + agent.login)
    reason = agent.reason if agent.state is State.UNREACHABLE else agent.rona if agent.state in IN_CALL else ""
    kind = LASTING.get(reason)
    lasting = agent.violation
    if lasting is not None and lasting.kind is agent.tail:
        return
    if lasting is not None and lasting.kind not in (kind, RINGS.get(reason)):
        agent.violation = None
        turn.do(ViolationEnded(violation=lasting.violation, at=at))
    if kind is not None and agent.violation is None:
        _begin(turn, agent, kind, at)


def resume(agent: Agent, lasting: OpenViolation) -> None:
    """It was on record when the router started. In a call of their own they are still what they were before that,
    unless it is that call with which they have overrun the break."""
    agent.violation = lasting
    in_call = lasting.kind is ViolationKind.OVERRUN and lasting.call is not None
    agent.tail = lasting.kind if lasting.kind in TAILS or in_call else None
    if agent.state in IN_CALL and lasting.kind in UNTIL_BACK and not in_call:
        agent.rona = lasting.kind.value


def _tail_lasts(turn: Turn, agent: Agent) -> bool:
    """Not free yet: with a phone that is not on the hook, or, after a caller, in a call that is for none."""
    if agent.state in (State.RINGING, *IN_CALL):
        return agent.tail in AFTER_CALL and not talks.for_caller(turn, agent)
    return agent.tail is not None and agent.state is State.READY and bool(agent.channels)


def ring_failed(turn: Turn, agent: Agent, call: CallId, result: AttemptResult) -> None:
    """An offered call was not taken. That lasts until the operator says that they are back."""
    if result in RINGS:
        _begin(turn, agent, RINGS[result], turn.now, call)


# -- a phone that is not free for long


def in_use(turn: Turn, agent: Agent) -> None:
    """They are READY, and something is at the phone that is none of a caller's: nobody can be given to them."""
    agent.tail = agent.tail or ViolationKind.PHONE_BUSY
    span = CODES if agent.tail is ViolationKind.PHONE_BUSY else GRACE
    turn.wake(TAIL_TIMER + agent.login, agent.generation, span)


def expect_end(turn: Turn, agent: Agent, due: datetime) -> None:
    """The wrap-up, or the break, is over at `due`, or was, and the phone is in a call that is none of a caller's, or
    rings for one."""
    agent.tail = agent.tail or ViolationKind.LONG_WRAP_UP
    if agent.state in IN_CALL:
        due = max(due, turn.now) + timedelta(seconds=GRACE)
        turn.wake(TAIL_TIMER + agent.login, agent.generation, due - turn.now)


def break_outlasted(turn: Turn, agent: Agent, ended: datetime) -> None:
    """A call of their own, in which they have been since the break, goes on after it."""
    if not talks.for_caller(turn, agent):
        agent.tail = ViolationKind.OVERRUN
        expect_end(turn, agent, ended)


def tail_too_long(turn: Turn, event: TimerFired) -> None:
    agent = turn.center.agents.get(event.key.removeprefix(TAIL_TIMER))
    if agent is None or agent.generation != event.generation or not _tail_lasts(turn, agent):
        return
    if agent.tail is ViolationKind.PHONE_BUSY and agent.channels & turn.center.natives.keys():
        in_use(turn, agent)  # it may be a caller of the fallback queue
    elif agent.state in IN_CALL and not turn.center.pbx_up:
        return  # the call may have ended: it is looked at again with the next picture
    elif agent.tail is ViolationKind.OVERRUN and agent.deferred:
        expect_end(turn, agent, turn.now)  # a pause follows the call; should they lose it, this counts
    elif agent.tail is not None and agent.violation is None:
        _begin(turn, agent, agent.tail, turn.now, agent.call)


def free_again(turn: Turn, agent: Agent) -> None:
    """Nothing is at the operator's phone any more."""
    if agent.tail is not None:
        turn.forget_timer(TAIL_TIMER + agent.login)
        follow(turn, agent, turn.now)


# -- by other doors


def logged_out(turn: Turn, agent: Agent, phone: str, at: datetime) -> None:
    """Of this phone, by their own wish or put out. Within the shift it is remembered."""
    agent.logged_out = at if shift_at(turn.center, agent.login, at) is not None else None
    agent.left_phone = phone


def put_out(turn: Turn, agent: Agent, at: datetime) -> None:
    """By a colleague who has taken the phone: an excuse once a shift, or two of them might take turns."""
    shift = shift_at(turn.center, agent.login, at)
    if agent.put_out is None or shift is None or agent.put_out < shift.begin:
        agent.put_out = at


def logged_in(turn: Turn, agent: Agent) -> None:
    """Again, within the same shift: the time between was a pause, however long or short."""
    before, agent.logged_out = agent.logged_out, None
    if before is None:
        return
    shift = shift_at(turn.center, agent.login, before)
    same_shift = shift is not None and shift.begin <= turn.now < shift.end
    if same_shift and not _sat_down_elsewhere(turn, agent, before):
        away = int((turn.now - before).total_seconds())
        see(turn, agent, ViolationKind.RELOGIN, detail=f"away for {away} s")


def _sat_down_elsewhere(turn: Turn, agent: Agent, before: datetime) -> bool:
    """Who was put out has `seat_change` seconds for that."""
    in_time = turn.now - before <= timedelta(seconds=turn.center.plan.breaks.seat_change)
    return before == agent.put_out and in_time and agent.phone != agent.left_phone


def native_pause_seen(turn: Turn, event: NativePauseSeen) -> None:
    """Somebody has paused, or un-paused, a member of the native queue past us: it is undone. One that began while
    nobody looked is on record from its true begin."""
    agent = turn.center.at_phone.get(event.phone)
    if agent is None or (event.began is None and event.paused == (agent.state in PAUSED)):
        return
    agents.mirror(turn, agent)
    detail = f"{'paused' if event.paused else 'un-paused'} in {event.queue}"
    if event.began is not None:
        detail += " while nobody looked" if event.stands else " while nobody looked, and ended again"
    if _at_back_door(turn, agent, detail, event.began, lasted=event.stands) and event.paused:
        _refuse(turn, agent, event.began or turn.now)


def native_member_seen(turn: Turn, event: NativeMemberSeen) -> None:
    """Somebody has changed who is in the native queue past us; the mirror undoes it."""
    agent = turn.center.at_phone.get(event.phone)
    if agent is None:
        turn.do(Repaired(what="native-member", subject=event.phone, at=turn.now))
    else:
        _at_back_door(turn, agent, f"{ACTS[event.act]} {event.queue}")


def _at_back_door(turn: Turn, agent: Agent, detail: str, at: datetime | None = None, *, lasted: bool = False) -> bool:
    """Put on record, unless it belongs to what was lately. That time is counted from the first, so that it ends for
    those who go on and on, too. `lasted`: until now, when it is undone."""
    if agent.back_door is not None and turn.now - agent.back_door <= SAME_ACT:
        return False
    agent.back_door = turn.now
    name = see(turn, agent, ViolationKind.BACK_DOOR, at=at, detail=detail, lasts=lasted)
    if lasted:
        turn.do(ViolationEnded(violation=name, at=turn.now))
    return True


def _refuse(turn: Turn, agent: Agent, at: datetime) -> None:
    """A pause at the back door is a request as at any other, but for a pause without kind, order or reason: it can only
    be meant for a planned one, and those are granted at the other doors."""
    turn.do(
        BreakAsked(
            request=turn.center.new_name(),
            login=agent.login,
            kind=BreakKind.TECHNICAL,
            door="native",
            verdict=Verdict.REFUSED,
            reason="back-door",
            next_slot=next_slot(turn.center, agent.login, at),
            at=at,
        )
    )
