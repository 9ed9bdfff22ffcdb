"""What the tests of the store share: a small story generator, alarms to wait for, and the log as it stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from telephony.core import effects as do
from telephony.core import events as ev
from telephony.core import facts as that
from telephony.store.database import Database
from telephony.store.journal import JournalWriter
from telephony.store.migrate import ensure_current
from telephony.store.reader import Recorded, read_lines, recorded
from telephony.store.spool import Spool
from telephony.store.tables import call_log
from telephony.testing.patience import PATIENCE

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
Decision = do.AnyEffect | that.AnyFact
Step = tuple[ev.AnyEvent, list[Decision]]


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def answered_call(number: int, login: str = "ivanova", start: float = 0) -> Iterator[Step]:
    """A caller waits 5 s, rings for 3 s, talks for 60 s; then the operator wraps up for 10 s."""
    call, leg, phone = f"gudok-1.{number}", f"gudok-1.{number}-r1-1", f"phone-{login}"
    yield (
        ev.CallerArrived(channel=call, number="1300", caller=f"token{number}", arrived=at(start)),
        [
            that.CallOpened(
                call=call, kind=that.CallKind.INBOUND, number="1300", caller=f"token{number}", arrived=at(start)
            ),
            that.CallQueued(call=call, queue="registry", priority=0, why="arrival", at=at(start)),
            do.Answer(call=call, channel=call),
        ],
    )
    yield (
        ev.TimerFired(key=f"wrap:{login}", generation=1),
        [
            that.AttemptMade(
                call=call,
                n=1,
                channel=leg,
                why="queue",
                operator=login,
                phone=phone,
                queue="registry",
                at=at(start + 5),
            ),
            that.OperatorChanged(login=login, state="ringing", phone=phone, call=call, at=at(start + 5)),
            do.CreateLeg(call=call, leg=leg, phone=phone),
        ],
    )
    yield ev.LegReady(channel=leg), [do.DialLeg(call=call, leg=leg, seconds=20)]
    yield (
        ev.ChannelAnswered(channel=leg),
        [
            do.Connect(call=call, bridge=f"{call}-b1", channels=(call, leg), staff=(leg,)),
            that.AttemptAnswered(call=call, n=1, at=at(start + 8)),
            that.CallBridged(call=call, operator=login, at=at(start + 8)),
            that.OperatorChanged(login=login, state="talking", phone=phone, call=call, at=at(start + 8)),
        ],
    )
    yield (
        ev.ChannelGone(channel=call),
        [
            that.CallEnded(call=call, outcome=that.Outcome.ANSWERED, by="caller", at=at(start + 68)),
            that.AttemptEnded(call=call, n=1, result=that.AttemptResult.ANSWERED, at=at(start + 68)),
            that.OperatorChanged(login=login, state="wrap_up", phone=phone, at=at(start + 68), until=at(start + 78)),
        ],
    )
    yield (
        ev.TimerFired(key=f"wrap:{login}", generation=2),
        [that.OperatorChanged(login=login, state="ready", phone=phone, at=at(start + 78))],
    )


class Alarms:
    """Collects alarms; `wait_for` ends when one of this code has been given."""

    def __init__(self) -> None:
        self.given: list[do.Alarm] = []
        self._events: dict[str, asyncio.Event] = {}

    def __call__(self, alarm: do.Alarm) -> None:
        self.given.append(alarm)
        self._event(alarm.code).set()

    @property
    def codes(self) -> list[str]:
        return [alarm.code for alarm in self.given]

    async def wait_for(self, code: str, seconds: float = PATIENCE) -> None:
        async with asyncio.timeout(seconds):
            await self._event(code).wait()

    def _event(self, code: str) -> asyncio.Event:
        return self._events.setdefault(code, asyncio.Event())


class Store:
    """An opened store, as the router has it."""

    def __init__(self, database: Database, journal: JournalWriter, spool: Spool, alarms: Alarms, last: int) -> None:
        self.database = database
        self.journal = journal
        self.spool = spool
        self.alarms = alarms
        self.seq = last

    def append(self, event: ev.AnyEvent, decisions: Sequence[Decision] = ()) -> int:
        self.seq += 1
        self.journal.append(self.seq, at(self.seq), event, decisions)
        return self.seq

    def tell(self, steps: Iterator[Step]) -> int:
        """Append a whole story; answers the number of its last entry."""
        for event, decisions in steps:
            self.append(event, decisions)
        return self.seq

    async def durable(self, seq: int | None = None, seconds: float = PATIENCE) -> None:
        """Until this entry (by default the last) is durable."""
        done = asyncio.Event()
        self.journal.when_durable(self.seq if seq is None else seq, done.set)
        async with asyncio.timeout(seconds):
            await done.wait()


@asynccontextmanager
async def opened(url: str, folder: Path, **settings: Any) -> AsyncIterator[Store]:
    """The store at `url`, with its spool in `folder`; `settings` are JournalWriter's, and `limit` the spool's."""
    database = Database(url)
    await ensure_current(database)
    spool = Spool(folder / "journal.spool", settings.pop("limit", 1_000_000))
    alarms = Alarms()
    settings = dict[str, Any](group_seconds=0.01, retry_seconds=(0.02, 0.1)) | settings
    journal = JournalWriter(database, spool, alarm=alarms, **settings)
    try:
        yield Store(database, journal, spool, alarms, await journal.open())
    finally:
        await journal.close()
        await database.close()


async def read_journal(database: Database) -> list[Recorded]:
    """Every entry, in order."""
    return [recorded(one.seq, one.at, one.event, one.effects) async for one in read_lines(database.engine)]


async def read_log(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Every row of the call log, table by table, in the order of the keys."""
    found = {}
    async with database.engine.connect() as connection:
        for table in call_log.all():
            query = sa.select(table).order_by(*table.primary_key.columns)
            found[table.name] = [dict(row) for row in (await connection.execute(query)).mappings()]
    return found


async def count_rows(database: Database, table: sa.Table) -> int:
    async with database.engine.connect() as connection:
        return (await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()
