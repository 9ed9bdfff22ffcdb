"""Breaks after a restart: permissions, claims, orders and violations as the database remembers them."""

from __future__ import annotations

from handlers import agents, breaks, claims, orders, slots, violations
from handlers.turn import Turn
from telephony.core.break_facts import BreakKind, PermissionEnded, ViolationEnded
from telephony.core.events import Started
from telephony.core.operators import Agent, State
from telephony.core.permissions import Permission
from telephony.core.remembered import OpenPermission
from telephony.core.roster import Roster


def restore_breaks(turn: Turn, event: Started) -> None:
    """Those at work stand as they were already. What ended meanwhile ends at its true time, by its timer, which is due
    at once."""
    center = turn.center
    center.roster = Roster(event.shifts)
    open_of: dict[str, OpenPermission] = {}
    for known in sorted(event.permissions, key=lambda one: one.begins):
        _remember(turn, known)
        if known.ended is None:
            _displace(turn, open_of.get(known.login), known)
            open_of[known.login] = known
    for known in open_of.values():
        _restore(turn, known)
    for agent in list(center.agents.values()):
        if agent.state is State.BREAK and agent.permission is None:
            agents.make_ready(turn, agent, "no_permission")
    slots.restore(turn, event)
    for claim in event.claims:
        claims.restore(turn, claim)
    for out in event.log_outs:
        gone = center.agents.get(out.login)
        if gone is not None and out.put_out:
            violations.put_out(turn, gone, out.at)
        if gone is not None and out.last and not gone.at_work:
            violations.logged_out(turn, gone, out.phone, out.at)
    for order in event.orders:
        orders.restore(turn, order, event.permissions)
    for lasting in event.violations:
        held = center.agents.get(lasting.login)
        if held is not None and held.at_work:
            violations.resume(held, lasting)
        else:
            turn.do(ViolationEnded(violation=lasting.violation, at=turn.now))


def _remember(turn: Turn, known: OpenPermission) -> None:
    center = turn.center
    if known.slot is not None:
        center.used_slots.setdefault(known.login, set()).add(known.slot)
    if known.kind is BreakKind.EMERGENCY and not known.reviewed:
        center.emergencies[known.permission] = known.login


def _displace(turn: Turn, earlier: OpenPermission | None, later: OpenPermission) -> None:
    """An operator has one permission: of two that stand open the later counts, and the earlier was over by then."""
    if earlier is not None:
        at = max(earlier.begins, min(earlier.until, later.begins))
        turn.do(PermissionEnded(permission=earlier.permission, how="over", at=at))


def _restore(turn: Turn, known: OpenPermission) -> None:
    center = turn.center
    agent = center.agents.get(known.login)
    if agent is None or not agent.at_work:  # their phone is not in the plan any more
        turn.do(PermissionEnded(permission=known.permission, how="offline", at=turn.now))
        return
    _hold(turn, agent, known)


def _hold(turn: Turn, agent: Agent, known: OpenPermission) -> None:
    permission = Permission(
        known.permission,
        known.login,
        known.kind,
        known.begins,
        known.until,
        length=None if known.kind is BreakKind.MANAGEMENT else known.until - known.begins,
        slot=known.slot,
        order=known.order,
        reason=known.reason,
        begun=known.begun or agent.state is State.BREAK,  # the latter in events of an older version
    )
    turn.center.permit(agent, permission)
    if permission.begun or permission.length is None:
        breaks.set_timers(turn, agent)
