"""Days as people of the center name them, and the instants they begin and end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from telephony.commands.common import Problem
from telephony.exits import Exit

ONE_DAY = timedelta(days=1)


class Days(NamedTuple):
    """Local days from `first` to `last` (inclusive), from the instant `begin` to `end` (exclusive, UTC)."""

    first: date
    last: date
    begin: datetime
    end: datetime

    @property
    def around(self) -> Days:
        """With a day more on either side: a shift crosses midnight, and so does a break that a long call moves."""
        return Days(self.first - ONE_DAY, self.last + ONE_DAY, self.begin - ONE_DAY, self.end + ONE_DAY)


def days_between(first: date, last: date, zone: ZoneInfo) -> Days:
    return Days(first, last, _midnight(first, zone), _midnight(last + ONE_DAY, zone))


def local_day(text: str | None, zone: ZoneInfo) -> Days:
    """A day as `2026-03-02` or `02.03.2026`, None: today. Raises Problem."""
    day = named_day(text, zone)
    return days_between(day, day, zone)


def named_day(text: str | None, zone: ZoneInfo) -> date:
    """Raises Problem."""
    from telephony.store.local_time import parse_day

    if text is None:
        return datetime.now(zone).date()
    try:
        return parse_day(text)
    except ValueError as error:
        raise Problem(str(error), Exit.MISTAKE) from error


def clock_beside(at: datetime, beside: datetime, zone: ZoneInfo) -> str:
    """The time on the center's clocks, with its date where that is not the day of `beside`."""
    there = at.astimezone(zone)
    same_day = there.date() == beside.astimezone(zone).date()
    return there.strftime("%H:%M" if same_day else "%d.%m.%Y %H:%M")


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
