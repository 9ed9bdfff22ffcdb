"""Demands of the management, and the look that seniors take at emergency pauses afterwards.

Who may: members of the groups `seniors` and `heads` of the break rules; nobody for themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from handlers import breaks, spoken, violations
from handlers.turn import Turn
from telephony.core.break_facts import (
    BreakAsked,
    BreakKind,
    EmergencyReviewed,
    OrderGiven,
    OrderWithdrawn,
    Verdict,
    ViolationKind,
)
from telephony.core.breaks import Request
from telephony.core.commands import GiveOrder, ReviewEmergency, WithdrawOrder
from telephony.core.effects import Continue, Reply
from telephony.core.events import Continued, TimerFired
from telephony.core.operators import Agent, State
from telephony.core.permissions import Order, Permission
from telephony.core.remembered import OpenOrder, OpenPermission
from telephony.core.routing import members

ORDER_TIMER = "order:"
ORDER_WORK = "order"
DOORS = {GiveOrder: "order", WithdrawOrder: "withdraw", ReviewEmergency: "review"}
"""What was refused, on record."""
BATCH = 50
"""Operators whom one turn tells of an order."""
CUT_SHORT = frozenset({"offline", "displaced"})
"""How a permission ends whose operator was not back from its pause: see `await_again`."""


def _answer(turn: Turn, command: str, code: str, *, text: str = "") -> None:
    """Given to a screen: nothing is spoken."""
    turn.do(Reply(command=command, ok=True, code=code, text=text))


def _refuse(turn: Turn, event: GiveOrder | WithdrawOrder | ReviewEmergency, code: str) -> None:
    """On record like any request that is refused, as that of whoever gave it."""
    reason = code.removeprefix("refused-")
    turn.do(
        BreakAsked(
            request=turn.center.new_name(),
            login=event.by,
            kind=BreakKind.EMERGENCY if isinstance(event, ReviewEmergency) else BreakKind.MANAGEMENT,
            door=DOORS[type(event)],
            verdict=Verdict.REFUSED,
            reason=reason,
            permission=event.permission if isinstance(event, ReviewEmergency) else None,
            at=turn.now,
        ),
        Reply(command=event.command, ok=False, code=code, text=spoken.refusal(reason)),
    )


def is_senior(turn: Turn, login: str) -> bool:
    """Whether they may order pauses and judge emergencies."""
    agent = turn.center.agents.get(login)
    return agent is not None and agent.person.enabled and turn.center.leads(agent.person)


# -- orders


def give_order(turn: Turn, event: GiveOrder) -> None:
    """On record for all it names, at work or not: it lets them pause as long as it holds. With `at_once` they do so
    without asking: after their call where they are in one, after the break they are on, or when they log in."""
    center = turn.center
    logins, refusal = _for_whom(turn, event)
    if refusal:
        _refuse(turn, event, refusal)
        return
    awaited = set(logins) if event.at_once else set()
    order = Order(center.new_name(), event.by, frozenset(logins), turn.now, event.until, event.at_once, awaited)
    center.orders[order.id] = order
    turn.do(
        OrderGiven(
            order=order.id,
            by=event.by,
            logins=tuple(logins),
            group=event.group,
            begins=order.begins,
            until=order.until,
            why=event.why,
            at_once=event.at_once,
            at=turn.now,
        )
    )
    turn.wake(ORDER_TIMER + order.id, 0, order.until - turn.now)
    if event.at_once:
        _send(turn, order, tuple(logins))
    _answer(turn, event.command, "order-given", text=order.id)


def _for_whom(turn: Turn, event: GiveOrder) -> tuple[list[str], str]:
    """Logins, and why not."""
    center = turn.center
    if not is_senior(turn, event.by):
        return [], "refused-not-allowed"
    if event.until <= turn.now:
        return [], "refused-order-over"
    if any(login not in center.agents for login in event.logins):
        return [], "unknown-operator"
    if event.by in event.logins:
        return [], "refused-own-order"
    everybody = (agent.person for agent in center.agents.values() if agent.person.enabled)
    grouped = {person.login for person in members(center.plan, event.group, everybody)}
    logins = sorted({*event.logins, *grouped} - {event.by})
    return logins, "" if logins else "refused-nobody"


def _send(turn: Turn, order: Order, logins: tuple[str, ...]) -> None:
    """Ask for some of them, then let other events have their turn."""
    for login in logins[:BATCH]:
        agent = turn.center.agents.get(login)
        if agent is not None and agent.at_work and login in order.awaited:
            _ask(turn, agent, order)
    if len(logins) > BATCH:
        turn.do(Continue(work=ORDER_WORK, items=(order.id, *logins[BATCH:])))


def _ask(turn: Turn, agent: Agent, order: Order) -> None:
    breaks.ask(turn, agent, Request(agent.login, BreakKind.MANAGEMENT, ordered=order.id), "supervisor")


def call_in(turn: Turn, agent: Agent) -> bool:
    """Whether the operator, who would be READY now, is on a break instead: on an order that waits for them."""
    for order in turn.center.orders.values():
        if agent.login in order.awaited and agent.permission is None and order.lets(agent.login, turn.now):
            _ask(turn, agent, order)
    return agent.state is State.BREAK and agent.permission is not None


def await_again(turn: Turn, permission: Permission) -> None:
    """The permission of an order at once ends before they were back from its pause: an emergency goes before it, or
    they go home. They are to follow it afterwards."""
    order = turn.center.orders.get(permission.order or "")
    if order is not None and order.at_once:
        order.awaited.add(permission.login)


def go_on(turn: Turn, event: Continued) -> None:
    order = turn.center.orders.get(event.items[0])
    if order is not None:
        _send(turn, order, event.items[1:])


def order_over(turn: Turn, event: TimerFired) -> None:
    """Its time is over; the breaks that stand on it end by themselves."""
    turn.center.orders.pop(event.key.removeprefix(ORDER_TIMER), None)


def withdraw_order(turn: Turn, event: WithdrawOrder) -> None:
    """Who is on a pause because of it goes back to work."""
    center = turn.center
    order = center.orders.get(event.order)
    if not is_senior(turn, event.by):
        _refuse(turn, event, "refused-not-allowed")
    elif order is None:
        _refuse(turn, event, "refused-no-such-order")
    else:
        del center.orders[order.id]
        turn.forget_timer(ORDER_TIMER + order.id)
        turn.do(OrderWithdrawn(order=order.id, by=event.by, at=turn.now))
        for login in sorted(order.logins & center.agents.keys()):
            agent = center.agents[login]
            if agent.permission is not None and agent.permission.order == order.id:
                breaks.end(turn, agent, "withdrawn", "order_withdrawn")
        _answer(turn, event.command, "order-withdrawn")


def restore(turn: Turn, known: OpenOrder, permissions: Iterable[OpenPermission]) -> None:
    """It was on record when the router started; and so are those who have had a permission of it. Who went home on its
    pause is to follow it again."""
    center = turn.center
    followed = {one.login for one in permissions if one.order == known.order and _has_followed(turn, one)}
    awaited = set(known.logins) - followed if known.at_once else set()
    order = Order(known.order, known.by, frozenset(known.logins), known.begins, known.until, known.at_once, awaited)
    center.orders[order.id] = order
    turn.wake(ORDER_TIMER + order.id, 0, max(order.until - turn.now, timedelta()))


def _has_followed(turn: Turn, permission: OpenPermission) -> bool:
    return permission.how not in CUT_SHORT and (permission.ended is not None or _at_work(turn, permission.login))


def _at_work(turn: Turn, login: str) -> bool:
    agent = turn.center.agents.get(login)
    return agent is not None and agent.at_work


def resume(turn: Turn) -> None:
    """It is known who is in a call: those whom a former life did not come to are told."""
    for order in list(turn.center.orders.values()):
        _send(turn, order, tuple(sorted(login for login in order.awaited if _at_work(turn, login))))


# -- emergencies


def review_emergency(turn: Turn, event: ReviewEmergency) -> None:
    """Rejected, the pause was a violation, and what is left of it is taken away."""
    center = turn.center
    login = center.emergencies.get(event.permission)
    if not is_senior(turn, event.by):
        _refuse(turn, event, "refused-not-allowed")
    elif login is None:
        _refuse(turn, event, "refused-no-such-pause")
    elif login == event.by:
        _refuse(turn, event, "refused-own-pause")
    else:
        del center.emergencies[event.permission]
        turn.do(
            EmergencyReviewed(permission=event.permission, by=event.by, confirmed=event.confirmed, at=turn.now),
        )
        agent = center.agents.get(login)
        if agent is not None and not event.confirmed:
            violations.see(turn, agent, ViolationKind.REJECTED_EMERGENCY, detail=event.permission)
            if agent.permission is not None and agent.permission.id == event.permission:
                breaks.end(turn, agent, "withdrawn", "emergency_rejected")
        _answer(turn, event.command, "emergency-confirmed" if event.confirmed else "emergency-rejected")
