"""Russia's production calendar: public holidays, days off moved by the government, shortened days before holidays.

From the `holidays` package, which has the government's transfers for the years it was published with; shortened days
follow from article 95 of the Labour Code: the working day right before a public holiday is an hour shorter. Importing
the package takes a good part of a second, so only commands that show days do.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holidays import HolidayBase

ONE_DAY = timedelta(days=1)
_MOVED = ("(выходной)", "Выходной (перенесено")
"""What the package calls days that are off because a holiday or a weekend was moved there."""


class ProductionCalendar:
    """The days of these years."""

    def __init__(self, years: Iterable[int]) -> None:
        import holidays

        self._years = sorted(set(years))
        wanted = sorted({near for year in self._years for near in (year, year + 1)})
        self._holidays: HolidayBase = holidays.country_holidays("RU", years=wanted, language="ru", expand=False)

    def note(self, day: date) -> str:
        """What is special about a day, in a few words; empty for an ordinary one."""
        name: str | None = self._holidays.get(day)
        if name is not None:
            return f"day off: {name}" if self._is_moved(name) else f"public holiday: {name}"
        if self.is_shortened(day):
            return f"an hour shorter: before {self._holidays.get(day + ONE_DAY)}"
        if self._is_weekend(day) is False and day.weekday() >= 5:
            return "a working day moved here"
        return ""

    def gaps(self) -> list[str]:
        """What the calendar cannot know of these years, a line each."""
        known = max(self._holidays.special_public_holidays, default=0)
        unknown = [str(year) for year in self._years if year > known]
        if not unknown:
            return []
        years = ", ".join(unknown)
        return [f"note: how days off are moved in {years} is not in the calendar yet: update the package holidays"]

    def is_public_holiday(self, day: date) -> bool:
        """Whether it is a holiday of article 112 (work is paid double), not only a day off."""
        name = self._holidays.get(day)
        return name is not None and not self._is_moved(name)

    def is_shortened(self, day: date) -> bool:
        """Whether it is a working day right before a public holiday."""
        works = self._holidays.get(day) is None and not self._is_weekend(day)
        return works and self.is_public_holiday(day + ONE_DAY)

    def _is_weekend(self, day: date) -> bool:
        return day.weekday() >= 5 and day not in self._holidays.weekend_workdays

    @staticmethod
    def _is_moved(name: str) -> bool:
        return any(mark in name for mark in _MOVED)
