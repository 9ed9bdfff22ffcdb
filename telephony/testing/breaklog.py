"""What is on record of breaks, in memory: folded from facts, and read by a new life of the router."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from msgspec.structs import replace

from telephony.core import break_facts as that
from telephony.core.break_facts import AnyBreakFact
from telephony.core.remembered import OpenClaim, OpenOrder, OpenPermission, OpenViolation

F = TypeVar("F")


class BreakLog:
    """`facts` are all of them; `oddities` those that fit nothing."""

    def __init__(self) -> None:
        self.facts: list[AnyBreakFact] = []
        self.oddities: list[AnyBreakFact] = []
        self.permissions: dict[str, OpenPermission] = {}
        self.how: dict[str, str] = {}
        """Of the permissions that have ended."""
        self.claims: dict[str, OpenClaim] = {}
        """Those that are open."""
        self.orders: dict[str, OpenOrder] = {}
        self.violations: dict[str, OpenViolation] = {}
        """Those that last."""

    def of(self, kind: type[F], login: str | None = None) -> list[F]:
        """All facts of one kind, of one operator where `login` is given."""
        return [fact for fact in self.facts if isinstance(fact, kind) and login in (None, getattr(fact, "login", None))]

    def add(self, fact: AnyBreakFact) -> None:
        self.facts.append(fact)
        match fact:
            case that.PermissionGiven():
                self._given(fact)
            case that.PermissionEnded():
                known = self.permissions.get(fact.permission)
                if known is None or known.ended is not None:
                    self.oddities.append(fact)
                else:
                    self.permissions[fact.permission] = replace(known, ended=fact.at, how=fact.how)
                    self.how[fact.permission] = fact.how
            case that.ClaimMade():
                self.claims[fact.claim] = OpenClaim(claim=fact.claim, login=fact.login, slot=fact.slot)
            case that.ClaimEnded():
                if self.claims.pop(fact.claim, None) is None:
                    self.oddities.append(fact)
            case that.EmergencyReviewed():
                known = self.permissions[fact.permission]
                self.permissions[fact.permission] = replace(known, reviewed=True)
            case that.OrderGiven():
                self.orders[fact.order] = OpenOrder(
                    order=fact.order,
                    by=fact.by,
                    logins=fact.logins,
                    begins=fact.begins,
                    until=fact.until,
                    why=fact.why,
                    at_once=fact.at_once,
                )
            case that.OrderWithdrawn():
                del self.orders[fact.order]
            case that.ViolationSeen() if fact.open:
                self.violations[fact.violation] = OpenViolation(
                    violation=fact.violation, login=fact.login, kind=fact.kind, at=fact.at, call=fact.call
                )
            case that.ViolationEnded():
                if self.violations.pop(fact.violation, None) is None:
                    self.oddities.append(fact)

    def began(self, permission: str) -> None:
        """Its operator is on a break."""
        self.permissions[permission] = replace(self.permissions[permission], begun=True)

    def _given(self, fact: that.PermissionGiven) -> None:
        known = self.permissions.get(fact.permission)
        if known is not None and (known.ended is not None or (known.login, known.kind) != (fact.login, fact.kind)):
            self.oddities.append(fact)
            return
        self.permissions[fact.permission] = OpenPermission(
            permission=fact.permission,
            login=fact.login,
            kind=fact.kind,
            begins=fact.begins,
            until=fact.until,
            slot=fact.slot,
            order=fact.order,
            reason=fact.reason,
            begun=known is not None and known.begun,
        )

    # -- what a new life of the router is told

    def open_permissions(self) -> tuple[OpenPermission, ...]:
        """Those not ended, and those that have used their slot."""
        return tuple(one for one in self.permissions.values() if self.how.get(one.permission) != "unused")

    def open_orders(self, now: datetime) -> tuple[OpenOrder, ...]:
        return tuple(order for order in self.orders.values() if order.until > now)

    def open_violations(self) -> tuple[OpenViolation, ...]:
        return tuple(self.violations.values())
