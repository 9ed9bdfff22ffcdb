"""One call in the PBX's own record: its lines, folded into what they say.

Pure; `telephony.pbx.cel` reads the lines.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from telephony.core.events import CallRecorded
from telephony.core.record import RecordedLeg, RecordSoFar

COLUMNS = 13
"""eventtype, eventtime (epoch, microseconds), uniqueid, linkedid, channame, cidnum, exten, context, appname, appdata,
peer, userfield, eventextra."""

_LATEST = 1e11
"""Epoch seconds beyond which no calendar goes."""
_OWN_ID = re.compile(r"\.\d+$")
"""Ends the ids that Asterisk makes itself; legs that Gudok makes are named by Gudok and are never calls."""
_ENDPOINT = re.compile(r"PJSIP/(.+)-[0-9a-f]{8}")
_HUNG_UP = re.compile(r'"hangupsource":"([^"]+)"')
_BRIDGE = re.compile(r'"bridge_id":"([^"]+)","bridge_technology":"([^"]*)"')


class Naming(msgspec.Struct, frozen=True):
    """What stands for what the record names: `token` for a caller's number, `is_phone` tells operators' phones from
    trunks by the name of the PJSIP endpoint, `dialed` gives what stands for a number that was dialed: itself where
    it is one of the house, else its token."""

    token: Callable[[str], str]
    is_phone: Callable[[str], bool]
    dialed: Callable[[str], str] = str


class Leg(msgspec.Struct, kw_only=True):
    """Another channel that began under the call's linked id."""

    name: str
    """As `PJSIP/phone01-00000001`."""
    endpoint: str
    made: float
    answered: float | None = None
    ended: float | None = None


class Record(msgspec.Struct, kw_only=True):
    """What the lines of one call say."""

    linked: str
    """The linked id that it began under: the id of its first channel."""
    naming: Naming
    first: float
    last: float
    name: str = ""
    """Of the first channel."""
    reached: bool = False
    """It is a call: it came to a service number, or a phone dialed somebody."""
    phone: str | None = None
    """The operator's phone that dialed; None for calls from outside."""
    number: str = ""
    caller: str = ""
    arrived: float | None = None
    answered: float | None = None
    answered_by: str | None = None
    via_fallback: bool = False
    ended: float | None = None
    hung_up: str | None = None
    """The name of the channel at which somebody hung up: of two in a bridge, both remember whose end came first."""
    bridges: dict[str, dict[str, str]] = {}
    """Until it is answered: who stands in which mixing bridge, channel id -> endpoint."""
    legs: dict[str, Leg] = {}

    def add(self, row: Sequence[str]) -> None:
        """One more line."""
        kind, time, channel = row[0], float(row[1]), row[2]
        if kind in ("BRIDGE_ENTER", "BRIDGE_EXIT"):
            if self.answered is None:
                self._bridge(channel, row)
        elif channel == self.linked:
            self._first_channel(kind, time, row)
        else:
            self._leg(channel, kind, time, row)

    def _first_channel(self, kind: str, time: float, row: Sequence[str]) -> None:
        """A line about the channel that the call began with."""
        if kind == "CHAN_START":
            endpoint = _endpoint(row[4])
            self.number, self.caller = row[6], row[5]
            self.phone = endpoint if endpoint and self.naming.is_phone(endpoint) else None
            self.reached = bool(endpoint) and self.phone is None and _OWN_ID.search(row[2]) is not None
        elif kind == "APP_START":
            self._application(row[8], row[9])
        elif kind == "HANGUP":
            self.ended = time
            found = _HUNG_UP.search(row[12])
            self.hung_up = None if found is None else found[1]
            self.name = row[4]

    def _application(self, name: str, data: str) -> None:
        if name == "Stasis":
            match data.split(","):
                case [_, "inbound" | "back", number, arrived, *_] if _is_time(arrived):
                    self.number, self.arrived, self.reached = number, float(arrived), True
                case [_, "own", phone, number, *_]:
                    self.phone, self.number, self.reached = phone, number, True
        elif name == "Queue":
            self.via_fallback = self.reached = True
        elif name == "Dial":
            self.reached = True

    def _bridge(self, channel: str, row: Sequence[str]) -> None:
        found = _BRIDGE.search(row[12])
        if found is None or found[2] == "holding_bridge":
            return
        members = self.bridges.setdefault(found[1], {})
        if row[0] == "BRIDGE_EXIT":
            members.pop(channel, None)
            return
        members[channel] = _endpoint(row[4])
        if self.linked in members:
            for other, endpoint in members.items():
                is_phone = self.naming.is_phone(endpoint)
                if other != self.linked and (is_phone or self.phone is not None):
                    self.answered, self.answered_by = float(row[1]), endpoint if is_phone else None
                    self.bridges = {}
                    return

    def _leg(self, channel: str, kind: str, time: float, row: Sequence[str]) -> None:
        """A line about any other channel of the call."""
        if kind == "CHAN_START":
            self.legs[channel] = Leg(name=row[4], endpoint=_endpoint(row[4]), made=time)
        elif (leg := self.legs.get(channel)) is not None:
            if kind == "ANSWER":
                leg.answered = leg.answered or time
            elif kind in ("HANGUP", "CHAN_END"):
                leg.ended = leg.ended or time

    def so_far(self) -> RecordSoFar | None:
        """What there is to tell of a call that goes on."""
        if not self.reached or not self.legs:
            return None
        return RecordSoFar(
            call=self.linked,
            answered=_time_of(self.answered),
            answered_by=self.answered_by,
            legs=self._told_legs(),
        )

    def finished(self) -> CallRecorded | None:
        """The call, now that it is over; None where the linked id was no call."""
        if not self.reached:
            return None
        own = self.phone is not None
        ended = self.last if own else self.ended or self.last
        return CallRecorded(
            call=self.linked,
            number=self.naming.dialed(self.number),
            caller="" if own else self.naming.token(self.caller),
            phone=self.phone,
            arrived=_time(self.first if self.arrived is None else self.arrived),
            ended=_time(ended),
            answered=_time_of(self.answered),
            answered_by=self.answered_by,
            via_fallback=self.via_fallback,
            hung_up=self._who_hung_up(),
            legs=self._told_legs(),
        )

    def _who_hung_up(self) -> str | None:
        """None as well where the dialplan did, or Gudok."""
        if self.hung_up == self.name:
            return self.linked
        return next((channel for channel, leg in self.legs.items() if leg.name == self.hung_up), None)

    def _told_legs(self) -> tuple[RecordedLeg, ...]:
        return tuple(
            RecordedLeg(
                channel=channel,
                phone=leg.endpoint if self.naming.is_phone(leg.endpoint) else None,
                made=_time(leg.made),
                answered=_time_of(leg.answered),
                ended=_time_of(leg.ended),
            )
            for channel, leg in self.legs.items()
        )


def columns(line: bytes) -> list[str] | None:
    """The columns of one event; None when it is garbage. What callers send as their number may be no text."""
    try:
        row = next(csv.reader((line.decode(errors="replace"),), strict=True))
        if len(row) == COLUMNS and _is_time(row[1]):
            return row
    except (csv.Error, StopIteration, ValueError):
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
