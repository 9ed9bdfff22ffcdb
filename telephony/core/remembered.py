"""What a router takes up at its start: what the database remembers that is open, or that still matters."""

from __future__ import annotations

from datetime import datetime

import msgspec

from telephony.core.break_facts import BreakKind, ViolationKind
from telephony.core.event import CallId, ChannelId


class OpenOperator(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A logged-in operator as the database remembers them: the last row of their state history."""

    login: str
    phone: str
    state: str
    since: datetime
    reason: str = ""
    call: CallId | None = None
    idle_since: datetime | None = None
    until: datetime | None = None
    """End of the wrap-up or of the break, where one runs."""
    free_until: datetime | None = None
    """When a state without a caller last ended, not long ago: from then until `since`, or until now, they were with
    callers."""
    with_callers: tuple[tuple[datetime, datetime], ...] = ()
    """From when to when they were with callers, not long ago; not since when they are."""
    talked: CallId | None = None
    """Their last conversation with a caller, if it ended not long ago."""
    calls: int = 0
    """How many they have answered since they logged in."""


class OpenAttempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A ring attempt without an end in the call log: it rings, or it is the talk that came of it."""

    n: int
    channel: ChannelId
    operator: str | None = None
    answered: datetime | None = None


class OpenCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call without an end in the call log: what the database remembers of it."""

    call: CallId
    kind: str
    number: str
    caller: str
    arrived: datetime
    queue: str | None = None
    queued: datetime | None = None
    """When it entered the queue it is in."""
    priority: int = 0
    answered: datetime | None = None
    operator: str | None = None
    """Whose attempt is open (ringing or talking), if one is."""
    attempts: int = 0
    """How many were made: the next has the number after this."""
    open_attempts: tuple[OpenAttempt, ...] = ()
    lost: datetime | None = None
    """When the PBX was lost, if it died with this call."""


class LastTalk(msgspec.Struct, frozen=True, kw_only=True):
    """Who a caller spoke with last: the memory behind sticky routing."""

    caller: str
    login: str
    ended: datetime


class LastRing(msgspec.Struct, frozen=True, kw_only=True):
    """When a queue last rang an operator: the memory behind round robin."""

    queue: str
    login: str
    at: datetime


class OpenPermission(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A permission as the database remembers it: not ended, or ended not long ago but not as unused (whose slot is not
    used, and whose order is still to be followed)."""

    permission: str
    login: str
    kind: BreakKind
    begins: datetime
    until: datetime
    slot: datetime | None = None
    order: str | None = None
    reason: str = ""
    begun: bool = False
    """Not ended, and its break has begun, whatever the operator does now: no other length is due to them."""
    ended: datetime | None = None
    how: str | None = None
    """It has ended, as in the fact; None: not, or not on record, in events of an older version."""
    reviewed: bool = False


class OpenClaim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A missed slot whose operator's turn is kept."""

    claim: str
    login: str
    slot: datetime


class LoggedOut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An operator has logged out of their `phone`, not long ago, by their own wish, or `put_out` by a colleague who
    took it."""

    login: str
    at: datetime
    put_out: bool = False
    phone: str = ""
    last: bool = True
    """Nothing has been heard of them since. One that is not the last was put out."""


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order whose time is not over."""

    order: str
    by: str
    logins: tuple[str, ...]
    begins: datetime
    until: datetime
    why: str
    at_once: bool = False


class OpenHand(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A raised hand that is not down."""

    hand: str
    login: str
    call: CallId
    at: datetime
    heads_told: bool = False


class OpenViolation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A violation that lasts."""

    violation: str
    login: str
    kind: ViolationKind
    at: datetime
    call: CallId | None = None


class FailedLogIn(msgspec.Struct, frozen=True, kw_only=True):
    """A wrong PIN that still counts."""

    extension: str
    at: datetime


class LockedLogIn(msgspec.Struct, frozen=True, kw_only=True):
    """An extension that is locked after too many of them."""

    extension: str
    until: datetime
