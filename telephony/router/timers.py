"""The rules' timers on the event loop."""

from __future__ import annotations

import asyncio
from datetime import datetime

from telephony.clock import Clock
from telephony.core.effects import SetTimer
from telephony.core.events import TimerFired
from telephony.ports import Deliver


class Timers:
    """One timer per key; setting it again replaces it. What runs off is delivered as TimerFired.

    A timer waits by the steady clock, so a wall clock set forth or back makes none late. The event's time of
    entry is never before the time it was set for.
    """

    def __init__(self, clock: Clock, deliver: Deliver) -> None:
        self._clock = clock
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._handles)

    def set(self, timer: SetTimer) -> None:
        self.cancel(timer.key)
        delay = max(0.0, (timer.at - self._clock.now()).total_seconds())
        self._handles[timer.key] = self._loop.call_later(delay, self._fire, timer.key, timer.generation, timer.at)

    def cancel(self, key: str) -> None:
        """Forget the timer of this key, if one runs."""
        handle = self._handles.pop(key, None)
        if handle is not None:
            handle.cancel()

    def close(self) -> None:
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()

    def _fire(self, key: str, generation: int, at: datetime) -> None:
        del self._handles[key]
        self._clock.reached(at)
        self._deliver(TimerFired(key=key, generation=generation))
