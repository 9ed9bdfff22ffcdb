"""A switch in memory: channels, bridges, phones and prompts, moving in virtual time as Asterisk's were measured to.

This is the PBX as people see it: they call in, pick up, hang up. `telephony.testing.pbx` is the side the router sees.
The network's delays are small and random but repeatable, so events of different channels change places as they do
on a real PBX, while those of one channel keep their order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from random import Random
from typing import Literal

from telephony.core import events as ev
from telephony.core.plan import Plan
from telephony.testing.clock import Alarm, VirtualClock
from telephony.testing.parts import BUSY, DECLINED, NO_ANSWER, NORMAL_CLEARING, Bridge, Channel, Phone
from telephony.testing.record import Record

BEAT_PATIENCE = timedelta(seconds=2)
"""The dialplan hands callers to the fallback when the router's last beat is older."""


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
        self.record = Record(clock)
        self.missing_prompts: set[str] = set()
        self.prompt_seconds: dict[str, float] = {}
        self.beat: float = 0.0
        self.looked: float = 0.0
        """When the router took its last picture: GUDOK_LOOKED."""
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
        self.record.reached_us(channel)
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
        channel.variables.setdefault("GUDOK_QUEUED", channel.variables["GUDOK_ARRIVED"])
        self.record.truth[channel.id].via_fallback = True

    def dial(self, phone: Phone, number: str) -> Channel:
        """An operator's phone dials. While nobody listens the dialplan refuses."""
        channel = self._new_channel(phone=phone, number=number)
        if not self.up:
            self.end(channel)
            return channel
        channel.variables = {"GUDOK_PHONE": phone.name, "GUDOK_NUMBER": number, "GUDOK_ROLE": "own"}
        if self._takes_callers():
            channel.where, channel.asks_us = "ours", True
            self.record.reached_us(channel)
            trunk = self.trunk_to(number)
            self.tell(channel, ev.OwnCallStarted(channel=channel.id, phone=phone.name, number=number, trunk=trunk))
        else:
            self.end(channel, 34)
        return channel

    def dial_help(self, phone: Phone, mode: Literal["listen", "whisper", "join"], extension: str = "") -> Channel:
        """The code of a senior who comes to help."""
        channel = self._new_channel(phone=phone)
        channel.variables = {"GUDOK_PHONE": phone.name, "GUDOK_ROLE": "helper"}
        if self.up and self._takes_callers():
            channel.where, channel.asks_us = "ours", True
            self.record.reached_us(channel)
            self.tell(channel, ev.HelperArrived(channel=channel.id, phone=phone.name, mode=mode, extension=extension))
        else:
            self.end(channel)
        return channel

    def dial_code(self, phone: Phone) -> Channel:
        """A feature code: the channel stays in the dialplan."""
        channel = self._new_channel(phone=phone)
        channel.state = "up"
        if not self.up:
            self.end(channel)
        return channel

    def trunk_to(self, number: str) -> str | None:
        return next((trunk for pattern, trunk in self._outbound if pattern.fullmatch(number)), None)

    def pick_up(self, channel: Channel) -> None:
        if channel.gone or channel.state == "up":
            return
        channel.state = "up"
        self.record.leg(channel, answered=self.clock.now())
        self._stop_ringing(channel)
        if channel.says:
            self.clock.after(self._seconds(channel.says), lambda: self.hang_up(channel))
        self.tell(channel, ev.ChannelAnswered(channel=channel.id))

    def refuse(self, channel: Channel, cause: tuple[int, int] = DECLINED) -> None:
        if not channel.gone:
            self.end(channel, *cause)

    def hang_up(self, channel: Channel) -> None:
        if not channel.gone:
            self.record.hung_up(channel)
            self.end(channel, *NORMAL_CLEARING)

    def hold(self, channel: Channel) -> None:
        channel.holds = True
        self.tell(channel, ev.ChannelHeld(channel=channel.id))

    def resume(self, channel: Channel) -> None:
        channel.holds = False
        self.tell(channel, ev.ChannelResumed(channel=channel.id))

    def press(self, channel: Channel, digit: str) -> None:
        self.tell(channel, ev.DigitPressed(channel=channel.id, digit=digit))

    def refer(self, channel: Channel, number: str) -> None:
        """The phone asks for a blind transfer."""
        if self._leaves_it_to_us(channel):
            self.tell(channel, ev.TransferAsked(channel=channel.id, number=number, trunk=self.trunk_to(number)))

    def refer_attended(self, channel: Channel, consultation: Channel) -> None:
        if self._leaves_it_to_us(channel):
            self.tell(channel, ev.TransferAsked(channel=channel.id, consultation=consultation.id))

    def _leaves_it_to_us(self, channel: Channel) -> bool:
        """A trunk's transfer is refused. A phone's that is not ours to answer the PBX carries out by itself: that must
        not happen to a conversation of ours."""
        past_us = not channel.asks_us and channel.phone is not None and not channel.phone.outside
        talks = channel.where == "ours" and channel.bridge is not None and channel.bridge.kind == "mixing"
        assert not (past_us and talks), f"the PBX carries out the transfer of {channel.id} past us"
        return channel.asks_us

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
        self.record.made(channel)
        if channel.phone is not None:
            channel.phone.channels[channel.id] = channel

    def end(self, channel: Channel, cause: int = 16, tech_cause: int = 0) -> None:
        """The channel is destroyed; whoever stood in a bridge with it stays."""
        channel.gone = True
        self.record.leg(channel, ended=self.clock.now())
        self._stop_ringing(channel)
        del self.channels[channel.id]
        if channel.phone is not None:
            del channel.phone.channels[channel.id]
        bridge = channel.bridge
        self.leave_bridge(channel)
        self.stop_prompt(channel, failed=True)
        self.record.ended(channel)
        if channel.where == "ours" or channel.watched:
            self.tell(channel, ev.ChannelGone(channel=channel.id, cause=cause, tech_cause=tech_cause))
        for snoop in [other for other in self.channels.values() if other.spies_on is channel]:
            self.end(snoop, *NORMAL_CLEARING)
        if bridge is not None and bridge.native:
            self.bridges.pop(bridge.id, None)
            for other in list(bridge.channels.values()):
                self.end(other, *NORMAL_CLEARING)

    def _stop_ringing(self, channel: Channel) -> None:
        if channel.ring_over is not None:
            channel.ring_over.cancel()
            channel.ring_over = None

    # -- ringing

    def ring(self, channel: Channel, seconds: float, *, auto_answer: bool = False) -> None:
        """INVITE the phone behind the channel."""
        phone = channel.phone
        assert phone is not None
        channel.ring_over = self.clock.after(seconds, lambda: self.end(channel, *NO_ANSWER))
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
            self.record.together(bridge)

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
        self.clock.after(self._seconds(prompts), lambda: self._prompt_over(channel, playback))

    def _seconds(self, prompts: tuple[str, ...]) -> float:
        """How long it takes to say them."""
        return sum(self.prompt_seconds.get(prompt, 3.0) for prompt in prompts)

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
        for channel in list(self.channels.values()):
            channel.gone, channel.playback = True, None
            self._stop_ringing(channel)
            self.record.crashed(channel)
        self.channels.clear()
        self.bridges.clear()
        self.playbacks.clear()
        for phone in [*self.phones.values(), *self.outside.values()]:
            phone.channels.clear()
        self.beat, self.looked, self.up = 0.0, 0.0, False

    def come_up(self) -> None:
        """A new process."""
        self.up = True
        self.started = self.clock.now()
        self._lives += 1
        self.record.close()

    def later(self, least: float, most: float, action: Callable[[], None]) -> Alarm:
        """After a delay of the network."""
        return self.clock.after(self.random.uniform(least, most), action)
