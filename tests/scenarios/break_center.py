"""What the stories of breaks share: a center with rules for breaks, and what is asked of its records."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from telephony.core.break_facts import BreakAsked, BreakKind, ViolationKind, ViolationSeen
from telephony.core.commands import GiveOrder
from telephony.core.plan import BreakRules, Group, Plan
from telephony.core.roster import Shift
from telephony.testing.clock import MORNING
from telephony.testing.people import Operator
from telephony.testing.story import Story
from tests.scenarios.small_center import PLAN

EMERGENCY, MANAGEMENT, TECHNICAL = BreakKind.EMERGENCY, BreakKind.MANAGEMENT, BreakKind.TECHNICAL
RULES = BreakRules(seniors="seniors", heads="heads", emergency_reasons={"1": "Fire", "2": "Sick"})
BREAK_PLAN = replace(PLAN, breaks=RULES, groups=(*PLAN.groups, Group(name="heads", logins=("olga",))))


def with_rules(**changes: object) -> Plan:
    return replace(BREAK_PLAN, breaks=replace(RULES, **changes))


def anna_at_work(story: Story, *slots: str) -> Operator:
    """Until the evening; a break at 0:10 unless other slots are given."""
    anna = story.operator("anna", booking=1)
    story.shift("anna", "0:00", "8:00", *(slots or ("0:10-0:25", "2:00-2:15")))
    anna.logs_in("phone01")
    return anna


def anna_stays_for_boris(story: Story, *slots: str) -> Operator:
    """She stands in for him right after her own shift, from 1:00 until the evening."""
    anna = story.operator("anna", booking=1)
    story.shift("anna", "0:00", "1:00", *slots)
    (own,) = story.shifts
    story.correct(own, Shift(login="anna", begin=own.end, end=own.begin + timedelta(hours=8), instead_of="boris"))
    anna.logs_in("phone01")
    return anna


def it_is(story: Story, time: str) -> None:
    """Hours and minutes since the story began; at once where it is later already."""
    hours, minutes = map(int, time.split(":"))
    story.passes((MORNING + timedelta(hours=hours, minutes=minutes) - story.clock.now()).total_seconds())


def last_answer(story: Story, login: str) -> BreakAsked:
    story.journal.commit()
    return story.log.breaks.of(BreakAsked, login)[-1]


def violations(story: Story, login: str) -> list[ViolationKind]:
    story.journal.commit()
    return [seen.kind for seen in story.log.breaks.of(ViolationSeen, login)]


def waits_for_break(story: Story, login: str) -> bool:
    """One begins after the call."""
    return story.center.agents[login].deferred


def how_it_ended(story: Story) -> list[str]:
    story.journal.commit()
    return list(story.log.breaks.how.values())


def last_said(story: Story) -> tuple[str, ...]:
    """Names of the prompts."""
    return list(story.life.replies.values())[-1].say


def three_on_one_slot(story: Story) -> list[Operator]:
    """One in seven may be away: of three, one."""
    people = [story.operator(login, booking=1) for login in ("anna", "boris", "vera")]
    for n, person in enumerate(people, start=1):
        story.shift(person.login, "0:00", "8:00", "0:10-0:25")
        person.logs_in(f"phone0{n}")
    it_is(story, "0:10")
    return people


def anna_waits_for_a_place(story: Story) -> tuple[Operator, Operator]:
    """Anna missed her break because of a call, and Boris has the only place."""
    anna, boris, _ = three_on_one_slot(story)
    story.shift("anna", "0:00", "8:00", "0:10-0:25", "2:00-2:15")
    story.shift("boris", "0:00", "8:00", "0:16-0:31")
    caller = story.calls("1302")
    anna.answers()
    it_is(story, "0:16")
    boris.asks_break()
    caller.hangs_up()
    assert anna.asks_break() == "break-waits"
    return anna, boris


def order(story: Story, by: Operator, *logins: str, at_once: bool = True, minutes: int = 30) -> str:
    """Answers the code; the name of the order is in the text."""
    until = story.clock.now() + timedelta(minutes=minutes)
    reply = story.asks(
        lambda name: GiveOrder(command=name, by=by.login, logins=logins, until=until, why="training", at_once=at_once)
    )
    return reply.text if reply.ok else reply.code
