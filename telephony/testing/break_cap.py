"""The cap on technical breaks, counted anew at every instant: from who was stated to be at work and away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from telephony.core.break_facts import PermissionGiven
from telephony.core.plan import Plan
from telephony.core.staff import Operator
from telephony.testing.breaks_stated import BreaksStated
from telephony.testing.skills import may_take


@dataclass(frozen=True, slots=True)
class Places:
    """One queue: who serves it, who of them is away on a technical break, and how many may be."""

    queue: str
    serving: frozenset[str]
    away: frozenset[str]
    most: int

    def free_without(self, login: str) -> bool:
        """Whether there would be a place if this one were not away."""
        return len(self.away - {login}) < self.most


class Cap:
    def __init__(self) -> None:
        self._counted: object = None
        self._away: set[str] = set()
        self._waiting: set[str] = set()
        """Who was away, and who waited for a place, at the last look."""

    def watch(
        self, plan: Plan, persons: Mapping[str, Operator], stated: BreaksStated, new: list[PermissionGiven]
    ) -> None:
        """At no instant are more away than may be, but those whom a colleague's leaving, or new skills, have made too
        many. `new`: technical permissions given at this very instant."""
        at_work, away = sorted(stated.at_work()), stated.away()
        counted = (at_work, away, [persons[login] for login in at_work], sorted(stated.turns))
        if counted == self._counted:
            return
        queues = _places(plan, persons, at_work, away)
        for one in queues:
            added = one.away - self._away
            assert len(one.away) <= one.most or not added, f"I4: {one} since {sorted(added)}"
        self._check_turns(queues, stated, new)
        self._counted, self._away, self._waiting = counted, away, set(stated.turns)

    def start_anew(self, stated: BreaksStated) -> None:
        self._counted, self._away, self._waiting = None, stated.away(), set(stated.turns)

    def _check_turns(self, queues: list[Places], stated: BreaksStated, new: list[PermissionGiven]) -> None:
        """Who missed a break waits only while there is no place, and nobody with a later one gets it before."""
        busy = stated.permitted()
        for login, turn in stated.turns.items():
            if login in busy:
                continue
            mine = [one for one in queues if login in one.serving]
            assert not all(one.free_without("") for one in mine), f"I4: {login} waits for nothing"
            for given in new:
                overtaken = login in self._waiting and (turn.slot, login) < (given.slot, given.login)
                place = all(one.free_without(given.login) for one in mine)
                assert not (overtaken and place), f"I4: {given.login} goes before {login}"


def _places(plan: Plan, persons: Mapping[str, Operator], at_work: list[str], away: set[str]) -> list[Places]:
    found = []
    for queue in plan.queues:
        serving = frozenset(login for login in at_work if may_take(plan, persons[login], queue, 0))
        most = max(1, ceil(len(serving) * plan.breaks.max_on_break_share / 100))
        found.append(Places(queue.name, serving, serving & away, most))
    return found
