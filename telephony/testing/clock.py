"""Virtual time: hours of a center's life pass in milliseconds, always in the same order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

MORNING = datetime(2030, 1, 7, 8, tzinfo=UTC)
"""When stories begin: a Monday."""

Action = Callable[[], None]


class Alarm:
    """An action that will be done at its time, unless cancelled."""

    __slots__ = ("action", "at")

    def __init__(self, at: datetime, action: Action) -> None:
        self.at = at
        self.action: Action | None = action

    def cancel(self) -> None:
        self.action = None


class VirtualClock:
    """Actions due at the same moment are done in the order in which they were set."""

    def __init__(self, start: datetime = MORNING) -> None:
        self._now = start
        self._set = 0
        self._alarms: list[tuple[datetime, int, Alarm]] = []

    def now(self) -> datetime:
        """Aware UTC."""
        return self._now

    def epoch(self) -> float:
        """The same, in seconds since 1970."""
        return self._now.timestamp()

    def at(self, when: datetime, action: Action) -> Alarm:
        """Do `action` at `when`, or at once after what is due now where that has passed."""
        alarm = Alarm(max(when, self._now), action)
        self._set += 1
        heappush(self._alarms, (alarm.at, self._set, alarm))
        return alarm

    def after(self, seconds: float, action: Action) -> Alarm:
        return self.at(self._now + timedelta(seconds=seconds), action)

    def step(self, until: datetime) -> bool:
        """Do the next action that is due not later than `until`; False when there is none: then it is `until`."""
        while self._alarms and self._alarms[0][0] <= until:
            when, _, alarm = heappop(self._alarms)
            action, alarm.action = alarm.action, None
            if action is not None:
                self._now = when
                action()
                return True
        self._now = max(self._now, until)
        return False

    def run_until(self, until: datetime) -> None:
        while self.step(until):
            pass
