"""What lets an operator pause: permissions, the orders of the management, and claims to the next free place."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from telephony.core.break_facts import BreakKind


@dataclass(slots=True, eq=False)
class Permission:
    """An operator's permission to pause, from `begins` to `until`. Deferred as long as `begun` is false: both times are
    then what they would be if the break began now, and are stated anew when it does."""

    id: str
    login: str
    kind: BreakKind
    begins: datetime
    until: datetime
    length: timedelta | None = None
    """Kept when the begin is put off; None: the end stands (an order's)."""
    slot: datetime | None = None
    """Begin of the planned break that it takes."""
    order: str | None = None
    reason: str = ""
    begun: bool = False

    def begin(self, now: datetime) -> None:
        """The break begins. One that had begun before, and was cut into by a call, keeps its end."""
        if not self.begun:
            self.begins, self.begun = now, True
            self.until = self.until if self.length is None else now + self.length


@dataclass(frozen=True, slots=True)
class Order:
    """A demand of the management that is on record and whose time is not over."""

    id: str
    by: str
    logins: frozenset[str]
    begins: datetime
    until: datetime
    at_once: bool = False
    awaited: set[str] = field(default_factory=set)
    """Who is still to follow an order at once: not at work when it came, or on another break."""

    def lets(self, login: str, now: datetime) -> bool:
        return login in self.logins and self.begins <= now < self.until


@dataclass(frozen=True, slots=True)
class Claim:
    """A missed slot whose operator waits for a place under the cap, or for the end of another break: the earlier slot
    goes first."""

    slot: datetime
    length: timedelta
    shift_end: datetime
    login: str
    id: str = ""
    """The name of the request that it was the answer to, or of the permission that an emergency went before."""
