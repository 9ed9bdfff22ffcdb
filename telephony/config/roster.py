"""The plan beside the roster: what only shows when it is known who works here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from telephony.config.check import number_conflicts
from telephony.config.mistakes import Mistake, suggest
from telephony.config.values import Places
from telephony.core.plan import Overflow, Plan, Skills
from telephony.core.staff import Operator


def check_skills(plan: Plan, places: Places, operators: Sequence[Operator]) -> list[Mistake]:
    """What shows only beside the roster: skills nobody has, logins nobody bears, extensions that are taken.

    Without operators (a fresh installation) there is nothing to check against.
    """
    people = [operator for operator in operators if operator.enabled]
    if not people:
        return []
    found = number_conflicts(plan, places, people)
    best: dict[str, int] = {}
    for operator in people:
        for skill, level in operator.skills.items():
            best[skill] = max(level, best.get(skill, 0))
    for path, skills in requirements(plan):
        for skill, level in skills.items():
            where = (*path, skill)
            if skill not in best:
                what = f"{'.'.join(map(str, path))}: no operator has the skill {skill}"
                found.append(Mistake(places.at(*where), what, suggest(skill, best)))
            elif best[skill] < level:
                what = f"{'.'.join(map(str, path))}: no operator has {skill} at level {level}"
                found.append(Mistake(places.at(*where), what, f"the best have {best[skill]}"))
    logins = {operator.login for operator in people}
    for group in plan.groups:
        for index, login in enumerate(group.logins):
            if login not in logins:
                what = f"groups.{group.name}.logins: no operator has the login {login}"
                found.append(Mistake(places.at("groups", group.name, "logins", index), what, suggest(login, logins)))
    return found


def requirements(plan: Plan) -> Iterable[tuple[tuple[str | int, ...], Skills]]:
    for queue in plan.queues:
        yield ("queues", queue.name, "require"), queue.require
        yield from _required_later(queue.name, queue.overflow)
    for group in plan.groups:
        yield ("groups", group.name, "require"), group.require or {}


def _required_later(queue: str, overflow: Sequence[Overflow]) -> Iterator[tuple[tuple[str | int, ...], Skills]]:
    for index, step in enumerate(overflow):
        yield ("queues", queue, "overflow", index, "require"), step.require or {}
