"""The policy alone: a request, the state of the center and the time give an answer, and nothing changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from telephony.core.break_facts import BreakKind, Verdict
from telephony.core.breaks import Decision, Request, decide, shift_at
from telephony.core.center import Center
from telephony.core.operators import Agent, State
from telephony.core.permissions import Order, Permission
from telephony.core.plan import BreakRules, Phone, Plan, Queue
from telephony.core.roster import Roster, Shift, Slot
from telephony.core.staff import Operator

EIGHT = datetime(2030, 1, 7, 8, tzinfo=UTC)
NINE, TEN = EIGHT + timedelta(hours=1), EIGHT + timedelta(hours=2)
QUARTER, MINUTE, SECOND = timedelta(minutes=15), timedelta(minutes=1), timedelta(seconds=1)
PLAN = Plan(
    queues=(
        Queue(name="booking", label="Booking", require={"booking": 1}),
        Queue(name="results", label="Results", require={"results": 1}),
    ),
    phones=tuple(Phone(name=f"phone{n}") for n in range(4)),
    breaks=BreakRules(emergency_reasons={"1": "Fire"}),
)
SKILLS = {
    "anna": {"booking": 1, "results": 1},
    "boris": {"results": 1},
    "vera": {"booking": 1},
    "gala": {"booking": 1},
}


@pytest.fixture
def center() -> Center:
    """All are ready, from eight to ten, with a break at nine."""
    center = Center()
    center.adopt_plan(PLAN, "r1")
    center.set_persons(
        tuple(
            Operator(login=login, name=login, extension=str(2001 + n), skills=skills)
            for n, (login, skills) in enumerate(SKILLS.items())
        )
    )
    for n, agent in enumerate(center.agents.values()):
        agent.state = State.READY
        center.seat(agent, f"phone{n}")
    slot = Slot(begin=NINE, end=NINE + QUARTER)
    center.roster = Roster(Shift(login=login, begin=EIGHT, end=TEN, slots=(slot,)) for login in SKILLS)
    return center


def asks(center: Center, login: str, kind: BreakKind = BreakKind.TECHNICAL, now: datetime = NINE) -> Decision:
    return decide(Request(login, kind, "1"), center, now)


def is_away(center: Center, login: str) -> Agent:
    """On a technical break."""
    agent = center.agents[login]
    agent.state = State.BREAK
    center.permit(agent, Permission("p", login, BreakKind.TECHNICAL, NINE, NINE + QUARTER, QUARTER, NINE, begun=True))
    return agent


def is_ordered(center: Center, *logins: str) -> None:
    center.orders["o"] = Order("o", "olga", frozenset(logins), EIGHT, NINE)


# -- management


def test_an_order_lets_those_pause_for_whom_it_was_given_and_nobody_else(center: Center) -> None:
    is_ordered(center, "anna", "vera")
    answers = {login: asks(center, login, BreakKind.MANAGEMENT, EIGHT).reason for login in SKILLS}
    assert answers == {"anna": "", "boris": "no-order", "vera": "", "gala": "no-order"}


def test_an_order_lets_pause_from_its_begin_to_just_before_its_end(center: Center) -> None:
    is_ordered(center, "anna")
    times = (EIGHT - SECOND, EIGHT, NINE - SECOND, NINE)
    reasons = [asks(center, "anna", BreakKind.MANAGEMENT, now).reason for now in times]
    assert reasons == ["no-order", "", "", "no-order"]
    grant = asks(center, "anna", BreakKind.MANAGEMENT, NINE - SECOND).grant
    assert grant is not None
    assert (grant.until, grant.order) == (NINE, "o")


# -- the shift


def test_a_shift_holds_its_begin_and_not_its_end(center: Center) -> None:
    times = (EIGHT - SECOND, EIGHT, TEN - SECOND, TEN, TEN + QUARTER)
    assert [shift_at(center, "anna", now) is not None for now in times] == [False, True, True, False, False]


@pytest.mark.parametrize(("gap", "begun"), [(timedelta(), EIGHT), (SECOND, TEN + SECOND)])
def test_shifts_are_one_where_no_gap_lies_between(center: Center, gap: timedelta, begun: datetime) -> None:
    second = Shift(login="anna", begin=TEN + gap, end=TEN + timedelta(hours=2))
    center.roster = Roster([second, *center.roster.shifts("anna")])
    here = shift_at(center, "anna", TEN + MINUTE)
    assert here is not None
    assert (here.begin, here.end) == (begun, second.end)


def test_a_break_missed_because_of_a_call_is_over_with_the_shift(center: Center) -> None:
    center.moved_slots["anna", NINE] = TEN + QUARTER  # the call ended just now
    assert asks(center, "anna", now=TEN - SECOND).verdict is Verdict.GRANTED
    assert asks(center, "anna", now=TEN).reason == "not-in-shift"


# -- the cap


def test_there_must_be_a_place_in_every_queue_that_they_serve(center: Center) -> None:
    boris = is_away(center, "boris")
    assert asks(center, "anna").reason == "cap"  # of results, her second queue
    assert asks(center, "vera").verdict is Verdict.GRANTED
    center.permit(boris, None)
    is_away(center, "vera")
    assert asks(center, "anna").reason == "cap"  # of booking, her first one
    assert asks(center, "boris").verdict is Verdict.GRANTED


# -- calls


@pytest.mark.parametrize("kind", list(BreakKind))
def test_a_call_comes_first(center: Center, kind: BreakKind) -> None:
    is_ordered(center, "anna")
    now = NINE - MINUTE
    center.agents["anna"].state = State.TALKING
    assert (asks(center, "anna", kind, now).verdict, asks(center, "anna", kind, now).reason) == ("deferred", "in_call")
    center.agents["anna"].state = State.RINGING
    ringing = asks(center, "anna", kind, now)
    assert ringing.reason == ("" if kind is BreakKind.EMERGENCY else "ringing")
