"""The PBX's own queue, in memory: who answers callers while no router does. Slow: it looks twice a second."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from telephony.core import events as ev
from telephony.core.effects import MirrorMember
from telephony.core.epoch import moment
from telephony.testing.parts import NORMAL_CLEARING, Bridge, Channel
from telephony.testing.switch import Switch

RECHECK = 0.5
RING = 15.0
TAKEN_BACK = 2.0
"""So long nobody is rung from here after the router has looked: it takes the callers back."""


@dataclass(slots=True)
class Member:
    phone: str
    queues: tuple[str, ...]
    paused: bool
    wanted: bool
    """What the router wishes."""
    last_pause: datetime | None = None
    """When it was paused last by another door."""


class NativeQueue:
    """Members are what the router has mirrored; they outlive it, as they outlive it on the PBX."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._legs: dict[str, Channel] = {}
        """Leg -> the caller it rings for, or talks with."""
        self.members: dict[str, Member] = {}
        self._look_again()

    def mirror(self, effect: MirrorMember) -> None:
        if effect.queues:
            self.members[effect.login] = Member(effect.phone, effect.queues, effect.paused, effect.paused)
        else:
            self.members.pop(effect.login, None)

    def pause(self, login: str, *, paused: bool) -> list[ev.NativePauseSeen]:
        """By another door than the router. Answers what is heard of it: one event for each queue."""
        member = self.members.get(login)
        if member is None:
            return []
        if paused and not member.paused:
            member.last_pause = self._switch.clock.now()
        member.paused = paused
        return [ev.NativePauseSeen(phone=member.phone, queue=queue, paused=paused) for queue in member.queues]

    def paused_past_us(self, on_record: Iterable[MirrorMember] = ()) -> list[ev.NativePauseSeen]:
        """What a router finds when it looks: members that stand otherwise than it wished; a new one goes by its first
        wishes, which tell what is on record."""
        for effect in reversed(list(on_record)):
            if effect.login in self.members:
                self.members[effect.login].wanted = effect.paused
        differing = [member for member in self.members.values() if member.paused != member.wanted]
        return [event for member in differing for event in _found(member)]

    def waiting(self) -> list[Channel]:
        """Callers in the native queues with whom nobody talks."""
        return [
            channel
            for channel in self._switch.channels.values()
            if channel.where == "fallback" and channel.bridge is None
        ]

    def rescue(self) -> int:
        """What the guard does when no router is alive: waiting callers of ours come here, legs and operators' own calls
        that have reached nobody end. Returns how many callers."""
        stranded = [
            channel
            for channel in self._switch.channels.values()
            if channel.where == "ours" and _came_in(self._switch, channel) and not _talks(channel)
        ]
        for channel in stranded:
            queue = channel.variables.get("GUDOK_QUEUE")
            if queue is None:
                self._switch.end(channel, *NORMAL_CLEARING)
            else:
                self._switch.stop_prompt(channel)
                self._switch.to_fallback(channel, queue)
        for channel in list(self._switch.channels.values()):
            leg = "GUDOK_CALL" in channel.variables and channel.bridge is None
            own = channel.variables.get("GUDOK_ROLE") == "own" and not _talks(channel)
            if channel.where == "ours" and (leg or own):
                self._switch.end(channel, *NORMAL_CLEARING)
        return len(stranded)

    def give_back(self, channel: Channel, queue: str) -> None:
        """AMI Redirect to gudok-return: the caller enters our application, or stays where nobody takes callers."""
        self._drop_legs_of(channel)
        self._switch.leave_bridge(channel)
        self._enters(channel, queue)
        self._look()  # whoever stood behind them is the first now

    def hand_over(self, leg: Channel, number: str) -> bool:
        """The PBX carries out the transfer of a native talk: the caller enters our application. Whether it is one."""
        caller = self._legs.get(leg.id)
        if caller is None or leg.bridge is None:
            return False
        self._switch.leave_bridge(caller)
        self._switch.end(leg, *NORMAL_CLEARING)
        self._enters(caller, caller.variables["GUDOK_QUEUE"], handed_to=number)
        return True

    def _enters(self, caller: Channel, queue: str, handed_to: str | None = None) -> None:
        """The dialplan gives the caller to our application, with the number that a transfer is for."""
        caller.waits_in, caller.where = None, "ours"
        self._switch.tell(
            caller,
            ev.CallerArrived(
                channel=caller.id,
                number=caller.number,
                caller=caller.caller,
                arrived=self._switch.record.truth[caller.id].arrived,
                via="fallback",
                queue=queue,
                queued=moment(caller.variables["GUDOK_QUEUED"]),
                up=handed_to is not None,
                handed_to=handed_to,
                trunk=None if handed_to is None else self._switch.trunk_to(handed_to),
            ),
        )

    def _look_again(self) -> None:
        self._look()
        self._switch.clock.after(RECHECK, self._look_again)

    def _look(self) -> None:
        self._clear()
        taken_back = self._switch.clock.epoch() - self._switch.looked <= TAKEN_BACK
        for caller in [] if taken_back else self.waiting():
            if caller not in self._legs.values():
                self._ring_somebody(caller)

    def _clear(self) -> None:
        """Forget legs that have ended, hang up those whose caller has, join those that were picked up."""
        channels = self._switch.channels
        for name, caller in list(self._legs.items()):
            leg = channels.get(name)
            if leg is None:
                del self._legs[name]
            elif caller.gone:
                self._switch.end(leg, *NORMAL_CLEARING)

    def _ring_somebody(self, caller: Channel) -> None:
        for member in self.members.values():
            phone = self._switch.phones[member.phone]
            if caller.waits_in in member.queues and not member.paused and phone.reachable and not phone.channels:
                leg = Channel(self._switch.own_name(), self._switch.clock.now(), caller.linked, "elsewhere")
                leg.phone = phone
                self._switch.add(leg)
                self._legs[leg.id] = caller
                self._switch.ring(leg, RING)
                return

    def picked_up(self, leg: Channel) -> None:
        """A native leg was answered: the two talk at once."""
        caller = self._legs.get(leg.id)
        if caller is None or caller.gone or caller.where != "fallback":
            return
        bridge = Bridge(f"{leg.id}-bridge", "mixing", native=True)
        self._switch.bridges[bridge.id] = bridge
        self._switch.enter(bridge, (caller, leg))

    def _drop_legs_of(self, caller: Channel) -> None:
        for name, owner in list(self._legs.items()):
            leg = self._switch.channels.get(name)
            if owner is caller and leg is not None:
                if leg.bridge is not None:
                    self._switch.leave_bridge(leg)
                self._switch.end(leg, *NORMAL_CLEARING)
                del self._legs[name]


def _found(member: Member) -> list[ev.NativePauseSeen]:
    """Of the end of a pause the PBX keeps no time."""
    began = member.last_pause if member.paused else None
    return [
        ev.NativePauseSeen(phone=member.phone, queue=queue, paused=member.paused, began=began, stands=began is not None)
        for queue in member.queues
    ]


def _came_in(switch: Switch, channel: Channel) -> bool:
    """From outside, on a service number."""
    truth = switch.record.truth.get(channel.id)
    return truth is not None and truth.phone is None


def _talks(channel: Channel) -> bool:
    return channel.bridge is not None and channel.bridge.kind == "mixing"
