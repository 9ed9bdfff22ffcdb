"""I4, looked at from outside the rules: by what was stated, by the roster, and by what the PBX shows.

Nobody is on a break without a permission that covers this very moment: an order that lets them pause and was not
withdrawn, an emergency of the due length that was not rejected, or a planned break of the roster that was not used, at
its time and within the shift (later only for what callers took of it, for want of a place, or when it was
allowed in time, and a call that they had not dialed went on). The cap holds at every
instant. Nobody is on a break with a caller at the other end, nor rung on it. And the intervals of an operator's states
add up to the time they were logged in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from telephony.core import effects as do
from telephony.core import events as ev
from telephony.core.break_facts import BreakAsked, BreakKind, ClaimMade, PermissionGiven, Verdict
from telephony.core.center import NO_QUEUE, Center, first_queues
from telephony.core.commands import LogIn
from telephony.core.fact import Fact
from telephony.core.facts import AnyFact, OperatorChanged
from telephony.core.operators import IN_CALL, OWN_CALL, State
from telephony.core.roster import Shift, Slot, joined
from telephony.testing.break_cap import Cap
from telephony.testing.breaks_stated import BreaksStated
from telephony.testing.story import Story


class BreakPromises:
    """Told of every decision, in order."""

    def __init__(self) -> None:
        self._stated = BreaksStated()
        self._cap = Cap()
        self._started: datetime | None = None

    def watch(self, story: Story, event: ev.AnyEvent, effects: Sequence[do.AnyEffect | AnyFact]) -> None:
        if isinstance(event, ev.Started):
            self._stated, self._started = BreaksStated(story.log), story.clock.now()
            self._cap.start_anew(self._stated)
        technical = []
        for effect in effects:
            if isinstance(effect, PermissionGiven) and self._check_given(story, effect):
                technical.append(effect)
            self._check(story, effect)
            if isinstance(effect, Fact):
                self._stated.note(effect)
        check_claims(story.center)
        persons = {login: agent.person for login, agent in story.center.agents.items()}
        self._cap.watch(story.plan, persons, self._stated, technical)
        self._check_permissions()
        self._check_turns(story)
        for login, changed in self._stated.states.items():
            if changed.state == State.BREAK:
                self._check_covered(story, login, changed)
                check_with_nobody(story, login)

    # -- what is stated

    def _check(self, story: Story, effect: do.AnyEffect | AnyFact) -> None:
        match effect:
            case BreakAsked():
                self._check_answer(effect)
            case ClaimMade():
                if effect.claim not in self._stated.put_off:  # for that one they were in time
                    self._check_in_time(story, effect.login, effect.slot, effect.at)
            case do.CreateLeg() if effect.variables.get("GUDOK_ROLE") == "operator":
                agent = story.center.at_phone[effect.phone or ""]
                assert agent.state is not State.BREAK, f"I3: {agent.login} is rung on a break"

    def _check_answer(self, asked: BreakAsked) -> None:
        """A call comes first: one that goes on ends before the break, one that rings is taken, emergency aside."""
        state = self._stated.state(asked.login)
        if state in IN_CALL:
            assert asked.verdict is not Verdict.GRANTED, f"I4: {asked.login} may pause in the middle of a call"
        elif state is State.RINGING and asked.kind is not BreakKind.EMERGENCY:
            least = Verdict.DEFERRED if asked.door == "supervisor" else Verdict.REFUSED
            assert asked.verdict in (least, Verdict.REFUSED), f"I4: {asked.login} may pause instead of answering"

    def _check_given(self, story: Story, given: PermissionGiven) -> bool:
        """Whether it is a new one of a technical break."""
        before = self._stated.open.get(given.permission)
        match given.kind:
            case BreakKind.MANAGEMENT:
                self._check_order(given)
            case BreakKind.EMERGENCY:
                rules = story.plan.breaks
                assert given.reason in rules.emergency_reasons.values()
                assert given.until - given.begins == timedelta(seconds=rules.emergency), f"I4: {given} is too long"
            case BreakKind.TECHNICAL if before is None:
                self._check_slot(story, given)
                return True
            case BreakKind.TECHNICAL:
                assert given.until - given.begins == before.until - before.begins
                here = any(one.begin <= given.begins < one.end for one in story.shifts if one.login == given.login)
                assert here, f"I4: the break of {given.login} begins after the shift"
                in_turn = self._stated.served.get(given.login) == (given.slot, before.at)
                if given.slot is not None and not in_turn and not self._was_kept(given.login):
                    self._check_in_time(story, given.login, given.slot, given.begins)
        return False

    def _was_kept(self, login: str) -> bool:
        """From a break that was allowed, by a call whose length was not their choice: they had not dialed it."""
        changed = self._stated.states[login]
        return changed.state in IN_CALL and changed.reason != OWN_CALL

    def _check_order(self, given: PermissionGiven) -> None:
        order = self._stated.orders.get(given.order or "")
        assert order is not None, f"I4: no order lets {given.login} pause"
        assert given.login in order.logins, f"I4: {given.login} pauses on an order that is for {order.logins}"
        assert order.begins <= given.begins < given.until == order.until

    def _check_slot(self, story: Story, given: PermissionGiven) -> None:
        assert given.slot is not None
        shift, slot = _planned(story, given.login, given.slot)
        assert given.begins < shift.end, f"I4: {given.login} goes after the shift, which was over at {shift.end}"
        used = self._stated.used
        assert (given.login, slot.begin) not in used, f"I4: {given.login} takes a break twice"
        taken = [begin for login, begin in used if login == given.login and shift.begin <= begin < shift.end]
        assert len(taken) < len(shift.slots), f"I4: {given.login} takes more breaks than are planned"
        assert given.until - given.begins == slot.end - slot.begin, f"I4: {given} is not as long as planned: {slot}"
        tolerance = timedelta(seconds=story.plan.breaks.tolerance)
        assert given.begins >= slot.begin - tolerance, f"I4: {given.login} goes before the time"
        if self._stated.served.get(given.login) != (slot.begin, given.at):
            self._check_in_time(story, given.login, slot.begin, given.at)

    def _check_in_time(self, story: Story, login: str, slot: datetime, at: datetime) -> None:
        """Not after the slot's time, but for what callers took of it."""
        tolerance = timedelta(seconds=story.plan.breaks.tolerance)
        deadline = self._stated.with_callers.deadline(login, slot + tolerance, tolerance, at)
        assert at <= deadline, f"I4: {login} goes after the time, which was {deadline}"

    # -- what holds at every instant

    def _check_permissions(self) -> None:
        """What a permission stands on has not been taken back, whether its break has begun or not."""
        for given in self._stated.open.values():
            taken_back = given.order is not None and given.order not in self._stated.orders
            assert not taken_back, f"I4: {given.login} may still pause on an order that was withdrawn"
            rejected = given.permission in self._stated.rejected
            assert not rejected, f"I4: {given.login} may still pause for an emergency that was rejected"

    def _check_turns(self, story: Story) -> None:
        """Nobody waits for a break that is not planned any more, or whose shift is over."""
        for login, turn in self._stated.turns.items():
            shift, _ = _planned(story, login, turn.slot)
            assert story.clock.now() < shift.end, f"I4: {login} waits for a break, and the shift is over"

    def _check_covered(self, story: Story, login: str, changed: OperatorChanged) -> None:
        given = self._stated.open.get(changed.permission or "")
        now = story.clock.now()
        assert given is not None, f"I4: {login} is paused without a permission"
        assert (given.login, given.kind.value) == (login, changed.reason)
        assert given.begins <= changed.at, f"I4: {login} is paused before {given.begins}"
        late = story.life.behind or now == self._started  # then the timer's turn comes at this very moment
        assert now <= given.until or late, f"I4: {login} is paused after {given.until}"


def _planned(story: Story, login: str, begin: datetime) -> tuple[Shift, Slot]:
    """The planned break of the roster as it is now."""
    for shift in joined(story.shifts):
        for slot in shift.slots:
            if (shift.login, slot.begin) == (login, begin):
                return shift, slot
    raise AssertionError(f"I4: {login} has no planned break at {begin}")


def check_claims(center: Center) -> None:
    """Those who wait for a place stand in the line of each of their queues, the earliest planned break first."""
    lines: dict[str, list[tuple[datetime, str]]] = {queue: [] for queue in center.claimed}
    for claim in center.claims.values():
        for queue in first_queues(center.agents[claim.login]) or [NO_QUEUE]:
            lines[queue].append((claim.slot, claim.login))
    assert center.claimed == {queue: sorted(line) for queue, line in lines.items()}


def check_with_nobody(story: Story, login: str) -> None:
    """Looked at on the PBX: no caller is at the other end of the line of somebody on a break. (Whom the native queue
    gave them while no router lived is in no state of theirs.)"""
    agent = story.center.agents[login]
    if agent.phone is None or not story.center.pbx_up:
        return
    for channel in story.switch.phones[agent.phone].channels.values():
        bridge = channel.bridge
        if bridge is not None and not bridge.native and channel.linked != channel.id:
            others = [one.id for one in bridge.channels.values() if one is not channel]
            assert not others, f"I4: {login} is on a break, and in a call with {others}"


def check_pauses_shown(story: Story) -> None:
    """Looked at on the PBX: the native queues hold for paused exactly those whom the router holds for paused."""
    if not story.life.alive or story.life.frozen or not story.pbx.connected:
        return
    for login, member in story.pbx.native.members.items():
        state = story.center.agents[login].state
        assert member.paused == (state in (State.BREAK, State.UNREACHABLE)), f"I4: {login} is {state}, {member}"


def check_breaks_covered(story: Story) -> None:
    """On record: every break lies within the time of its permission, to the microsecond. Who froze, or was dead, when
    it was to end has stated the true end afterwards."""
    permissions = story.log.breaks.permissions
    for login, intervals in story.log.intervals.items():
        for one in intervals:
            if one.state == State.BREAK:
                given = permissions[one.permission or ""]
                end = given.until if given.ended is None else min(given.until, given.ended)
                covered = given.begins <= one.since and (one.ended or story.clock.now()) <= end
                assert given.login == login, f"I4: {login} is on a break of {given.login}"
                assert covered, f"I4: {one} is not within {given}"


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
