"""Questions from outside, each with a place for the answer: a code dialed on a phone, the command line, later the
API and MQTT. They enter through the inbox like every event: each is answered in one place, whichever door it came by.
"""

from __future__ import annotations

from datetime import datetime

from telephony.core.break_facts import BreakKind
from telephony.core.event import ChannelId, Event


class Command(Event, frozen=True, kw_only=True):
    """Base of commands. `command` names the place where the answer is awaited."""

    command: str


class LogIn(Command, frozen=True, kw_only=True):
    """The operator proved who they are and wants to work on `phone`."""

    login: str
    phone: str
    channel: ChannelId | None = None
    """The call of the feature code itself: the phone is not free before it has ended."""
    extension: str | None = None
    """By which, with a PIN, they proved it; None: at another door, which asks for no PIN."""


class LogOut(Command, frozen=True, kw_only=True):
    """Either by the operator's phone, or by `login` from the command line."""

    phone: str | None = None
    login: str | None = None
    channel: ChannelId | None = None


class ComeBack(Command, frozen=True, kw_only=True):
    """The operator says: I am back (after ring-no-answer and the like), or ends the wrap-up early."""

    phone: str | None = None
    login: str | None = None
    channel: ChannelId | None = None


class TellState(Command, frozen=True, kw_only=True):
    """What is my state? Asked from the phone."""

    phone: str
    channel: ChannelId | None = None


class TakeBreak(Command, frozen=True, kw_only=True):
    """The operator asks for a pause. `reason`: of an emergency, the digit of the configured list."""

    kind: BreakKind
    phone: str | None = None
    login: str | None = None
    reason: str = ""
    door: str = "phone"
    channel: ChannelId | None = None


YEARS = range(2000, 3000)
"""A moment of these can be told in every time zone."""


class GiveOrder(Command, frozen=True, kw_only=True):
    """`by` (a senior or head) orders a pause for `logins` or a whole `group`, from now until `until`. With `at_once`
    they do so without asking, as soon as they may; else it lets them."""

    by: str
    logins: tuple[str, ...] = ()
    group: str | None = None
    until: datetime
    why: str
    at_once: bool = True

    def __post_init__(self) -> None:
        """Whichever door it came by, a moment that no rule can compare and no journal can write stays outside."""
        if self.until.tzinfo is None or self.until.year not in YEARS:
            raise ValueError(f"until needs a time zone, and a year from {YEARS.start} to {YEARS.stop - 1}")


class WithdrawOrder(Command, frozen=True, kw_only=True):
    by: str
    order: str


class ReviewEmergency(Command, frozen=True, kw_only=True):
    """`by` (a senior or head) confirms or rejects the emergency pause named by its permission."""

    by: str
    permission: str
    confirmed: bool


class RaiseHand(Command, frozen=True, kw_only=True):
    """A senior, please; the conversation goes on. A second time: not needed any more."""

    phone: str | None = None
    login: str | None = None
    channel: ChannelId | None = None


class GiveOutcome(Command, frozen=True, kw_only=True):
    """How the operator's last conversation ended: the digits of the configured list."""

    phone: str | None = None
    login: str | None = None
    digits: str
    channel: ChannelId | None = None


AnyCommand = (
    LogIn
    | LogOut
    | ComeBack
    | TellState
    | TakeBreak
    | GiveOrder
    | WithdrawOrder
    | ReviewEmergency
    | RaiseHand
    | GiveOutcome
)
