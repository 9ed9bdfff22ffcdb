"""The journal's writer: buffers entries, commits them in groups, spools them while the database is away.

    journal = JournalWriter(Database(url), Spool(path), alarm=…)
    next_seq = await journal.open() + 1
    journal.append(next_seq, now, event, effects)
    journal.when_durable(next_seq, answer)
    await journal.close()

Durable means: committed to the database, or written to the spool and through to the disk. An entry that neither
takes stays in memory and is tried again; only what exceeds the bounds of spool and memory is lost, which is
counted and raises an alarm. Nothing here ever makes the caller wait.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy.engine import Connection

from telephony.core.effects import Alarm, AnyEffect
from telephony.core.events import AnyEvent
from telephony.core.facts import AnyFact
from telephony.store import queries
from telephony.store.calllog import CallLog, Line, facts_of
from telephony.store.database import Database
from telephony.store.durability import Durability
from telephony.store.notes import CelPosition, Notes
from telephony.store.spool import Spool
from telephony.tasks import Tasks

GROUP_SECONDS = 0.2
"""The longest that an entry waits for company."""
GROUP_ENTRIES = 2_000
RETURN_ENTRIES = 500
CATCH_UP_BYTES = 256 * 1024
"""With less than this left in the spool, new entries wait until the rest is returned."""
MEMORY_ENTRIES = 50_000
COMMIT_SECONDS = 2.0
"""After so long PostgreSQL counts as away (SQLite gives up by itself)."""
RETRY_SECONDS = (0.25, 5.0)
"""First and longest pause between attempts to reach the database or the spool."""

Buffered = tuple[Line, Sequence[AnyEffect | AnyFact]]


class JournalWriter:
    """Implements `telephony.ports.Journal`. All methods belong to the loop's thread.

    `counters`: entries, commits, recovered (from an earlier life), outages, retries, spooled, lost, not_durable.
    """

    def __init__(
        self,
        database: Database,
        spool: Spool,
        *,
        alarm: Callable[[Alarm], None],
        group_seconds: float = GROUP_SECONDS,
        memory_entries: int = MEMORY_ENTRIES,
        retry_seconds: tuple[float, float] = RETRY_SECONDS,
    ) -> None:
        self._database = database
        self._spool = spool
        self._alarm = alarm
        self._group_seconds = group_seconds
        self._memory_entries = memory_entries
        self._retry_seconds = retry_seconds
        self._log = CallLog(database.dialect)
        self._encode = msgspec.json.Encoder().encode
        self._buffer: list[Buffered] = []
        self._notes = Notes()
        self._wake = asyncio.Event()
        self._alarm_clock: asyncio.TimerHandle | None = None
        self._turn = asyncio.Lock()
        self._online = True
        self._closing = False
        self._committer: asyncio.Task[None] | None = None
        self._returned = spool.start
        self._told: set[str] = set()
        self._tasks = Tasks()
        self.ended = self._tasks.ended
        """Fails when no entry will be kept any more, by a fault of ours: this life of the router must end."""
        self.counters: Counter[str] = Counter()
        self._durability = Durability(self.counters)

    @property
    def durable_seq(self) -> int:
        """The last durable entry."""
        return self._durability.seq

    @property
    def online(self) -> bool:
        """False while entries go to the spool."""
        return self._online

    async def open(self) -> int:
        """Bring what an earlier life left in the spool into the database; answers the last entry's number.

        While the database can be read and not written, that is left for later. Raises what the database raises
        when it cannot be read, and OSError for the spool.
        """
        await asyncio.to_thread(self._spool.open)
        last = await queries.last_seq(self._database.engine)
        self._durability.seq = max(last, self._spool.last_seq)
        if not self._spool.empty:
            self.counters["recovered"] += self._spool.entries
            try:
                await self._return_spool()
            except Exception:  # noqa: BLE001 - the outage in which the earlier life ended goes on
                self._go_offline()
        self._committer = self._tasks.start(self._commit_groups(), "journal-commit")
        return self.durable_seq

    async def spooled(self) -> list[Line]:
        """The entries that are durable and that the database may not have, in order: those in the spool."""
        lines: list[Line] = []
        offset = self._spool.start
        async with self._turn:
            while offset < self._spool.end:
                more, offset = await asyncio.to_thread(self._spool.read, offset, RETURN_ENTRIES)
                lines += more
        return lines

    # --- the router's side -----------------------------------------------------------------------------

    def append(self, seq: int, at: datetime, event: AnyEvent, effects: Sequence[AnyEffect | AnyFact]) -> None:
        """Buffer one entry for the next group commit. Never blocks. `seq` goes up with every call."""
        if len(self._buffer) >= self._memory_entries:
            self._lose(range(seq, seq + 1), "memory")
            return
        event_json = self._encode(event).decode()
        effects_json = self._encode(effects).decode() if effects else "[]"
        line = Line(seq, at, type(event).__name__, event_json, effects_json)
        self._buffer.append((line, effects))
        self._set_alarm_clock(self._group_seconds)

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        """Call `then` on the loop once entry `seq` and all before are durable; never, when `seq` gets lost.

        To be called in the order of `seq`.
        """
        if self._durability.wait(seq, then):
            self._wake.set()

    def remember_number(self, token: str, number: str) -> None:
        """Keep the pair in the erasable table, with the next group commit. In memory only during an outage."""
        if self._notes.remember_number(token, number):
            self._set_alarm_clock(self._group_seconds)

    def remember_cel(self, position: CelPosition) -> None:
        """Keep how far the PBX's record is read, in one transaction with (or after) the entries so far."""
        self._notes.remember_cel(position)
        self._set_alarm_clock(self._group_seconds)

    async def close(self) -> None:
        """Commit (or spool) what is buffered, and end. The database stays open."""
        self._closing = True
        self._wake.set()
        try:
            if self._committer is not None:
                await asyncio.wait((self._committer,))  # if it has failed, `ended` has told why
                await self._keep_last()
        finally:
            await self._tasks.close()
            if self._alarm_clock is not None:
                self._alarm_clock.cancel()
            await asyncio.to_thread(self._spool.close)

    def _set_alarm_clock(self, seconds: float) -> None:
        if self._alarm_clock is None:
            self._alarm_clock = asyncio.get_running_loop().call_later(seconds, self._wake.set)

    # --- the group commit ------------------------------------------------------------------------------

    async def _commit_groups(self) -> None:
        while not self._closing:
            await self._wake.wait()
            self._wake.clear()
            if self._alarm_clock is not None:
                self._alarm_clock.cancel()
                self._alarm_clock = None
            async with self._turn:
                await self._keep_buffered()

    async def _keep_last(self) -> None:
        async with self._turn:
            await self._keep_buffered()
        if self._buffer:
            self._lose(range(self._buffer[0][0].seq, self._buffer[-1][0].seq + 1), "closing")

    async def _keep_buffered(self) -> None:
        """Make all that was buffered durable; what nothing takes stays buffered and is tried again."""
        buffered, self._buffer = self._buffer, []
        try:
            while buffered or (self._notes and self._online and not self._buffer):
                group = buffered[:GROUP_ENTRIES]
                if not await self._keep(group, last=len(group) == len(buffered) and not self._buffer):
                    self._set_alarm_clock(self._retry_seconds[0])
                    return
                buffered = buffered[GROUP_ENTRIES:]
        finally:
            self._buffer[:0] = buffered

    async def _keep(self, group: list[Buffered], *, last: bool) -> bool:
        if self._online:
            try:
                await self._commit(group, last=last)
            except Exception:  # noqa: BLE001 - whatever the reason, the entries must go elsewhere
                self._go_offline()
            else:
                return True
        return not group or await self._put_by(group)

    async def _commit(self, group: list[Buffered], *, last: bool) -> None:
        """`last`: nothing else is buffered. Only then the notes go too: a note must never be kept before an entry that
        was there before it."""
        notes = self._notes.take() if last else Notes()
        lines = [line for line, _ in group]

        def work(connection: Connection) -> None:
            facts = [placed for line, effects in group for placed in facts_of(line.seq, effects)]
            self._log.store(connection, lines, facts)
            notes.write(connection)

        try:
            await self._database.transact(work, COMMIT_SECONDS)
        except BaseException:
            self._log.forget()
            self._notes.give_back(notes)
            raise
        self._notes.are_kept(notes)
        self.counters["commits"] += 1
        self.counters["entries"] += len(lines)
        if lines:
            self._durability.reach(lines[-1].seq)

    # --- the outage ------------------------------------------------------------------------------------

    def _go_offline(self) -> None:
        self._online = False
        self._told.clear()
        self.counters["outages"] += 1
        self._tasks.start(self._come_back(), "journal-return")

    async def _put_by(self, group: list[Buffered]) -> bool:
        """Into the spool. False: not even the spool takes them."""
        try:
            taken = await asyncio.to_thread(self._spool.append, [line for line, _ in group])
        except Exception as error:  # noqa: BLE001 - whatever the reason, the entries must wait in memory
            self._tell("journal_not_durable", f"neither database nor spool take entries: {explain(error)}")
            return False
        self.counters["spooled"] += taken
        if taken:
            self._durability.reach(group[taken - 1][0].seq)
        if taken < len(group):
            self._lose(range(group[taken][0].seq, group[-1][0].seq + 1), "spool")
        return True

    def _lose(self, seqs: range, full: str) -> None:
        """These entries will never be in the journal."""
        self._durability.lose(seqs)
        self._tell("journal_lost", f"journal entries from {seqs.start} on are lost: {full}")

    async def _come_back(self) -> None:
        """Until the database has taken all that waits for it. A hiccup that the first attempt ends is no alarm."""
        pause, longest = self._retry_seconds
        while True:
            await asyncio.sleep(pause)
            try:
                await self._return_spool()
            except Exception as error:  # noqa: BLE001 - whatever the reason, the outage goes on
                self.counters["retries"] += 1
                self._tell("journal_spooling", f"the database takes no entries, they are spooled: {explain(error)}")
                pause = min(pause * 2, longest)
            else:
                return

    async def _return_spool(self) -> None:
        """The spool into the database; at the end, while no group is being kept, also what is buffered."""
        while self._spool.end - self._returned > CATCH_UP_BYTES:
            await self._return_some()
        async with self._turn:
            while self._returned < self._spool.end:
                await self._return_some()
            if not self._online:
                group = self._buffer[:GROUP_ENTRIES]
                await self._commit(group, last=len(group) == len(self._buffer))
                del self._buffer[: len(group)]
            if not self._spool.empty:
                await asyncio.to_thread(self._spool.clear)
            self._returned = self._spool.start
            if not self._online:
                self._online = True
                if self._told:
                    lost = self.counters["lost"]
                    self._tell("journal_back", f"the database takes entries again; lost in this run: {lost}")
        self._wake.set()

    async def _return_some(self) -> None:
        lines, behind = await asyncio.to_thread(self._spool.read, self._returned, RETURN_ENTRIES)
        try:
            await self._database.transact(lambda connection: self._log.store(connection, lines), COMMIT_SECONDS)
        except BaseException:
            self._log.forget()
            raise
        self._returned = behind

    def _tell(self, code: str, text: str) -> None:
        """An alarm, once per outage."""
        if code not in self._told:
            self._told.add(code)
            self._alarm(Alarm(code=code, text=text))


def explain(error: BaseException) -> str:
    """The reason in one line, without statement or values."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else 'no reason given'}"
