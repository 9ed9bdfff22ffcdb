"""Following the PBX's own record of calls, so that those nobody saw end get their true end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence, Set
from datetime import datetime

import structlog

from telephony.core.effects import AnyEffect
from telephony.core.events import AnyEvent, CallRecorded, RecordRead
from telephony.core.facts import AnyFact, CallEnded
from telephony.core.record import RecordSoFar
from telephony.pbx.cel import CelReader
from telephony.pbx.tail import Position
from telephony.settings import Settings
from telephony.store import queries
from telephony.store.database import Database
from telephony.store.journal import JournalWriter
from telephony.store.notes import CelPosition

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.2
_CHUNK = 16 * 1024
"""Bytes read at once: a millisecond of the router's loop."""
_CATCH_UP = 2 * 1024 * 1024


class ClosedCalls:
    """The calls that this life of the router has closed before its own eyes: the PBX's record of them is no news.

    One of the watchers: the fact is in the journal's hands when it is published, and the journal keeps no position in
    the record before it keeps that fact. Bounded: a call whose record does not come is forgotten after `most` others,
    and if the record comes still, it is news that the rules find to be none.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._calls: dict[str, None] = {}

    def publish(self, facts: Sequence[AnyFact], alarms: Sequence[AnyEffect]) -> None:
        for fact in facts:
            if type(fact) is CallEnded:
                self._calls[fact.call] = None
        while len(self._calls) > self._most:
            del self._calls[next(iter(self._calls))]

    def take(self, call: str) -> bool:
        """Whether the call is one of these. Its record comes once."""
        if call not in self._calls:
            return False
        del self._calls[call]
        return True


async def open_reader(
    database: Database,
    settings: Settings,
    *,
    token: Callable[[str], str],
    dialed: Callable[[str], str],
    closed: ClosedCalls,
) -> CelReader:
    """The record, read on from where an earlier life of the router has left it; a new one from its beginning."""
    known = await queries.cel_position(database.engine, str(settings.cel_file))
    phones = {phone.name for phone in settings.plan.phones}
    position = None if known is None else Position(known.inode, known.offset)
    return CelReader(
        settings.cel_file,
        token=token,
        is_phone=phones.__contains__,
        dialed=dialed,
        known=closed.take,
        position=position,
    )


def position_keeper(journal: JournalWriter, settings: Settings) -> Callable[[Position], None]:
    """Has the journal remember how far the record is read."""
    name = str(settings.cel_file)
    return lambda at: journal.remember_cel(CelPosition(file=name, inode=at.file, offset=at.offset))


class RecordFollower:
    """Delivers what `reader` gives out, a CallRecorded for each finished call, then has the position remembered.

    `settled` waits until what was delivered is decided: a position is never remembered before that, so a restart
    reads some calls twice and none not at all.
    """

    def __init__(
        self,
        reader: CelReader,
        *,
        deliver: Callable[[AnyEvent], None],
        settled: Callable[[], Awaitable[None]],
        keep: Callable[[Position], None],
    ) -> None:
        self._reader = reader
        self._deliver = deliver
        self._settled = settled
        self._keep = keep
        self._kept: Position | None = reader.position
        self._pbx_started: datetime | None = None
        self._cut_at: datetime | None = None
        self.behind = False
        """A picture was taken, and what the record held by then is not all delivered yet."""
        self._backlog: list[CallRecorded] = []
        self._told: Counter[str] = Counter()

    def pbx_started(self, at: datetime) -> None:
        """The PBX that runs has been running since `at`: the calls of an older one are over."""
        self._pbx_started = at

    def pbx_seen(self, alive: Set[str], at: datetime) -> None:
        """At `at` the PBX has these channels only: whoever is missing among them for long has ended."""
        self._backlog += self._reader.seen(alive, at)

    @property
    def problems(self) -> Counter[str]:
        """What was wrong with the record, counted by kind."""
        return self._reader.problems

    def so_far(self) -> tuple[RecordSoFar, ...]:
        """What the record says by now of the calls that go on. What it is behind by is read first, within reason; if
        that is not all, a RecordRead follows when it is."""
        for _ in range(_CATCH_UP // _CHUNK):
            self._backlog += self._reader.read(_CHUNK)
            if self._reader.caught_up:
                break
        self.behind = self.behind or not self._reader.caught_up
        return self._reader.so_far()

    async def run(self) -> None:
        """Until cancelled; then the file is closed."""
        try:
            while True:
                await self._hand_on(self._next())
                await asyncio.sleep(LOOK_SECONDS if self._reader.caught_up else 0)
        finally:
            self._reader.close()

    def _next(self) -> list[CallRecorded]:
        records = self._backlog + self._reader.read(_CHUNK)
        self._backlog = []
        if (problems := self._reader.problems) != self._told:
            reason = {"reason": self._reader.trouble} if self._reader.trouble else {}
            log.warning("the PBX's record of calls is not whole", **problems, **reason)
            self._told = problems
        if self._reader.trouble:  # what it would tell of the calls that go on is not known
            return records
        if self._reader.caught_up and self._pbx_started != self._cut_at and self._pbx_started is not None:
            records += self._reader.cut_off(self._pbx_started)
            self._cut_at = self._pbx_started
        return records

    async def _hand_on(self, records: list[CallRecorded]) -> None:
        for record in records:
            self._deliver(record)
        if self.behind and self._reader.caught_up:
            self._deliver(RecordRead())
            self.behind = False
        if records:
            await self._settled()
        position = self._reader.position
        if position is not None and position != self._kept and not self._backlog:
            self._keep(position)
            self._kept = position
