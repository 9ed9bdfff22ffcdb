"""The part of the board that is about breaks: who will pause after the call, whose hand is up, what is to review."""

from __future__ import annotations

from datetime import datetime

from telephony.control.board_rows import LockRow, OperatorRow, Totals
from telephony.core import break_facts as fact
from telephony.core.break_facts import BreakKind, Verdict
from telephony.core.events import Started
from telephony.core.facts import AnyFact, OperatorChanged
from telephony.core.operators import State


class Pauses:
    """Folded from the facts. `violations`: how many today, from the center's midnight before the router's start."""

    def __init__(self) -> None:
        self.violations = 0
        self._pending: dict[str, str] = {}
        self._logins: dict[str, str] = {}
        """Permission -> whose it is."""
        self._hands: dict[str, str] = {}
        """Raised hand -> whose it is."""
        self._helper: dict[str, str] = {}
        self._to_review: set[str] = set()
        self._locked: dict[str, LockRow] = {}

    def start(self, started: Started) -> None:
        """Begin where the last life of the router ended."""
        on_break = {seat.login for seat in started.open_operators if seat.state == State.BREAK}
        for permission in started.permissions:
            if permission.ended is None:
                self._logins[permission.permission] = permission.login
                if permission.login not in on_break:
                    self._pending[permission.login] = permission.kind.value
            if permission.kind is BreakKind.EMERGENCY and not permission.reviewed:
                self._to_review.add(permission.permission)
        for lock in started.locked_log_ins:
            self._lock(lock.extension, lock.until)
        for hand in started.hands:
            self._hands[hand.hand] = hand.login

    def apply(self, one: AnyFact) -> str | None:
        """The operator who looks different now."""
        match one:
            case fact.BreakAsked(verdict=Verdict.DEFERRED):
                self._pending[one.login] = one.kind.value
                return one.login
            case OperatorChanged(state=State.BREAK | State.OFFLINE):
                self._pending.pop(one.login, None)
            case fact.PermissionGiven():
                self._logins[one.permission] = one.login
                if one.kind is BreakKind.EMERGENCY:
                    self._to_review.add(one.permission)
            case fact.PermissionEnded():
                if one.how == "unused":
                    self._to_review.discard(one.permission)
                login = self._logins.pop(one.permission, None)
                if login is not None:
                    self._pending.pop(login, None)
                return login
            case fact.EmergencyReviewed():
                self._to_review.discard(one.permission)
            case fact.LogInLocked():
                self._forget_locks(one.at)
                self._lock(one.extension, one.until)
            case fact.ViolationSeen():
                self.violations += 1
            case fact.HandRaised():
                self._hands[one.hand] = one.login
                return one.login
            case fact.HandTaken():
                self._helper[one.hand] = one.by
                return self._hands.get(one.hand)
            case fact.HandLowered():
                self._helper.pop(one.hand, None)
                return self._hands.pop(one.hand, None)
            case _:
                pass
        return None

    def _lock(self, extension: str, until: datetime) -> None:
        self._locked[extension] = LockRow(extension=extension, until=until.timestamp())

    def _forget_locks(self, now: datetime) -> None:
        self._locked = {name: lock for name, lock in self._locked.items() if lock.until > now.timestamp()}

    def locked(self) -> list[LockRow]:
        """The extensions that were locked, by the end of that; it may have come."""
        return sorted(self._locked.values(), key=lambda lock: lock.until)

    def show(self, row: OperatorRow) -> None:
        """Fill in what is not in the operator's state."""
        row.pending = self._pending.get(row.login, "")
        hand = next((name for name, login in self._hands.items() if login == row.login), None)
        row.hand = "" if hand is None else self._helper.get(hand, "raised")

    def count(self, totals: Totals) -> None:
        totals.hands, totals.to_review, totals.violations = len(self._hands), len(self._to_review), self.violations
