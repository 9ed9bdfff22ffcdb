"""The people of a story: callers, operators, and whoever else picks up a telephone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from telephony.core import commands, staff
from telephony.core import effects as do
from telephony.core import events as ev
from telephony.core.break_facts import BreakKind
from telephony.testing import calllog
from telephony.testing.parts import BUSY, DECLINED, Channel, Phone

if TYPE_CHECKING:
    from telephony.testing.story import Story

SPOKEN = 1.5
"""Seconds that a feature code takes: the answer, and its being said."""


def dial_code(story: Story, phone: Phone, ask: Callable[[str], ev.AnyEvent]) -> Channel:
    """Dial a feature code; `ask` makes the command from the channel. The dialplan hangs up by itself."""
    channel = story.switch.dial_code(phone)
    if not channel.gone:
        story.tell(ask(channel.id))
    story.clock.after(SPOKEN, lambda: story.switch.hang_up(channel))
    return channel


class Caller:
    """Somebody on a service number."""

    def __init__(self, story: Story, channel: Channel) -> None:
        self._story, self.channel = story, channel
        self.id = channel.id

    @property
    def gone(self) -> bool:
        return self.channel.gone

    @property
    def hears(self) -> str:
        """`silence`, `music`, `prompt`, or who is at the other end: login, phone or number."""
        return _heard_on(self._story, self.channel)

    @property
    def record(self) -> calllog.Call:
        """The call in the log. Commits what the journal still buffers."""
        self._story.journal.commit()
        return self._story.log.calls[self.id]

    @property
    def rung(self) -> list[str]:
        """Who has been rung for this caller, in order: login, number or phone."""
        return [who or "" for who, _ in self.record.rung]

    def hangs_up(self) -> None:
        self._story.switch.hang_up(self.channel)
        self._story.moment()


class Telephone:
    """A phone and whoever sits at it. The newest call is meant where there are several."""

    def __init__(self, story: Story, phone: Phone) -> None:
        self._story, self.phone = story, phone

    @property
    def ringing(self) -> Channel | None:
        return next((c for c in reversed(self.phone.channels.values()) if c.ring_over is not None), None)

    @property
    def talking(self) -> list[Channel]:
        """Calls that are up or dialed by the phone itself, oldest first."""
        return [channel for channel in self.phone.channels.values() if channel.ring_over is None]

    def rings(self) -> bool:
        return self.ringing is not None and self.ringing.state == "ringing"

    def rings_for(self, caller: Caller) -> bool:
        return self.rings() and self.ringing is not None and self.ringing.variables.get("GUDOK_CALL") == caller.id

    @property
    def hears(self) -> str:
        """On the newest call."""
        return _heard_on(self._story, self.talking[-1]) if self.talking else "nothing"

    def answers(self) -> None:
        assert self.ringing is not None, f"{self.phone.name} does not ring"
        self._story.switch.pick_up(self.ringing)
        self._story.moment()

    def rejects(self) -> None:
        assert self.ringing is not None, f"{self.phone.name} does not ring"
        self._story.switch.refuse(self.ringing, DECLINED)
        self._story.moment()

    def is_busy(self) -> None:
        """Answers the ring with 486."""
        assert self.ringing is not None, f"{self.phone.name} does not ring"
        self._story.switch.refuse(self.ringing, BUSY)
        self._story.moment()

    def hangs_up(self) -> None:
        """The newest call."""
        self._story.switch.hang_up(self.talking[-1])
        self._story.moment()

    def dials(self, number: str) -> Channel:
        channel = self._story.switch.dial(self.phone, number)
        self._story.moment()
        return channel

    def transfers_to(self, number: str) -> None:
        """The transfer key, at once."""
        if not self._story.pbx.native.hand_over(self.talking[0], number):
            self._story.switch.refer(self.talking[0], number)
        self._story.moment()

    def consults(self, number: str) -> Channel:
        """Holds the other side and dials on the second line."""
        self._story.switch.hold(self.talking[0])
        return self.dials(number)

    def completes_transfer(self, *, on_newest: bool = False) -> None:
        """The transfer key, with a consultation under way. Phones ask on the oldest of their calls, or `on_newest`."""
        calls = self.talking
        asks, replaced = (calls[-1], calls[0]) if on_newest else (calls[0], calls[-1])
        self._story.switch.refer_attended(asks, replaced)
        self._story.moment()

    def is_lost(self) -> None:
        """The phone's registration is gone."""
        self._story.switch.set_reachable(self.phone, False)
        self._story.moment()

    def is_back(self) -> None:
        self._story.switch.set_reachable(self.phone, True)
        self._story.moment()


class Operator(Telephone):
    """An operator; `phone` is the one they last logged in on."""

    def __init__(self, story: Story, person: staff.Operator) -> None:
        super().__init__(story, Phone("no phone yet"))
        self.person = person
        self.said = ""
        """Code of the last spoken answer."""
        self._commands = 0

    @property
    def login(self) -> str:
        return self.person.login

    @property
    def state(self) -> str:
        """What the router thinks: a value of `State`."""
        return self._story.center.agents[self.login].state

    @property
    def states(self) -> list[str]:
        """Of the whole story, as logged."""
        self._story.journal.commit()
        return [interval.state for interval in self._story.log.intervals.get(self.login, [])]

    @property
    def interval(self) -> calllog.Interval:
        """The present state as logged."""
        self._story.journal.commit()
        return self._story.log.intervals[self.login][-1]

    # -- feature codes

    def logs_in(self, phone: str) -> str:
        """Answers what is said: a code such as `logged-in`."""
        where = self._story.switch.phones[phone]
        said = self._dial_code(
            where, lambda name, channel: commands.LogIn(command=name, login=self.login, phone=phone, channel=channel)
        )
        if said in ("logged-in", "already-logged-in"):
            self.phone = where
        return said

    def logs_out(self) -> str:
        return self._dial_code(
            self.phone, lambda name, channel: commands.LogOut(command=name, phone=self.phone.name, channel=channel)
        )

    def comes_back(self) -> str:
        return self._dial_code(
            self.phone, lambda name, channel: commands.ComeBack(command=name, phone=self.phone.name, channel=channel)
        )

    def asks_state(self) -> str:
        return self._dial_code(
            self.phone, lambda name, channel: commands.TellState(command=name, phone=self.phone.name, channel=channel)
        )

    def asks_break(self, kind: BreakKind = BreakKind.TECHNICAL, reason: str = "") -> str:
        """Dials the code of this kind of break; `reason`: a digit."""
        return self._dial_code(
            self.phone,
            lambda name, channel: commands.TakeBreak(
                command=name, kind=kind, phone=self.phone.name, reason=reason, channel=channel
            ),
        )

    def _dial_code(self, phone: Phone, ask: Callable[[str, str], ev.AnyEvent]) -> str:
        """Dial, hear the answer, hang up."""
        story = self._story
        self._commands += 1
        name = f"{self.login}-{self._commands}"
        channel = dial_code(story, phone, lambda channel: ask(name, channel))
        while not channel.gone and name not in story.life.replies:
            story.passes(0.05)
        reply: do.Reply | None = story.life.replies.get(name)
        self.said = "service-away" if reply is None else reply.code
        while not channel.gone:
            story.passes(0.05)
        story.moment()
        return self.said

    def raises_hand(self) -> str:
        return self._dial_code(
            self.phone, lambda name, channel: commands.RaiseHand(command=name, phone=self.phone.name, channel=channel)
        )

    def gives_outcome(self, digits: str) -> str:
        return self._dial_code(
            self.phone,
            lambda name, channel: commands.GiveOutcome(
                command=name, phone=self.phone.name, digits=digits, channel=channel
            ),
        )

    def helps(self, mode: Literal["listen", "whisper", "join"] = "listen", extension: str = "") -> Channel:
        """Dials the code of a senior."""
        channel = self._story.switch.dial_help(self.phone, mode, extension)
        self._story.moment()
        return channel

    # -- in a call

    def presses(self, keys: str) -> None:
        """On the newest call, one after the other."""
        for key in keys:
            self._story.switch.press(self.talking[-1], key)
            self._story.passes(0.2)
        self._story.moment()

    def holds(self) -> None:
        self._story.switch.hold(self.talking[-1])
        self._story.moment()

    def resumes(self) -> None:
        self._story.switch.resume(self.talking[0])
        self._story.moment()


def _heard_on(story: Story, channel: Channel) -> str:
    if channel.gone:
        return "nothing"
    if channel.playback is not None or (channel.says and channel.state == "up"):
        return "prompt"
    if channel.bridge is None:
        return "silence"
    if channel.bridge.kind == "holding":
        return "music"
    others = [other for other in channel.bridge.channels.values() if other is not channel and other.spies_on is None]
    for snoop in [other for other in channel.bridge.channels.values() if other.spies_on is not None]:
        spied = snoop.spies_on
        if spied is not None and spied.bridge is not None:
            others += spied.bridge.channels.values()
    for snoop in story.switch.channels.values():
        if snoop.spies_on is channel and snoop.whispers and snoop.bridge is not None:
            others += [other for other in snoop.bridge.channels.values() if other is not snoop]
    names = [_who(story, other) for other in others]
    return " ".join(sorted(names)) or "silence"


def _who(story: Story, channel: Channel) -> str:
    if channel.phone is None:
        return channel.caller
    at_phone = [operator.login for operator in story.operators.values() if operator.phone is channel.phone]
    return at_phone[0] if at_phone else channel.phone.name
