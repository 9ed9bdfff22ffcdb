"""Turns that are kept: who missed a planned break because of a call, and then found the cap reached, waits for a place.

On record from the answer "your break begins when a place is free" to what became of it, so that a restart keeps it.
"""

from __future__ import annotations

from typing import Literal

from handlers import breaks
from handlers.turn import Turn
from telephony.core.break_facts import BreakKind, ClaimEnded, ClaimMade
from telephony.core.breaks import Grant, place_for, shift_at, used_in
from telephony.core.events import OpenClaim
from telephony.core.operators import ENGAGED, State
from telephony.core.permissions import Claim

How = Literal["given", "withdrawn", "offline", "lapsed"]


def keep(turn: Turn, claim: Claim) -> None:
    turn.center.claims[claim.login] = claim
    turn.do(ClaimMade(claim=claim.id, login=claim.login, slot=claim.slot, at=turn.now))


def drop(turn: Turn, login: str, how: How) -> bool:
    """Whether there was one."""
    claim = turn.center.claims.pop(login, None)
    if claim is not None:
        turn.do(ClaimEnded(claim=claim.id, how=how, at=turn.now))
    return claim is not None


def serve(turn: Turn) -> None:
    """At the end of a turn: who waits for a place under the cap gets one that is free, the earliest slot first."""
    center = turn.center
    for claim in sorted(center.claims.values(), key=lambda claim: (claim.slot, claim.login)):
        agent = center.agents[claim.login]
        if turn.now >= claim.shift_end:
            drop(turn, claim.login, "lapsed")
        elif agent.permission is None and place_for(center, agent, claim.slot):
            with_caller = agent.state in ENGAGED and agent.state is not State.WRAP_UP
            grant = Grant(length=claim.length, slot=claim.slot)
            permission = breaks.permit(turn, agent, BreakKind.TECHNICAL, grant)
            breaks.give(turn, agent, permission, at_once=not with_caller)


def follow_roster(turn: Turn) -> None:
    """A claim stands as long as its slot does, and no other break has used that up."""
    center = turn.center
    for login, claim in list(center.claims.items()):
        shift = shift_at(center, login, claim.slot)
        planned = () if shift is None else (slot.begin for slot in shift.slots)
        if shift is None or claim.slot not in planned or claim.slot in used_in(center, shift):
            drop(turn, login, "lapsed")


def restore(turn: Turn, known: OpenClaim) -> None:
    """It was on record when the router started. Its length is what the roster says now."""
    center = turn.center
    agent = center.agents.get(known.login)
    slot = next((slot for slot in center.roster.slots(known.login) if slot.begin == known.slot), None)
    shift = shift_at(center, known.login, known.slot)
    if agent is None or not agent.at_work:
        turn.do(ClaimEnded(claim=known.claim, how="offline", at=turn.now))
    elif slot is None or shift is None:
        turn.do(ClaimEnded(claim=known.claim, how="lapsed", at=turn.now))
    else:
        center.claims[known.login] = Claim(slot.begin, slot.end - slot.begin, shift.end, known.login, known.claim)
