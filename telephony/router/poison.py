"""Events that killed the router: remembered across restarts, and set aside when they come again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
from msgspec.structs import replace

from telephony.core.commands import Command
from telephony.core.event import Event
from telephony.core.events import Started

STRIKES = 2
"""An event that killed so often is set aside."""
_KEEP = 100


class Strike(msgspec.Struct, kw_only=True):
    """What is remembered of a deadly event. `error` is the type of the exception and where it was raised."""

    type: str
    count: int = 0
    error: str = ""


class Poison:
    """The file of deadly events: fingerprint -> Strike. A damaged file counts as empty; see `damaged`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damaged = False
        self._strikes: dict[str, Strike] = {}
        if path.exists():
            try:
                self._strikes = msgspec.json.decode(path.read_bytes(), type=dict[str, Strike])
            except msgspec.DecodeError:
                self.damaged = True
        self._deadly = {strike.type for strike in self._strikes.values() if strike.count >= STRIKES}

    def sets_aside(self, event: Event) -> bool:
        """Has this very event killed twice? The start is never set aside: without it there is no state."""
        if type(event).__name__ not in self._deadly or isinstance(event, Started):
            return False
        strike = self._strikes.get(fingerprint(event))
        return strike is not None and strike.count >= STRIKES

    def strike(self, event: Event, error: BaseException) -> str:
        """Remember, on disk, that this event killed. Returns its fingerprint."""
        key = fingerprint(event)
        strike = self._strikes.pop(key, None) or Strike(type=type(event).__name__)
        strike.count += 1
        strike.error = _where(error)
        self._strikes[key] = strike
        while len(self._strikes) > _KEEP:
            del self._strikes[next(iter(self._strikes))]
        self._write()
        return key

    def _write(self) -> None:
        beside = self._path.with_suffix(".new")
        with beside.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(self._strikes)))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)


def fingerprint(event: Event) -> str:
    """The same for the same event in every life of the router; a command is the same whoever awaits its answer."""
    if isinstance(event, Command):
        event = replace(event, command="")
    return hashlib.sha256(msgspec.msgpack.encode(event, order="deterministic")).hexdigest()[:32]


def _where(error: BaseException) -> str:
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return type(error).__name__
    return f"{type(error).__name__} at {Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}"
