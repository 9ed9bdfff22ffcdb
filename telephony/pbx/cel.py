"""The PBX's own record of finished calls: Asterisk's channel event log (CEL), as cel_custom writes it to a file.

Lines of one call are kept as they are until it has ended; only then are they understood, and only where somebody wants
to know: of nearly all calls the router knows all that the record could tell. The position to store is that of the
oldest line of an unfinished one, so that a restart loses none; it gives some calls out again, which the caller must
recognise by their ids.

A line may be missing for good: a full disk takes none. So no end is waited for without limit: it counts as lost once
the PBX has no channel of the call any more, and writes on without a word of it.

A call has ended when its linked id has, unless the channel that it began with lives on: in a bridge with an older call
it has got the linked id of that one. Its lines go on to count for its own call, which ends when it does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Set
from datetime import datetime
from pathlib import Path

import msgspec

from telephony.core.events import CallRecorded
from telephony.core.record import RecordSoFar
from telephony.pbx.cel_record import COLUMNS, Naming, Record, columns
from telephony.pbx.tail import Position, Tail

__all__ = ["COLUMNS", "CelReader", "sip_call_ids"]

MOST_OPEN = 20_000
LONGEST_EVENT = 1 << 16
LATE = 10.0
"""Seconds: no look at the PBX is older than this when it gets here, no line is written so much after a younger one."""

_HEAD = re.compile(rb'"([A-Z_]+)","(\d{1,11}(?:\.\d+)?)","([^"]*)","([^"]*)",')
"""The first columns: eventtype, eventtime, uniqueid, linkedid."""


class Unfinished(msgspec.Struct, kw_only=True):
    """A call of which more is to come: its lines, and when the newest of them was written."""

    start: Position
    last: float
    lines: list[bytes]
    channels: set[bytes]
    """All that the lines are about."""
    missing: float | None = None
    """Since then the PBX has none of them, and no line has come."""
    first_lives: bool = False
    """The channel that it began with."""
    merged: bool = False
    """The linked id has ended, that channel has not."""


class CelReader:
    """Reads the record in `file` on from `position` (None: from its beginning).

    `token`, `is_phone` and `dialed`: see `Naming`. Calls of which `known` is true when they end are not given out.
    Lines that are not what they should be are counted in `garbage`.
    """

    def __init__(
        self,
        file: Path,
        *,
        token: Callable[[str], str],
        is_phone: Callable[[str], bool],
        dialed: Callable[[str], str] = str,
        known: Callable[[str], bool] = lambda call: False,
        position: Position | None = None,
        most_open: int = MOST_OPEN,
    ) -> None:
        self.tail = Tail(file, position)
        self.lines = 0
        self.garbage = 0
        self.dropped = 0
        """Calls given up because more than `most_open` were unfinished."""
        self.lost_ends = 0
        """Calls whose end the PBX has not written."""
        self._naming = Naming(token, is_phone, dialed)
        self._known = known
        self._most_open = most_open
        self._open: dict[bytes, Unfinished] = {}
        """By linked id, which is the id of the channel that the call began with."""
        self._torn: tuple[Position, bytes] | None = None
        """The beginning of an event whose other lines are yet to come."""
        self._heard = 0.0
        """The time of the newest line."""

    @property
    def position(self) -> Position | None:
        """Where to begin after a restart so that no unfinished call loses a line."""
        oldest = next(iter(self._open.values()), None)
        if oldest is not None:
            return oldest.start
        return self.tail.position if self._torn is None else self._torn[0]

    @property
    def problems(self) -> Counter[str]:
        """What was not as it should be, counted by kind."""
        tail = self.tail
        lines = Counter(garbage=self.garbage, overlong=tail.overlong, dropped=self.dropped, lost_ends=self.lost_ends)
        return +(lines + Counter(lost_files=tail.lost, truncations=tail.truncations, unreadable=tail.unreadable))

    @property
    def trouble(self) -> str:
        """Why the file cannot be read now, though it is there; empty when it can."""
        return self.tail.trouble

    def read(self, limit: int = 65536) -> list[CallRecorded]:
        """Calls finished in the next `limit` bytes; `caught_up` tells whether there was anything to read."""
        finished = []
        for start, line in self._events(limit):
            self.lines += 1
            head = _HEAD.match(line)
            if head is None:
                self.garbage += 1
                continue
            kind, time, channel, linked = head.groups()
            self._heard = float(time)
            call = linked
            if kind == b"LINKEDID_END":
                over = self._linked_id_ended(call)
            elif linked:
                call = channel if channel in self._open else linked
                self._keep(start, call, line, channel)
                over = kind == b"CHAN_END" and channel == call and self._first_ended(call)
            else:
                continue
            if over and (record := self._finish(call, self._heard)) is not None:
                finished.append(record)
        return finished

    def _events(self, limit: int) -> Iterator[tuple[Position, bytes]]:
        """Whole events, each with the position where it begins. What callers send as their number may hold a newline,
        and tears the event over several lines; a quote in it is doubled, so that no rest looks like a beginning."""
        for start, line in self.tail.lines(limit):
            if self._torn is not None:
                begun, text = self._torn
                self._torn = None
                if _HEAD.match(line) is None and len(text) + len(line) < LONGEST_EVENT:
                    start, line = begun, text + b"\n" + line
                else:
                    yield begun, text
            if line.count(b'"') % 2 and _HEAD.match(line):
                self._torn = start, line
            else:
                yield start, line

    @property
    def caught_up(self) -> bool:
        return self.tail.caught_up

    def so_far(self) -> tuple[RecordSoFar, ...]:
        """What is known of the calls that go on."""
        told = (self._understand(call, lines).so_far() for call, lines in self._open.items())
        return tuple(record for record in told if record is not None)

    def close(self) -> None:
        """Let go of the file; reading goes on where it was when asked again."""
        self.tail.close()

    def cut_off(self, before: datetime) -> list[CallRecorded]:
        """The PBX is a new process since `before`: what the old one left unfinished has ended with it, when it was
        last heard of by whatever line."""
        dead = {call: record for call, record in self._open.items() if record.last < before.timestamp()}
        heard = max((record.last for record in dead.values()), default=0.0)
        if heard < self._heard < before.timestamp():
            heard = self._heard
        records = [self._finish(call, heard) for call in dead]
        return [record for record in records if record is not None]

    def seen(self, alive: Set[str], at: datetime) -> list[CallRecorded]:
        """A look at the PBX: at `at` it has these channels only. Gives out the calls that an earlier look has not shown
        either, and whose end would stand by now in what was read since: each ended when it was last heard of."""
        living, now = {channel.encode() for channel in alive}, at.timestamp()
        lost = []
        for call, record in self._open.items():
            if record.last > now - LATE or not living.isdisjoint(record.channels):
                record.missing = None
            elif record.missing is None:
                record.missing = now
            elif self._heard > record.missing + LATE:
                lost.append(call)
        self.lost_ends += len(lost)
        records = [self._finish(call, self._open[call].last) for call in lost]
        return [record for record in records if record is not None]

    def _keep(self, start: Position, call: bytes, line: bytes, channel: bytes) -> None:
        unfinished = self._open.get(call)
        if unfinished is None:
            if len(self._open) >= self._most_open:
                del self._open[next(iter(self._open))]
                self.dropped += 1
            unfinished = Unfinished(start=start, last=self._heard, lines=[], channels=set())
            unfinished.first_lives = channel == call
            self._open[call] = unfinished
        unfinished.lines.append(line)
        unfinished.channels.add(channel)
        unfinished.last, unfinished.missing = self._heard, None

    def _linked_id_ended(self, call: bytes) -> bool:
        """Whether the call has ended with it."""
        unfinished = self._open.get(call)
        if unfinished is None or not unfinished.first_lives:
            return True
        unfinished.merged = True
        return False

    def _first_ended(self, call: bytes) -> bool:
        """The channel that the call began with has; whether the call has with it."""
        unfinished = self._open[call]
        unfinished.first_lives = False
        return unfinished.merged

    def _finish(self, call: bytes, ended: float) -> CallRecorded | None:
        unfinished = self._open.pop(call, None)
        if unfinished is None or self._known(call.decode(errors="replace")):
            return None
        unfinished.last = ended
        return self._understand(call, unfinished, count=True).finished()

    def _understand(self, call: bytes, unfinished: Unfinished, *, count: bool = False) -> Record:
        """What the lines say; `count` those that are garbage."""
        rows = [columns(line) for line in unfinished.lines]
        good = [row for row in rows if row is not None]
        self.garbage += (len(rows) - len(good)) * count
        first = float(good[0][1]) if good else unfinished.last
        linked = call.decode(errors="replace")
        record = Record(linked=linked, naming=self._naming, first=first, last=unfinished.last)
        for row in good:
            record.add(row)
        return record


def sip_call_ids(file: Path) -> dict[str, str]:
    """SIP Call-ID of the caller's (or dialing phone's) call -> Gudok's call id, for all calls in one file. What
    brings the phones' own records and the PBX's together; reads the whole file."""
    found: dict[str, str] = {}
    for line in file.read_bytes().splitlines():
        row = columns(line)
        if row is not None and row[11] and row[2] == row[3]:
            found[row[11]] = row[3]
    return found
