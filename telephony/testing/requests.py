"""What the switch in memory does when the router asks: each effect, its refusals as measured, and how long it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from telephony.core import effects as do
from telephony.core import events as ev
from telephony.core.effects import HangUpReason
from telephony.testing.native import NativeQueue
from telephony.testing.parts import Bridge, Channel, Phone
from telephony.testing.switch import Switch

ANSWER = (0.0004, 0.003)
"""Seconds, least and most, that a request takes on its way there, and its answer back."""
CAUSES = {
    HangUpReason.NORMAL: 16,
    HangUpReason.BUSY: 17,
    HangUpReason.NO_ANSWER: 19,
    HangUpReason.CONGESTION: 34,
}
Carried = Iterator[float]
"""An effect under way: yields the seconds it still takes, raises RefusedError when the PBX will not."""


@dataclass
class RefusedError(Exception):
    status: int
    reason: str


class Requests:
    """`say` hears at once of what is confirmed."""

    def __init__(self, switch: Switch, native: NativeQueue, say: Callable[[ev.AnyEvent], None]) -> None:
        self.switch, self.native, self._say = switch, native, say
        self.stopped: set[str] = set()
        """Prompts that the router has stopped: their end is no news to it."""
        self._auto_answer: set[str] = set()
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
            do.Announce: self._announce,
            do.Snoop: self._snoop,
            do.EndSnoop: self._end_snoop,
        }

    def begin(self, effect: do.CallEffect) -> Carried:
        return self._steps[type(effect)](effect)

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
        self.stopped.add(effect.playback)
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
        leg.asks_us = effect.variables.get("PJSIP_TRANSFER_HANDLING()") == "ari-only"
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
        if channel.says and channel.state == "up":
            self.switch.tell(channel, ev.ChannelAnswered(channel=channel.id))

    def _announce(self, effect: do.Announce) -> Carried:
        """A channel of the dialplan: we hear of its end only where we watch it."""
        if effect.channel in self.switch.channels:
            raise RefusedError(409, "Channel with given unique ID already exists")
        phone = self.switch.phones.get(effect.phone)
        if phone is None or not phone.reachable:
            raise RefusedError(500, "Allocation failed")
        made = Channel(effect.channel, self.switch.clock.now(), effect.channel, "elsewhere", phone=phone)
        made.says = effect.prompts
        self.switch.add(made)
        self.switch.ring(made, effect.seconds, auto_answer=effect.auto_answer)
        yield self._answered()

    def _snoop(self, effect: do.Snoop) -> Carried:
        """A channel beside the operator's; it ends with that."""
        operator = self._ours(effect.operator)
        self._ours(effect.helper)
        snoop = Channel(effect.snoop, self.switch.clock.now(), effect.snoop, "ours", state="up", watched=True)
        snoop.variables = {"GUDOK_ROLE": "snoop"}
        snoop.spies_on, snoop.whispers = operator, effect.mode == "whisper"
        self.switch.add(snoop)
        bridge = self.switch.bridges[effect.bridge] = Bridge(effect.bridge, "mixing")
        yield self._answered()
        for name in (effect.snoop, effect.helper):
            yield from self._enter(bridge, name)
        yield self._answered()
        self._say(_bridged(effect, (effect.helper, effect.snoop)))

    def _end_snoop(self, effect: do.EndSnoop) -> Carried:
        bridge = self.switch.bridges.pop(effect.bridge, None)
        for channel in [] if bridge is None else list(bridge.channels.values()):
            self.switch.leave_bridge(channel)
        snoop = self.switch.channels.get(effect.snoop)
        if snoop is None:
            raise RefusedError(404, "Channel not found")
        self.switch.end(snoop)
        yield self._answered()


def _bridged(effect: do.Connect | do.Join | do.Snoop, channels: tuple[str, ...]) -> ev.Bridged:
    return ev.Bridged(call=effect.call, bridge=effect.bridge, channels=channels)
