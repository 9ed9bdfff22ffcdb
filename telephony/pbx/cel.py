"""The PBX's own record of finished calls: Asterisk's channel event log (CEL), as cel_custom writes it to a file.

Lines of one linked id are kept as they are until Asterisk says that it has ended; only then are they understood, and
only where somebody wants to know: of nearly all calls the router knows all that the record could tell. The position to
store is that of the oldest line of an unfinished one, so that a restart loses none; it gives some calls out again,
which the caller must recognise by their ids.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
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

_HEAD = re.compile(rb'"([A-Z_]+)","(\d{1,11}(?:\.\d+)?)","([^"]*)","([^"]*)",')
"""The first columns: eventtype, eventtime, uniqueid, linkedid."""


class Unfinished(msgspec.Struct, kw_only=True):
    """A linked id of which more is to come: its lines, and when the newest of them was written."""

    start: Position
    last: float
    lines: list[bytes]


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
        """Linked ids given up because more than `most_open` were unfinished."""
        self._naming = Naming(token, is_phone, dialed)
        self._known = known
        self._most_open = most_open
        self._open: dict[str, Unfinished] = {}
        self._torn: tuple[Position, bytes] | None = None
        """The beginning of an event whose other lines are yet to come."""
        self._heard = 0.0
        """The time of the newest line."""

    @property
    def position(self) -> Position | None:
        """Where to begin after a restart so that no unfinished linked id loses a line."""
        oldest = next(iter(self._open.values()), None)
        if oldest is not None:
            return oldest.start
        return self.tail.position if self._torn is None else self._torn[0]

    @property
    def problems(self) -> Counter[str]:
        """What was not as it should be, counted by kind."""
        tail = self.tail
        lines = Counter(garbage=self.garbage, overlong=tail.overlong, dropped=self.dropped)
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
            kind, time, _, linked = head.groups()
            self._heard = float(time)
            if kind == b"LINKEDID_END":
                if (record := self._finish(linked.decode(errors="replace"), self._heard)) is not None:
                    finished.append(record)
            elif linked:
                self._keep(start, linked.decode(errors="replace"), line)
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
        told = (self._understand(linked, lines).so_far() for linked, lines in self._open.items())
        return tuple(record for record in told if record is not None)

    def close(self) -> None:
        """Let go of the file; reading goes on where it was when asked again."""
        self.tail.close()

    def cut_off(self, before: datetime) -> list[CallRecorded]:
        """The PBX is a new process since `before`: what the old one left unfinished has ended with it, when it was
        last heard of by whatever line."""
        dead = {linked: record for linked, record in self._open.items() if record.last < before.timestamp()}
        heard = max((record.last for record in dead.values()), default=0.0)
        if heard < self._heard < before.timestamp():
            heard = self._heard
        records = [self._finish(linked, heard) for linked in dead]
        return [record for record in records if record is not None]

    def _keep(self, start: Position, linked: str, line: bytes) -> None:
        unfinished = self._open.get(linked)
        if unfinished is None:
            if len(self._open) >= self._most_open:
                del self._open[next(iter(self._open))]
                self.dropped += 1
            unfinished = self._open[linked] = Unfinished(start=start, last=self._heard, lines=[])
        unfinished.lines.append(line)
        unfinished.last = self._heard

    def _finish(self, linked: str, ended: float) -> CallRecorded | None:
        unfinished = self._open.pop(linked, None)
        if unfinished is None or self._known(linked):
            return None
        unfinished.last = ended
        return self._understand(linked, unfinished, count=True).finished()

    def _understand(self, linked: str, unfinished: Unfinished, *, count: bool = False) -> Record:
        """What the lines say; `count` those that are garbage."""
        rows = [columns(line) for line in unfinished.lines]
        good = [row for row in rows if row is not None]
        self.garbage += (len(rows) - len(good)) * count
        first = float(good[0][1]) if good else unfinished.last
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
