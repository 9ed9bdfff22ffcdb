"""The journal in memory: group commits in virtual time, and what a killed router loses with its buffer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from telephony.core.effects import AnyEffect
from telephony.core.events import AnyEvent, Entry
from telephony.core.fact import Fact
from telephony.core.facts import AnyFact
from telephony.ports import Journal
from telephony.testing.clock import VirtualClock

GROUP_SECONDS = 0.05


class MemoryJournal(Journal):
    """`facts` sees every committed fact, in order, once."""

    def __init__(self, clock: VirtualClock, facts: Callable[[AnyFact], None]) -> None:
        self._clock = clock
        self._facts = facts
        self._buffer: list[tuple[Entry, Sequence[AnyEffect | AnyFact]]] = []
        self._waiting: list[tuple[int, Callable[[], None]]] = []
        self._position = 0
        self._held = False
        self.entries: list[tuple[Entry, Sequence[AnyEffect | AnyFact]]] = []
        self.position = 0
        """How far the PBX's own record was read when the last group was committed."""

    def append(self, seq: int, at: datetime, event: AnyEvent, effects: Sequence[AnyEffect | AnyFact]) -> None:
        if not self._buffer:
            self._clock.after(GROUP_SECONDS, self.commit)
        self._buffer.append((Entry(seq=seq, at=at, event=event), effects))

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        self._waiting.append((seq, then))

    def remember_position(self, position: int) -> None:
        """Committed together with the entries so far."""
        self._position = position

    @property
    def last_seq(self) -> int:
        return self.entries[-1][0].seq if self.entries else 0

    def hold(self) -> None:
        """Nothing is committed any more in this life of the router: it is killed before the next commit."""
        self._held = True

    def commit(self) -> None:
        if self._held:
            return
        for _, effects in self._buffer:
            for effect in effects:
                if isinstance(effect, Fact):
                    self._facts(effect)
        self.entries += self._buffer
        self._buffer = []
        self.position = self._position
        durable = [then for seq, then in self._waiting if seq <= self.last_seq]
        self._waiting = [(seq, then) for seq, then in self._waiting if seq > self.last_seq]
        for then in durable:
            then()

    def lose_buffer(self) -> None:
        """The router was killed: what was not committed never happened, as far as anybody can read."""
        self._buffer, self._waiting, self._held = [], [], False
        self._position = self.position
