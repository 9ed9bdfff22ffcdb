"""What the center established: the handlers state facts among their effects, the call log is a fold over them.

Each fact carries all that its row needs. Times are aware UTC.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from telephony.core.break_facts import AnyBreakFact
from telephony.core.event import CallId, ChannelId
from telephony.core.fact import Fact


class CallKind(StrEnum):
    INBOUND = "inbound"
    """A caller from outside on a service number."""
    OWN = "own"
    """An operator's own call: out, to the directory, or to each other."""


class Outcome(StrEnum):
    """How a call ended. ANSWERED: an operator's leg was bridged (for own calls: the far end's)."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    """The caller hung up first."""
    SENT_AWAY = "sent_away"
    """The center played its farewell: longest wait, overflow, or nobody logged in."""
    UNKNOWN_NUMBER = "unknown_number"
    NOT_REACHED = "not_reached"
    """An own call whose far end did not answer."""
    LOST = "lost"
    """The PBX died, or its record has no end for it."""


class AttemptResult(StrEnum):
    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    CANCELLED = "cancelled"
    """The caller went away, or the offer was withdrawn."""
    FAILED = "failed"


class CallOpened(Fact, frozen=True, kw_only=True):
    call: CallId
    kind: CallKind
    number: str
    """Service number, or the number dialed by the operator."""
    caller: str = ""
    """Token of the caller's number; for own calls the operator's login is in `operator`."""
    operator: str | None = None
    arrived: datetime
    via_fallback: bool = False


class CallQueued(Fact, frozen=True, kw_only=True):
    """The call stands in `queue` from `at` on; `why`: arrival, overflow, transfer, return (from the fallback)."""

    call: CallId
    queue: str
    priority: int
    why: Literal["arrival", "overflow", "transfer", "return"]
    at: datetime


class AttemptMade(Fact, frozen=True, kw_only=True):
    """One ring attempt: attempt `n` of the call, towards an operator or a directory number."""

    call: CallId
    n: int
    channel: ChannelId
    why: Literal["queue", "transfer", "own", "fallback", "consultation"]
    operator: str | None = None
    phone: str | None = None
    number: str | None = None
    queue: str | None = None
    at: datetime


class AttemptAnswered(Fact, frozen=True, kw_only=True):
    call: CallId
    n: int
    at: datetime


class AttemptEnded(Fact, frozen=True, kw_only=True):
    """For an answered attempt `at` is the end of the talk, else of the ringing."""

    call: CallId
    n: int
    result: AttemptResult
    at: datetime


class CallBridged(Fact, frozen=True, kw_only=True):
    """The caller and an operator's (or the far end's) leg hear each other. Stated once, for the first time."""

    call: CallId
    operator: str | None = None
    at: datetime


class CallTransferred(Fact, frozen=True, kw_only=True):
    """`result`: done, or failed (the caller came back to `operator` or to the head of the queue)."""

    call: CallId
    operator: str | None
    kind: Literal["blind", "attended"]
    to: str
    result: Literal["done", "failed"]
    at: datetime


class CallEnded(Fact, frozen=True, kw_only=True):
    call: CallId
    outcome: Outcome
    by: Literal["caller", "operator", "far_end", "center", "pbx"]
    at: datetime


class MissedAttempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A ring attempt of such a call, as the PBX's record has it. `why` as in AttemptMade."""

    channel: ChannelId
    why: Literal["queue", "own", "fallback"]
    operator: str | None = None
    phone: str | None = None
    made: datetime
    answered: datetime | None = None
    ended: datetime


class CallMissed(Fact, frozen=True, kw_only=True):
    """A finished call as the PBX's own record has it. It is the whole record of a call for which no other fact exists;
    of a call that is on record it corrects when it was first answered, and when it ended, should we have seen that late
    or not at all."""

    call: CallId
    kind: CallKind = CallKind.INBOUND
    origin: str | None = None
    """The operator whose own call it was."""
    number: str
    caller: str
    queue: str | None = None
    """The queue that the number belongs to."""
    arrived: datetime
    ended: datetime
    answered: datetime | None = None
    operator: str | None = None
    phone: str | None = None
    via_fallback: bool = False
    by: Literal["caller", "operator", "far_end"] | None = None
    """Who hung up, where the record tells."""
    attempts: tuple[MissedAttempt, ...] = ()


class OperatorChanged(Fact, frozen=True, kw_only=True):
    """The operator is in `state` from `at` on; the interval before ends there. `state` offline ends the shift."""

    login: str
    state: str
    at: datetime
    phone: str | None = None
    reason: str = ""
    call: CallId | None = None
    until: datetime | None = None
    permission: str | None = None
    """On which this pause stands."""


class LogInDenied(Fact, frozen=True, kw_only=True):
    extension: str
    phone: str
    reason: str
    at: datetime


class Repaired(Fact, frozen=True, kw_only=True):
    """Our state differed from the PBX's picture and was set right. Zero of these is normal."""

    what: str
    subject: str
    at: datetime


AnyFact = (
    CallOpened
    | CallQueued
    | AttemptMade
    | AttemptAnswered
    | AttemptEnded
    | CallBridged
    | CallTransferred
    | CallEnded
    | CallMissed
    | OperatorChanged
    | LogInDenied
    | Repaired
    | AnyBreakFact
)
