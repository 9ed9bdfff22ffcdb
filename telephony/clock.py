"""The router's time: aware UTC that never goes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Follows the wall clock. When that is set back, our time goes on at half speed until the wall has caught
    up, so that no interval becomes negative and no timer waits for an hour to be lived twice.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._steady = steady
        self._last = wall()
        self._last_steady = steady()

    def now(self) -> datetime:
        """Aware UTC, never before an earlier answer."""
        return datetime.fromtimestamp(self.epoch(), UTC)

    def epoch(self) -> float:
        """The same, in seconds since 1970."""
        steady = self._steady()
        self._last = max(self._wall(), self._last + (steady - self._last_steady) / 2)
        self._last_steady = steady
        return self._last

    def reached(self, at: datetime) -> None:
        """A timer for `at` has run off: from now on it is at least `at`."""
        self._last = max(self.epoch(), at.timestamp())
