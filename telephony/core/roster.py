"""The roster as the rules see it: who works when, with which planned breaks.

Corrections, substitutions, vacations and sick leave are versions in the store; what stands here is their result for
the days around now. All times are aware UTC; a shift may cross midnight.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from enum import StrEnum

import msgspec


class SlotKind(StrEnum):
    BREAK = "break"
    """A short technical break, paid."""
    LUNCH = "lunch"
    """Meal time, unpaid."""


class Slot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A planned break within a shift, from `begin` to `end` (exclusive)."""

    begin: datetime
    end: datetime
    kind: SlotKind = SlotKind.BREAK


class Shift(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`login` works from `begin` to `end`, `instead_of` somebody where it is a substitution. Slots rise in time and do
    not overlap."""

    login: str
    begin: datetime
    end: datetime
    slots: tuple[Slot, ...] = ()
    instead_of: str | None = None


def placed(shift: Shift, taken: Set[datetime]) -> dict[datetime, datetime]:
    """Which of the breaks that were taken (by the begin of their slots) uses up which slot of the shift: slot's begin
    -> begin of the one taken. One that has no such slot any more, because the roster was corrected, uses up the one
    nearest to it: a shift never gives more breaks than it plans."""
    planned = {slot.begin for slot in shift.slots}
    used = {begin: begin for begin in taken & planned}
    for begin in sorted(taken - planned):
        left = planned - used.keys()
        if left and shift.begin <= begin < shift.end:
            used[min(left, key=lambda other: (abs(other - begin), other))] = begin
    return used


def joined(shifts: Iterable[Shift]) -> list[Shift]:
    """Shifts of one operator that follow each other without a gap are one to their back: their own and one in which
    they stand in, say. By login, then in order of time."""
    found: list[Shift] = []
    for shift in sorted(shifts, key=lambda shift: (shift.login, shift.begin)):
        last = found[-1] if found else None
        if last is not None and last.login == shift.login and shift.begin <= last.end:
            slots = tuple(sorted((*last.slots, *shift.slots), key=lambda slot: slot.begin))
            found[-1] = msgspec.structs.replace(last, end=max(last.end, shift.end), slots=slots)
        else:
            found.append(shift)
    return found


class Roster:
    """Shifts by operator, in order of time, joined where there is no gap between them."""

    def __init__(self, shifts: Iterable[Shift] = ()) -> None:
        self._by_login: dict[str, list[Shift]] = {}
        for shift in joined(shifts):
            self._by_login.setdefault(shift.login, []).append(shift)

    def shifts(self, login: str) -> Sequence[Shift]:
        return self._by_login.get(login, ())
