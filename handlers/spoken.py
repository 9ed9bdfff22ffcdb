"""What operators hear about breaks, names of prompts, and what a screen shows instead. Times are those of the center's
own zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from telephony.core.break_facts import Verdict
from telephony.core.breaks import Decision
from telephony.core.plan import Plan


def at(plan: Plan, when: datetime) -> tuple[str, ...]:
    """Hours and minutes, as in ("hour-10", "minute-15")."""
    local = when.astimezone(ZoneInfo(plan.timezone))
    return f"hour-{local.hour}", f"minute-{local.minute}"


def _ahead(plan: Plan, when: datetime, now: datetime) -> tuple[str, ...]:
    """The same after the day, as in ("tomorrow", "hour-10", "minute-15"), where that is not today."""
    zone = ZoneInfo(plan.timezone)
    days = (when.astimezone(zone).date() - now.astimezone(zone).date()).days
    day = () if days == 0 else ("tomorrow",) if days == 1 else ("another-day",)
    return *day, *at(plan, when)


def code_of(decision: Decision) -> str:
    """The stable code of the answer, and the prompt that it begins with."""
    match decision.verdict, decision.reason:
        case Verdict.GRANTED, _:
            return "break-granted"
        case Verdict.DEFERRED, "cap":
            return "break-waits"
        case Verdict.DEFERRED, _:
            return "break-deferred"
        case _, "not-logged-in":
            return "not-logged-in"
    return f"refused-{decision.reason}"


def answer(plan: Plan, decision: Decision, until: datetime | None, now: datetime) -> tuple[str, ...]:
    """The whole answer: until when, or when the next planned break begins."""
    code = code_of(decision)
    if decision.verdict is Verdict.GRANTED and until is not None:
        return code, "break-until", *at(plan, until)
    return (code,) if decision.next_slot is None else (code, "next-slot-at", *_ahead(plan, decision.next_slot, now))


REFUSALS = {
    "not-logged-in": "the operator is not logged in",
    "not-in-shift": "the roster has no shift for them now",
    "not-in-slot": "no planned break begins now",
    "slot-used": "the planned break was taken already",
    "cap": "too many are on a break",
    "no-order": "no order names them",
    "no-reason": "an emergency needs a reason of the list",
    "ringing": "a caller waits at their phone",
    "already": "they have a break, or one begins after their call, or when a place is free",
    "unknown-operator": "nobody has this login",
    "not-allowed": "only seniors and heads may do this",
    "order-over": "the order would be over already",
    "own-order": "nobody orders a pause for themselves",
    "nobody": "the order names nobody",
    "no-such-order": "no order of this name holds",
    "no-such-pause": "no emergency of this name waits for its review",
    "own-pause": "nobody reviews an emergency of their own",
}
"""Why it is refused, in words: a request, an order, its withdrawal, or a review."""


def refusal(reason: str) -> str:
    return f"refused: {REFUSALS.get(reason, reason)}"


def text(plan: Plan, decision: Decision, until: datetime | None) -> str:
    """The answer in English, for a screen."""
    if decision.verdict is Verdict.GRANTED:
        return "granted" if until is None else f"granted until {_clock(plan, until)}"
    if decision.verdict is Verdict.DEFERRED:
        return "begins when a place is free" if decision.reason == "cap" else "begins after the call"
    ahead = "no planned break is ahead"
    if decision.next_slot is not None:
        ahead = f"the next planned break begins at {_clock(plan, decision.next_slot)}"
    return f"{refusal(decision.reason)}; {ahead}"


def _clock(plan: Plan, when: datetime) -> str:
    """Date and time, as in "2030-01-07 10:15"."""
    return f"{when.astimezone(ZoneInfo(plan.timezone)):%Y-%m-%d %H:%M}"
