"""Random days of breaks through all doors, in a center in good order and in one whose machines fail: nobody is paused
without a permission, the cap holds, and all the other promises with it. The checks: telephony.testing.break_promises.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from msgspec.structs import replace

import handlers
from telephony.core import breaks
from telephony.core.break_facts import BreakKind
from telephony.core.breaks import Request, decide
from telephony.core.commands import ComeBack, GiveOrder, ReviewEmergency, TakeBreak, WithdrawOrder
from telephony.core.plan import BreakRules, Group
from telephony.core.roster import Shift, Slot
from telephony.testing.break_promises import check_pauses_shown
from telephony.testing.people import dial_code
from telephony.testing.promises import Promises, state_of
from telephony.testing.story import Story
from tests.scenarios import test_promises as day
from tests.scenarios.break_center import BREAK_PLAN, anna_at_work, it_is
from tests.scenarios.small_center import PLAN

RULES = BreakRules(
    seniors="seniors",
    heads="heads",
    tolerance=45,
    max_on_break_share=30,
    warning=20,
    emergency=90,
    emergency_reasons={"1": "Fire"},
    seat_change=60,
)
QUICK_PLAN = replace(PLAN, breaks=RULES, groups=(*PLAN.groups, Group(name="heads", logins=("vera",))))
kinds = st.sampled_from(list(BreakKind))


class Breaks(day.Center):
    """A day of many short breaks: every three minutes one of two minutes, for everybody at nearly the same time."""

    plan = QUICK_PLAN

    def prepare(self) -> None:
        """All serve the same queues and have breaks at nearly the same times, so that calls and the cap get in the
        way."""
        for n, login in enumerate(day.LOGINS):
            self.story.operator(login, **{"booking": 1, "senior": 1} if login == "vera" else {"booking": 1})
            self.roster_changes(login, every=1, first=10 * n, minutes=2)

    # -- the roster

    @rule(login=day.logins, every=st.sampled_from([1, 2, 4]), first=st.integers(-20, 20), minutes=st.integers(1, 3))
    def roster_changes(self, login: str, every: int, first: int, minutes: int) -> None:
        now = self.story.clock.now()
        begins = [now + timedelta(seconds=first, minutes=n * (every + minutes)) for n in range(10)]
        slots = tuple(Slot(begin=begin, end=begin + timedelta(minutes=minutes)) for begin in begins)
        begin, end = begins[0] - timedelta(minutes=1), slots[-1].end + timedelta(seconds=45)
        self.story.correct(Shift(login=login, begin=begin, end=end, slots=slots))

    @rule(minutes=st.sampled_from([1, 2, 5, 40]))
    def much_time_passes(self, minutes: int) -> None:
        self.story.passes(minutes=minutes)
        self.story.passes(1)
        check_pauses_shown(self.story)

    @rule(number=st.sampled_from(["1300", "1302"]))
    def somebody_talks(self, number: str) -> None:
        self.story.calls(number)
        self.story.passes(1)
        self.everybody_answers()

    @rule(seconds=st.sampled_from([50, 100, 200]))
    def long_calls_end_with_everybody_asking(self, seconds: int) -> None:
        self.somebody_talks("1302")
        self.story.passes(seconds)
        self.everybody_asks()
        for phone in day.PHONES:
            self.hangs_up(phone, newest=True)

    # -- by the operator

    @rule(phone=day.phones, kind=kinds, reason=st.sampled_from(["1", "1", "7"]))
    def asks_by_code(self, phone: str, kind: BreakKind, reason: str) -> None:
        dial_code(
            self.story,
            self._phone(phone),
            lambda channel: TakeBreak(command=channel, kind=kind, phone=phone, reason=reason, channel=channel),
        )

    @rule(phone=day.phones)
    def asks_in_the_slot(self, phone: str) -> None:
        self.asks_by_code(phone, BreakKind.TECHNICAL, "")

    @rule()
    def everybody_asks(self) -> None:
        for login in day.LOGINS:
            self.asks_by_command(login, BreakKind.TECHNICAL)

    @rule(login=day.logins, kind=kinds)
    def asks_by_command(self, login: str, kind: BreakKind) -> None:
        self.story.tell(TakeBreak(command="ask", kind=kind, login=login, reason="1", door="cli"))

    @rule(login=day.logins)
    def is_back(self, login: str) -> None:
        self.story.tell(ComeBack(command="back", login=login))

    @rule()
    def asking_the_policy_changes_nothing(self) -> None:
        center, now = self.story.center, self.story.clock.now()
        before = state_of(center)
        requests = [Request(login, kind, "1") for login in (*day.LOGINS, "nobody") for kind in BreakKind]
        assert [decide(one, center, now) for one in requests] == [decide(one, center, now) for one in requests]
        assert state_of(center) == before

    # -- by others

    @rule(
        by=day.logins,
        logins=st.lists(day.logins, max_size=2),
        group=st.sampled_from([None, "seniors"]),
        seconds=st.sampled_from([5, 60, 600]),
        at_once=st.booleans(),
    )
    def order_is_given(self, by: str, logins: list[str], group: str | None, seconds: int, at_once: bool) -> None:
        until = self.story.clock.now() + timedelta(seconds=seconds)
        self.story.tell(
            GiveOrder(
                command="order", by=by, logins=tuple(logins), group=group, until=until, why="drill", at_once=at_once
            )
        )

    @precondition(lambda self: self.story.center.orders)
    @rule(which=st.integers(0, 3), by=day.logins)
    def order_is_withdrawn(self, which: int, by: str) -> None:
        orders = list(self.story.center.orders)
        self.story.tell(WithdrawOrder(command="withdraw", by=by, order=orders[which % len(orders)]))

    @precondition(lambda self: self.story.center.emergencies)
    @rule(confirmed=st.booleans())
    def emergency_is_reviewed(self, confirmed: bool) -> None:
        permission = next(iter(self.story.center.emergencies))
        self.story.tell(ReviewEmergency(command="review", by="vera", permission=permission, confirmed=confirmed))

    @rule(login=day.logins, paused=st.booleans())
    def somebody_uses_the_back_door(self, login: str, paused: bool) -> None:
        self.story.pbx.pause_past_us(login, paused=paused)


class StormyBreaks(Breaks, day.StormyCenter):
    """The same, while the router, the PBX and the line between them fail."""


SETTINGS = settings(day.PROFILE, stateful_step_count=60)
TestBreaks = Breaks.TestCase
TestBreaks.settings = SETTINGS
TestStormyBreaks = StormyBreaks.TestCase
TestStormyBreaks.settings = SETTINGS


def test_the_checks_see_a_break_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the rules to let a slot begin whenever its time had come, the checks would say so."""
    story = Story(handlers.handle, BREAK_PLAN, seed=1, watch=Promises(handlers.handle).watch)
    anna = anna_at_work(story)
    it_is(story, "0:13")
    with monkeypatch.context() as wrong:
        wrong.setattr(breaks, "_is_open", lambda center, agent, slot, now: now >= slot.begin - timedelta(minutes=2))
        with pytest.raises(AssertionError, match="anna goes after the time"):
            anna.asks_break()
