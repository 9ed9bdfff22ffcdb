"""I4, looked at from outside the rules: by what was stated, by the roster, and by what the native queues show.

Nobody is on a break without a permission that covers this very moment; a technical one stands in a planned break of
the roster that was not used, at its time (later only for what callers took of it, or for want of a place), and fits
under the cap when it is given; an operator on a break is never rung; and the intervals of an operator's states add up
to the time they were logged in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from telephony.core import effects as do
from telephony.core import events as ev
from telephony.core.break_facts import (
    BreakKind,
    ClaimEnded,
    ClaimMade,
    OrderGiven,
    OrderWithdrawn,
    PermissionEnded,
    PermissionGiven,
)
from telephony.core.breaks import place_for
from telephony.core.center import Center, first_queues
from telephony.core.commands import LogIn
from telephony.core.facts import AnyFact, CallOpened, OperatorChanged
from telephony.core.operators import State
from telephony.testing.skills import may_take
from telephony.testing.story import Story
from telephony.testing.with_callers import WithCallers


class BreakPromises:
    """What was stated so far, uncommitted facts included; a new life of the router knows what was committed."""

    def __init__(self) -> None:
        self._open: dict[str, PermissionGiven] = {}
        self._used: dict[tuple[str, datetime], str] = {}
        """Login and slot -> the permission that took it."""
        self._unused: set[str] = set()
        """Permissions to a planned break that never began."""
        self._states: dict[str, OperatorChanged] = {}
        self._orders: dict[str, OrderGiven] = {}
        self._started: datetime | None = None
        self._with_callers = WithCallers()
        self._turns: dict[str, ClaimMade] = {}
        """Login -> the last time they were told to wait for a place."""
        self._served: dict[str, tuple[datetime, datetime]] = {}
        """Login -> slot for which they have waited, and when that ended."""

    def watch(self, story: Story, event: ev.AnyEvent, effects: Sequence[do.AnyEffect | AnyFact]) -> None:
        if isinstance(event, ev.Started):
            self._start_anew(story)
        for effect in effects:
            self._note(story, effect)
        check_claims(story.center)
        for login, changed in self._states.items():
            if changed.state == State.BREAK:
                self._check_covered(story, login, changed)

    def _start_anew(self, story: Story) -> None:
        """Facts that were not committed never happened."""
        log = story.log
        self._open, self._used, self._states, self._orders = {}, {}, {}, {}
        self._started = story.clock.now()
        self._with_callers = WithCallers(log)
        self._turns, self._served = {}, {}
        for fact in log.breaks.facts:
            if isinstance(fact, PermissionGiven):
                self._given(fact)
            elif isinstance(fact, PermissionEnded):
                self._ended(fact)
            elif isinstance(fact, OrderGiven):
                self._orders[fact.order] = fact
            elif isinstance(fact, OrderWithdrawn):
                del self._orders[fact.order]
            elif isinstance(fact, ClaimMade):
                self._turns[fact.login] = fact
            elif isinstance(fact, ClaimEnded):
                self._turn_over(fact)
        for login, intervals in log.intervals.items():
            last = intervals[-1]
            if last.ended is None:
                self._states[login] = OperatorChanged(
                    login=login, state=last.state, at=last.since, reason=last.reason, permission=last.permission
                )

    def _note(self, story: Story, effect: do.AnyEffect | AnyFact) -> None:
        match effect:
            case PermissionGiven():
                technical = effect.permission not in self._open and effect.kind is BreakKind.TECHNICAL
                if technical:
                    self._check_slot(story, effect)
                self._check_reason(story, effect)
                self._given(effect)
                if technical:
                    self._check_cap(story, effect)
            case OrderGiven():
                self._orders[effect.order] = effect
            case OrderWithdrawn():
                del self._orders[effect.order]
            case PermissionEnded():
                self._ended(effect)
            case CallOpened():
                self._with_callers.opened(effect)
            case ClaimMade():
                if effect.claim not in self._unused:  # given in time, and then put off
                    self._check_in_time(story, effect.login, effect.slot, effect.at)
                self._turns[effect.login] = effect
            case ClaimEnded():
                self._turn_over(effect)
            case OperatorChanged():
                self._states[effect.login] = effect
                self._with_callers.changed(effect)
            case do.CreateLeg() if "GUDOK_OPERATOR" in effect.variables:
                agent = story.center.agents[effect.variables["GUDOK_OPERATOR"]]
                assert agent.state is not State.BREAK, f"I3: {agent.login} is rung on a break"

    def _given(self, given: PermissionGiven) -> None:
        self._open[given.permission] = given
        if given.slot is not None:
            self._used[given.login, given.slot] = given.permission

    def _ended(self, ended: PermissionEnded) -> None:
        given = self._open.pop(ended.permission)
        if ended.how == "unused" and given.slot is not None:
            del self._used[given.login, given.slot]
            self._unused.add(ended.permission)

    def _turn_over(self, ended: ClaimEnded) -> None:
        login, turn = next((login, turn) for login, turn in self._turns.items() if turn.claim == ended.claim)
        del self._turns[login]
        self._served[login] = (turn.slot, ended.at)

    # -- the checks

    def _check_in_time(self, story: Story, login: str, slot: datetime, at: datetime) -> None:
        """Not after the slot's time, but for what callers took of it."""
        tolerance = timedelta(seconds=story.plan.breaks.tolerance)
        deadline = self._with_callers.deadline(login, slot + tolerance, tolerance, at)
        assert at <= deadline, f"I4: {login} goes after the time, which was {deadline}"

    def _check_covered(self, story: Story, login: str, changed: OperatorChanged) -> None:
        given = self._open.get(changed.permission or "")
        now = story.clock.now()
        assert given is not None, f"I4: {login} is paused without a permission"
        assert (given.login, given.kind.value) == (login, changed.reason)
        assert given.begins <= changed.at, f"I4: {login} is paused before {given.begins}"
        late = story.life.behind or now == self._started  # then the timer's turn comes at this very moment
        assert now <= given.until or late, f"I4: {login} is paused after {given.until}"

    def _check_reason(self, story: Story, given: PermissionGiven) -> None:
        if given.kind is BreakKind.MANAGEMENT:
            order = self._orders.get(given.order or "")
            assert order is not None, f"I4: no order lets {given.login} pause"
            assert given.login in order.logins
            assert order.begins <= given.begins < given.until == order.until
        elif given.kind is BreakKind.EMERGENCY:
            assert given.reason in story.plan.breaks.emergency_reasons.values()

    def _check_slot(self, story: Story, given: PermissionGiven) -> None:
        mine = [slot for shift in story.shifts if shift.login == given.login for slot in shift.slots]
        slot = next((one for one in mine if one.begin == given.slot), None)
        assert slot is not None, f"I4: {given.login} has no planned break at {given.slot}"
        assert (given.login, slot.begin) not in self._used, f"I4: {given.login} takes a break twice"
        shift = next(one for one in story.shifts if one.login == given.login and slot in one.slots)
        taken = [begin for login, begin in self._used if login == given.login and shift.begin <= begin < shift.end]
        assert len(taken) < len(shift.slots), f"I4: {given.login} takes more breaks than are planned"
        assert given.until - given.begins == slot.end - slot.begin
        tolerance = timedelta(seconds=story.plan.breaks.tolerance)
        assert given.begins >= slot.begin - tolerance, f"I4: {given.login} goes before the time"
        if self._served.get(given.login) != (slot.begin, given.at):
            self._check_in_time(story, given.login, slot.begin, given.at)

    def _check_cap(self, story: Story, given: PermissionGiven) -> None:
        """Counted anew: of those at work who serve a queue, how many have a technical permission."""
        persons = {login: agent.person for login, agent in story.center.agents.items()}
        at_work = [login for login, changed in self._states.items() if changed.state != State.OFFLINE]
        away = {one.login for one in self._open.values() if one.kind is BreakKind.TECHNICAL}
        for queue in story.plan.queues:
            serving = [login for login in at_work if may_take(story.plan, persons[login], queue, 0)]
            most = max(1, ceil(len(serving) * story.plan.breaks.max_on_break_share / 100))
            if given.login in serving:
                taken = [login for login in serving if login in away]
                assert len(taken) <= most, f"I4: {taken} are away of {serving} in {queue.name}"


def check_claims(center: Center) -> None:
    """Those who wait stand in line in each queue they serve, and none of them where there is a place for them, but for
    those whom another break holds."""
    lines: dict[str, list[tuple[datetime, str]]] = {queue: [] for queue in center.claimed}
    for claim in center.claims.values():
        agent = center.agents[claim.login]
        for queue in first_queues(agent):
            lines[queue].append((claim.slot, claim.login))
        assert agent.permission is not None or not place_for(center, agent), f"I4: {claim.login} waits for nothing"
    assert center.claimed == {queue: sorted(line) for queue, line in lines.items()}


def check_pauses_shown(story: Story) -> None:
    """Looked at on the PBX: the native queues hold for paused exactly those whom the router holds for paused."""
    if not story.life.alive or story.life.frozen or not story.pbx.connected:
        return
    for login, member in story.pbx.native.members.items():
        state = story.center.agents[login].state
        assert member.paused == (state in (State.BREAK, State.UNREACHABLE)), f"I4: {login} is {state}, {member}"


def check_worked_time(story: Story) -> None:
    """The intervals of everybody's states add up to the time from login to logout, to the microsecond."""
    now = story.clock.now()
    begun: dict[str, datetime] = {}
    worked: dict[str, timedelta] = {}
    for entry, effects in story.journal.entries:
        for effect in effects:
            if isinstance(effect, OperatorChanged) and effect.state == State.OFFLINE:
                worked[effect.login] = worked.get(effect.login, timedelta()) + (entry.at - begun.pop(effect.login))
        replies = [effect.code for effect in effects if isinstance(effect, do.Reply)]
        if isinstance(entry.event, LogIn) and "logged-in" in replies:
            begun[entry.event.login] = entry.at
    for login, since in begun.items():
        worked[login] = worked.get(login, timedelta()) + (now - since)
    for login, intervals in story.log.intervals.items():
        total = sum(((one.ended or now) - one.since for one in intervals), timedelta())
        assert total == worked[login], f"{login}: states of {total} in {worked[login]} of work"
