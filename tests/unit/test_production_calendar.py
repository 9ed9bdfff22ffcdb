"""Russia's production calendar, against the government's published days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from telephony.production_calendar import ProductionCalendar


@pytest.fixture(scope="module")
def calendar() -> ProductionCalendar:
    return ProductionCalendar([2024, 2025, 2026])


@pytest.mark.parametrize(
    ("day", "note"),
    [
        (date(2026, 1, 7), "public holiday: Рождество Христово"),
        (date(2026, 5, 9), "public holiday: День Победы"),
        (date(2026, 5, 11), "day off: День Победы (выходной)"),
        (date(2026, 1, 9), "day off: Выходной (перенесено с 03.01.2026)"),
        (date(2024, 4, 27), "a working day moved here"),
        (date(2026, 5, 8), "an hour shorter: before День Победы"),
        (date(2026, 3, 2), ""),
        (date(2026, 3, 7), ""),
    ],
)
def test_what_is_special_about_a_day(calendar: ProductionCalendar, day: date, note: str) -> None:
    assert calendar.note(day) == note


def test_the_shortened_days_of_2026(calendar: ProductionCalendar) -> None:
    year = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    shortened = [(day.month, day.day) for day in year if calendar.is_shortened(day)]
    assert shortened == [(4, 30), (5, 8), (6, 11), (11, 3)]


def test_a_working_last_day_of_the_year_is_shortened_by_the_first_of_the_next() -> None:
    assert ProductionCalendar([2030]).is_shortened(date(2030, 12, 31))


def test_years_whose_moved_days_are_not_published_are_named(calendar: ProductionCalendar) -> None:
    assert calendar.gaps() == []
    [told] = ProductionCalendar([2026, 2098]).gaps()
    assert "in 2098 is not in the calendar yet" in told
