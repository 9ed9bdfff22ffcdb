"""Breaks: asked for, granted by the policy, begun at once or after the call, and ended.

A break and its permission are one: the state BREAK holds exactly as long as the permission that stands on record.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from handlers import agents, announcements, claims, lamps, operators, orders, slots, spoken, talks, violations
from handlers.turn import Turn
from telephony.core.break_facts import BreakAsked, BreakKind, PermissionEnded, PermissionGiven, Verdict
from telephony.core.breaks import Decision, Grant, Request, decide, lapsed
from telephony.core.calls import LegState
from telephony.core.commands import TakeBreak
from telephony.core.effects import Alarm, Reply
from telephony.core.event import CallId
from telephony.core.events import TimerFired
from telephony.core.facts import AttemptResult
from telephony.core.operators import BREAK_OVER, OVERRUN, Agent, State
from telephony.core.permissions import Permission

END_TIMER = "break:"
WARNING_TIMER = "warning:"

THEIR_END = frozenset({BREAK_OVER, "came_back"})
"""Ends of a break that its operator knows of; of an order withdrawn, or an emergency rejected, nobody tells them."""

How = Literal["used", "over", "unused", "declined", "withdrawn", "offline", "displaced"]


# -- asking


def take_break(turn: Turn, event: TakeBreak) -> None:
    """The one door for every request of an operator."""
    agent = operators.asked_by(turn, event.phone, event.login)
    if agent is None:
        _refuse_nobody(turn, event)
        return
    if agent.at_work:
        operators.busy_with_code(turn, agent, event.channel)
    decision = ask(turn, agent, Request(agent.login, event.kind, event.reason), event.door)
    until = None if agent.permission is None else agent.permission.until
    say = spoken.answer(turn.center.plan, decision, until, turn.now)
    ok = decision.verdict is not Verdict.REFUSED
    text = spoken.text(turn.center.plan, decision, until)
    turn.do(Reply(command=event.command, ok=ok, code=spoken.code_of(decision), say=say, text=text))


def _refuse_nobody(turn: Turn, event: TakeBreak) -> None:
    """Nobody has this login, or nobody is logged in at this phone: a refusal as any other."""
    code = "not-logged-in" if event.login is None else "unknown-operator"
    turn.do(
        BreakAsked(
            request=turn.center.new_name(),
            login=event.login or "",
            kind=event.kind,
            door=event.door,
            verdict=Verdict.REFUSED,
            reason=code,
            phone=event.phone if event.login is None else None,
            at=turn.now,
        )
    )
    operators.answer(turn, event.command, code, ok=False)


def ask(turn: Turn, agent: Agent, request: Request, door: str) -> Decision:
    """Put the question to the policy, its answer on record, and do what it says."""
    center = turn.center
    decision = decide(request, center, turn.now)
    permission = None if decision.grant is None else permit(turn, agent, request.kind, decision.grant)
    name = center.new_name()
    turn.do(
        BreakAsked(
            request=name,
            login=agent.login,
            kind=request.kind,
            door=door,
            verdict=decision.verdict,
            reason=decision.reason,
            permission=None if permission is None else permission.id,
            next_slot=decision.next_slot,
            at=turn.now,
        )
    )
    if decision.claim is not None:
        claims.keep(turn, replace(decision.claim, id=name))
    if permission is not None:
        give(turn, agent, permission, at_once=decision.verdict is Verdict.GRANTED)
    return decision


def permit(turn: Turn, agent: Agent, kind: BreakKind, grant: Grant) -> Permission:
    """The permission of this grant, were it to begin now."""
    until = turn.now + grant.length if grant.length is not None else grant.until
    assert until is not None
    return Permission(
        turn.center.new_name(),
        agent.login,
        kind,
        turn.now,
        until,
        length=grant.length,
        slot=grant.slot,
        order=grant.order,
        reason=grant.reason,
    )


# -- permissions


def give(turn: Turn, agent: Agent, permission: Permission, *, at_once: bool) -> None:
    """The permission is on record; the break begins now, or after the call. It takes the place of another one, which,
    where it has not begun, comes after it."""
    center = turn.center
    displaced = agent.permission
    if displaced is not None:
        take_away(turn, agent, "displaced" if displaced.begun else "unused")
        orders.await_again(turn, displaced)
    claims.served(turn, permission)
    center.permit(agent, permission)
    if displaced is not None and not displaced.begun:
        claims.take_turn(turn, displaced)
    if permission.order in center.orders:
        center.orders[permission.order].awaited.discard(agent.login)
    if permission.slot is not None:
        center.used_slots.setdefault(agent.login, set()).add(permission.slot)
    _state(turn, permission)
    if permission.kind is BreakKind.EMERGENCY:
        center.emergencies[permission.id] = agent.login
        text = f"{permission.reason}: confirm or reject it with gudok breaks review {permission.id}"
        turn.do(Alarm(code="emergency_pause", text=text, subject=permission.id))
    if at_once:
        begin(turn, agent)
    elif permission.length is None:
        set_timers(turn, agent)


def _state(turn: Turn, permission: Permission) -> None:
    turn.do(
        PermissionGiven(
            permission=permission.id,
            login=permission.login,
            kind=permission.kind,
            begins=permission.begins,
            until=permission.until,
            slot=permission.slot,
            order=permission.order,
            reason=permission.reason,
            at=turn.now,
        )
    )


def take_away(turn: Turn, agent: Agent, how: How, at: datetime | None = None) -> None:
    """The permission ends; what the operator does then is for the caller of this to say."""
    permission = agent.permission
    assert permission is not None
    turn.do(PermissionEnded(permission=permission.id, how=how, at=at or turn.now))
    turn.center.permit(agent, None)
    if permission.begun:
        slots.follow_break(turn, permission, at or turn.now)
    announcements.cut_off(turn, agent)
    agent.breaks += 1
    if permission.begun or permission.length is None:
        turn.forget_timer(END_TIMER + agent.login)
        turn.forget_timer(WARNING_TIMER + agent.login)
    if how == "unused":
        turn.center.emergencies.pop(permission.id, None)
        if permission.slot is not None:
            turn.center.used_slots.get(agent.login, set()).discard(permission.slot)


# -- the break


def begin(turn: Turn, agent: Agent) -> None:
    """The operator is on a break from now on. A caller who rings at them is given to the next operator."""
    permission = agent.permission
    assert permission is not None
    anew = not permission.begun and permission.begins != turn.now
    permission.begin(turn.now)
    if anew:
        _state(turn, permission)
    announcements.cut_off(turn, agent)
    _stop_ringing(turn, agent)
    agent.rona, agent.wrap_up, agent.idle_since = "", 0, None
    agents.set_state(turn, agent, State.BREAK, reason=permission.kind)
    set_timers(turn, agent)


def _stop_ringing(turn: Turn, agent: Agent) -> None:
    """The offer is withdrawn: with the end of the leg the caller stands at the head again, by their true arrival."""
    for channel in sorted(agent.channels):
        call = turn.center.channels.get(channel)
        leg = None if call is None else call.legs.get(channel)
        if call is not None and leg is not None and leg.state is not LegState.UP:
            leg.result = AttemptResult.CANCELLED
            turn.hang_up(call, channel)


def set_timers(turn: Turn, agent: Agent) -> None:
    """For the end, and the warning before it; at once where the time has passed meanwhile."""
    permission = agent.permission
    assert permission is not None
    agent.breaks += 1
    turn.wake(END_TIMER + agent.login, agent.breaks, max(permission.until - turn.now, timedelta()))
    warning = permission.until - timedelta(seconds=turn.center.plan.breaks.warning)
    if agent.state is not State.BREAK or warning <= permission.begins:
        return
    if turn.now < warning < permission.until:
        turn.wake(WARNING_TIMER + agent.login, agent.breaks, warning - turn.now)
    elif warning <= turn.now < permission.until:
        lamps.warn(turn, agent)


def begin_deferred(turn: Turn, agent: Agent) -> bool:
    """The call is over; False when nothing is left of the permission that waited for it."""
    permission = agent.permission
    assert permission is not None
    if lapsed(turn.center, permission, turn.now):
        take_away(turn, agent, "over" if permission.begun else "unused")
        return False
    begin(turn, agent)
    return True


def warning_due(turn: Turn, event: TimerFired) -> None:
    agent = turn.center.agents.get(event.key.removeprefix(WARNING_TIMER))
    if agent is not None and agent.breaks == event.generation and agent.state is State.BREAK:
        lamps.warn(turn, agent)
        rules = turn.center.plan.breaks
        if rules.announce:
            announcements.announce(turn, agent, "break-ends-soon", within=rules.warning)


def time_up(turn: Turn, event: TimerFired) -> None:
    """It ended when it was to end, however late the timer: nobody may have lived to hear it then."""
    agent = turn.center.agents.get(event.key.removeprefix(END_TIMER))
    if agent is None or agent.breaks != event.generation or agent.permission is None:
        return
    at = min(agent.permission.until, turn.now)
    if agent.state is not State.BREAK:
        take_away(turn, agent, "over" if agent.permission.begun else "unused", at)
        return
    take_away(turn, agent, "over", at)
    if turn.center.plan.breaks.at_end == "return":
        go_back(turn, agent, BREAK_OVER, at)
    elif not _called_in(turn, agent):
        _call_to_work(turn, agent, at)


def _call_to_work(turn: Turn, agent: Agent, at: datetime) -> None:
    """Who cannot be rung yet has overrun nothing so far."""
    later = announcements.must_wait(turn, agent)
    if later or announcements.call_back(turn, agent):
        go_back(turn, agent, BREAK_OVER, at)
    else:
        agents.set_state(turn, agent, State.UNREACHABLE, reason=OVERRUN, at=at)
    if later:
        announcements.expect_idle(turn, agent)


def end(turn: Turn, agent: Agent, how: How, reason: str) -> None:
    """Before its time: the operator is back, or the permission is withdrawn. One that has not begun will not."""
    given, on_break = agent.permission, agent.state is State.BREAK
    take_away(turn, agent, how)
    if on_break:
        go_back(turn, agent, reason, turn.now, due=None if given is None else given.until)


def leave_to_help(turn: Turn, agent: Agent, call: CallId) -> None:
    """Who comes to help is back from the break. One that waits for its end comes after the help, as after any call."""
    take_away(turn, agent, "used")
    agents.set_state(turn, agent, State.TALKING, reason="helping", call=call)


def decline(turn: Turn, agent: Agent) -> None:
    """The operator does not want the break that would begin after the call. An order counts as followed then."""
    permission = agent.permission
    assert permission is not None
    take_away(turn, agent, "unused" if permission.order is None else "declined")


def _called_in(turn: Turn, agent: Agent) -> bool:
    """Whether the break that has just ended is followed by another, which has waited for its end."""
    return orders.call_in(turn, agent) or claims.call_in(turn, agent)


def go_back(turn: Turn, agent: Agent, reason: str, at: datetime, *, due: datetime | None = None) -> None:
    """To work: READY, or to the call of their own in which they are; but to the next break, if one waits. `due`: until
    when they might have stayed away."""
    if _called_in(turn, agent):
        return
    talk = talks.find(turn, agent)
    if talk is not None:
        talks.enter(turn, agent, talk, at)
        if reason in THEIR_END:
            violations.break_outlasted(turn, agent, due or at)
    else:
        agents.make_ready(turn, agent, reason, at)


def leave(turn: Turn, agent: Agent) -> None:
    """The operator logs out, or is logged out."""
    announcements.cut_off(turn, agent)
    claims.drop(turn, agent.login, "offline")
    if agent.permission is not None:
        orders.await_again(turn, agent.permission)
        take_away(turn, agent, "offline" if agent.state is State.BREAK else "unused")
