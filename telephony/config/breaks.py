"""What the types cannot say of breaks, work rules, raised hands and outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from telephony.core.plan import Plan, WorkRules

Path = tuple[str | int, ...]
Wrong = tuple[Path, str, str]
"""Where, what is wrong, what would be right."""


def break_mistakes(plan: Plan, numbers: Iterable[tuple[str, str, Path]]) -> Iterator[Wrong]:
    """All mistakes of these sections. `numbers`: every number that leads somewhere, its owner, where it stands."""
    yield from _lists_of_digits(plan, list(numbers))
    yield from _outcomes(plan)
    yield from _work_rules(plan.work_rules)
    if plan.breaks.emergency < 1:
        yield ("breaks", "emergency"), "the pause would be over at once", "give at least 1"
    if plan.hands.alarm_after < plan.hands.heads_after:
        what = f"{plan.hands.alarm_after} is before heads_after, {plan.hands.heads_after}"
        yield ("hands", "alarm_after"), what, "the heads are told before the alarm"


def _lists_of_digits(plan: Plan, numbers: list[tuple[str, str, Path]]) -> Iterator[Wrong]:
    """A code that is followed by digits needs its list, and no number that begins like it."""
    lists = {
        "emergency": ("breaks.emergency_reasons", plan.breaks.emergency_reasons),
        "outcome": ("outcomes", plan.outcomes),
    }
    for code in plan.codes:
        if code.action not in lists:
            continue
        name, listed = lists[code.action]
        if not listed:
            yield (
                ("codes", code.code),
                f"{code.action} needs {name}, and there are none",
                f"give {name}, or remove the code",
            )
        for number, owner, path in numbers:
            if number != code.code and number.startswith(code.code):
                what = f"{number} of {owner} begins like {code.code}, which digits of {name} follow"
                yield path, what, "give one of them another number"


def _outcomes(plan: Plan) -> Iterator[Wrong]:
    """The digits end where a code is complete: none may begin like another."""
    codes = sorted(outcome.code for outcome in plan.outcomes)
    for code in codes:
        first = next((other for other in codes if other != code and code.startswith(other)), None)
        if first is not None:
            yield (
                ("outcomes", code),
                f"begins like {first}, which would be taken already",
                "give one of them other digits",
            )


def _work_rules(rules: WorkRules) -> Iterator[Wrong]:
    if not rules.lunch_min_minutes <= rules.lunch_minutes <= rules.lunch_max_minutes:
        limits = f"{rules.lunch_min_minutes} to {rules.lunch_max_minutes}"
        yield ("work_rules", "lunch_minutes"), f"{rules.lunch_minutes} is not within {limits}", f"give {limits} minutes"
    if rules.max_continuous_minutes < 1:
        yield ("work_rules", "max_continuous_minutes"), "nobody could work at all", "give at least 1"
    for hours, minutes in rules.paid_break_minutes.items():
        if minutes >= hours * 60:
            yield (
                ("work_rules", "paid_break_minutes", str(hours)),
                f"{minutes} minutes leave nothing of {hours} h",
                "give fewer",
            )
    for (shorter, less), (longer, more) in pairwise(sorted(rules.paid_break_minutes.items())):
        if more < less:
            what = f"{more} minutes in {longer} h are fewer than {less} in {shorter} h"
            yield ("work_rules", "paid_break_minutes", str(longer)), what, "let them rise with the shift"
