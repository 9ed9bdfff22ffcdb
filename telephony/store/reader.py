"""The journal read back: for replay, for export, and from an exported file."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from telephony.core.effects import AnyEffect
from telephony.core.events import AnyEvent, Entry
from telephony.core.facts import AnyFact
from telephony.store.calllog import Line
from telephony.store.tables import journal

PAGE = 500
"""Entries read at once. Each page is a transaction of its own: a long reading holds nothing up."""


class Recorded(msgspec.Struct, frozen=True):
    """An entry with what was decided on it."""

    entry: Entry
    effects: tuple[AnyEffect | AnyFact, ...]


class ExportedLine(msgspec.Struct, frozen=True):
    """A line of an exported journal."""

    seq: int
    at: datetime
    event: msgspec.Raw
    effects: msgspec.Raw


class JournalFileError(ValueError):
    """A line of the file is no journal entry; the message names file and line."""


class ExportError(Exception):
    """The file cannot be written. One line: which it is, and why. No OSError: it is not the database's."""


_decode_event = msgspec.json.Decoder(AnyEvent).decode
_decode_effects = msgspec.json.Decoder(tuple[AnyEffect | AnyFact, ...]).decode
_decode_line = msgspec.json.Decoder(ExportedLine).decode


def lines_after(connection: Connection, seq: int, limit: int = PAGE) -> list[Line]:
    """The next entries of the journal, undecoded."""
    query = sa.select(journal).where(journal.c.seq > seq).order_by(journal.c.seq).limit(limit)
    return [Line(*row) for row in connection.execute(query)]


async def read_lines(engine: AsyncEngine, after: int = 0, until: int | None = None) -> AsyncIterator[Line]:
    """Entries with `after` < seq <= `until` in order, undecoded."""
    while True:
        async with engine.connect() as connection:
            lines = await connection.run_sync(lines_after, after)
        for line in lines:
            if until is not None and line.seq > until:
                return
            yield line
        if len(lines) < PAGE:
            return
        after = lines[-1].seq


async def export_journal(engine: AsyncEngine, path: Path, after: int = 0, until: int | None = None) -> int:
    """Write JSON lines `{"seq":…,"at":…,"event":{…},"effects":[…]}`; answers how many. Raises ExportError."""
    count = 0
    with _Export(path) as file:
        async for line in read_lines(engine, after, until):
            event, effects = msgspec.Raw(line.event.encode()), msgspec.Raw(line.effects.encode())
            file.write(msgspec.json.encode(ExportedLine(line.seq, line.at, event, effects)) + b"\n")
            count += 1
    return count


class _Export:
    """A file that is written while the database is read: what it refuses is told apart from what that refuses."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _Export:
        with self._refusals():
            self._file = self._path.open("wb")
        return self

    def write(self, data: bytes) -> None:
        with self._refusals():
            self._file.write(data)

    def __exit__(self, *_: object) -> None:
        with self._refusals():
            self._file.close()

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ExportError(f"{self._path}: {error.strerror}") from error


def read_file(path: Path) -> Iterator[Recorded]:
    """The entries of an exported journal. Raises OSError, and JournalFileError at the first line that is none."""
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            try:
                line = _decode_line(text)
                yield recorded(line.seq, line.at, bytes(line.event), bytes(line.effects))
            except msgspec.MsgspecError as error:
                raise JournalFileError(f"{path}:{number}: {error}") from error


def recorded(seq: int, at: datetime, event: str | bytes, effects: str | bytes) -> Recorded:
    """An entry decoded. Raises msgspec.ValidationError for one that this version cannot read."""
    entry = Entry(seq=seq, at=at.astimezone(UTC), event=_decode_event(event))
    return Recorded(entry, _decode_effects(effects))
