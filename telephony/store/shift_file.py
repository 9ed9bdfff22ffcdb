"""The roster as a CSV file: one row per operator and day, read whole, all mistakes told at once with their lines.

    login,date,begin,end,breaks,kind,instead_of,why
    ivanova,2026-03-02,08:00,20:00,10:00-10:15 lunch 13:00-14:00 16:00-16:15,shift,,
    petrova,02.03.2026,,,,vacation,,по графику
    orlova,02.03.2026,,,,substitution,petrova,

Separated by commas or semicolons, in UTF-8 or Windows-1251. Times are local; an end before its begin is of the
next day. What `export_shifts` writes, `parse_shifts` takes.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import TypeVar

import msgspec

from telephony.core.roster import Slot, SlotKind
from telephony.core.roster_versions import EntryKind, RosterEntry
from telephony.store.csv_text import Mistake, RosterError, decoded, rows_of
from telephony.store.local_time import FIRST_YEAR, Clock, clock_text, parse_clock, parse_day, span

REQUIRED = ("login", "date", "begin", "end")
COLUMNS = (*REQUIRED, "breaks", "kind", "instead_of", "why")
T = TypeVar("T")
_RANGE = re.compile(r"([0-9:]+)[-–]([0-9:]+)")
WITH_TIMES = frozenset({EntryKind.SHIFT, EntryKind.SUBSTITUTION})


class ShiftLine(msgspec.Struct, frozen=True):
    """An entry and the line it stands in; 0 where it comes from no file."""

    line: int
    entry: RosterEntry


class Misread(msgspec.Struct, frozen=True):
    """A login that a row names which could not be read, and the row's day, if at least that could be."""

    line: int
    login: str
    day: date | None


class Changes(msgspec.Struct, frozen=True):
    """What a file (or a command) wants of the roster: its rows as far as they could be read, so that one mistake does
    not hide another; what is wrong with them; and whom the unreadable ones name."""

    lines: Sequence[ShiftLine]
    mistakes: Sequence[Mistake] = ()
    misread: Sequence[Misread] = ()


def parse_shifts(data: bytes, zone: tzinfo) -> Changes:
    """Raises RosterError where the file cannot be read at all."""
    rows, mistakes = rows_of(decoded(data))
    head = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    if wrong := _head_mistakes(rows[0][0] if rows else 1, head):
        raise RosterError([*mistakes, *wrong])
    lines: list[ShiftLine] = []
    named: list[ShiftLine] = []
    misread: list[Misread] = []
    for line, cells in rows[1:]:
        if len(cells) != len(head):
            mistakes.append(Mistake(line, f"{len(cells)} columns instead of {len(head)}"))
            continue
        row = dict(zip(head, cells, strict=True))
        entry, found = entry_of_row(row, zone)
        mistakes += [Mistake(line, text) for text in found]
        if entry is not None:
            named.append(ShiftLine(line, entry))
        if entry is not None and not _lacks_times(entry):
            lines.append(ShiftLine(line, entry))
        else:
            misread += _named_in(line, row)
    return Changes(lines, mistakes + _repeated(named), misread)


def _named_in(line: int, row: Mapping[str, str]) -> list[Misread]:
    day = _read(parse_day, row.get("date", "").strip(), [])
    logins = (row.get(column, "").strip() for column in ("login", "instead_of"))
    return [Misread(line, login, day) for login in logins if login]


def entry_of_row(row: Mapping[str, str], zone: tzinfo) -> tuple[RosterEntry | None, list[str]]:
    """The entry of one row, by column, and all that is wrong with it. Where anything is, the entry says what could be
    read all the same; None where it is not even known what it is about."""
    cells = {column: row.get(column, "").strip() for column in COLUMNS}
    wrong: list[str] = []
    day = _read(parse_day, cells["date"], wrong)
    if not cells["login"]:
        wrong.append("the login is missing")
    kind: EntryKind | None = None
    try:
        kind = EntryKind(cells["kind"].lower() or "shift")
    except ValueError:
        wrong.append(f"kind {cells['kind']!r}: one of {', '.join(EntryKind)}")
    else:
        wrong += _misplaced(kind, cells)
    times = _times(cells, day, zone, wrong)
    slots = _slots(cells, day, times, zone, wrong) if cells["breaks"] else ()
    if day is None or kind is None or not cells["login"]:
        return None, wrong
    if kind is EntryKind.SUBSTITUTION and not cells["instead_of"]:
        return None, wrong
    begin, end = (kind in WITH_TIMES and times) or (None, None)
    entry = RosterEntry(
        kind=kind,
        login=cells["login"],
        day=day,
        begin=begin,
        end=end,
        slots=slots if begin is not None else (),
        instead_of=cells["instead_of"] if kind is EntryKind.SUBSTITUTION else None,
        why=one_line(cells["why"]),
    )
    return entry, wrong


def one_line(text: str) -> str:
    """As lists show it: a reason typed over several lines would break them."""
    return " ".join(text.split())


def _lacks_times(entry: RosterEntry) -> bool:
    return entry.kind is EntryKind.SHIFT and entry.begin is None


def parse_slots(text: str) -> tuple[list[tuple[SlotKind, Clock, Clock]], list[str]]:
    """`10:00-10:15 lunch 13:00-14:00`: kinds, begins and ends on the wall; and all that is wrong."""
    found: list[tuple[SlotKind, Clock, Clock]] = []
    wrong: list[str] = []
    kind, named = SlotKind.BREAK, ""
    for word in [*re.split(r"[\s,;]+", text.strip(" \t,;")), ""]:
        if named and _RANGE.fullmatch(word) is None:
            wrong.append(f"break {named!r}: has no times; expected {named.lower()} HH:MM-HH:MM")
        named = word if word.lower() in tuple(SlotKind) else ""
        if named:
            kind = SlotKind(word.lower())
        if named or not word:
            continue
        ends = _RANGE.fullmatch(word)
        if ends is None:
            wrong.append(f"break {word!r}: expected HH:MM-HH:MM, with the word lunch before it for a lunch")
        else:
            begin, end = (_read(parse_clock, text, wrong) for text in ends.groups())
            if begin is not None and end is not None:
                found.append((kind, begin, end))
        kind = SlotKind.BREAK
    return found, wrong


def export_shifts(entries: Iterable[RosterEntry], zone: tzinfo) -> str:
    """What stands, as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        times = ["", ""]
        if entry.begin is not None and entry.end is not None:
            times = [clock_text(entry.begin, zone), clock_text(entry.end, zone)]
        breaks = slots_text(entry.slots, zone)
        writer.writerow(
            [entry.login, entry.day, *times, breaks, str(entry.kind), entry.instead_of or "", entry.why.strip()]
        )
    return out.getvalue()


def slots_text(slots: Iterable[Slot], zone: tzinfo) -> str:
    return " ".join(
        f"{'lunch ' if slot.kind is SlotKind.LUNCH else ''}{clock_text(slot.begin, zone)}-{clock_text(slot.end, zone)}"
        for slot in slots
    )


# --- the parts of a row --------------------------------------------------------------------------------------


def _head_mistakes(line: int, head: list[str]) -> list[Mistake]:
    found = []
    if missing := [column for column in REQUIRED if column not in head]:
        found.append(
            Mistake(line, f"the first line must name the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}")
        )
    if unknown := [repr(name) if name else f"{n} (no name)" for n, name in enumerate(head, 1) if name not in COLUMNS]:
        found.append(Mistake(line, f"unknown columns: {', '.join(unknown)}; known: {', '.join(COLUMNS)}"))
    if twice := sorted({column for column in head if column and head.count(column) > 1}):
        found.append(Mistake(line, f"columns that are there twice: {', '.join(twice)}"))
    return found


def _read(parse: Callable[[str], T], text: str, wrong: list[str]) -> T | None:
    try:
        return parse(text)
    except ValueError as error:
        wrong.append(str(error))
        return None


def _misplaced(kind: EntryKind, cells: Mapping[str, str]) -> list[str]:
    """Cells that this kind of row must have, or cannot have."""
    given = [column for column in ("begin", "end", "breaks") if cells[column]]
    wrong = []
    if kind is EntryKind.SUBSTITUTION and not cells["instead_of"]:
        wrong.append("a substitution needs instead_of: whose shift it is")
    if kind is not EntryKind.SUBSTITUTION and cells["instead_of"]:
        wrong.append(f"instead_of belongs to a substitution, not to {kind}")
    if given and kind not in WITH_TIMES:
        wrong.append(f"{kind} takes no {', '.join(given)}")
    elif given and kind is EntryKind.SUBSTITUTION and cells["instead_of"] == cells["login"]:
        wrong.append(f"who stands in for oneself takes a substitution back: it takes no {', '.join(given)}")
    elif (given or kind is EntryKind.SHIFT) and not (cells["begin"] and cells["end"]):
        wrong.append(f"a {kind} needs begin and end" if kind is EntryKind.SHIFT else "give begin and end, or neither")
    return wrong


def _times(
    cells: Mapping[str, str], day: date | None, zone: tzinfo, wrong: list[str]
) -> tuple[datetime, datetime] | None:
    clocks = [_read(parse_clock, cells[column], wrong) if cells[column] else None for column in ("begin", "end")]
    if day is None or clocks[0] is None or clocks[1] is None:
        return None
    if clocks[0] == clocks[1]:
        wrong.append(f"begin and end are both {_shown(clocks[0])}: give two that differ")
        return None
    return _span(day, clocks[0], clocks[1], zone, wrong)


def _span(day: date, begin: Clock, end: Clock, zone: tzinfo, wrong: list[str]) -> tuple[datetime, datetime] | None:
    try:
        return span(day, begin, end, zone)
    except ValueError as error:
        wrong.append(str(error))
        return None


def _slots(
    cells: Mapping[str, str],
    day: date | None,
    times: tuple[datetime, datetime] | None,
    zone: tzinfo,
    wrong: list[str],
) -> tuple[Slot, ...]:
    """The breaks of a shift, in order of time. One that begins before the shift's hour is of the next day."""
    listed, mistaken = parse_slots(cells["breaks"])
    wrong += mistaken
    if day is None or times is None:
        _overlapping([_on_any_day(kind, begin, end) for kind, begin, end in listed if begin < end], UTC, wrong)
        return ()
    first = times[0].astimezone(zone)
    crosses = times[1].astimezone(zone).date() > day
    slots = []
    for kind, begin, end in listed:
        shown = f"break {_shown(begin)}-{_shown(end)}"
        later = crosses and begin < (first.hour, first.minute)
        if begin == end:
            wrong.append(f"{shown}: has no length")
        elif placed := _span(day + timedelta(days=later), begin, end, zone, wrong):
            if placed[0] < times[0] or placed[1] > times[1]:
                wrong.append(f"{shown}: is outside the shift {cells['begin']}-{cells['end']}")
            slots.append(Slot(begin=placed[0], end=placed[1], kind=kind))
    return tuple(_overlapping(slots, zone, wrong))


def _on_any_day(kind: SlotKind, begin: Clock, end: Clock) -> Slot:
    """Of a shift whose own times are wrong: only good to be compared with its other breaks."""
    first, last = (datetime(FIRST_YEAR, 1, 1, *clock, tzinfo=UTC) for clock in (begin, end))
    return Slot(begin=first, end=last, kind=kind)


def _overlapping(slots: Iterable[Slot], zone: tzinfo, wrong: list[str]) -> list[Slot]:
    """In order of time, having told which overlap."""
    ordered = sorted(slots, key=lambda slot: slot.begin)
    for before, after in pairwise(ordered):
        if after.begin < before.end:
            wrong.append(f"breaks {slots_text([before], zone)} and {slots_text([after], zone)} overlap")
    return ordered


def _shown(clock: Clock) -> str:
    return f"{clock[0]:02}:{clock[1]:02}"


def _repeated(lines: Iterable[ShiftLine]) -> list[Mistake]:
    first: dict[object, int] = {}
    mistakes = []
    for one in lines:
        subject = one.entry.subject
        before = first.setdefault(subject, one.line)
        if before != one.line:
            article = "an" if subject.about == "absence" else "a"
            what = f"{subject.login!r} has {article} {subject.about} on {subject.day} already in line {before}"
            mistakes.append(Mistake(one.line, what))
    return mistakes
