"""Lamps: custom device states of Asterisk (`Stasis:NAME`), which the BLF keys of phones follow by the hints of the
dialplan.

They leave one after the other, the newest wish of each lamp only, so that a burst of changes costs what it shows.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from telephony.core.effects import LampState, SetLamp

log = structlog.get_logger(__name__)

STATES: dict[LampState, str] = {"off": "NOT_INUSE", "on": "INUSE", "blinking": "RINGING"}
AT_ONCE = 16
"""Requests that wait for their answers at the same time: a start lights hundreds of lamps, calls must not wait."""

Put = Callable[[str, str], Future[Any]]


class Lamps:
    """`put(device, state)` asks the PBX. What it refuses is asked again with everything else after a reconnect."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._wishes: dict[str, LampState] = {}
        self._due: dict[str, None] = {}
        self._busy: set[str] = set()
        self._connected = False

    def show(self, effect: SetLamp) -> None:
        """From now on the lamp shall show this."""
        self._wishes[effect.name] = effect.state
        self._due[effect.name] = None
        self._go_on()

    def found(self) -> None:
        """The PBX is (again) there: one that was killed has lost its states, so all are set."""
        self._connected = True
        self._due.update(dict.fromkeys(self._wishes))
        self._go_on()

    def lost(self) -> None:
        self._connected = False

    def _go_on(self) -> None:
        """A lamp whose answer is awaited waits, or an older wish could come last."""
        ready = [name for name in self._due if name not in self._busy] if self._connected else []
        for name in ready[: AT_ONCE - len(self._busy)]:
            del self._due[name]
            self._busy.add(name)
            answer = self._put(f"Stasis:{name}", STATES[self._wishes[name]])
            answer.add_done_callback(partial(self._answered, name))

    def _answered(self, name: str, answer: Future[Any]) -> None:
        self._busy.discard(name)
        error = None if answer.cancelled() else answer.exception()
        if error is not None and self._connected:
            log.warning("lamp not set", lamp=name, error=str(error))
        self._go_on()
