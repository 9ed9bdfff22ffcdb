"""Keeps the rules' roster true: the shifts of the days around now change by a planner and at midnight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import SQLAlchemyError

from telephony.core.events import RosterChanged
from telephony.ports import Deliver
from telephony.store.database import Database
from telephony.store.roster_entries import shifts_around

log = structlog.get_logger(__name__)

LOOK_SECONDS = 60.0
"""So often the wall clock is looked at: it may be set, and the machine may sleep."""


class RosterKeeper:
    """Reads the shifts around now and delivers them. `now` is the router's clock, aware UTC."""

    def __init__(self, database: Database, timezone: str, deliver: Deliver, now: Callable[[], datetime]) -> None:
        self._database = database
        self._timezone = timezone
        self._deliver = deliver
        self._now = now

    async def reload(self) -> int:
        """Deliver the shifts as they are planned now; how many. Raises what the database raises."""
        shifts = await shifts_around(self._database.engine, self._now(), self._timezone)
        self._deliver(RosterChanged(shifts=shifts))
        return len(shifts)

    async def follow_days(self) -> None:
        """Reload after each local midnight. A database that is away is tried again: the shifts of the new day are
        known since the day before yesterday."""
        due = next_midnight(self._now(), self._timezone)
        while True:
            now = self._now()
            if now >= due and await self._reloaded():
                due = next_midnight(now, self._timezone)
            left = (due - self._now()).total_seconds()
            await asyncio.sleep(min(LOOK_SECONDS, left) if left > 0 else LOOK_SECONDS)

    async def _reloaded(self) -> bool:
        try:
            count = await self.reload()
        except (SQLAlchemyError, OSError) as error:
            log.warning("roster of the new day not read", reason=str(error).partition("\n")[0])
            return False
        log.info("a new day of the roster", shifts=count)
        return True


def next_midnight(now: datetime, timezone: str) -> datetime:
    """When the next local day begins, in UTC."""
    zone = ZoneInfo(timezone)
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone).astimezone(UTC)
