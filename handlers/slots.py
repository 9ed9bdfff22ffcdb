"""Planned breaks: which of them calls, and breaks that came late, have moved, and what a new roster means for them."""

from __future__ import annotations

from datetime import datetime, timedelta
from operator import itemgetter

from handlers import claims, talks
from handlers.turn import Turn
from telephony.core.breaks import missed_slots
from telephony.core.events import RosterChanged, Started
from telephony.core.operators import ENGAGED, NOT_TAKEN, Agent, State
from telephony.core.permissions import Permission
from telephony.core.remembered import OpenPermission
from telephony.core.roster import Roster

Span = tuple[datetime, datetime]

REMEMBERED = timedelta(days=2)
"""For so long a planned break that was used, or missed, is known."""


def follow_calls(turn: Turn, agent: Agent, at: datetime) -> None:
    """A slot of whose time callers take a part moves to right after that. A call of their own, or a colleague's, moves
    none, nor does a ring that the operator does not take."""
    since = agent.engaged_since
    if agent.state in ENGAGED and talks.with_caller(turn, agent):
        if since is not None and agent.state is State.RINGING:
            _move_slots(turn, agent.login, (since, at))  # so much of it counts, whatever becomes of the ring
        agent.engaged_since = since or at
    elif since is not None:
        if agent.reason not in NOT_TAKEN:
            _move_slots(turn, agent.login, (since, at))
        agent.engaged_since = None


def follow_break(turn: Turn, permission: Permission, ended: datetime) -> None:
    """A planned break that came late moves those whose time it took to right after it."""
    for span in _late(turn, permission, ended):
        _move_slots(turn, permission.login, span)


def restore(turn: Turn, event: Started) -> None:
    """What has moved planned breaks until now is on record."""
    spans = {row.login: list(row.with_callers) for row in event.open_operators}
    for known in event.permissions:
        if known.ended is not None:
            spans.setdefault(known.login, []).extend(_late(turn, known, known.ended))
    for login, of_login in spans.items():
        for span in sorted(of_login, key=itemgetter(1)):
            _move_slots(turn, login, span)


def _late(turn: Turn, given: Permission | OpenPermission, ended: datetime) -> list[Span]:
    """From when a planned break could not begin in time any more, because of a call or for want of a place, until its
    end; nothing where it began in time."""
    if given.slot is None:
        return []
    due = given.slot + timedelta(seconds=turn.center.plan.breaks.tolerance)
    return [(due, ended)] if given.begins > due else []


def _move_slots(turn: Turn, login: str, span: Span) -> None:
    """The operator could take no break in this time."""
    center = turn.center
    begun, ended = span
    until = ended + timedelta(seconds=center.plan.breaks.tolerance)
    center.moved_slots.update({(login, slot): until for slot in missed_slots(center, login, begun, ended)})


def roster_changed(turn: Turn, event: RosterChanged) -> None:
    """New shifts and slots count from now on; what was granted stands, and what was taken stays taken."""
    center = turn.center
    center.roster = Roster(event.shifts)
    claims.follow_roster(turn)
    old = turn.now - REMEMBERED
    lately = ((login, {slot for slot in used if slot > old}) for login, used in center.used_slots.items())
    center.used_slots = {login: used for login, used in lately if used}
    center.moved_slots = {slot: until for slot, until in center.moved_slots.items() if until > old}
