"""Random histories of a center keep the promises: hypothesis looks for one that does not.

`HYPOTHESIS_PROFILE=long` looks longer, and elsewhere each time.
"""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from msgspec.structs import replace

import handlers
from telephony.core import events as ev
from telephony.core.commands import ComeBack, LogIn, LogOut
from telephony.core.plan import Overflow, Plan, Queue
from telephony.core.staff import Operator
from telephony.testing.parts import BUSY, DECLINED, Channel, Phone
from telephony.testing.people import dial_code
from telephony.testing.promises import Promises, state_of
from telephony.testing.story import Story
from telephony.testing.waiting_promises import check_nobody_waits_in_vain
from tests.scenarios.small_center import PLAN

for name, examples, steps in (("short", 200, 40), ("long", 3000, 80), ("hunt", 300, 50)):
    settings.register_profile(
        name,
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=name == "short",
        phases=(Phase.explicit, Phase.reuse, Phase.generate, *((Phase.shrink,) if name != "hunt" else ())),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
PROFILE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))

pytestmark = pytest.mark.timeout(0 if os.environ.get("HYPOTHESIS_PROFILE") else 600)
"""A history that breaks a promise is worth the time it takes to make it short."""

PHONES = [phone.name for phone in PLAN.phones]
LOGINS = ["anna", "boris", "vera"]
SKILLS = [{"booking": 1}, {"booking": 3, "children": 3}, {"results": 1, "paid": 1}, {"senior": 1}, {}]
IMPATIENT = Queue(name="impatient", label="Impatient", numbers=("1307",), require={"booking": 1}, max_wait=0)
PASSES_ON = Queue(
    name="passes_on",
    label="Passes on",
    numbers=("1308",),
    require={"booking": 3},
    overflow=(Overflow(after=0, require={"results": 1}), Overflow(after=20, to_queue="paid")),
)
NUMBERS = ["1300", "1301", "1302", "1303", "1304", "1305", "1306", "1307", "1308", "1999"]
INSIDE = ["2001", "2002", "2003", "201", "801", "802", "1304", "777", "234567", "202"]
OF_PEOPLE = ("emergency_pause", "hand_waits")
"""Alarms that tell what people do, or do not; the others tell of machines."""
SOON = [0.0005, 0.001, 0.002, 0.005, 0.02, 0.3, 1.0, 4.0, 11.0, 21.0, 35.0]

numbers, phones, logins = st.sampled_from(NUMBERS), st.sampled_from(PHONES), st.sampled_from(LOGINS)


class Center(RuleBasedStateMachine):
    """A center in good order: people do what they like, the machines live."""

    story: Story
    plan = replace(PLAN, queues=(*PLAN.queues, IMPATIENT, PASSES_ON))

    @initialize(seed=st.integers(0, 1000), skills=st.lists(st.sampled_from(SKILLS), min_size=3, max_size=3))
    def opens(self, seed: int, skills: list[dict[str, int]]) -> None:
        self.promises = Promises(handlers.handle)
        self.story = Story(handlers.handle, self.plan_of(seed), seed=seed, watch=self.promises.watch)
        self.calm = True
        with self.story.at_once():
            for login, skill in zip(LOGINS, skills, strict=True):
                self.story.operator(login, **skill)
        self.story.at_once().__enter__()
        for login, phone in zip(LOGINS, PHONES, strict=False):
            self.logs_in(login, phone)
        self.prepare()
        self.story.passes(3)

    def plan_of(self, seed: int) -> Plan:
        """Of this day."""
        return self.plan

    def prepare(self) -> None:
        """What else a day begins with."""

    def teardown(self) -> None:
        if hasattr(self, "story"):
            self.promises.everybody_goes_home(self.story)
            if self.calm:
                assert self.story.log.repairs == []
                assert [alarm for alarm in self.story.life.alarms if alarm.code not in OF_PEOPLE] == []

    # -- callers

    @rule(number=numbers, caller=st.sampled_from(["c1", "c2", "c3"]))
    def calls(self, number: str, caller: str) -> None:
        self.story.calls(number, caller)

    @precondition(lambda self: self.story.callers)
    @rule(which=st.integers(0, 5))
    def caller_hangs_up(self, which: int) -> None:
        alive = [caller for caller in self.story.callers.values() if not caller.gone]
        if alive:
            alive[which % len(alive)].hangs_up()

    @rule(seconds=st.sampled_from(SOON))
    def time_passes(self, seconds: float) -> None:
        self.story.passes(seconds)
        if seconds >= 1:
            self.story.passes(1)
            check_nobody_waits_in_vain(self.story)

    # -- phones

    def _phone(self, name: str) -> Phone:
        return self.story.switch.phones[name]

    def _channels(self, name: str, *, ringing: bool) -> list[Channel]:
        return [one for one in self._phone(name).channels.values() if (one.ring_over is not None) is ringing]

    @rule(phone=phones)
    def answers(self, phone: str) -> None:
        for channel in self._channels(phone, ringing=True)[:1]:
            self.story.switch.pick_up(channel)

    @rule()
    def everybody_answers(self) -> None:
        for phone in PHONES:
            self.answers(phone)

    @rule(phone=phones, how=st.sampled_from([DECLINED, BUSY, (34, 503), (1, 404)]))
    def refuses(self, phone: str, how: tuple[int, int]) -> None:
        for channel in self._channels(phone, ringing=True)[:1]:
            self.story.switch.refuse(channel, how)

    @rule(phone=phones, newest=st.booleans())
    def hangs_up(self, phone: str, newest: bool) -> None:
        for channel in self._channels(phone, ringing=False)[-1 if newest else 0 :][:1]:
            self.story.switch.hang_up(channel)

    @rule(phone=phones, number=st.sampled_from(INSIDE))
    def dials(self, phone: str, number: str) -> None:
        if len(self._phone(phone).channels) < 2:
            self.story.switch.dial(self._phone(phone), number)

    @rule(phone=phones, number=st.sampled_from(INSIDE))
    def transfers(self, phone: str, number: str) -> None:
        for channel in self._channels(phone, ringing=False)[:1]:
            self.story.switch.refer(channel, number)

    @rule(phone=phones, asks=st.integers(0, 3), replaced=st.integers(0, 3))
    def completes_transfer(self, phone: str, asks: int, replaced: int) -> None:
        """On any of the phone's calls, for any other: which of them is the consultation is for us to find out."""
        channels = self._channels(phone, ringing=False)
        if len(channels) > 1:
            asks, replaced = asks % len(channels), replaced % len(channels)
            self.story.switch.refer_attended(channels[asks], channels[replaced])

    @rule(phone=phones, number=st.sampled_from(INSIDE))
    def calls_somebody(self, phone: str, number: str) -> None:
        self.dials(phone, number)
        self.story.passes(0.3)
        self.everybody_answers()
        self.story.passes(0.3)

    @rule(phone=phones, number=st.sampled_from(INSIDE), newest=st.booleans())
    def consults_and_joins(self, phone: str, number: str, newest: bool) -> None:
        """All in a row, which single steps seldom come to."""
        if len(self._channels(phone, ringing=False)) == 1:
            self.calls_somebody(phone, number)
            self.completes_transfer(phone, asks=-int(newest), replaced=int(newest) - 1)

    @rule(phone=phones, held=st.booleans())
    def holds_or_resumes(self, phone: str, held: bool) -> None:
        for channel in self._channels(phone, ringing=False)[:1]:
            if held:
                self.story.switch.hold(channel)
            else:
                self.story.switch.resume(channel)

    @rule(phone=phones, manner=st.sampled_from(["rings", "picks_up", "busy", "rejects", "silent"]))
    def phone_is_set(self, phone: str, manner: str) -> None:
        self._phone(phone).manner = manner  # type: ignore[assignment]

    @rule(phone=phones)
    def phone_is_lost_or_back(self, phone: str) -> None:
        self.story.switch.set_reachable(self._phone(phone), not self._phone(phone).reachable)

    @rule(answer=st.booleans())
    def somebody_outside(self, answer: bool) -> None:
        for outside in self.story.switch.outside.values():
            for channel in list(outside.channels.values()):
                if answer and channel.ring_over is not None:
                    self.story.switch.pick_up(channel)
                else:
                    self.story.switch.hang_up(channel)

    # -- codes

    @rule(login=logins, phone=phones)
    def logs_in(self, login: str, phone: str) -> None:
        dial_code(
            self.story,
            self._phone(phone),
            lambda channel: LogIn(command=channel, login=login, phone=phone, channel=channel),
        )

    @rule(phone=phones)
    def logs_out(self, phone: str) -> None:
        dial_code(
            self.story,
            self._phone(phone),
            lambda channel: LogOut(command=channel, phone=phone, channel=channel),
        )

    @rule(phone=phones)
    def comes_back(self, phone: str) -> None:
        dial_code(
            self.story,
            self._phone(phone),
            lambda channel: ComeBack(command=channel, phone=phone, channel=channel),
        )

    @rule(login=logins, skills=st.sampled_from(SKILLS), enabled=st.sampled_from([True, True, False]))
    def person_changes(self, login: str, skills: dict[str, int], enabled: bool) -> None:
        extension = str(2001 + LOGINS.index(login))
        self.story.change(Operator(login=login, name=login, extension=extension, skills=skills, enabled=enabled))

    # -- what is none of our business

    @rule(which=st.integers(0, 7))
    def something_stale_is_heard(self, which: int) -> None:
        """An event that speaks of what we do not know, or not any more, changes nothing."""
        if not self.story.life.alive:
            return
        unknown = "gudok-1.1"
        heard: list[ev.AnyEvent] = [
            ev.ChannelGone(channel=unknown),
            ev.ChannelAnswered(channel=unknown),
            ev.LegReady(channel=unknown),
            ev.Bridged(call=unknown, bridge="b", channels=(unknown,)),
            ev.PlayEnded(playback="p"),
            ev.TransferAsked(channel=unknown, number="801"),
            ev.TimerFired(key=f"wait:{next(iter(self.story.center.calls), unknown)}", generation=-1),
            ev.TimerFired(key="wrap:anna", generation=-1),
        ]
        before = state_of(self.story.center)
        effects = handlers.handle(self.story.center, heard[which], self.story.clock.now() + timedelta(0))
        assert list(effects) == []
        assert state_of(self.story.center) == before


class StormyCenter(Center):
    """The same, while the router, the PBX and the line between them fail."""

    def _storm(self) -> None:
        self.calm = False

    @precondition(lambda self: self.story.life.alive)
    @rule()
    def router_is_killed(self) -> None:
        self._storm()
        self.story.kill_router()

    @precondition(lambda self: not self.story.life.alive)
    @rule()
    def router_starts(self) -> None:
        self.story.start_router()

    @precondition(lambda self: self.story.life.alive)
    @rule(seconds=st.sampled_from([0.1, 1.5, 4.0]))
    def router_freezes(self, seconds: float) -> None:
        self._storm()
        self.story.router_freezes(seconds)

    @precondition(lambda self: self.story.pbx.connected)
    @rule()
    def line_breaks(self) -> None:
        self._storm()
        self.story.lose_connection()

    @precondition(lambda self: self.story.switch.up and self.story.life.alive and not self.story.pbx.connected)
    @rule()
    def line_is_back(self) -> None:
        self.story.reconnect()

    @precondition(lambda self: self.story.switch.up)
    @rule(really=st.integers(0, 3))
    def pbx_dies(self, really: int) -> None:
        if really == 0:
            self._storm()
            self.story.kill_pbx()

    @precondition(lambda self: not self.story.switch.up)
    @rule()
    def pbx_starts(self) -> None:
        self.story.start_pbx()

    @precondition(lambda self: self.story.pbx.connected)
    @rule(why=st.sampled_from(["audit", "overflow"]))
    def picture_is_taken(self, why: str) -> None:
        self._storm()
        self.story.pbx.take_picture(why)  # type: ignore[arg-type]


TestCenter = Center.TestCase
TestCenter.settings = PROFILE
TestStormyCenter = StormyCenter.TestCase
TestStormyCenter.settings = PROFILE
