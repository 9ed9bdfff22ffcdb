"""Local days and times as a planner writes them, and the instants they stand for."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo

FIRST_YEAR, LAST_YEAR = 2000, 2099
_ISO = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
_RUSSIAN = re.compile(r"(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2})\.(?P<year>[0-9]{4})")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::00)?")
Clock = tuple[int, int]
"""Hours and minutes on the wall."""


def parse_day(text: str) -> date:
    """`2026-03-02` or `02.03.2026`. Raises ValueError with what is wrong."""
    found = _ISO.fullmatch(text) or _RUSSIAN.fullmatch(text)
    if found is None:
        raise ValueError(f"date {text!r}: expected YYYY-MM-DD or DD.MM.YYYY")
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        raise ValueError(f"date {text!r}: there is no such day") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"date {text!r}: the year must be {FIRST_YEAR} to {LAST_YEAR}")
    return day


def parse_clock(text: str) -> Clock:
    """`9:00`, `09:00`, or `9:00:00` as spreadsheets write it. Raises ValueError with what is wrong."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ValueError(f"time {text!r}: expected HH:MM")
    hour, minute = int(found[1]), int(found[2])
    if hour > 23 or minute > 59:
        raise ValueError(f"time {text!r}: there is no such time")
    return hour, minute


def instant(day: date, clock: Clock, zone: tzinfo) -> datetime:
    """What the clocks of `zone` call so, in UTC; of an hour that is lived twice, the first.

    Raises ValueError for a time the clocks leap over.
    """
    local = datetime(day.year, day.month, day.day, *clock, tzinfo=zone)
    at = local.astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise ValueError(f"time {clock[0]:02}:{clock[1]:02}: the clocks leap over it on {day}")
    return at


def span(day: date, begin: Clock, end: Clock, zone: tzinfo) -> tuple[datetime, datetime]:
    """From `begin` on `day` to `end`, of the next day where it is not later. Raises ValueError as `instant`."""
    return instant(day, begin, zone), instant(day + timedelta(days=end <= begin), end, zone)


def clock_text(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%H:%M")
