"""A recorded journal through the rules again: the same inputs must give the same decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from telephony.core.effects import AnyEffect
from telephony.core.events import AnyEvent, Entry, Started
from telephony.core.facts import AnyFact

State = TypeVar("State")
Decisions = Sequence[AnyEffect | AnyFact]


class Recorded(Protocol):
    """An entry of the journal with what was decided then."""

    @property
    def entry(self) -> Entry: ...

    @property
    def effects(self) -> Decisions: ...


@dataclass(frozen=True)
class Step:
    """One entry decided again. `failed`: the rules raised now. `gap`: entries before it are missing."""

    entry: Entry
    then: Decisions
    now: Decisions
    failed: str = ""
    gap: bool = False

    @property
    def differs(self) -> bool:
        return bool(self.failed) or list(self.then) != list(self.now)


@dataclass
class Replay(Generic[State]):
    """Each `Started` begins a new life with a state of its own. Entries before the first cannot be replayed and are
    counted in `skipped`. After a failure the life is over: its state may be half changed."""

    handle: Callable[[State, AnyEvent, datetime], Decisions]
    begin: Callable[[], State]
    lives: int = 0
    entries: int = 0
    skipped: int = 0
    differing: int = 0
    _state: State | None = field(default=None, init=False)
    _last: int | None = field(default=None, init=False)

    def steps(self, journal: Iterable[Recorded]) -> Iterator[Step]:
        for recorded in journal:
            entry = recorded.entry
            if isinstance(entry.event, Started):
                self._state, self._last = self.begin(), None
                self.lives += 1
            if self._state is None:
                self.skipped += 1
                continue
            step = self._step(self._state, entry, recorded.effects)
            self.entries += 1
            self.differing += step.differs
            yield step

    def _step(self, state: State, entry: Entry, then: Decisions) -> Step:
        gap = self._last is not None and entry.seq != self._last + 1
        self._last = entry.seq
        try:
            now = self.handle(state, entry.event, entry.at)
        except Exception as error:  # noqa: BLE001 - what the rules raise is the finding
            self._state = None
            return Step(entry, then, (), f"{type(error).__name__}: {error}", gap)
        return Step(entry, then, now, gap=gap)
