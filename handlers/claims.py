"""Turns that are kept: who missed a planned break because of a call, and then found the cap reached, waits for a place;
and so does whose break was to begin after the call when an emergency went before it.

On record from the answer "your break begins when a place is free" to what became of it, so that a restart keeps it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

from handlers import breaks
from handlers.turn import Turn
from telephony.core.break_facts import BreakKind, ClaimEnded, ClaimMade
from telephony.core.breaks import Grant, claim_to, place_for, room
from telephony.core.operators import ENGAGED, Agent, State
from telephony.core.permissions import Claim, Permission
from telephony.core.remembered import OpenClaim

How = Literal["given", "withdrawn", "offline", "lapsed"]


def keep(turn: Turn, claim: Claim) -> None:
    turn.center.claim(claim)
    turn.do(ClaimMade(claim=claim.id, login=claim.login, slot=claim.slot, at=turn.now))


def take_turn(turn: Turn, displaced: Permission) -> None:
    """Another break goes before a planned one that was to begin after the call: its turn comes then."""
    if displaced.slot is not None:
        claim = claim_to(turn.center, displaced.login, displaced.slot, turn.now)
        if claim is not None:
            keep(turn, replace(claim, id=displaced.id))


def served(turn: Turn, permission: Permission) -> None:
    """A permission is given; a claim to the planned break that it takes is over."""
    claim = turn.center.claims.get(permission.login)
    if claim is not None and claim.slot == permission.slot:
        drop(turn, permission.login, "given")


def drop(turn: Turn, login: str, how: How) -> bool:
    """Whether there was one."""
    claim = turn.center.unclaim(login)
    if claim is not None:
        turn.do(ClaimEnded(claim=claim.id, how=how, at=turn.now))
    return claim is not None


def serve(turn: Turn) -> None:
    """At the end of a turn: who waits for a place under the cap gets one that is free, the earliest slot first. Only
    the queues are looked at in which something was freed. Who needs a place in another queue too, which is full, keeps
    none of them from the others."""
    center = turn.center
    if center.claims_end is not None and turn.now >= center.claims_end:
        _drop_lapsed(turn)
    while center.freed:
        freed, center.freed = center.freed, set()
        lines = (center.claimed.get(queue, ()) for queue in freed if room(center, queue) > 0)
        for _, login in sorted({one for line in lines for one in line}):
            agent = center.agents[login]
            if agent.permission is None and place_for(center, agent):
                _give(turn, agent, center.claims[login])


def call_in(turn: Turn, agent: Agent) -> bool:
    """Whether the operator, whose break has ended, is on the one that they have waited for: where there is a place."""
    claim = turn.center.claims.get(agent.login)
    if claim is None or turn.now >= claim.shift_end or not place_for(turn.center, agent):
        return False
    _give(turn, agent, claim)
    return True


def _drop_lapsed(turn: Turn) -> None:
    center = turn.center
    for claim in list(center.claims.values()):
        if turn.now >= claim.shift_end:
            drop(turn, claim.login, "lapsed")
    center.claims_end = min((claim.shift_end for claim in center.claims.values()), default=None)


def _give(turn: Turn, agent: Agent, claim: Claim) -> None:
    with_caller = agent.state in ENGAGED and agent.state is not State.WRAP_UP
    grant = Grant(length=claim.length, slot=claim.slot)
    permission = breaks.permit(turn, agent, BreakKind.TECHNICAL, grant)
    breaks.give(turn, agent, permission, at_once=not with_caller)


def follow_roster(turn: Turn) -> None:
    """A claim stands as long as its slot does, and is to the break that the roster plans now."""
    for claim in list(turn.center.claims.values()):
        _hold(turn, claim.login, claim.slot, claim.id)


def restore(turn: Turn, known: OpenClaim) -> None:
    """It was on record when the router started."""
    agent = turn.center.agents.get(known.login)
    if agent is None or not agent.at_work:
        turn.do(ClaimEnded(claim=known.claim, how="offline", at=turn.now))
    else:
        _hold(turn, known.login, known.slot, known.claim)


def _hold(turn: Turn, login: str, slot: datetime, name: str) -> None:
    """As the roster has it now; without its slot it lapses."""
    turn.center.unclaim(login)
    claim = claim_to(turn.center, login, slot, turn.now)
    if claim is None:
        turn.do(ClaimEnded(claim=name, how="lapsed", at=turn.now))
    else:
        turn.center.claim(replace(claim, id=name))
