"""Random days on which hands are raised and seniors come, in a center where everything may break."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule
from msgspec.structs import replace

from telephony.core.commands import TakeBreak
from telephony.core.plan import BreakRules, Group
from tests.scenarios.break_center import EMERGENCY
from tests.scenarios.small_center import PLAN
from tests.scenarios.test_promises import PROFILE, SOON, StormyCenter, phones

pytestmark = pytest.mark.timeout(600)


class HelpfulCenter(StormyCenter):
    """Everybody with a skill may help everybody."""

    plan = replace(
        PLAN,
        breaks=BreakRules(seniors="helpers", heads="seniors", emergency=30, emergency_reasons={"1": "Fire"}),
        groups=(*PLAN.groups, Group(name="helpers", logins=("anna", "boris", "vera"))),
    )

    def prepare(self) -> None:
        """All take bookings, and somebody talks already."""
        for login in ("anna", "boris", "vera"):
            self.story.operator(login, booking=1)
        self.somebody_talks()

    @rule()
    def somebody_talks(self) -> None:
        self.story.switch.call_in("1302", "caller-0")
        self.story.passes(0.1)
        self.everybody_answers()
        self.story.passes(0.1)

    @rule(mode=st.sampled_from(["listen", "whisper", "join"]), wait=st.sampled_from(SOON), paused=st.booleans())
    def needs_help_and_gets_it(self, mode: Literal["listen", "whisper", "join"], wait: float, *, paused: bool) -> None:
        """Whoever talks raises a hand; whoever is free, or on a break, comes."""
        self.somebody_talks()
        working = [name for name in ("phone01", "phone02", "phone03", "phone04") if self._phone(name).reachable]
        for name in [name for name in working if self._channels(name, ringing=False)][:1]:
            self.raises_or_lowers_a_hand(name)
        self.story.passes(min(wait, 4.0))
        for name in [name for name in working if not self._phone(name).channels]:
            if paused:
                self.pauses(name)
            self.comes_to_help(name, mode, "")
        self.story.passes(wait)

    @rule(phone=phones)
    def raises_or_lowers_a_hand(self, phone: str) -> None:
        for channel in self._channels(phone, ringing=False)[-1:]:
            for _ in range(2):
                self.story.switch.press(channel, "*")

    @rule(phone=phones, mode=st.sampled_from(["listen", "whisper", "join"]), whom=st.sampled_from(["", "2001", "2002"]))
    def comes_to_help(self, phone: str, mode: Literal["listen", "whisper", "join"], whom: str) -> None:
        if len(self._phone(phone).channels) < 2:
            self.story.switch.dial_help(self._phone(phone), mode, whom)

    @rule(phone=phones)
    def pauses(self, phone: str) -> None:
        agent = self.story.center.at_phone.get(phone)
        if agent is not None:
            self.story.tell(TakeBreak(command="ask", kind=EMERGENCY, login=agent.login, reason="1", door="cli"))

    @rule(phone=phones, key=st.sampled_from("123"))
    def presses_a_key(self, phone: str, key: str) -> None:
        for channel in self._channels(phone, ringing=False)[-1:]:
            self.story.switch.press(channel, key)

    @rule(which=st.integers(0, 3))
    def a_snoop_is_killed(self, which: int) -> None:
        snoops = [channel for channel in self.story.switch.channels.values() if channel.spies_on is not None]
        for snoop in snoops[which:][:1]:
            self.story.switch.end(snoop)


TestHelpfulCenter = HelpfulCenter.TestCase
TestHelpfulCenter.settings = PROFILE
