"""The roster's versions: what stands after shifts, absences, substitutions and their ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace

from telephony.core.roster import Shift, Slot
from telephony.core.roster_versions import EntryKind, RosterEntry, Standing, effective, overlaps

MONDAY = date(2026, 3, 2)
EIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
LUNCH = Slot(begin=EIGHT + 4 * HOUR, end=EIGHT + 5 * HOUR)


def says(kind: EntryKind, login: str = "anna", instead_of: str | None = None, day: date = MONDAY) -> RosterEntry:
    return RosterEntry(kind=kind, login=login, day=day, instead_of=instead_of)


def shift(login: str = "anna", begin: datetime = EIGHT, hours: int = 8, day: date = MONDAY) -> RosterEntry:
    end = begin + hours * HOUR
    slots = (LUNCH,) if begin <= LUNCH.begin and LUNCH.end <= end else ()
    return RosterEntry(kind=EntryKind.SHIFT, login=login, day=day, begin=begin, end=end, slots=slots)


ANNAS = Shift(login="anna", begin=EIGHT, end=EIGHT + 8 * HOUR, slots=(LUNCH,))
BY_BORIS = Shift(login="boris", begin=EIGHT, end=EIGHT + 8 * HOUR, slots=(LUNCH,), instead_of="anna")
SICK = says(EntryKind.SICK)
BORIS_FOR_ANNA = says(EntryKind.SUBSTITUTION, "boris", "anna")


def test_the_later_version_of_a_day_wins_and_the_earlier_is_still_there() -> None:
    earlier, later = shift(), shift(begin=EIGHT + HOUR)
    entries = [earlier, later]
    [worked] = effective(entries)
    assert worked.begin == EIGHT + HOUR
    assert entries == [earlier, later]


def test_a_shift_taken_back_is_nobodys() -> None:
    standing = Standing([shift(), says(EntryKind.OFF)])
    assert standing.work() == []
    assert standing.uncovered() == []
    assert standing.entries() == []


def test_the_shift_of_an_absent_operator_is_uncovered_until_they_are_back() -> None:
    away = Standing([shift(), SICK])
    assert away.work() == []
    [gap] = away.uncovered()
    assert (gap.shift, gap.absence, gap.substitute) == (ANNAS, EntryKind.SICK, None)
    assert effective([shift(), SICK, says(EntryKind.PRESENT)]) == (ANNAS,)


def test_an_absence_known_before_the_shift_was_planned_counts_too() -> None:
    assert effective([says(EntryKind.VACATION), shift()]) == ()


def test_a_substitute_works_the_shift_with_its_breaks() -> None:
    assert effective([shift(), SICK, BORIS_FOR_ANNA]) == (BY_BORIS,)
    assert Standing([shift(), SICK, BORIS_FOR_ANNA]).uncovered() == []


def test_a_substitution_needs_no_absence_and_follows_corrections_of_the_shift() -> None:
    [worked] = effective([shift(), BORIS_FOR_ANNA, shift(hours=9)])
    assert (worked.login, worked.end, worked.instead_of) == ("boris", EIGHT + 9 * HOUR, "anna")


def part_by_boris(first: int, last: int) -> RosterEntry:
    """From so many hours after eight until so many."""
    return replace(BORIS_FOR_ANNA, begin=EIGHT + first * HOUR, end=EIGHT + last * HOUR)


def worked(entries: list[RosterEntry]) -> list[tuple[str, int, int, int]]:
    """Who works, from and until how many hours after eight, with how many planned breaks."""
    return [
        (one.login, (one.begin - EIGHT) // HOUR, (one.end - EIGHT) // HOUR, len(one.slots))
        for one in effective(entries)
    ]


def test_who_is_taken_over_from_in_the_middle_of_a_shift_keeps_the_rest_with_its_breaks() -> None:
    """She goes home ill at two: the morning was hers, and so was its lunch."""
    assert worked([shift(), part_by_boris(6, 8)]) == [("anna", 0, 6, 1), ("boris", 6, 8, 0)]
    assert worked([shift(), part_by_boris(0, 3)]) == [("boris", 0, 3, 0), ("anna", 3, 8, 1)]
    assert worked([shift(), part_by_boris(3, 6)]) == [("anna", 0, 3, 0), ("boris", 3, 6, 0), ("anna", 6, 8, 0)]
    assert Standing([shift(), part_by_boris(6, 8)]).uncovered() == []


def test_a_shift_cut_short_and_a_substitution_behind_it_are_both_worked() -> None:
    assert worked([shift(), shift(hours=6), part_by_boris(6, 8)]) == [("anna", 0, 6, 1), ("boris", 6, 8, 0)]


def test_an_absent_substitute_leaves_the_shift_uncovered() -> None:
    [gap] = Standing([shift(), BORIS_FOR_ANNA, says(EntryKind.VACATION, "boris")]).uncovered()
    assert (gap.shift.login, gap.absence, gap.substitute) == ("anna", EntryKind.VACATION, "boris")


def test_an_absent_substitute_for_a_part_leaves_only_that_uncovered() -> None:
    entries = [shift(), part_by_boris(6, 8), says(EntryKind.SICK, "boris")]
    assert worked(entries) == [("anna", 0, 6, 1)]
    [gap] = Standing(entries).uncovered()
    assert (gap.shift, gap.absence, gap.substitute) == (
        Shift(login="anna", begin=EIGHT + 6 * HOUR, end=EIGHT + 8 * HOUR), EntryKind.SICK, "boris",
    )  # fmt: skip


def test_a_substitute_for_a_part_leaves_the_rest_of_an_absent_operator_uncovered_with_its_breaks() -> None:
    before, after = Standing([shift(), SICK, part_by_boris(2, 4)]).uncovered()
    assert (before.shift.begin, before.shift.end, before.shift.slots) == (EIGHT, EIGHT + 2 * HOUR, ())
    assert (after.shift.begin, after.shift.end, after.shift.slots) == (LUNCH.begin, EIGHT + 8 * HOUR, (LUNCH,))
    assert (after.day, after.absence, after.substitute) == (MONDAY, EntryKind.SICK, None)


def test_a_substitute_with_more_than_the_shift_leaves_nothing_uncovered() -> None:
    assert worked([shift(), part_by_boris(0, 9)]) == [("boris", 0, 9, 0)]
    assert Standing([shift(), SICK, part_by_boris(0, 9)]).uncovered() == []


def test_a_shift_taken_back_leaves_its_substitute_idle() -> None:
    assert Standing([shift(), BORIS_FOR_ANNA]).idle() == []
    standing = Standing([shift(), BORIS_FOR_ANNA, says(EntryKind.OFF)])
    assert (standing.work(), standing.idle()) == ([], [BORIS_FOR_ANNA])


def test_who_stands_in_for_oneself_takes_the_substitution_back() -> None:
    back = says(EntryKind.SUBSTITUTION, "anna", "anna")
    assert effective([shift(), BORIS_FOR_ANNA, back]) == (ANNAS,)
    assert [entry.kind for entry in Standing([shift(), BORIS_FOR_ANNA, back]).entries()] == [EntryKind.SHIFT]


def test_another_substitute_replaces_the_first() -> None:
    vera = says(EntryKind.SUBSTITUTION, "vera", "anna")
    assert [work.shift.login for work in Standing([shift(), BORIS_FOR_ANNA, vera]).work()] == ["vera"]


def test_a_night_shift_overlaps_with_the_next_morning() -> None:
    tuesday = MONDAY + timedelta(days=1)
    night = shift(begin=EIGHT + 12 * HOUR, hours=12)
    early = shift(begin=EIGHT + 23 * HOUR, day=tuesday)
    others = shift("boris", begin=EIGHT + 23 * HOUR, day=tuesday)
    [(first, second)] = overlaps(Standing([night, early, others]).work())
    assert (first.entry, second.entry) == (night, early)
    after_it = shift(begin=EIGHT + 24 * HOUR, day=tuesday)
    assert overlaps(Standing([night, after_it]).work()) == []


def test_a_long_shift_overlaps_with_all_within_it() -> None:
    long = shift(hours=20)
    within = [shift(begin=EIGHT + n * HOUR, hours=1, day=MONDAY + timedelta(days=n)) for n in (2, 5)]
    assert len(overlaps(Standing([long, *within]).work())) == 2
