"""The roster as a file: forgiving in form, strict in content, and the same again after export."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from telephony.core.roster import Slot, SlotKind
from telephony.core.roster_versions import EntryKind, RosterEntry, Standing
from telephony.store.csv_text import RosterError
from telephony.store.local_time import instant
from telephony.store.shift_file import entry_of_row, export_shifts, parse_shifts

SAKHALIN, BERLIN = ZoneInfo("Asia/Sakhalin"), ZoneInfo("Europe/Berlin")
HEAD = "login,date,begin,end,breaks,kind,instead_of,why\n"


def entries(text: str, zone: ZoneInfo = SAKHALIN) -> list[RosterEntry]:
    changes = parse_shifts(text.encode(), zone)
    assert list(changes.mistakes) == []
    return [line.entry for line in changes.lines]


def mistakes(text: str, zone: ZoneInfo = SAKHALIN) -> list[str]:
    return [str(mistake) for mistake in parse_shifts((HEAD + text).encode(), zone).mistakes]


def sakhalin(day: int, clock: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, clock, minute, tzinfo=SAKHALIN).astimezone(UTC)


ANNA = RosterEntry(
    kind=EntryKind.SHIFT,
    login="anna",
    day=date(2026, 3, 2),
    begin=sakhalin(2, 9),
    end=sakhalin(2, 18),
    slots=(
        Slot(begin=sakhalin(2, 10), end=sakhalin(2, 10, 15)),
        Slot(begin=sakhalin(2, 13), end=sakhalin(2, 14), kind=SlotKind.LUNCH),
    ),
    why="план",
)
COMMAS = HEAD + "anna,2026-03-02,09:00,18:00,10:00-10:15 lunch 13:00-14:00,shift,,план\n"
OFFICE = "Login;Date;Begin;End;Breaks;Why\r\n\r\n anna ;02.03.2026;9:00;18:00;Lunch 13:00-14:00, 10:00-10:15;план\r\n"


EXCEL = (
    "sep=;\r\nlogin;date;begin;end;breaks;why;;\r\n"
    "anna;02.03.2026;9:00:00;18:00:00;10:00:00-10:15:00 lunch 13:00-14:00;план;;;\r\n;;;;;;;\r\n"
)


@pytest.mark.parametrize(
    "data",
    [
        COMMAS.encode(),
        ("\ufeff" + COMMAS).encode(),
        OFFICE.encode("cp1251"),
        ('"sep=;"\n' + OFFICE).encode("cp1251"),
        ("sep=;;;;\n" + OFFICE).encode("cp1251"),
        OFFICE.encode("utf-8-sig"),
        EXCEL.encode("cp1251"),
        EXCEL.encode("utf-8-sig"),
        EXCEL.replace(";", "\t").encode(),
    ],
)
def test_the_forms_a_file_may_have(data: bytes) -> None:
    changes = parse_shifts(data, SAKHALIN)
    assert list(changes.mistakes) == []
    assert [line.entry for line in changes.lines] == [ANNA]


def test_lines_are_counted_as_in_the_file_and_no_filled_cell_is_dropped() -> None:
    told = parse_shifts(EXCEL.replace("план;;;", "план;;x").replace("\r\n;;;;;;;", "\r\nanna;;;;;").encode(), SAKHALIN)
    assert [str(mistake) for mistake in told.mistakes] == [
        "line 3: 8 columns instead of 6",
        "line 4: date '': expected YYYY-MM-DD or DD.MM.YYYY",
        "line 4: a shift needs begin and end",
    ]


def test_a_time_has_no_seconds_other_than_none() -> None:
    assert mistakes("anna,2026-03-02,8:00:00,20:00:30,,,,\n") == ["line 2: time '20:00:30': expected HH:MM"]


def test_a_night_shift_ends_on_the_next_day_and_so_do_its_breaks() -> None:
    [night] = entries(HEAD + "anna,2026-03-02,20:00,8:00,23:50-00:10 lunch 02:00-03:00 22:00-22:10,,,\n")
    assert (night.begin, night.end) == (sakhalin(2, 20), sakhalin(3, 8))
    assert [slot.begin for slot in night.slots] == [sakhalin(2, 22), sakhalin(2, 23, 50), sakhalin(3, 2)]
    assert night.slots[1].end == sakhalin(3, 0, 10)


def test_a_shift_has_an_end_that_is_not_its_begin() -> None:
    assert mistakes("anna,2026-03-02,08:00,8:00,,,,\n") == [
        "line 2: begin and end are both 08:00: give two that differ"
    ]


@pytest.mark.parametrize(
    "breaks", ["lunch", "10:00-10:15 lunch", "lunch lunch 13:00-14:00", "lunch; break 10:00-10:15"]
)
def test_a_lunch_without_times_is_a_mistake(breaks: str) -> None:
    assert mistakes(f"anna,2026-03-02,9:00,18:00,{breaks},,,\n") == [
        "line 2: break 'lunch': has no times; expected lunch HH:MM-HH:MM"
    ]


def test_one_mistake_does_not_hide_another() -> None:
    assert mistakes(
        "anna,2026-03-02,9:00,25:00,10:00-10:30 10:15-10:45,,,\n"
        "anna,02.03.2026,9:00,18:00,tea,,,\n"
        "anna,2026-03-02,9:00,18:00,,,,\n"
        "boris,2026-03-02,9:00,18:00,,sick,,\n"
        "boris,2026-03-02,,,,vacation,,\n"
    ) == [
        "line 2: time '25:00': there is no such time",
        "line 2: breaks 10:00-10:30 and 10:15-10:45 overlap",
        "line 3: break 'tea': expected HH:MM-HH:MM, with the word lunch before it for a lunch",
        "line 5: sick takes no begin, end",
        "line 3: 'anna' has a shift on 2026-03-02 already in line 2",
        "line 4: 'anna' has a shift on 2026-03-02 already in line 2",
        "line 6: 'boris' has an absence on 2026-03-02 already in line 5",
    ]


def test_a_reason_of_several_lines_is_shown_as_one() -> None:
    [sick] = entries(HEAD + 'anna,2026-03-02,,,,sick,,"грипп,\n\n по  справке"\n')
    assert sick.why == "грипп, по справке"


def test_absences_and_substitutions() -> None:
    vacation, substitution = entries(
        HEAD + "boris,2026-03-02,,,,vacation,,отпуск\nanna,2026-03-02,,,,substitution,boris,\n"
    )
    assert (vacation.kind, vacation.begin, vacation.why) == (EntryKind.VACATION, None, "отпуск")
    assert (substitution.login, substitution.instead_of, substitution.begin) == ("anna", "boris", None)


def test_all_mistakes_are_told_at_once_with_their_lines() -> None:
    told = mistakes(
        "anna,2026-02-30,25:00,8,,,,\n"
        "anna,2026-03-02,9:00,13:00,13:30-13:40 10:00-10:30 10:15-10:45 tea 11:00-11:00,,,\n"
        ",2.3.26,9:00,,,,,\n"
        "anna,2026-03-03,9:00,18:00,10:00-10:15,vacation,,\n"
        "anna,2026-03-03,9:00,18:00,,holiday,,\n"
        "anna,2026-03-03,,,,substitution,,\n"
        "anna,2026-03-03,9:00,,,substitution,boris,\n"
        "anna,2026-03-03,9:00,18:00,,,boris,\n"
        "anna,1926-03-03,9:00,18:00,,,,\n"
        "anna,2026-03-04,9:00,18:00,,,,\n"
        "anna,04.03.2026,9:00,17:00,,,,\n"
        "anna,2026-03-05\n"
    )
    assert told == [
        "line 2: date '2026-02-30': there is no such day",
        "line 2: time '25:00': there is no such time",
        "line 2: time '8': expected HH:MM",
        "line 3: break 'tea': expected HH:MM-HH:MM, with the word lunch before it for a lunch",
        "line 3: break 13:30-13:40: is outside the shift 9:00-13:00",
        "line 3: break 11:00-11:00: has no length",
        "line 3: breaks 10:00-10:30 and 10:15-10:45 overlap",
        "line 4: date '2.3.26': expected YYYY-MM-DD or DD.MM.YYYY",
        "line 4: the login is missing",
        "line 4: a shift needs begin and end",
        "line 5: vacation takes no begin, end, breaks",
        "line 6: kind 'holiday': one of shift, off, vacation, sick, present, substitution",
        "line 7: a substitution needs instead_of: whose shift it is",
        "line 8: give begin and end, or neither",
        "line 9: instead_of belongs to a substitution, not to shift",
        "line 10: date '1926-03-03': the year must be 2000 to 2099",
        "line 13: 2 columns instead of 8",
        "line 12: 'anna' has a shift on 2026-03-04 already in line 11",
    ]


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"", "line 1: the first line must name the columns login, date"),
        (b"login,date,begin\n", "missing: end"),
        (b"login,date,begin,end,pause\n", "unknown columns: 'pause'; known: login"),
        (b"login,,begin,,end,date\n", r"^line 1: unknown columns: 2 \(no name\), 4 \(no name\); known: .*, why$"),
        (b"sep=,\nlogin,date\n", "^line 2: the first line must name"),
        (b"login,date,begin,end,login\n", "columns that are there twice: login"),
        (b"\x98\xff\xfe", "neither UTF-8 nor Windows-1251"),
        (COMMAS.encode("utf-16"), "neither UTF-8 nor Windows-1251"),
        (COMMAS.encode("cp866"), "^line 2: 'Ї«.*' is no Russian in Windows-1251; save it as 'CSV UTF-8'$"),
    ],
)
def test_what_cannot_be_read_at_all(data: bytes, wrong: str) -> None:
    with pytest.raises(RosterError, match=wrong):
        parse_shifts(data, SAKHALIN)


def test_times_that_the_clocks_leap_over_do_not_exist() -> None:
    told = mistakes("anna,2026-03-29,02:30,12:00,,,,\nanna,2026-03-28,20:00,06:00,02:15-02:45,,,\n", BERLIN)
    assert told == [
        "line 2: time 02:30: the clocks leap over it on 2026-03-29",
        "line 3: time 02:15: the clocks leap over it on 2026-03-29",
    ]


def test_of_an_hour_lived_twice_the_first_is_meant() -> None:
    [night] = entries(HEAD + "anna,2026-10-24,20:00,06:00,02:30-02:45,,,\n", BERLIN)
    assert night.begin is not None
    assert night.end is not None
    assert night.end - night.begin == timedelta(hours=11)
    assert night.slots[0].begin == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert instant(date(2026, 10, 25), (3, 0), BERLIN) == datetime(2026, 10, 25, 2, tzinfo=UTC)


# --- there and back ------------------------------------------------------------------------------------------

ZONES = st.sampled_from([SAKHALIN, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")])
DAYS = st.one_of(st.dates(date(2000, 1, 1), date(2099, 12, 31)), st.dates(date(2026, 3, 27), date(2026, 4, 6)))
LOGINS = st.sampled_from(["anna", "boris", "vera.o"])
WHY = st.text("аЯ z9,;:\"'\n\t-", max_size=12)


def clock(minutes: int) -> str:
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


@st.composite
def rows(draw: st.DrawFn) -> dict[str, str]:
    kind = draw(st.sampled_from([*EntryKind, EntryKind.SHIFT, EntryKind.SHIFT]))
    row = {"kind": str(kind), "login": draw(LOGINS), "date": str(draw(DAYS)), "why": draw(WHY)}
    if kind is EntryKind.SUBSTITUTION:
        row["instead_of"] = draw(LOGINS.filter(lambda login: login != row["login"]))
    if kind is EntryKind.SHIFT or (kind is EntryKind.SUBSTITUTION and draw(st.booleans())):
        begin, length = draw(st.integers(0, 1439)), draw(st.integers(1, 1439))
        cuts = sorted(draw(st.lists(st.integers(0, length), max_size=8, unique=True)))
        breaks = [
            f"{draw(st.sampled_from(['', 'lunch ']))}{clock(begin + first)}-{clock(begin + last)}"
            for first, last in zip(cuts[::2], cuts[1::2], strict=False)
            if last - first < 1440
        ]
        row |= {"begin": clock(begin), "end": clock(begin + length), "breaks": " ".join(breaks)}
    return row


@given(st.lists(rows(), max_size=6), ZONES)
def test_export_gives_what_import_takes(listed: list[dict[str, str]], zone: ZoneInfo) -> None:
    read = [entry_of_row(row, zone) for row in listed]
    if zone is SAKHALIN and all(int(row["date"][:4]) > 2016 for row in listed):
        assert not any(wrong for _, wrong in read), "no clock leaps there since 2016"
    else:  # a leap of the clocks may lie in a shift
        assume(not any(wrong for _, wrong in read))
    standing = Standing(entry for entry, _ in read if entry is not None)
    again = parse_shifts(export_shifts(standing.entries(), zone).encode(), zone)
    assert list(again.mistakes) == []
    assert [line.entry for line in again.lines] == standing.entries()
    assert Standing(line.entry for line in again.lines).work() == standing.work()
