"""Planned breaks: which of them calls have moved, and what a new roster means for them."""

from __future__ import annotations

from datetime import datetime, timedelta

from handlers import claims
from handlers.turn import Turn
from telephony.core.breaks import missed_slots
from telephony.core.events import RosterChanged
from telephony.core.facts import CallKind
from telephony.core.operators import ENGAGED, NO_CALLER, Agent
from telephony.core.roster import Roster

REMEMBERED = timedelta(days=2)
"""For so long a planned break that was used, or missed, is known."""


def follow_calls(turn: Turn, agent: Agent, at: datetime) -> None:
    """A slot of whose time callers take a part moves to right after that. A call of their own, or a colleague's, moves
    none."""
    if agent.state in ENGAGED and with_caller(turn, agent):
        agent.engaged_since = agent.engaged_since or at
    elif agent.engaged_since is not None:
        move_slots(turn, agent, agent.engaged_since, at)
        agent.engaged_since = None


def move_slots(turn: Turn, agent: Agent, begun: datetime, ended: datetime) -> None:
    """The operator was with callers between these times."""
    center = turn.center
    until = ended + timedelta(seconds=center.plan.breaks.tolerance)
    center.moved_slots.update({(agent.login, slot): until for slot in missed_slots(center, agent.login, begun, ended)})


def with_caller(turn: Turn, agent: Agent) -> bool:
    """Whether a call is a caller's, who may be on hold while a colleague is asked; in an ENGAGED state."""
    center = turn.center
    call = center.calls.get(agent.call or "")
    if call is None:
        return agent.reason not in NO_CALLER
    held = (center.channels.get(channel) for channel in agent.channels)
    return any(one is not None and one.kind is CallKind.INBOUND for one in (call, *held))


def roster_changed(turn: Turn, event: RosterChanged) -> None:
    """New shifts and slots count from now on; what was granted stands, and what was taken stays taken."""
    center = turn.center
    center.roster = Roster(event.shifts)
    claims.follow_roster(turn)
    old = turn.now - REMEMBERED
    lately = ((login, {slot for slot in used if slot > old}) for login, used in center.used_slots.items())
    center.used_slots = {login: used for login, used in lately if used}
    center.moved_slots = {slot: until for slot, until in center.moved_slots.items() if until > old}
