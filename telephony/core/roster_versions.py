"""What a planner writes down: entries, each a version with who, when and why. Nothing is overwritten, the later version
wins (`Standing`); what comes of it is the `Roster` that the rules see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec

from telephony.core.roster import Shift, Slot


class EntryKind(StrEnum):
    """What an entry says of an operator's day."""

    SHIFT = "shift"
    """They work from `begin` to `end`, with these slots."""
    OFF = "off"
    """They have no shift: takes a planned one back."""
    VACATION = "vacation"
    SICK = "sick"
    PRESENT = "present"
    """Neither on vacation nor sick: takes an absence back."""
    SUBSTITUTION = "substitution"
    """They work the shift of `instead_of`, with its slots; or only from `begin` to `end`, with slots of their own, and
    the rest stays with `instead_of`. Of oneself: takes a substitution back."""


ABSENCES = frozenset({EntryKind.VACATION, EntryKind.SICK})


class Subject(NamedTuple):
    """What an entry is a version of: a later entry of the same subject goes before it.

    An absence lies over the planned shift and does not replace it, so that it can be covered, or come back.
    """

    about: str
    """`shift`, `absence` or `substitution`."""
    login: str
    """Of a substitution: whose shift it is."""
    day: date


class RosterEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version: `by` said so at `at`, because of `why`. `day` is the local day on which the shift begins. `begin`,
    `end` and `slots` are of a shift, or of a substitution that does not take over the times of the shift it covers."""

    kind: EntryKind
    login: str
    day: date
    begin: datetime | None = None
    end: datetime | None = None
    slots: tuple[Slot, ...] = ()
    instead_of: str | None = None
    version: int = 0
    """Rises with every entry; 0 where it is not yet in the store."""
    at: datetime | None = None
    by: str = ""
    why: str = ""

    @property
    def subject(self) -> Subject:
        if self.kind is EntryKind.SUBSTITUTION:
            return Subject("substitution", self.instead_of or self.login, self.day)
        about = "shift" if self.kind in (EntryKind.SHIFT, EntryKind.OFF) else "absence"
        return Subject(about, self.login, self.day)

    @property
    def withdraws(self) -> bool:
        """Whether nothing stands any more where this version wins."""
        if self.kind is EntryKind.SUBSTITUTION:
            return self.login == self.instead_of
        return self.kind in (EntryKind.OFF, EntryKind.PRESENT)

    def says_the_same(self, other: RosterEntry) -> bool:
        """Whether both say the same of the day, whoever said it, and why."""
        return self.meaning == other.meaning

    @property
    def meaning(self) -> tuple[object, ...]:
        return self.kind, self.login, self.day, self.begin, self.end, self.slots, self.instead_of


class Work(NamedTuple):
    """A shift that is to be worked, and the entry it comes from."""

    shift: Shift
    entry: RosterEntry


class Uncovered(NamedTuple):
    """A planned shift of `day`, or a part of it, that nobody works: its operator is absent, or the substitute is, if
    it is theirs."""

    day: date
    shift: Shift
    absence: EntryKind
    substitute: str | None = None


class Standing:
    """What stands after all versions. `entries` in order of version; a later one of the same subject wins."""

    def __init__(self, entries: Iterable[RosterEntry] = ()) -> None:
        self._latest = {entry.subject: entry for entry in entries}

    def latest(self, subject: Subject) -> RosterEntry | None:
        """The version that wins, even where it takes something back."""
        return self._latest.get(subject)

    def entries(self) -> list[RosterEntry]:
        """What stands, by day and operator; shifts before absences before substitutions."""
        order = ("shift", "absence", "substitution")
        standing = [entry for entry in self._latest.values() if not entry.withdraws]
        return sorted(standing, key=lambda one: (one.day, one.login, order.index(one.subject.about), one.subject))

    def planned(self, login: str, day: date) -> Shift | None:
        """The shift planned for the operator, whether they come or not."""
        entry = self._latest.get(Subject("shift", login, day))
        return None if entry is None or entry.withdraws else _shift_of(entry)

    def absence(self, login: str, day: date) -> EntryKind | None:
        entry = self._latest.get(Subject("absence", login, day))
        return None if entry is None or entry.withdraws else entry.kind

    def substitution(self, login: str, day: date) -> RosterEntry | None:
        """Who works this operator's shift, or a part of it, if somebody else does."""
        entry = self._latest.get(Subject("substitution", login, day))
        return None if entry is None or entry.withdraws else entry

    def work(self) -> list[Work]:
        """The shifts that will be worked, in order of time: those of operators who are there, and who stands in."""
        found = [one for one in self._shares() if self.absence(one.entry.login, one.entry.day) is None]
        return sorted(found, key=lambda work: (work.shift.begin, work.shift.login))

    def uncovered(self) -> list[Uncovered]:
        """Planned shifts that nobody works, and such parts of them, in order of time."""
        found = []
        for shift, entry in self._shares():
            absence = self.absence(entry.login, entry.day)
            if absence is None:
                continue
            if shift.instead_of is None:
                found.append(Uncovered(entry.day, shift, absence))
            else:
                of_its_operator = msgspec.structs.replace(shift, login=shift.instead_of, instead_of=None)
                found.append(Uncovered(entry.day, of_its_operator, absence, entry.login))
        return sorted(found, key=lambda gap: (gap.shift.begin, gap.shift.login))

    def _shares(self) -> Iterator[Work]:
        """Who is to work which part of each planned shift, absent or not: the substitute theirs, its operator the
        rest."""
        for entry in self._latest.values():
            if entry.kind is not EntryKind.SHIFT:
                continue
            by = self.substitution(entry.login, entry.day)
            if by is None:
                yield Work(_shift_of(entry), entry)
            else:
                theirs = _covering(by, entry)
                yield Work(theirs, by)
                yield from (Work(rest, entry) for rest in _left_of(_shift_of(entry), theirs))

    def idle(self) -> list[RosterEntry]:
        """Substitutions for a shift that was taken back: they work nothing, and would again if it came back."""
        return [
            entry
            for entry in self.entries()
            if entry.kind is EntryKind.SUBSTITUTION and self.planned(entry.subject.login, entry.day) is None
        ]


def effective(entries: Iterable[RosterEntry]) -> tuple[Shift, ...]:
    """The shifts that will be worked, in order of time. `entries` in order of version."""
    return tuple(work.shift for work in Standing(entries).work())


def overlaps(work: Iterable[Work]) -> list[tuple[Work, Work]]:
    """Pairs of the same operator's shifts that overlap, the earlier first."""
    last: dict[str, Work] = {}
    found = []
    for one in sorted(work, key=lambda one: one.shift.begin):
        before = last.get(one.shift.login)
        if before is not None and one.shift.begin < before.shift.end:
            found.append((before, one))
        if before is None or one.shift.end > before.shift.end:
            last[one.shift.login] = one
    return found


def _shift_of(entry: RosterEntry, instead_of: str | None = None) -> Shift:
    assert entry.begin is not None
    assert entry.end is not None
    return Shift(login=entry.login, begin=entry.begin, end=entry.end, slots=entry.slots, instead_of=instead_of)


def _left_of(planned: Shift, worked: Shift) -> list[Shift]:
    """The parts of a planned shift outside the time that is worked, with the slots that lie in them."""
    parts = ((planned.begin, min(planned.end, worked.begin)), (max(planned.begin, worked.end), planned.end))
    return [
        msgspec.structs.replace(
            planned,
            begin=begin,
            end=end,
            slots=tuple(slot for slot in planned.slots if begin <= slot.begin and slot.end <= end),
        )
        for begin, end in parts
        if begin < end
    ]


def _covering(substitution: RosterEntry, planned: RosterEntry) -> Shift:
    """What the substitute works of the planned shift."""
    if substitution.begin is not None:
        return _shift_of(substitution, planned.login)
    shift = _shift_of(planned)
    return msgspec.structs.replace(shift, login=substitution.login, instead_of=planned.login)
