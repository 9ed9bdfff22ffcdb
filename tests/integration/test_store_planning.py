"""The roster in the database: versions are added together or not at all, and never changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from telephony.core.roster_versions import EntryKind, RosterEntry, Standing, effective
from telephony.store.csv_text import RosterError
from telephony.store.database import Database
from telephony.store.migrate import ensure_current
from telephony.store.operators import change_operator, import_roster
from telephony.store.planning import Author, Changed, import_shifts
from telephony.store.roster_entries import entries_between, shifts_around
from telephony.store.shift_file import export_shifts

ZONE = ZoneInfo("Asia/Sakhalin")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEOPLE = "login,name,extension,skills,pin\n" + "".join(
    f"{login},{login.title()},10{number},,1234\n" for number, login in enumerate(("anna", "boris", "vera", "gone"))
)
HEAD = "login,date,begin,end,breaks,kind,instead_of,why\n"
WEEK = (
    HEAD
    + "anna,2026-03-02,09:00,18:00,10:00-10:15 lunch 13:00-14:00,shift,,план\n"
    + "boris,2026-03-02,20:00,08:00,23:50-00:10,shift,,\n"
)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await ensure_current(database)
    await import_roster(database, PEOPLE.encode())
    await change_operator(database, "gone", enabled=False)
    yield database
    await database.close()


async def take(database: Database, text: str, by: str = "vera", at: datetime = NOW) -> Changed:
    return await import_shifts(database, text.encode(), ZONE, Author(by=by, at=at, why="file"))


async def all_entries(database: Database) -> list[RosterEntry]:
    return await entries_between(database.engine)


async def test_every_entry_is_a_version_with_who_when_and_why(database: Database) -> None:
    done = await take(database, WEEK)
    assert (done.added, done.unchanged, done.uncovered) == (2, 0, ())
    anna, boris = await all_entries(database)
    assert (anna.login, anna.by, anna.at, anna.why) == ("anna", "vera", NOW, "план")
    assert (boris.by, boris.why) == ("vera", "file")
    assert anna.version < boris.version
    assert [slot.end - slot.begin for slot in boris.slots] == [timedelta(minutes=20)]


async def test_a_correction_is_a_later_version_and_overwrites_nothing(database: Database) -> None:
    await take(database, WEEK)
    before = await all_entries(database)
    later = NOW + timedelta(days=1)
    done = await take(database, WEEK.replace("09:00,18:00", "09:00,19:00"), by="anna", at=later)
    assert (done.added, done.unchanged) == (1, 1)
    after = await all_entries(database)
    assert after[:2] == before
    assert (after[2].by, after[2].at) == ("anna", later)
    assert [shift.end.astimezone(ZONE).hour for shift in effective(after)] == [19, 8]


async def test_what_stands_comes_out_as_it_went_in(database: Database) -> None:
    await take(database, WEEK + "anna,2026-03-02,,,,sick,,\nvera,2026-03-02,,,,substitution,anna,\n")
    entries = Standing(await all_entries(database)).entries()
    done = await take(database, export_shifts(entries, ZONE))
    assert (done.added, done.unchanged) == (0, 4)


async def test_mistakes_against_what_stands_are_told_with_those_of_the_file(database: Database) -> None:
    await take(database, WEEK + "vera,2026-03-05,,,,vacation,,\n")
    wrong = (
        HEAD
        + "nobody,2026-02-30,9:00,18:00,,,,\n"
        + "boris,2026-03-03,07:00,15:00,,,,\n"
        + "gone,2026-03-03,09:00,18:00,,,,\n"
        + "gone,2026-03-04,,,,off,,\n"
        + "anna,2026-03-04,,,,substitution,boris,\n"
        + "anna,2026-03-05,09:00,18:00,,,,\n"
        + "vera,2026-03-05,,,,substitution,anna,\n"
        + "anna,2026-03-06,20:00,08:00,,,,\n"
        + "anna,2026-03-07,06:00,12:00,,,,\n"
    )
    with pytest.raises(RosterError) as told:
        await take(database, wrong, by="stranger")
    assert str(told.value).splitlines() == [
        "nobody has the login 'stranger', who is to have made this change",
        "line 2: date '2026-02-30': there is no such day",
        "line 2: nobody has the login 'nobody'",
        "line 3: 'boris': the shift 2026-03-03 07:00-15:00 overlaps with 2026-03-02 20:00-08:00 (planned already)",
        "line 4: 'gone' is disabled: they cannot work",
        "line 6: 'boris' has no shift on 2026-03-04 to stand in for",
        "line 8: 'vera' cannot stand in on 2026-03-05: vacation",
        "line 10: 'anna': the shift 2026-03-07 06:00-12:00 overlaps with 2026-03-06 20:00-08:00 (line 9)",
    ]
    assert len(await all_entries(database)) == 3


async def test_a_row_that_cannot_be_read_hides_no_mistake_on_another_day(database: Database) -> None:
    wrong = (
        HEAD
        + "vera,2026-03-05,,,,substitution,anna,\n"
        + "anna,2026-03-06,09:00,99:00,,,,\n"
        + "vera,2026-03-06,,,,substitution,anna,\n"
        + "vera,2026-03-07,,,,substitution,boris,\n"
        + "boris,2026-03-32,09:00,18:00,,,,\n"
    )
    with pytest.raises(RosterError) as told:
        await take(database, wrong)
    assert str(told.value).splitlines() == [
        "line 2: 'anna' has no shift on 2026-03-05 to stand in for",
        "line 3: time '99:00': there is no such time",
        "line 6: date '2026-03-32': there is no such day",
    ]


async def test_an_overlap_is_found_whatever_brings_it_about(database: Database) -> None:
    """Boris stands in while his own shift is off his hands; then he is back, and would work twice at once."""
    await take(database, WEEK + "vera,2026-03-02,22:00,06:00,,,,\nanna,2026-03-03,07:00,15:00,,,,\n")
    await take(database, HEAD + "vera,2026-03-02,,,,substitution,boris,\nvera,2026-03-02,,,,off,,\n")
    await take(database, HEAD + "boris,2026-03-03,,,,substitution,anna,\n")
    with pytest.raises(RosterError, match=r"line 2: 'boris': the shift .* overlaps with"):
        await take(database, HEAD + "boris,2026-03-02,,,,substitution,boris,\n")


async def test_an_absence_over_a_shift_is_taken_and_told(database: Database) -> None:
    await take(database, WEEK)
    done = await take(database, HEAD + "anna,2026-03-02,,,,vacation,,\nanna,2026-03-03,,,,vacation,,\n")
    assert [(gap.shift.login, gap.absence) for gap in done.uncovered] == [("anna", EntryKind.VACATION)]
    assert (await take(database, HEAD + "boris,2026-03-03,,,,sick,,\n")).uncovered == ()


async def test_taking_back_what_does_not_stand_changes_nothing(database: Database) -> None:
    nothing = HEAD + "anna,2026-03-02,,,,off,,\nanna,2026-03-02,,,,present,,\n"
    done = await take(database, nothing)
    assert (done.added, done.unchanged) == (0, 2)


async def test_two_planners_at_once_do_not_pass_each_other_by(database: Database) -> None:
    other = Database(str(database.url.render_as_string(hide_password=False)))
    files = [HEAD + "anna,2026-03-02,20:00,08:00,,,,\n", HEAD + "anna,2026-03-03,07:00,15:00,,,,\n"]
    done = await asyncio.gather(
        *(take(one, text) for one, text in zip((database, other), files, strict=True)), return_exceptions=True
    )
    await other.close()
    assert sorted(isinstance(one, RosterError) for one in done) == [False, True]
    assert len(await all_entries(database)) == 1


async def test_the_router_reads_the_days_around_now(database: Database) -> None:
    days = "".join(f"anna,2026-03-{day:02},09:00,18:00,,,,\n" for day in range(1, 10))
    await take(database, HEAD + days)
    shifts = await shifts_around(database.engine, datetime(2026, 3, 4, 20, tzinfo=UTC), "Asia/Sakhalin")
    assert [shift.begin.astimezone(ZONE).date() for shift in shifts] == [date(2026, 3, day) for day in (4, 5, 6, 7)]
    only = await entries_between(database.engine, date(2026, 3, 2), date(2026, 3, 3), "boris")
    assert only == []
