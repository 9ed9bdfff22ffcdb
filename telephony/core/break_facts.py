"""Facts about pauses, permissions, orders, violations and raised hands. Each carries all that its row needs."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from telephony.core.event import CallId
from telephony.core.fact import Fact


class BreakKind(StrEnum):
    """The three exceptions to "no pause between calls"."""

    TECHNICAL = "technical"
    """By the approved schedule."""
    MANAGEMENT = "management"
    """By an order on record."""
    EMERGENCY = "emergency"
    """At once, with a reason, confirmed or rejected afterwards."""


class Verdict(StrEnum):
    GRANTED = "granted"
    DEFERRED = "deferred"
    """Granted for after the call; with reason `cap`: a missed slot's turn is kept, a permission follows when a place is
    free; with `on_break`: the pause of an order, whose permission follows at the end of the break they have."""
    REFUSED = "refused"


class ViolationKind(StrEnum):
    """What counts as a pause without permission, by whatever trick."""

    OVERRUN = "overrun"
    """The break is over and the operator has not come back."""
    NO_ANSWER = "no_answer"
    """An offered call was left ringing."""
    REJECTED = "rejected"
    """An offered call was rejected, or the phone was busy or on do-not-disturb."""
    UNREGISTERED = "unregistered"
    """The phone went away between calls."""
    RELOGIN = "relogin"
    """Logged out and in again within the shift, sooner than the rules allow."""
    LONG_WRAP_UP = "long_wrap_up"
    """After-call work beyond what is allowed, by any trick: a phone kept off the hook and the like."""
    PHONE_BUSY = "phone_busy"
    """Ready, and the phone kept in codes, one after another on two lines, so that no caller can ring there."""
    BACK_DOOR = "back_door"
    """Paused, ended a pause, or changed the membership in the native queue past Gudok; undone."""
    REJECTED_EMERGENCY = "rejected_emergency"
    """An emergency pause that a senior has rejected afterwards."""


ALWAYS_LASTING = frozenset({ViolationKind.OVERRUN, ViolationKind.UNREGISTERED, ViolationKind.LONG_WRAP_UP})
"""Of these no fact of an older version says that it lasts."""


class BreakAsked(Fact, frozen=True, kw_only=True):
    """One request with its answer, whichever door it came by. `reason`: why it was refused or deferred, a stable word;
    `next_slot`: when the operator's next planned break begins, where one is known."""

    request: str
    login: str
    kind: BreakKind
    door: str
    """phone, cli, supervisor (an order), native (a pause in the PBX's own queue) (later api, mqtt). Refused to whoever
    wanted to decide about others' pauses: order, withdraw, review."""
    verdict: Verdict
    reason: str = ""
    permission: str | None = None
    """Given; or not to be reviewed."""
    next_slot: datetime | None = None
    phone: str | None = None
    """Of a request from a phone at which nobody is logged in: then there is no `login`."""
    at: datetime


class ClaimMade(Fact, frozen=True, kw_only=True):
    """A missed slot's turn is kept until a place under the cap is free, and no other break holds the operator. `claim`:
    the name of the request, or of the permission that an emergency has taken the place of; `slot`: begin of the planned
    break."""

    claim: str
    login: str
    slot: datetime
    at: datetime


class ClaimEnded(Fact, frozen=True, kw_only=True):
    """`how`: given (there is a permission), withdrawn (by the operator), offline (logged out), lapsed (the shift is
    over, or the slot is none any more)."""

    claim: str
    how: Literal["given", "withdrawn", "offline", "lapsed"]
    at: datetime


class PermissionGiven(Fact, frozen=True, kw_only=True):
    """A pause is allowed from `begins` to `until`. Of a deferred one both are what they would be if it began now: it is
    stated again, under the same `permission`, when it does begin. `slot`: begin of the planned break it takes; `order`:
    the order it stands on; `reason`: of an emergency, a name of the configured list."""

    permission: str
    login: str
    kind: BreakKind
    begins: datetime
    until: datetime
    slot: datetime | None = None
    order: str | None = None
    reason: str = ""
    at: datetime


class PermissionEnded(Fact, frozen=True, kw_only=True):
    """`how`: used (came back), over (time was up), unused (it never began), declined (nor did this one, of an order:
    the operator took it back), withdrawn (with its order, or rejected), offline (logged out on the break), displaced
    (an emergency took the place of the break)."""

    permission: str
    how: Literal["used", "over", "unused", "declined", "withdrawn", "offline", "displaced"]
    at: datetime


class OrderGiven(Fact, frozen=True, kw_only=True):
    """A demand of the management: `by` (login of a senior or head) lets `logins` pause from `begins` until `until`,
    because of `why`. `group`: the group it was given for, as a whole. `at_once`: they pause without asking."""

    order: str
    by: str
    logins: tuple[str, ...]
    group: str | None = None
    begins: datetime
    until: datetime
    why: str
    at_once: bool = False
    at: datetime


class OrderWithdrawn(Fact, frozen=True, kw_only=True):
    order: str
    by: str
    at: datetime


class EmergencyReviewed(Fact, frozen=True, kw_only=True):
    """A senior has looked at an emergency pause afterwards."""

    permission: str
    by: str
    confirmed: bool
    at: datetime


class ViolationSeen(Fact, frozen=True, kw_only=True):
    """`detail`: one line without personal data. `lasts`: it has an end of its own (ViolationEnded); without, it is over
    when it is seen."""

    violation: str
    login: str
    kind: ViolationKind
    at: datetime
    call: CallId | None = None
    detail: str = ""
    lasts: bool = False

    @property
    def open(self) -> bool:
        return self.lasts or self.kind in ALWAYS_LASTING


class ViolationEnded(Fact, frozen=True, kw_only=True):
    """For those that last."""

    violation: str
    at: datetime


class HandRaised(Fact, frozen=True, kw_only=True):
    """The operator needs a senior in this conversation."""

    hand: str
    login: str
    call: CallId
    at: datetime


class HandEscalated(Fact, frozen=True, kw_only=True):
    """Nobody has taken it: `to` (a group) is told now."""

    hand: str
    to: str
    at: datetime


class HandTaken(Fact, frozen=True, kw_only=True):
    """`by` has come to help; stated again when the mode changes."""

    hand: str
    by: str
    mode: Literal["listen", "whisper", "join"]
    at: datetime


class HandLowered(Fact, frozen=True, kw_only=True):
    """`how`: helped (the senior has left), withdrawn (by the operator), call_ended."""

    hand: str
    how: Literal["helped", "withdrawn", "call_ended"]
    at: datetime


class OutcomeGiven(Fact, frozen=True, kw_only=True):
    """The operator says how the conversation ended: `outcome` is a name of the configured list (a disposition)."""

    call: CallId
    login: str
    outcome: str
    at: datetime


class LogInLocked(Fact, frozen=True, kw_only=True):
    """Too many wrong PINs for this extension."""

    extension: str
    phone: str
    until: datetime
    at: datetime


AnyBreakFact = (
    BreakAsked
    | ClaimMade
    | ClaimEnded
    | PermissionGiven
    | PermissionEnded
    | OrderGiven
    | OrderWithdrawn
    | EmergencyReviewed
    | ViolationSeen
    | ViolationEnded
    | HandRaised
    | HandEscalated
    | HandTaken
    | HandLowered
    | OutcomeGiven
    | LogInLocked
)
