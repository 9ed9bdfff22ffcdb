"""The PBX in memory, as the router sees it: implements `telephony.ports.Pbx` over a `Switch`.

Effects of one call are carried out in order, each answered before the next is sent; those of different calls overtake
each other. What the switch says arrives late by a few milliseconds, in order per channel only. While the connection
is cut nothing arrives, and what was asked is refused with status 0, whether it was carried out or not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from telephony.core import effects as do
from telephony.core import events as ev
from telephony.testing.clock import Action
from telephony.testing.native import NativeQueue
from telephony.testing.switch import Bridge, Channel, Phone, Switch

ANSWER = (0.0004, 0.003)
"""Seconds, least and most, that a request takes on its way there, and its answer back."""
NEWS = (0.0001, 0.004)
CAUSES = {
    ev.HangUpReason.NORMAL: 16,
    ev.HangUpReason.BUSY: 17,
    ev.HangUpReason.NO_ANSWER: 19,
    ev.HangUpReason.CONGESTION: 34,
}
Carried = Iterator[float]
"""An effect under way: yields the seconds it still takes, raises RefusedError when the PBX will not."""


@dataclass
class RefusedError(Exception):
    status: int
    reason: str


class MemoryPbx:
    """`connect` begins a life of the router, `cut` loses its connection, `abandon` is its SIGKILL."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch
        self.native = NativeQueue(switch)
        self.refusals: list[ev.PbxRefused] = []
        """All that was refused, for stories to look at."""
        self._stopped: set[str] = set()
        """Prompts that the router has stopped: their end is no news to it."""
        self._auto_answer: set[str] = set()
        self._deliver: Callable[[ev.AnyEvent], None] | None = None
        self._connection = 0
        self._lanes: dict[str, deque[do.CallEffect]] = {}
        self._last_news: dict[str, datetime] = {}
        self._gone_during_picture: list[set[str]] = []
        switch.tell = self._hear
        self._steps: dict[type[do.CallEffect], Callable[[Any], Carried]] = {
            do.Answer: self._answer,
            do.Ring: self._ring,
            do.Hold: self._hold,
            do.Play: self._play,
            do.StopPlay: self._stop_play,
            do.CreateLeg: self._create_leg,
            do.DialLeg: self._dial_leg,
            do.Connect: self._connect,
            do.Join: self._join,
            do.Dissolve: self._dissolve,
            do.HangUp: self._hang_up,
            do.SetVariables: self._set_variables,
            do.ReportTransfer: self._report_transfer,
            do.TakeBack: self._take_back,
            do.Watch: self._watch,
        }

    # -- the connection

    @property
    def connected(self) -> bool:
        return self.switch.application

    def attend(self, deliver: Callable[[ev.AnyEvent], None]) -> None:
        """A router lives, and hears at least that nothing can be asked."""
        self._deliver = deliver

    def connect(self) -> None:
        """Events flow from now on."""
        self._connection += 1
        self.switch.application = True

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
        self.native.mirror(effect)

    def beat(self, epoch: int) -> None:
        self.switch.beat = float(epoch)

    def take_picture(self, why: Literal["start", "reconnect", "overflow", "audit"]) -> None:
        """Channels and bridges are counted one after the other, while life goes on."""
        if not self.connected:
            return
        gone: set[str] = set()
        seen: list[ev.SeenChannel] = []
        self._gone_during_picture.append(gone)

        def count_channels() -> None:
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
                    records=() if why == "audit" else self.switch.records_so_far(),
                )
            )

        self._later(ANSWER, count_channels)

    # -- news

    def _hear(self, channel: Channel | None, event: ev.AnyEvent) -> None:
        """The switch says something: it arrives a little later, in order per channel."""
        if channel is not None and isinstance(event, ev.ChannelAnswered):
            self.native.picked_up(channel)
        if channel is not None and channel.where != "ours" and not channel.watched:
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
        if isinstance(event, ev.PlayEnded) and event.playback in self._stopped:
            self._stopped.discard(event.playback)
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
            self._go_on(effect, self._steps[type(effect)](effect))

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

    def _ours(self, channel: str) -> Channel:
        found = self.switch.channels.get(channel)
        if found is None:
            raise RefusedError(404, "Channel not found")
        if found.where != "ours":
            raise RefusedError(409, "Channel not in Stasis application")
        return found

    def _until_quiet(self, channel: Channel) -> Carried:
        """Adding a channel to a bridge blocks until the prompt on it has ended, as measured."""
        while channel.playback is not None and not channel.gone:
            yield 0.02

    def _answered(self) -> float:
        return self.switch.random.uniform(*ANSWER)

    # -- what each effect does

    def _answer(self, effect: do.Answer) -> Carried:
        self._ours(effect.channel).state = "up"
        yield self._answered()

    def _ring(self, effect: do.Ring) -> Carried:
        self._ours(effect.channel)
        yield self._answered()

    def _hold(self, effect: do.Hold) -> Carried:
        name = f"gudok-hold-{effect.music}"
        bridge = self.switch.bridges.setdefault(name, Bridge(name, "holding"))
        yield from self._enter(bridge, effect.channel)
        yield self._answered()

    def _enter(self, bridge: Bridge, name: str) -> Carried:
        channel = self._ours(name)
        yield from self._until_quiet(channel)
        if channel.gone:
            raise RefusedError(400, "Channel not found")
        self.switch.enter(bridge, (channel,))

    def _play(self, effect: do.Play) -> Carried:
        channel = self._ours(effect.channel)
        channel.variables["GUDOK_PLAYBACK"] = effect.playback
        self.switch.play(channel, effect.playback, effect.prompts)
        yield self._answered()

    def _stop_play(self, effect: do.StopPlay) -> Carried:
        channel = self.switch.playbacks.get(effect.playback)
        if channel is None:
            raise RefusedError(404, "Playback not found")
        self._stopped.add(effect.playback)
        self.switch.stop_prompt(channel)
        yield self._answered()

    def _create_leg(self, effect: do.CreateLeg) -> Carried:
        if effect.leg in self.switch.channels:
            raise RefusedError(409, "Channel with given unique ID already exists")
        originator = self.switch.channels.get(effect.originator or "")
        if effect.originator is not None and originator is None:
            raise RefusedError(400, "Provided originator channel was not found.")
        phone = self._phone(effect)
        if phone is None or not phone.reachable:
            raise RefusedError(500, "Allocation failed")
        leg = Channel(effect.leg, self.switch.clock.now(), effect.leg, "ours", phone=phone)
        leg.linked = effect.leg if originator is None else originator.linked
        leg.variables = {name: value for name, value in effect.variables.items() if name.startswith("GUDOK_")}
        self.switch.add(leg)
        if effect.auto_answer:
            self._auto_answer.add(leg.id)
        self.switch.later(*ANSWER, lambda: self._enter_application(leg))
        yield self._answered()

    def _phone(self, effect: do.CreateLeg) -> Phone | None:
        if effect.phone is not None:
            return self.switch.phones.get(effect.phone)
        number = effect.number or ""
        return self.switch.outside.setdefault(number, Phone(number, outside=True))

    def _enter_application(self, leg: Channel) -> None:
        if not leg.gone:
            leg.ready = True
            self.switch.tell(leg, ev.LegReady(channel=leg.id))

    def _dial_leg(self, effect: do.DialLeg) -> Carried:
        leg = self._ours(effect.leg)
        if not leg.ready:
            raise RefusedError(409, "Channel not in Stasis application")
        self.switch.ring(leg, effect.seconds, auto_answer=effect.leg in self._auto_answer)
        yield self._answered()

    def _connect(self, effect: do.Connect) -> Carried:
        if effect.bridge in self.switch.bridges:
            raise RefusedError(409, "Bridge with the same ID already exists")
        bridge = self.switch.bridges[effect.bridge] = Bridge(effect.bridge, "mixing")
        refused: RefusedError | None = None
        for name in effect.channels:  # sent together: nothing comes between them but a prompt that still plays
            try:
                yield from self._enter(bridge, name)
            except RefusedError as reason:
                refused = refused or RefusedError(400, reason.reason)
        if refused is not None:
            raise refused
        yield self._answered()
        self._say(_bridged(effect, effect.channels))

    def _join(self, effect: do.Join) -> Carried:
        bridge = self.switch.bridges.get(effect.bridge)
        if bridge is None:
            raise RefusedError(404, "Bridge not found")
        yield from self._enter(bridge, effect.channel)
        yield self._answered()
        self._say(_bridged(effect, (effect.channel,)))

    def _dissolve(self, effect: do.Dissolve) -> Carried:
        bridge = self.switch.bridges.pop(effect.bridge, None)
        if bridge is None:
            raise RefusedError(404, "Bridge not found")
        for channel in list(bridge.channels.values()):
            self.switch.leave_bridge(channel)
        yield self._answered()

    def _hang_up(self, effect: do.HangUp) -> Carried:
        channel = self.switch.channels.get(effect.channel)
        if channel is None:
            raise RefusedError(404, "Channel not found")
        self.switch.end(channel, CAUSES[effect.reason])
        yield self._answered()

    def _set_variables(self, effect: do.SetVariables) -> Carried:
        self._ours(effect.channel).variables.update(effect.variables)
        yield self._answered()

    def _report_transfer(self, effect: do.ReportTransfer) -> Carried:
        channel = self._ours(effect.channel)
        self.switch.tell_reported(channel, effect.state)
        yield self._answered()

    def _take_back(self, effect: do.TakeBack) -> Carried:
        channel = self.switch.channels.get(effect.channel)
        if channel is None or channel.where != "fallback":
            raise RefusedError(404, "No such channel")
        self.native.give_back(channel, effect.queue)
        yield self._answered()

    def _watch(self, effect: do.Watch) -> Carried:
        channel = self.switch.channels.get(effect.channel)
        if channel is None:
            raise RefusedError(404, "Channel not found")
        channel.watched = True
        yield self._answered()


def _refusal(effect: do.CallEffect, status: int, reason: str) -> ev.PbxRefused:
    return ev.PbxRefused(
        effect=type(effect).__name__,
        status=status,
        reason=reason,
        call=effect.call,
        channel=getattr(effect, "channel", "") or getattr(effect, "leg", ""),
        bridge=getattr(effect, "bridge", ""),
    )


def _bridged(effect: do.Connect | do.Join, channels: tuple[str, ...]) -> ev.Bridged:
    return ev.Bridged(call=effect.call, bridge=effect.bridge, channels=channels)


def _seen(channel: Channel) -> ev.SeenChannel:
    phone = channel.phone
    return ev.SeenChannel(
        channel=channel.id,
        state=channel.state,
        created=channel.created,
        phone=None if phone is None or phone.outside else phone.name,
        where=channel.where,
        number=channel.variables.get("GUDOK_NUMBER", ""),
        caller=channel.caller,
        variables=dict(channel.variables),
    )


def _seen_bridge(bridge: Bridge, gone: set[str]) -> ev.SeenBridge:
    return ev.SeenBridge(
        bridge=bridge.id,
        kind=bridge.kind,
        channels=tuple(channel for channel in bridge.channels if channel not in gone),
    )
