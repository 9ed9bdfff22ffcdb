"""Who may take whose calls, said anew for the promises: without the lanes of the rules."""

from __future__ import annotations

from telephony.core.plan import Plan, Queue
from telephony.core.staff import Operator


def may_take(plan: Plan, person: Operator, queue: Queue, step: int) -> bool:
    """Whether the operator may take callers of this queue at this overflow step: said anew, without lanes."""
    require = queue.require
    groups = {group.name: group for group in plan.groups}
    for overflow in queue.overflow[:step]:
        if overflow.require is not None:
            require = overflow.require
        if overflow.add_group is not None:
            group = groups[overflow.add_group]
            if person.login in group.logins or (group.require is not None and _has(person, group.require)):
                return True
    return _has(person, require)


def _has(person: Operator, require: dict[str, int]) -> bool:
    return all(person.skills.get(skill, 0) >= level for skill, level in require.items())
