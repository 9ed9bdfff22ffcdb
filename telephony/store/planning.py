"""Changing the roster: new versions, checked against each other and what stands, then added together or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from telephony.core.roster_versions import EntryKind, RosterEntry, Standing, Subject, Uncovered, Work, overlaps
from telephony.store.csv_text import Mistake, RosterError
from telephony.store.database import Database
from telephony.store.local_time import clock_text
from telephony.store.roster_entries import add_entries, lock_roster, read_entries
from telephony.store.shift_file import WITH_TIMES, Changes, ShiftLine, parse_shifts
from telephony.store.tables import operators

ONE_DAY = timedelta(days=1)


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """Who changes the roster, when (aware UTC), and why, where an entry does not say itself."""

    by: str
    at: datetime
    why: str = ""


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What a change did: versions added, entries that said what stands anyway, shifts that nobody works now,
    substitutions whose shift was taken back."""

    added: int
    unchanged: int
    uncovered: tuple[Uncovered, ...] = ()
    idle: tuple[RosterEntry, ...] = ()


async def import_shifts(database: Database, data: bytes, zone: tzinfo, author: Author) -> Changed:
    """Take a CSV file (see `shift_file`) over what stands; other days stay as they are.

    Raises RosterError with all mistakes; nothing is then imported.
    """
    return await change_roster(database, parse_shifts(data, zone), zone, author)


async def change_roster(database: Database, changes: Changes, zone: tzinfo, author: Author) -> Changed:
    """Add these entries. Raises RosterError with all mistakes; nothing is then added."""
    return await database.transact(lambda connection: _change(connection, changes, zone, author))


def _change(connection: Connection, changes: Changes, zone: tzinfo, author: Author) -> Changed:
    lock_roster(connection)
    lines = changes.lines
    people = {row.login: row.enabled for row in connection.execute(sa.select(operators.c.login, operators.c.enabled))}
    days = sorted(line.entry.day for line in lines)
    stored = read_entries(connection, days[0] - ONE_DAY, days[-1] + ONE_DAY) if days else []
    before, after = Standing(stored), Standing([*stored, *(line.entry for line in lines)])
    found = [
        *changes.mistakes,
        *_author_mistakes(author, people),
        *_unknown_people(changes, people),
        *_impossible_substitutions(changes, after),
        *_new_overlaps(lines, before, after, zone),
    ]
    if found:
        raise RosterError(found)
    new = [line.entry for line in lines if not _stands(line.entry, before)]
    add_entries(connection, (_signed(entry, author) for entry in new))
    subjects = {(entry.subject.login, entry.day) for entry in new} | {(entry.login, entry.day) for entry in new}
    gaps = tuple(gap for gap in after.uncovered() if _day_keys(gap) & subjects)
    idle = tuple(entry for entry in after.idle() if (entry.subject.login, entry.day) in subjects)
    return Changed(added=len(new), unchanged=len(lines) - len(new), uncovered=gaps, idle=idle)


def _signed(entry: RosterEntry, author: Author) -> RosterEntry:
    return msgspec.structs.replace(entry, at=author.at.astimezone(UTC), by=author.by, why=entry.why or author.why)


def _stands(entry: RosterEntry, standing: Standing) -> bool:
    """Whether it says nothing new."""
    latest = standing.latest(entry.subject)
    if latest is None or latest.withdraws:
        return entry.withdraws
    return entry.says_the_same(latest)


def _day_keys(gap: Uncovered) -> set[tuple[str, object]]:
    return {(gap.shift.login, gap.day), (gap.substitute or gap.shift.login, gap.day)}


# --- what the file alone does not show -----------------------------------------------------------------------


def _author_mistakes(author: Author, people: Mapping[str, bool]) -> list[Mistake]:
    if author.by not in people:
        return [Mistake(0, f"nobody has the login {author.by!r}, who is to have made this change")]
    return []


def _unknown_people(changes: Changes, people: Mapping[str, bool]) -> list[Mistake]:
    found = [_unknown(one.line, one.login) for one in changes.misread if one.login not in people]
    for line in changes.lines:
        entry = line.entry
        for login in dict.fromkeys(filter(None, (entry.login, entry.instead_of))):
            if login not in people:
                found.append(_unknown(line.line, login))
        works = entry.kind in WITH_TIMES and not entry.withdraws
        if works and people.get(entry.login) is False:
            found.append(Mistake(line.line, f"{entry.login!r} is disabled: they cannot work"))
    return found


def _unknown(line: int, login: str) -> Mistake:
    return Mistake(line, f"nobody has the login {login!r}")


def _impossible_substitutions(changes: Changes, after: Standing) -> list[Mistake]:
    found = []
    misread = {
        (one.login, one.day) for one in changes.misread
    }  # whose shift may stand in a line that could not be read
    for line in changes.lines:
        entry = line.entry
        if entry.kind is not EntryKind.SUBSTITUTION or entry.withdraws or entry.instead_of is None:
            continue
        may_have_one = not misread.isdisjoint({(entry.instead_of, entry.day), (entry.instead_of, None)})
        if after.planned(entry.instead_of, entry.day) is None and not may_have_one:
            found.append(Mistake(line.line, f"{entry.instead_of!r} has no shift on {entry.day} to stand in for"))
        if absence := after.absence(entry.login, entry.day):
            found.append(Mistake(line.line, f"{entry.login!r} cannot stand in on {entry.day}: {absence}"))
    return found


def _new_overlaps(lines: Iterable[ShiftLine], before: Standing, after: Standing, zone: tzinfo) -> list[Mistake]:
    """Shifts of one operator at the same time that were not so before; each told at the line that comes last."""
    known = {(first.shift, second.shift) for first, second in overlaps(before.work())}
    line_of = {line.entry.subject: line.line for line in lines}
    found = []
    for first, second in overlaps(after.work()):
        if (first.shift, second.shift) in known:
            continue
        places = {line_of.get(subject) for work in (first, second) for subject in _causes(work)} - {None}
        here = max((place for place in places if place is not None), default=0)
        other = first if line_of.get(first.entry.subject) != here else second
        where = line_of.get(other.entry.subject)
        origin = f" (line {where})" if where else " (planned already)"
        one = second if other is first else first
        what = f"{one.shift.login!r}: the shift {shift_text(one, zone)} overlaps with {shift_text(other, zone)}{origin}"
        found.append(Mistake(here, what))
    return found


def _causes(work: Work) -> tuple[Subject, ...]:
    """What may have changed when a shift comes to be worked: itself, its operator's absence, a substitution."""
    login, day = work.entry.login, work.entry.day
    return work.entry.subject, Subject("absence", login, day), Subject("substitution", login, day)


def shift_text(work: Work, zone: tzinfo) -> str:
    return f"{work.entry.day} {clock_text(work.shift.begin, zone)}-{clock_text(work.shift.end, zone)}"
