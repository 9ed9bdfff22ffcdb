"""What really became of the calls, and what the switch writes down of it: its own record, read after each call."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from telephony.core import events as ev
from telephony.core.record import RecordedLeg, RecordSoFar
from telephony.testing.clock import VirtualClock
from telephony.testing.parts import Bridge, Channel

RECORD_DELAY = 0.012
"""Seconds until what the PBX writes of a call can be read."""
_MADE_BY_THE_PBX = re.compile(r"(\d+)\.(\d+)$")
"""How a linked id ends by which the PBX knows its age; those that the router has made have none."""


@dataclass(slots=True)
class Truth:
    """What really became of a call that reached us; `answered` when a second live channel stood with the first in a
    bridge."""

    call: str
    number: str
    caller: str
    arrived: datetime
    phone: str | None = None
    """The operator's phone whose own call it is."""
    answered: datetime | None = None
    answered_by: str | None = None
    via_fallback: bool = False
    left: datetime | None = None
    """When the channel that it began with ended; an own call that was handed on outlives it."""
    ended: datetime | None = None
    hung_up: str | None = None
    """The channel at which somebody hung up."""
    crashed: bool = False
    """It ended with the PBX itself."""
    merged: bool = False
    """Its linked id has ended, as its first channel got an older one in a bridge; that channel lives on."""
    told: bool = False
    legs: dict[str, RecordedLeg] = field(default_factory=dict)

    def so_far(self) -> RecordSoFar:
        return RecordSoFar(
            call=self.call, answered=self.answered, answered_by=self.answered_by, legs=tuple(self.legs.values())
        )


class Record:
    """`truth`: every call that reached us, by the id of its first channel. `finished`: what can be read by now.

    The PBX goes by linked ids, which are not for life: who are in a bridge together get the oldest one among them.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.truth: dict[str, Truth] = {}
        self.finished: list[ev.CallRecorded] = []
        self.long = False
        """There is so much in it that a reader gets to nothing of what counts."""
        self._channels: dict[str, Channel] = {}
        """All that live."""

    def reached_us(self, channel: Channel) -> Truth:
        """The channel has come to a service number, or a phone of ours dials."""
        phone = None if channel.phone is None else channel.phone.name
        truth = Truth(channel.id, channel.number, channel.caller, channel.created, phone)
        self.truth[channel.id] = truth
        return truth

    def made(self, channel: Channel) -> None:
        self._channels[channel.id] = channel
        truth = self.truth.get(channel.linked)
        if truth is not None and channel.linked != channel.id:
            phone = None if channel.phone is None or channel.phone.outside else channel.phone.name
            truth.legs[channel.id] = RecordedLeg(channel=channel.id, phone=phone, made=channel.created)

    def leg(self, channel: Channel, **what: Any) -> None:
        """Something has happened to a leg."""
        truth = self.truth.get(channel.linked)
        if truth is not None and channel.id in truth.legs:
            truth.legs[channel.id] = replace(truth.legs[channel.id], **what)

    def together(self, bridge: Bridge) -> None:
        """Somebody has come into the bridge."""
        self._talk(bridge)
        linked = {channel.linked for channel in bridge.channels.values() if _MADE_BY_THE_PBX.search(channel.linked)}
        oldest = min(linked, key=_age, default="")
        for channel in bridge.channels.values():
            if channel.linked in linked:
                channel.linked = oldest
        for left in sorted(linked - {oldest}):
            self._look_for_end(left)

    def _talk(self, bridge: Bridge) -> None:
        up = [channel for channel in bridge.channels.values() if channel.state == "up"]
        if len(up) < 2:
            return
        for channel in up:
            truth = self.truth.get(channel.id)
            if truth is not None and truth.answered is None:
                other = next(one for one in up if one is not channel)
                truth.answered = self._clock.now()
                truth.answered_by = None if other.phone is None else other.phone.name

    def hung_up(self, channel: Channel) -> None:
        """Somebody hangs up. Of two in a bridge both remember whose end came first."""
        together = {} if channel.bridge is None or channel.bridge.kind != "mixing" else channel.bridge.channels
        for name in {channel.id, *together} & self.truth.keys():
            self.truth[name].hung_up = self.truth[name].hung_up or channel.id

    def ended(self, channel: Channel) -> None:
        del self._channels[channel.id]
        truth = self.truth.get(channel.id)
        if truth is not None:
            truth.left = truth.ended = self._clock.now()
            if truth.merged:
                self._write(truth, truth.ended)
        self._look_for_end(channel.linked)

    def _look_for_end(self, linked: str) -> None:
        """Where no channel has this linked id any more, its call is over, unless the channel that it began with lives
        on under another."""
        truth = self.truth.get(linked)
        if truth is None or truth.told or any(channel.linked == linked for channel in self._channels.values()):
            return
        if truth.ended is None:
            truth.merged = True
            return
        if truth.phone is not None:
            truth.ended = self._clock.now()
        self._write(truth, truth.ended)

    def crashed(self, channel: Channel) -> None:
        """The channel died with the switch: nothing is written of it."""
        del self._channels[channel.id]
        for name in {channel.id, channel.linked} & self.truth.keys():
            truth = self.truth[name]
            truth.crashed = True
            if truth.ended is None or truth.phone is not None:  # an own call that was handed on has lived till now
                truth.ended = self._clock.now()

    def close(self) -> None:
        """A new process: the reader closes what the old one left open, when it was last heard of."""
        for truth in self.truth.values():
            if truth.crashed and truth.ended is not None and not truth.told:
                self._write(truth, truth.ended)

    def so_far(self) -> tuple[RecordSoFar, ...]:
        """What is written about calls that go on."""
        if self.long:
            return ()
        return tuple(truth.so_far() for truth in self.truth.values() if truth.ended is None and truth.legs)

    def _write(self, truth: Truth, ended: datetime) -> None:
        truth.told = True
        record = ev.CallRecorded(
            call=truth.call,
            number=truth.number,
            caller=truth.caller,
            phone=truth.phone,
            arrived=truth.arrived,
            ended=ended,
            answered=truth.answered,
            answered_by=truth.answered_by,
            via_fallback=truth.via_fallback,
            hung_up=truth.hung_up,
            legs=tuple(truth.legs.values()),
        )
        self._clock.after(RECORD_DELAY, lambda: self.finished.append(record))


def _age(linked: str) -> tuple[int, int]:
    """The less, the older."""
    found = _MADE_BY_THE_PBX.search(linked)
    assert found is not None
    return int(found[1]), int(found[2])
