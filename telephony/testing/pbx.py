"""The PBX in memory, as the router sees it: implements `telephony.ports.Pbx` over a `Switch`.

Effects of one call are carried out in order, each answered before the next is sent; those of different calls overtake
each other. What the switch says arrives late by a few milliseconds, in order per channel only. While the connection
is cut nothing arrives, and what was asked is refused with status 0, whether it was carried out or not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from telephony.core import effects as do
from telephony.core import events as ev
from telephony.core.picture import SeenBridge, SeenChannel
from telephony.ports import Pbx
from telephony.testing.clock import Action
from telephony.testing.native import NativeQueue
from telephony.testing.parts import Bridge, Channel
from telephony.testing.requests import ANSWER, Carried, RefusedError, Requests
from telephony.testing.switch import Switch

NEWS = (0.0001, 0.004)
"""Seconds, least and most, until what has happened is heard."""

OF_LEGS = (ev.ChannelRinging, ev.ChannelAnswered)
"""Told of the legs that the router has made; of channels that it watches only how they end."""


class MemoryPbx(Pbx):
    """`connect` begins a life of the router, `cut` loses its connection, `abandon` is its SIGKILL."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch
        self.native = NativeQueue(switch)
        self._first_wishes: list[do.MirrorMember] | None = None
        """What a new router has wished before it looked at the queues."""
        self.refusals: list[ev.PbxRefused] = []
        """All that was refused, for stories to look at."""
        self.lamps: dict[str, str] = {}
        """Name -> what it shows; it outlives the router."""
        self._deliver: Callable[[ev.AnyEvent], None] | None = None
        self._connection = 0
        self._lanes: dict[str, deque[do.CallEffect]] = {}
        self._last_news: dict[str, datetime] = {}
        self._gone_during_picture: list[set[str]] = []
        switch.tell = self._hear
        self._requests = Requests(switch, self.native, self._say)

    # -- the connection

    @property
    def connected(self) -> bool:
        return self.switch.application

    def attend(self, deliver: Callable[[ev.AnyEvent], None]) -> None:
        """A router lives, and hears at least that nothing can be asked."""
        self._deliver = deliver
        self._first_wishes = []

    def connect(self) -> None:
        """Events flow from now on."""
        self._connection += 1
        self.switch.application = True
        wishes, self._first_wishes = self._first_wishes, None
        for event in self.native.paused_past_us(wishes or ()):
            self._hear(None, event)
        for effect in wishes or ():
            self.native.mirror(effect)

    def pause_past_us(self, login: str, *, paused: bool) -> None:
        """Somebody pauses a member of the native queues by AMI or the PBX's command line."""
        for event in self.native.pause(login, paused=paused):
            if self.connected:
                self._hear(None, event)

    def abandon(self) -> None:
        """The router was killed: what it was doing is left as it is; its subscriptions to others' channels end."""
        self._connection += 1
        self._deliver = None
        self.switch.application = False
        self._lanes.clear()
        for channel in self.switch.channels.values():
            channel.watched = False

    def cut(self, reason: str = "connection lost") -> None:
        """The connection breaks under a living router."""
        if not self.connected:
            return
        deliver = self._deliver
        assert deliver is not None
        self._connection += 1
        self.switch.application = False
        unanswered = [effect for lane in self._lanes.values() for effect in lane]
        self._lanes.clear()
        news: list[ev.AnyEvent] = [_refusal(effect, 0, reason) for effect in unanswered]
        news.insert(self.switch.random.randint(0, len(news)), ev.PbxLost(reason=reason))
        for event in news:
            deliver(event)

    # -- ports.Pbx

    def perform(self, effect: do.CallEffect) -> None:
        if not self.connected:
            self.switch.clock.after(0.0, lambda: self._refuse(effect, 0, "not connected", self._connection))
            return
        lane = self._lanes.setdefault(effect.call, deque())
        lane.append(effect)
        if len(lane) == 1:
            self._begin(effect)

    def mirror(self, effect: do.MirrorMember) -> None:
        if self._first_wishes is None:
            self.native.mirror(effect)
        else:
            self._first_wishes.append(effect)

    def light(self, effect: do.SetLamp) -> None:
        self.lamps[effect.name] = effect.state

    def beat(self, epoch: int) -> None:
        self.switch.beat = float(epoch)

    def take_picture(self, why: Literal["start", "reconnect", "overflow", "audit"]) -> None:
        """Channels and bridges are counted one after the other, while life goes on."""
        if not self.connected:
            return
        gone: set[str] = set()
        seen: list[SeenChannel] = []
        self._gone_during_picture.append(gone)

        def count_channels() -> None:
            self.switch.looked = self.switch.clock.epoch()
            seen.extend(_seen(channel) for channel in self.switch.channels.values())
            self._later(ANSWER, finish)

        def finish() -> None:
            self._gone_during_picture = [one for one in self._gone_during_picture if one is not gone]
            bridges = tuple(_seen_bridge(bridge, gone) for bridge in self.switch.bridges.values())
            self._say(
                ev.PictureTaken(
                    why=why,
                    channels=tuple(channel for channel in seen if channel.channel not in gone),
                    bridges=bridges,
                    unreachable_phones=tuple(p.name for p in self.switch.phones.values() if not p.reachable),
                    pbx_started=self.switch.started,
                    records=() if why == "audit" else self.switch.record.so_far(),
                    record_unread=why != "audit" and self.switch.record.long,
                )
            )
            if why != "audit":
                self._later(ANSWER, look_at_holds)

        def look_at_holds() -> None:
            holding = (channel.id for channel in self.switch.channels.values() if channel.holds)
            self._say(ev.HoldsSeen(channels=tuple(holding)))

        self._later(ANSWER, count_channels)

    # -- news

    def _hear(self, channel: Channel | None, event: ev.AnyEvent) -> None:
        """The switch says something: it arrives a little later, in order per channel."""
        if channel is not None and isinstance(event, ev.ChannelAnswered):
            self.native.picked_up(channel)
        if channel is not None and channel.where != "ours" and not _is_watched_for(channel, event):
            return
        key = "" if channel is None else channel.id
        at = self.switch.clock.now() + timedelta(seconds=self.switch.random.uniform(*NEWS))
        at = self._last_news[key] = max(at, self._last_news.get(key, at))
        connection = self._connection
        self.switch.clock.at(at, lambda: self._arrive(event, connection))
        if isinstance(event, ev.ChannelGone):
            del self._last_news[key]

    def _arrive(self, event: ev.AnyEvent, connection: int) -> None:
        if connection != self._connection or not self.connected:
            return
        if isinstance(event, ev.ChannelGone):
            for gone in self._gone_during_picture:
                gone.add(event.channel)
        if isinstance(event, ev.PlayEnded) and event.playback in self._requests.stopped:
            self._requests.stopped.discard(event.playback)
            return
        self._say(event)

    def _say(self, event: ev.AnyEvent) -> None:
        if self._deliver is not None:
            self._deliver(event)

    def _later(self, delay: tuple[float, float], action: Action) -> None:
        """Unless the connection has gone by then."""
        connection = self._connection

        def still_connected() -> None:
            if connection == self._connection:
                action()

        self.switch.clock.after(self.switch.random.uniform(*delay), still_connected)

    # -- one effect after the other

    def _begin(self, effect: do.CallEffect) -> None:
        def sent() -> None:
            self._go_on(effect, self._requests.begin(effect))

        self._later(ANSWER, sent)

    def _go_on(self, effect: do.CallEffect, steps: Carried) -> None:
        try:
            wait = next(steps, None)
        except RefusedError as refused:
            status, reason = refused.status, refused.reason
            connection = self._connection

            def answered() -> None:
                self._refuse(effect, status, reason, connection)
                self._next(effect.call)

            self._later(ANSWER, answered)
            return
        if wait is None:
            self._next(effect.call)
        else:
            self._later((wait, wait), lambda: self._go_on(effect, steps))

    def _next(self, call: str) -> None:
        lane = self._lanes[call]
        lane.popleft()
        if lane:
            self._begin(lane[0])
        else:
            del self._lanes[call]

    def _refuse(self, effect: do.CallEffect, status: int, reason: str, connection: int) -> None:
        if connection == self._connection:
            refusal = _refusal(effect, status, reason)
            self.refusals.append(refusal)
            self._say(refusal)


def _is_watched_for(channel: Channel, event: ev.AnyEvent) -> bool:
    """Of what is announced the service hears as of a leg."""
    return channel.watched and (bool(channel.says) or type(event) not in OF_LEGS)


def _refusal(effect: do.CallEffect, status: int, reason: str) -> ev.PbxRefused:
    return ev.PbxRefused(
        effect=type(effect).__name__,
        status=status,
        reason=reason,
        call=effect.call,
        channel=getattr(effect, "channel", "") or getattr(effect, "leg", ""),
        bridge=getattr(effect, "bridge", ""),
    )


def _seen(channel: Channel) -> SeenChannel:
    phone = channel.phone
    return SeenChannel(
        channel=channel.id,
        state=channel.state,
        created=channel.created,
        phone=None if phone is None or phone.outside else phone.name,
        where=channel.where,
        number=channel.variables.get("GUDOK_NUMBER", ""),
        caller=channel.caller,
        variables=dict(channel.variables),
    )


def _seen_bridge(bridge: Bridge, gone: set[str]) -> SeenBridge:
    return SeenBridge(
        bridge=bridge.id,
        kind=bridge.kind,
        channels=tuple(channel for channel in bridge.channels if channel not in gone),
    )
