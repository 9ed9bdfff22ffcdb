"""What was stated of breaks so far, uncommitted facts included, as far as the promises need it."""

from __future__ import annotations

from datetime import datetime

from telephony.core import break_facts as that
from telephony.core.break_facts import BreakKind, PermissionGiven
from telephony.core.facts import AnyFact, CallOpened, OperatorChanged
from telephony.core.operators import State
from telephony.testing.calllog import CallLog
from telephony.testing.with_callers import WithCallers


class BreaksStated:
    """Told of every fact, in order. A new life of the router knows what is in `log`: facts that were not committed
    never happened."""

    def __init__(self, log: CallLog | None = None) -> None:
        self.open: dict[str, PermissionGiven] = {}
        """Permissions that have not ended, as they were stated last."""
        self.used: dict[tuple[str, datetime], str] = {}
        """Login and slot -> the permission that took it."""
        self.put_off: set[str] = set()
        """Permissions to a planned break that never began: that break may still come."""
        self.states: dict[str, OperatorChanged] = {}
        self.orders: dict[str, that.OrderGiven] = {}
        """Those that were not withdrawn."""
        self.rejected: set[str] = set()
        """Permissions of emergencies."""
        self.turns: dict[str, that.ClaimMade] = {}
        """Login -> the last time they were told to wait for a place."""
        self.served: dict[str, tuple[datetime, datetime]] = {}
        """Login -> slot for which they have waited, and when that ended."""
        self.with_callers = WithCallers(log)
        if log is not None:
            self._read(log)

    def _read(self, log: CallLog) -> None:
        for fact in log.breaks.facts:
            self.note(fact)
        for login, intervals in log.intervals.items():
            last = intervals[-1]
            if last.ended is None:
                self.states[login] = OperatorChanged(
                    login=login, state=last.state, at=last.since, reason=last.reason, permission=last.permission
                )

    def note(self, fact: AnyFact) -> None:
        match fact:
            case that.PermissionGiven():
                self.open[fact.permission] = fact
                if fact.slot is not None:
                    self.used[fact.login, fact.slot] = fact.permission
            case that.PermissionEnded():
                given = self.open.pop(fact.permission)
                if given.slot is not None:
                    self._slot_over(given, given.slot, fact)
            case that.OrderGiven():
                self.orders[fact.order] = fact
            case that.OrderWithdrawn():
                del self.orders[fact.order]
            case that.EmergencyReviewed(confirmed=False):
                self.rejected.add(fact.permission)
            case that.ClaimMade():
                self.turns[fact.login] = fact
            case that.ClaimEnded():
                self._turn_over(fact)
            case CallOpened():
                self.with_callers.opened(fact)
            case OperatorChanged():
                self.states[fact.login] = fact
                self.with_callers.changed(fact)

    def _slot_over(self, given: PermissionGiven, slot: datetime, ended: that.PermissionEnded) -> None:
        if ended.how == "unused":
            del self.used[given.login, slot]
            self.put_off.add(given.permission)
        else:
            self.with_callers.rested(given.login, slot, given.begins, ended.at)

    def _turn_over(self, ended: that.ClaimEnded) -> None:
        login, turn = next((login, turn) for login, turn in self.turns.items() if turn.claim == ended.claim)
        del self.turns[login]
        self.served[login] = (turn.slot, ended.at)

    # -- what follows from it

    def state(self, login: str) -> State:
        changed = self.states.get(login)
        return State.OFFLINE if changed is None else State(changed.state)

    def at_work(self) -> list[str]:
        return [login for login, changed in self.states.items() if changed.state != State.OFFLINE]

    def permitted(self) -> set[str]:
        """Who holds a permission, on the break or before it."""
        return {given.login for given in self.open.values()}

    def away(self) -> set[str]:
        """Who is, or will be after their call, on a technical break."""
        return {given.login for given in self.open.values() if given.kind is BreakKind.TECHNICAL}
