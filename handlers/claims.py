"""Turns that are kept: who missed a planned break because of a call, and then found the cap reached, waits for a place.

On record from the answer "your break begins when a place is free" to what became of it, so that a restart keeps it.
"""

from __future__ import annotations

from typing import Literal

from handlers import breaks
from handlers.turn import Turn
from telephony.core.break_facts import BreakKind, ClaimEnded, ClaimMade
from telephony.core.breaks import Grant, place_for, room, shift_at, used_in
from telephony.core.operators import ENGAGED, Agent, State
from telephony.core.permissions import Claim
from telephony.core.remembered import OpenClaim

How = Literal["given", "withdrawn", "offline", "lapsed"]


def keep(turn: Turn, claim: Claim) -> None:
    turn.center.claim(claim)
    turn.do(ClaimMade(claim=claim.id, login=claim.login, slot=claim.slot, at=turn.now))


def drop(turn: Turn, login: str, how: How) -> bool:
    """Whether there was one."""
    claim = turn.center.unclaim(login)
    if claim is not None:
        turn.do(ClaimEnded(claim=claim.id, how=how, at=turn.now))
    return claim is not None


def serve(turn: Turn) -> None:
    """At the end of a turn: who waits for a place under the cap gets one that is free, the earliest slot first. Only
    the queues are looked at in which something was freed, and of those who wait there as many as have room."""
    center = turn.center
    if center.claims_end is not None and turn.now >= center.claims_end:
        _drop_lapsed(turn)
    while center.freed:
        freed, center.freed = center.freed, set()
        waiting = {one for queue in freed for one in center.claimed.get(queue, ())[: max(room(center, queue), 0)]}
        for _, login in sorted(waiting):
            claim, agent = center.claims[login], center.agents[login]
            if agent.permission is None and place_for(center, agent, claim.slot):
                _give(turn, agent, claim)


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
        center.claim(Claim(slot.begin, slot.end - slot.begin, shift.end, known.login, known.claim))
