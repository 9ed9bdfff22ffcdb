"""The PBX's own record of finished calls: Asterisk's channel event log (CEL), as cel_custom writes it to a file.

Lines of one linked id are folded into one `CallRecorded`, given out when Asterisk says that the linked id has ended.
Only unfinished linked ids are kept in memory. The position to store is that of the oldest line of an unfinished one,
so that a restart loses none; it gives some calls out again, which the caller must recognise by their ids.
"""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from telephony.core.events import CallRecorded, RecordedLeg, RecordSoFar
from telephony.pbx.tail import Position, Tail

COLUMNS = 13
"""eventtype, eventtime (epoch, microseconds), uniqueid, linkedid, channame, cidnum, exten, context, appname, appdata,
peer, userfield, eventextra."""
MOST_OPEN = 20_000

_LATEST = 1e11
"""Epoch seconds beyond which no calendar goes."""
_OWN_ID = re.compile(r"\.\d+$")
"""Ends the ids that Asterisk makes itself; legs that Gudok makes are named by Gudok and are never calls."""
_ENDPOINT = re.compile(r"PJSIP/(.+)-[0-9a-f]{8}")
_BRIDGE = re.compile(r'"bridge_id":"([^"]+)","bridge_technology":"([^"]*)"')


class OpenLeg(msgspec.Struct, kw_only=True):
    """Another channel of the linked id."""

    endpoint: str
    made: float
    answered: float | None = None
    ended: float | None = None


class OpenRecord(msgspec.Struct, kw_only=True):
    """A linked id of which more is to come."""

    start: Position
    first: float
    last: float
    reached: bool = False
    """It is a call: it came to a service number, or a phone dialed somebody."""
    phone: str | None = None
    """The operator's phone that dialed; None for calls from outside."""
    number: str = ""
    caller: str = ""
    sip_call_id: str = ""
    arrived: float | None = None
    answered: float | None = None
    answered_by: str | None = None
    via_fallback: bool = False
    ended: float | None = None
    bridges: dict[str, dict[str, str]] = {}
    """Until it is answered: who stands in which mixing bridge, channel id -> endpoint."""
    legs: dict[str, OpenLeg] = {}


class CelReader:
    """Reads the record in `file` on from `position` (None: from its beginning).

    `token` turns the caller's number into its token; `is_phone` tells operators' phones from trunks by the name of
    the PJSIP endpoint; `dialed` gives what stands for a number dialed by a phone: itself, or its token where it leads
    outside. Lines that are not what they should be are counted in `garbage`.
    """

    def __init__(
        self,
        file: Path,
        *,
        token: Callable[[str], str],
        is_phone: Callable[[str], bool],
        dialed: Callable[[str], str] = str,
        position: Position | None = None,
        most_open: int = MOST_OPEN,
    ) -> None:
        self.tail = Tail(file, position)
        self.lines = 0
        self.garbage = 0
        self.dropped = 0
        """Linked ids given up because more than `most_open` were unfinished."""
        self._token = token
        self._is_phone = is_phone
        self._dialed = dialed
        self._most_open = most_open
        self._open: dict[str, OpenRecord] = {}
        self._heard = 0.0
        """The time of the newest line."""

    @property
    def position(self) -> Position | None:
        """Where to begin after a restart so that no unfinished linked id loses a line."""
        oldest = next(iter(self._open.values()), None)
        return oldest.start if oldest else self.tail.position

    @property
    def unfinished(self) -> int:
        return len(self._open)

    def read(self, limit: int = 65536) -> list[CallRecorded]:
        """Calls finished in the next `limit` bytes; `caught_up` tells whether there was anything to read."""
        finished = []
        for start, line in self.tail.lines(limit):
            self.lines += 1
            row = _split(line)
            if row is None:
                self.garbage += 1
            elif (record := self._fold(start, row)) is not None:
                finished.append(record)
        return finished

    @property
    def caught_up(self) -> bool:
        return self.tail.caught_up

    async def follow(self, interval: float = 0.1) -> AsyncIterator[list[CallRecorded]]:
        """Finished calls as they come, in batches, looking every `interval` seconds; lets others run in between."""
        while True:
            if batch := self.read():
                yield batch
            await asyncio.sleep(interval if self.caught_up else 0)

    def so_far(self) -> tuple[RecordSoFar, ...]:
        """What is known of the calls that go on."""
        return tuple(
            RecordSoFar(
                call=linked,
                answered=_time_of(record.answered),
                answered_by=record.answered_by,
                legs=self._legs(record),
            )
            for linked, record in self._open.items()
            if record.reached and record.legs
        )

    def _legs(self, record: OpenRecord) -> tuple[RecordedLeg, ...]:
        return tuple(
            RecordedLeg(
                channel=channel,
                phone=leg.endpoint if self._is_phone(leg.endpoint) else None,
                made=_time(leg.made),
                answered=_time_of(leg.answered),
                ended=_time_of(leg.ended),
            )
            for channel, leg in record.legs.items()
        )

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
        for record in dead.values():
            record.last = heard
        records = [self._finish(linked, self._open.pop(linked)) for linked in dead]
        return [record for record in records if record is not None]

    def _fold(self, start: Position, row: Sequence[str]) -> CallRecorded | None:
        kind, time, channel, linked = row[0], float(row[1]), row[2], row[3]
        record = self._open.get(linked)
        if record is None:
            if kind == "LINKEDID_END" or not linked:
                return None
            record = self._begin(start, linked, time)
        record.last = self._heard = time
        if kind in ("BRIDGE_ENTER", "BRIDGE_EXIT"):
            if record.answered is None:
                self._bridge(record, linked, channel, row)
        elif kind == "LINKEDID_END":
            return self._finish(linked, self._open.pop(linked))
        elif channel == linked:
            self._first_channel(record, kind, time, row)
        else:
            _leg(record, channel, kind, time, row)
        return None

    def _begin(self, start: Position, linked: str, time: float) -> OpenRecord:
        if len(self._open) >= self._most_open:
            del self._open[next(iter(self._open))]
            self.dropped += 1
        record = self._open[linked] = OpenRecord(start=start, first=time, last=time)
        return record

    def _first_channel(self, record: OpenRecord, kind: str, time: float, row: Sequence[str]) -> None:
        """A line about the channel that the call began with."""
        if kind == "CHAN_START":
            endpoint = _endpoint(row[4])
            record.number, record.caller = row[6], row[5]
            record.phone = endpoint if endpoint and self._is_phone(endpoint) else None
            record.reached = bool(endpoint) and record.phone is None and _OWN_ID.search(row[2]) is not None
        elif kind == "APP_START":
            record.sip_call_id = row[11] or record.sip_call_id
            self._application(record, row[8], row[9])
        elif kind == "HANGUP":
            record.sip_call_id = row[11] or record.sip_call_id
            record.ended = time

    def _application(self, record: OpenRecord, name: str, data: str) -> None:
        if name == "Stasis":
            match data.split(","):
                case [_, "inbound" | "back", number, arrived, *_] if _is_time(arrived):
                    record.number, record.arrived, record.reached = number, float(arrived), True
                case [_, "own", phone, number, *_]:
                    record.phone, record.number, record.reached = phone, number, True
        elif name == "Queue":
            record.via_fallback = record.reached = True
        elif name == "Dial":
            record.reached = True

    def _bridge(self, record: OpenRecord, linked: str, channel: str, row: Sequence[str]) -> None:
        found = _BRIDGE.search(row[12])
        if found is None or found[2] == "holding_bridge":
            return
        members = record.bridges.setdefault(found[1], {})
        if row[0] == "BRIDGE_EXIT":
            members.pop(channel, None)
            return
        members[channel] = _endpoint(row[4])
        if linked in members:
            for other, endpoint in members.items():
                is_phone = self._is_phone(endpoint)
                if other != linked and (is_phone or record.phone is not None):
                    record.answered, record.answered_by = float(row[1]), endpoint if is_phone else None
                    record.bridges = {}
                    return

    def _finish(self, linked: str, record: OpenRecord) -> CallRecorded | None:
        if not record.reached:
            return None
        own = record.phone is not None
        ended = record.last if own else record.ended or record.last
        return CallRecorded(
            call=linked,
            number=self._dialed(record.number) if own else record.number,
            caller="" if own else self._token(record.caller),
            phone=record.phone,
            arrived=_time(record.first if record.arrived is None else record.arrived),
            ended=_time(ended),
            answered=_time_of(record.answered),
            answered_by=record.answered_by,
            via_fallback=record.via_fallback,
            legs=self._legs(record),
        )


def _leg(record: OpenRecord, channel: str, kind: str, time: float, row: Sequence[str]) -> None:
    """A line about any other channel of the call."""
    if kind == "CHAN_START":
        record.legs[channel] = OpenLeg(endpoint=_endpoint(row[4]), made=time)
    elif (leg := record.legs.get(channel)) is not None:
        if kind == "ANSWER":
            leg.answered = leg.answered or time
        elif kind in ("HANGUP", "CHAN_END"):
            leg.ended = leg.ended or time


def sip_call_ids(file: Path) -> dict[str, str]:
    """SIP Call-ID of the caller's (or dialing phone's) call -> Gudok's call id, for all calls in one file. What
    brings the phones' own records and the PBX's together; reads the whole file."""
    found: dict[str, str] = {}
    for line in file.read_bytes().splitlines():
        row = _split(line)
        if row is not None and row[11] and row[2] == row[3]:
            found[row[11]] = row[3]
    return found


def _split(line: bytes) -> list[str] | None:
    """The columns of one line; None when it is garbage."""
    try:
        row = next(csv.reader((line.decode(),), strict=True))
        if len(row) == COLUMNS and _is_time(row[1]):
            return row
    except (UnicodeDecodeError, csv.Error, StopIteration, ValueError):
        pass
    return None


def _endpoint(channel_name: str) -> str:
    found = _ENDPOINT.fullmatch(channel_name)
    return found[1] if found else ""


def _is_time(text: str) -> bool:
    try:
        return 0 < float(text) < _LATEST
    except ValueError:
        return False


def _time(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def _time_of(epoch: float | None) -> datetime | None:
    return None if epoch is None else _time(epoch)
