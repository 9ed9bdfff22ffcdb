"""What operators hear about breaks: names of prompts. Times are said in the center's own zone."""

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


def answer(plan: Plan, decision: Decision, until: datetime | None) -> tuple[str, ...]:
    """The whole answer: until when, or when the next planned break begins."""
    code = code_of(decision)
    if decision.verdict is Verdict.GRANTED and until is not None:
        return code, "break-until", *at(plan, until)
    return (code,) if decision.next_slot is None else (code, "next-slot-at", *at(plan, decision.next_slot))
