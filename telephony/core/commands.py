"""Questions from outside, each with a place for the answer: a code dialed on a phone, the command line, later the
API and MQTT. They enter through the inbox like every event: each is answered in one place, whichever door it came by.
"""

from __future__ import annotations

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


AnyCommand = LogIn | LogOut | ComeBack | TellState
