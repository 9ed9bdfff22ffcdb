"""Random days of breaks through all doors, in a center in good order and in one whose machines fail: nobody is paused
without a permission, the cap holds, and all the other promises with it. The checks: telephony.testing.break_promises.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

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
from telephony.core.plan import BreakRules, Group, Plan
from telephony.core.roster import Shift, Slot
from telephony.testing.break_promises import check_pauses_shown
from telephony.testing.people import dial_code
from telephony.testing.promises import Promises, state_of
from telephony.testing.story import Story
from tests.scenarios import test_promises as day
from tests.scenarios.break_center import BREAK_PLAN, anna_at_work, it_is
from tests.scenarios.small_center import PLAN

pytestmark = day.pytestmark
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
GROUPS = (*PLAN.groups, Group(name="heads", logins=("olga",)), Group(name="team", logins=("anna", "vera")))
QUICK_PLAN = replace(PLAN, breaks=RULES, groups=GROUPS)
NO_WAY_BACK = replace(QUICK_PLAN, breaks=replace(RULES, at_end="overrun"))
"""Who does not come back from a break by themselves has overrun it."""
TEAMS = [
    [{"booking": 1}, {"booking": 1}, {"booking": 1, "senior": 1}],
    [{"booking": 1, "paid": 1}, {"paid": 1}, {"booking": 1, "senior": 1}],
    [{"results": 1, "paid": 1}, {"booking": 1, "paid": 1}, {"booking": 1, "results": 1}],
]
"""Queues served by all, or by some of them: who goes must have a place in each of theirs."""
SLOTS = 10
EDGE = timedelta(seconds=20)
"""So much before its first break a shift begins, and so much after its last one, at most, it ends."""
kinds = st.sampled_from(list(BreakKind))
seconds = st.sampled_from([5, 60, 600])
superiors = st.sampled_from(["olga", "olga", "olga", "vera", "anna"])


class Breaks(day.Center):
    """A day of many short breaks, for everybody at nearly the same time: calls and the cap get in the way. Their head,
    olga, takes no calls."""

    plan = QUICK_PLAN

    def plan_of(self, seed: int) -> Plan:
        return NO_WAY_BACK if seed % 3 == 1 else self.plan

    def prepare(self) -> None:
        self.story.operator("olga")
        for n, (login, skills) in enumerate(zip(day.LOGINS, self.story.random.choice(TEAMS), strict=True)):
            self.story.operator(login, **skills)
            self.roster_changes(login, every=1, first=10 * n, minutes=2, together=SLOTS)

    # -- the roster

    @rule(
        login=day.logins,
        every=st.sampled_from([1, 2, 4]),
        first=st.integers(-20, 20),
        minutes=st.integers(1, 3),
        together=st.sampled_from([1, 2, SLOTS]),
    )
    def roster_changes(self, login: str, every: int, first: int, minutes: int, together: int) -> None:
        """A break of so many `minutes` after each `every`, as many in a shift as are `together`; the next shift begins
        soon after."""
        now = self.story.clock.now()
        begins = [now + timedelta(seconds=first, minutes=n * (every + minutes)) for n in range(SLOTS)]
        slots = [Slot(begin=begin, end=begin + timedelta(minutes=minutes)) for begin in begins]
        shifts = [tuple(slots[n : n + together]) for n in range(0, SLOTS, together)]
        self.story.correct(
            *(Shift(login=login, begin=one[0].begin - EDGE, end=one[-1].end + EDGE, slots=one) for one in shifts)
        )

    @rule(minutes=st.sampled_from([1, 2, 5, 40]))
    def much_time_passes(self, minutes: int) -> None:
        self.story.passes(minutes=minutes)
        self.story.passes(1)
        check_pauses_shown(self.story)

    @rule(number=st.sampled_from(["1300", "1302", "1304"]))
    def somebody_talks(self, number: str) -> None:
        self.story.calls(number)
        self.story.passes(1)
        self.everybody_answers()

    @rule(seconds=st.sampled_from([50, 100, 200]))
    def long_calls_end_with_everybody_asking(self, seconds: int) -> None:
        self.somebody_talks("1302")
        self.story.passes(seconds)
        self.everybody_asks(BreakKind.TECHNICAL)
        for phone in day.PHONES:
            self.hangs_up(phone, newest=True)

    @rule(kind=kinds, seconds=st.sampled_from([1, 100, 200]))
    def everybody_asks_and_calls_go_on(self, kind: BreakKind, seconds: int) -> None:
        self.somebody_talks("1304")
        self.somebody_talks("1302")
        self.everybody_asks(kind)
        self.story.passes(seconds)
        for phone in day.PHONES:
            self.hangs_up(phone, newest=True)

    @rule(away=st.sampled_from(day.LOGINS), asked=st.sampled_from([1, 60]), back=st.booleans(), over=st.booleans())
    def calls_outlast_breaks_and_shifts(self, away: str, asked: int, *, back: bool, over: bool) -> None:
        """One takes a long break, the others are in calls; they ask in time or too late for their short ones, and talk
        on to the end of their shifts."""
        for n, login in enumerate(day.LOGINS):
            self.roster_changes(login, every=4, first=5 * n, minutes=3 if login == away else 1, together=1)
        self.asks_by_command(away, BreakKind.TECHNICAL)
        self.story.calls("1302")
        self.somebody_talks("1302")
        self.story.passes(asked)
        self.everybody_asks(BreakKind.TECHNICAL)
        if back:
            self.is_back(away)
        self.story.passes(60 if over else 5)
        for phone in day.PHONES:
            self.hangs_up(phone, newest=True)
        self.everybody_asks(BreakKind.TECHNICAL)

    @rule(kind=kinds)
    def somebody_asks_instead_of_answering(self, kind: BreakKind) -> None:
        self.story.calls("1302")
        self.story.passes(1)
        self.everybody_asks(kind)

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

    @rule(kind=kinds)
    def everybody_asks(self, kind: BreakKind) -> None:
        for login in day.LOGINS:
            self.asks_by_command(login, kind)

    @rule(login=day.logins, kind=kinds)
    def asks_by_command(self, login: str, kind: BreakKind) -> None:
        self.story.tell(TakeBreak(command="ask", kind=kind, login=login, reason="1", door="cli"))

    @rule(phone=day.phones, mode=st.sampled_from(["listen", "join"]), whom=day.logins)
    def comes_to_help(self, phone: str, mode: Literal["listen", "join"], whom: str) -> None:
        if len(self._phone(phone).channels) < 2:
            extension = self.story.operators[whom].person.extension
            self.story.switch.dial_help(self._phone(phone), mode, extension)

    @rule(kind=kinds, mode=st.sampled_from(["listen", "join"]))
    def a_senior_comes_to_help_from_a_break(self, kind: BreakKind, mode: Literal["listen", "join"]) -> None:
        """In most teams that is vera."""
        self.asks_by_command("vera", kind)
        self.somebody_talks("1302")
        for phone in day.PHONES:
            self.comes_to_help(phone, mode, "anna")
            self.comes_to_help(phone, mode, "boris")
        self.story.passes(1)

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

    def _order(self, by: str, logins: tuple[str, ...], seconds: int, *, at_once: bool, group: str | None = None) -> str:
        """Answers its name, if there is one."""
        until = self.story.clock.now() + timedelta(seconds=seconds)
        before = set(self.story.center.orders)
        self.story.tell(
            GiveOrder(command="order", by=by, logins=logins, group=group, until=until, why="drill", at_once=at_once)
        )
        return next(iter(self.story.center.orders.keys() - before), "")

    @rule(by=superiors, logins=st.lists(day.logins, min_size=1, max_size=2), seconds=seconds, at_once=st.booleans())
    def order_is_given(self, by: str, logins: list[str], seconds: int, *, at_once: bool) -> None:
        self._order(by, tuple(logins), seconds, at_once=at_once)

    @rule(by=superiors, group=st.sampled_from(["team", "seniors"]), seconds=seconds, at_once=st.booleans())
    def group_is_ordered(self, by: str, group: str, seconds: int, *, at_once: bool) -> None:
        self._order(by, (), seconds, at_once=at_once, group=group)

    @rule(login=day.logins)
    def everybody_asks_on_the_order_of_one(self, login: str) -> None:
        self._order("olga", (login,), 60, at_once=False)
        self.everybody_asks(BreakKind.MANAGEMENT)

    @rule(login=day.logins, at_once=st.booleans(), passed=st.sampled_from([0, 1, 30]))
    def order_is_given_and_withdrawn(self, login: str, passed: int, *, at_once: bool) -> None:
        order = self._order("olga", (login,), 60, at_once=at_once)
        self.asks_by_command(login, BreakKind.MANAGEMENT)
        self.story.passes(passed)
        self.story.tell(WithdrawOrder(command="withdraw", by="olga", order=order))

    @precondition(lambda self: self.story.center.orders)
    @rule(which=st.integers(0, 3), by=superiors)
    def order_is_withdrawn(self, which: int, by: str) -> None:
        orders = list(self.story.center.orders)
        self.story.tell(WithdrawOrder(command="withdraw", by=by, order=orders[which % len(orders)]))

    @precondition(lambda self: self.story.center.emergencies)
    @rule(by=superiors, newest=st.booleans(), confirmed=st.booleans())
    def emergency_is_reviewed(self, by: str, newest: bool, confirmed: bool) -> None:
        permission = list(self.story.center.emergencies)[-1 if newest else 0]
        self.story.tell(ReviewEmergency(command="review", by=by, permission=permission, confirmed=confirmed))

    @rule(login=day.logins, paused=st.booleans())
    def somebody_uses_the_back_door(self, login: str, paused: bool) -> None:
        self.story.pbx.pause_past_us(login, paused=paused)


class StormyBreaks(Breaks, day.StormyCenter):
    """The same, while the router, the PBX and the line between them fail."""


SETTINGS = settings(day.PROFILE, stateful_step_count=35)
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
