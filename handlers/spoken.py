"""What operators hear about breaks, names of prompts, and what a screen shows instead. Times are those of the center's
own zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from telephony.core.break_answers import why
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
    """The whole answer: until when, by when the call must be over, or when the next planned break begins."""
    code = code_of(decision)
    if decision.verdict is Verdict.GRANTED and until is not None:
        return code, "break-until", *at(plan, until)
    if decision.begin_by is not None:
        return code, "break-begin-by", *at(plan, decision.begin_by)
    return (code,) if decision.next_slot is None else (code, "next-slot-at", *_ahead(plan, decision.next_slot, now))


def refusal(reason: str) -> str:
    return f"refused: {why(Verdict.REFUSED, reason)}"


def text(plan: Plan, decision: Decision, until: datetime | None) -> str:
    """The answer in English, for a screen."""
    if decision.verdict is Verdict.GRANTED:
        return "granted" if until is None else f"granted until {_clock(plan, until)}"
    if decision.verdict is Verdict.DEFERRED:
        by = "" if decision.begin_by is None else f", if that is over by {_clock(plan, decision.begin_by)}"
        return why(decision.verdict, decision.reason) + by
    ahead = "no planned break is ahead"
    if decision.next_slot is not None:
        ahead = f"the next planned break begins at {_clock(plan, decision.next_slot)}"
    return f"{refusal(decision.reason)}; {ahead}"


def _clock(plan: Plan, when: datetime) -> str:
    """Date and time, as in "2030-01-07 10:15"."""
    return f"{when.astimezone(ZoneInfo(plan.timezone)):%Y-%m-%d %H:%M}"
