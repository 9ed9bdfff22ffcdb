"""A switch in memory: channels, bridges, phones and prompts, moving in virtual time as Asterisk's were measured to.

This is the PBX as people see it: they call in, pick up, hang up. `telephony.testing.pbx` is the side the router sees.
The network's delays are small and random but repeatable, so events of different channels change places as they do
on a real PBX, while those of one channel keep their order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal

from msgspec.structs import replace

from telephony.core import events as ev
from telephony.core.plan import Plan
from telephony.testing.clock import Alarm, VirtualClock

Where = Literal["ours", "fallback", "elsewhere"]
Manner = Literal["rings", "picks_up", "busy", "rejects", "silent"]
"""What a phone does when rung. `silent`: its contact is known, but nobody answers the INVITE."""

NORMAL_CLEARING = (16, 0)
BUSY = (17, 486)
NO_ANSWER = (19, 480)
DECLINED = (21, 603)
RECORD_DELAY = 0.012
"""Seconds until what the PBX writes of a call can be read."""
BEAT_PATIENCE = timedelta(seconds=2)
"""The dialplan hands callers to the fallback when the router's last beat is older."""


@dataclass(slots=True, eq=False)
class Phone:
    """A telephone: an operator's, a specialist's, or any outside."""

    name: str
    manner: Manner = "rings"
    reachable: bool = True
    outside: bool = False
    channels: dict[str, Channel] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Channel:
    """One call leg on the PBX. `linked` is the id of the channel that the call began with."""

    id: str
    created: datetime
    linked: str
    where: Where
    state: Literal["down", "ringing", "up"] = "down"
    phone: Phone | None = None
    number: str = ""
    caller: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    bridge: Bridge | None = None
    playback: str | None = None
    ready: bool = False
    gone: bool = False
    watched: bool = False
    waits_in: str | None = None
    """The native queue it stands in, while `where` is fallback."""
    ring_over: Alarm | None = None


@dataclass(slots=True, eq=False)
class Bridge:
    id: str
    kind: Literal["mixing", "holding"]
    channels: dict[str, Channel] = field(default_factory=dict)
    native: bool = False
    """Made by the fallback queue, not by us."""


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
    ended: datetime | None = None
    crashed: bool = False
    """It ended with the PBX itself."""
    told: bool = False
    legs: dict[str, ev.RecordedLeg] = field(default_factory=dict)

    def so_far(self) -> ev.RecordSoFar:
        return ev.RecordSoFar(
            call=self.call, answered=self.answered, answered_by=self.answered_by, legs=tuple(self.legs.values())
        )


class Switch:
    """`tell(channel, event)` hears of everything that the router's application may hear of."""

    def __init__(self, plan: Plan, clock: VirtualClock, random: Random) -> None:
        self.plan, self.clock, self.random = plan, clock, random
        self.started = clock.now()
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, Bridge] = {}
        self.playbacks: dict[str, Channel] = {}
        self.phones: dict[str, Phone] = {phone.name: Phone(phone.name) for phone in plan.phones}
        self.outside: dict[str, Phone] = {}
        self.truth: dict[str, Truth] = {}
        self.records: list[ev.CallRecorded] = []
        """What the PBX writes about finished calls, oldest first."""
        self.missing_prompts: set[str] = set()
        self.prompt_seconds: dict[str, float] = {}
        self.beat: float = 0.0
        self.up = True
        self.application = False
        """Somebody listens to our Stasis application."""
        self.tell: Callable[[Channel | None, ev.AnyEvent], None] = lambda channel, event: None
        self.tell_reported: Callable[[Channel, str], None] = lambda channel, state: None
        self._born = 0
        self._lives = 0
        self._outbound = [(re.compile(rule.pattern), rule.trunk) for rule in plan.outbound]

    # -- what people do

    def call_in(self, number: str, caller: str) -> Channel:
        """Somebody dials a service number."""
        channel = self._new_channel(number=number, caller=caller)
        if not self.up:
            self.end(channel)
            return channel
        now = self.clock.now()
        queue = next((queue.name for queue in self.plan.queues if number in queue.numbers), None)
        channel.variables = {"GUDOK_NUMBER": number, "GUDOK_ARRIVED": f"{now.timestamp():.6f}"}
        if queue is not None:
            channel.variables["GUDOK_QUEUE"] = queue
        self.truth[channel.id] = Truth(channel.id, number, caller, now)
        if self._takes_callers():
            channel.where = "ours"
            self.tell(channel, ev.CallerArrived(channel=channel.id, number=number, caller=caller, arrived=now))
        elif queue is not None:
            self.to_fallback(channel, queue)
        else:
            self.end(channel)
        return channel

    def _takes_callers(self) -> bool:
        return self.application and self.clock.epoch() - self.beat <= BEAT_PATIENCE.total_seconds()

    def to_fallback(self, channel: Channel, queue: str) -> None:
        """Into the native queue, which answers."""
        self.leave_bridge(channel)
        channel.where, channel.waits_in, channel.state = "fallback", queue, "up"
        self.truth[channel.id].via_fallback = True

    def dial(self, phone: Phone, number: str) -> Channel:
        """An operator's phone dials. While nobody listens the dialplan refuses."""
        channel = self._new_channel(phone=phone, number=number)
        if not self.up:
            self.end(channel)
            return channel
        channel.variables = {"GUDOK_PHONE": phone.name, "GUDOK_NUMBER": number, "GUDOK_ROLE": "own"}
        if self._takes_callers():
            channel.where = "ours"
            self.truth[channel.id] = Truth(channel.id, number, "", channel.created, phone.name)
            trunk = self._trunk_to(number)
            self.tell(channel, ev.OwnCallStarted(channel=channel.id, phone=phone.name, number=number, trunk=trunk))
        else:
            self.end(channel, 34)
        return channel

    def dial_code(self, phone: Phone) -> Channel:
        """A feature code: the channel stays in the dialplan."""
        channel = self._new_channel(phone=phone)
        channel.state = "up"
        if not self.up:
            self.end(channel)
        return channel

    def _trunk_to(self, number: str) -> str | None:
        return next((trunk for pattern, trunk in self._outbound if pattern.fullmatch(number)), None)

    def pick_up(self, channel: Channel) -> None:
        if channel.gone or channel.state == "up":
            return
        channel.state = "up"
        self._note_leg(channel, answered=self.clock.now())
        self._stop_ringing(channel)
        self.tell(channel, ev.ChannelAnswered(channel=channel.id))

    def refuse(self, channel: Channel, cause: tuple[int, int] = DECLINED) -> None:
        if not channel.gone:
            self.end(channel, *cause)

    def hang_up(self, channel: Channel) -> None:
        if not channel.gone:
            self.end(channel, *NORMAL_CLEARING)

    def hold(self, channel: Channel) -> None:
        self.tell(channel, ev.ChannelHeld(channel=channel.id))

    def resume(self, channel: Channel) -> None:
        self.tell(channel, ev.ChannelResumed(channel=channel.id))

    def press(self, channel: Channel, digit: str) -> None:
        self.tell(channel, ev.DigitPressed(channel=channel.id, digit=digit))

    def refer(self, channel: Channel, number: str) -> None:
        """The phone asks for a blind transfer."""
        self.tell(channel, ev.TransferAsked(channel=channel.id, number=number, trunk=self._trunk_to(number)))

    def refer_attended(self, channel: Channel, consultation: Channel) -> None:
        self.tell(channel, ev.TransferAsked(channel=channel.id, consultation=consultation.id))

    def set_reachable(self, phone: Phone, reachable: bool) -> None:
        if phone.reachable is not reachable:
            phone.reachable = reachable
            self.tell(None, ev.PhoneChanged(phone=phone.name, reachable=reachable))

    # -- channels

    def _new_channel(self, *, phone: Phone | None = None, number: str = "", caller: str = "") -> Channel:
        name = self.own_name()
        channel = Channel(name, self.clock.now(), name, "elsewhere", "ringing", phone, number, caller)
        self.add(channel)
        return channel

    def own_name(self) -> str:
        """For a channel that the PBX makes by itself."""
        self._born += 1
        return f"gudok-{self.clock.epoch():.0f}.{self._lives}{self._born:05d}"

    def add(self, channel: Channel) -> None:
        self.channels[channel.id] = channel
        truth = self.truth.get(channel.linked)
        if truth is not None and channel.linked != channel.id:
            phone = None if channel.phone is None or channel.phone.outside else channel.phone.name
            truth.legs[channel.id] = ev.RecordedLeg(channel=channel.id, phone=phone, made=channel.created)
        if channel.phone is not None:
            channel.phone.channels[channel.id] = channel

    def end(self, channel: Channel, cause: int = 16, tech_cause: int = 0, *, timed_out: bool = False) -> None:
        """The channel is destroyed; whoever stood in a bridge with it stays."""
        channel.gone = True
        self._note_leg(channel, ended=self.clock.now())
        self._stop_ringing(channel)
        del self.channels[channel.id]
        if channel.phone is not None:
            del channel.phone.channels[channel.id]
        bridge = channel.bridge
        self.leave_bridge(channel)
        self.stop_prompt(channel, failed=True)
        self._note_end(channel)
        if channel.where == "ours" or channel.watched:
            gone = ev.ChannelGone(channel=channel.id, cause=cause, tech_cause=tech_cause, timed_out=timed_out)
            self.tell(channel, gone)
        if bridge is not None and bridge.native:
            self.bridges.pop(bridge.id, None)
            for other in list(bridge.channels.values()):
                self.end(other, *NORMAL_CLEARING)

    def _note_leg(self, channel: Channel, **what: Any) -> None:
        truth = self.truth.get(channel.linked)
        if truth is not None and channel.id in truth.legs:
            truth.legs[channel.id] = replace(truth.legs[channel.id], **what)

    def _note_end(self, channel: Channel) -> None:
        truth = self.truth.get(channel.id)
        if truth is not None:
            truth.ended = self.clock.now()
        linked = channel.linked
        if any(other.linked == linked for other in self.channels.values()):
            return
        truth = self.truth.get(linked)
        if truth is not None and truth.ended is not None:
            if truth.phone is not None:
                truth.ended = self.clock.now()
            self._write(truth, truth.ended)

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
            legs=tuple(truth.legs.values()),
        )
        self.clock.after(RECORD_DELAY, lambda: self.records.append(record))

    def records_so_far(self) -> tuple[ev.RecordSoFar, ...]:
        """What the PBX has written about calls that go on."""
        return tuple(truth.so_far() for truth in self.truth.values() if truth.ended is None and truth.legs)

    def _stop_ringing(self, channel: Channel) -> None:
        if channel.ring_over is not None:
            channel.ring_over.cancel()
            channel.ring_over = None

    # -- ringing

    def ring(self, channel: Channel, seconds: float, *, auto_answer: bool = False) -> None:
        """INVITE the phone behind the channel."""
        phone = channel.phone
        assert phone is not None
        channel.ring_over = self.clock.after(seconds, lambda: self.end(channel, *NO_ANSWER, timed_out=True))
        if phone.manner != "silent" and phone.reachable:
            self.later(0.002, 0.02, lambda: self._rung(channel, phone, auto_answer=auto_answer))

    def _rung(self, channel: Channel, phone: Phone, *, auto_answer: bool) -> None:
        if channel.gone or channel.state == "up":
            return
        if phone.manner == "busy":
            self.end(channel, *BUSY)
        elif phone.manner == "rejects":
            self.end(channel, *DECLINED)
        else:
            channel.state = "ringing"
            self.tell(channel, ev.ChannelRinging(channel=channel.id))
            if phone.manner == "picks_up" or auto_answer:
                self.later(0.05, 0.3, lambda: self.pick_up(channel))

    # -- bridges and prompts

    def enter(self, bridge: Bridge, channels: Iterable[Channel]) -> None:
        """Move the channels into the bridge."""
        for channel in channels:
            self.leave_bridge(channel)
            channel.bridge = bridge
            bridge.channels[channel.id] = channel
        if bridge.kind == "mixing":
            self._note_talk(bridge)

    def _note_talk(self, bridge: Bridge) -> None:
        up = [channel for channel in bridge.channels.values() if channel.state == "up"]
        if len(up) < 2:
            return
        for channel in up:
            truth = self.truth.get(channel.id)
            if truth is not None and truth.answered is None:
                other = next(one for one in up if one is not channel)
                truth.answered = self.clock.now()
                truth.answered_by = None if other.phone is None else other.phone.name

    def leave_bridge(self, channel: Channel) -> None:
        if channel.bridge is not None:
            del channel.bridge.channels[channel.id]
            channel.bridge = None

    def play(self, channel: Channel, playback: str, prompts: tuple[str, ...]) -> None:
        channel.playback = playback
        self.playbacks[playback] = channel
        if any(prompt in self.missing_prompts for prompt in prompts):
            self.stop_prompt(channel, failed=True)
            return
        seconds = sum(self.prompt_seconds.get(prompt, 3.0) for prompt in prompts)
        self.clock.after(seconds, lambda: self._prompt_over(channel, playback))

    def _prompt_over(self, channel: Channel, playback: str) -> None:
        if channel.playback == playback:
            self.stop_prompt(channel)

    def stop_prompt(self, channel: Channel, *, failed: bool = False) -> None:
        playback = channel.playback
        if playback is not None:
            channel.playback = None
            del self.playbacks[playback]
            self.tell(channel, ev.PlayEnded(playback=playback, failed=failed))

    # -- the process itself

    def die(self) -> None:
        """Asterisk is killed: no channel lives on, nothing is said of their end."""
        now = self.clock.now()
        for channel in list(self.channels.values()):
            channel.gone, channel.playback = True, None
            self._stop_ringing(channel)
            truth = self.truth.get(channel.linked)
            if truth is not None:
                truth.ended, truth.crashed = truth.ended or now, True
        self.channels.clear()
        self.bridges.clear()
        self.playbacks.clear()
        for phone in [*self.phones.values(), *self.outside.values()]:
            phone.channels.clear()
        self.beat, self.up = 0.0, False

    def come_up(self) -> None:
        """A new process. The reader of the record closes what the old one left open, when it was last heard of."""
        self.up = True
        self.started = self.clock.now()
        self._lives += 1
        for truth in self.truth.values():
            if truth.crashed and truth.ended is not None and not truth.told:
                self._write(truth, truth.ended)

    def later(self, least: float, most: float, action: Callable[[], None]) -> Alarm:
        """After a delay of the network."""
        return self.clock.after(self.random.uniform(least, most), action)
