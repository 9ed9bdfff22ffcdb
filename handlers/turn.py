"""One turn of the center: one event, the moment it entered, and what shall follow from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from telephony.core.calls import Call
from telephony.core.center import Center
from telephony.core.effects import AnyEffect, CancelTimer, Effects, HangUp, HangUpReason, SetTimer
from telephony.core.event import ChannelId
from telephony.core.events import AnyEvent
from telephony.core.facts import AnyFact

E = TypeVar("E", bound=AnyEvent)


class Turn:
    """What a handler works with. Effects are carried out in the order in which they are put down here."""

    __slots__ = ("center", "effects", "now")

    def __init__(self, center: Center, now: datetime) -> None:
        self.center = center
        self.now = now
        self.effects: Effects = []

    def do(self, *effects: AnyEffect | AnyFact) -> None:
        """Put down effects to carry out, and facts to record."""
        self.effects.extend(effects)

    def hang_up(self, call: Call, channel: ChannelId, reason: HangUpReason = HangUpReason.NORMAL) -> None:
        self.do(HangUp(call=call.id, channel=channel, reason=reason))

    def wake(self, key: str, generation: int, seconds: float | timedelta) -> None:
        """A TimerFired in so many seconds from now."""
        span = seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
        self.do(SetTimer(key=key, generation=generation, at=self.now + span))

    def forget_timer(self, key: str) -> None:
        self.do(CancelTimer(key=key))


Handler = Callable[[Turn, E], None]
