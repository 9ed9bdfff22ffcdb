"""How operators' phones stand in the native queues, as wished and as the PBX tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

SLACK = timedelta(seconds=1)
"""The PBX tells times of pauses without their fractions."""

Alteration = Literal["ring_in_use", "penalty"]
"""What others may do to how a member is rung, and we never do: also while in a call; only when nobody else is free."""
UNLISTED: frozenset[Alteration] = frozenset({"ring_in_use"})
"""Of these only an event tells."""
Act = Literal["paused", "unpaused", "removed", "added"] | Alteration


@dataclass(frozen=True, slots=True)
class Member:
    """One membership: of one operator's phone in one native queue."""

    queue: str
    interface: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a member stands in a queue."""

    login: str
    paused: bool
    reason: str = ""
    since: datetime | None = None
    """Of a wish: when the operator came into the state that it shows. Of a pause that somebody else has set while we
    could not see: when that was."""
    foreign: bool = False
    """Somebody else has paused or unpaused it."""
    altered: frozenset[Alteration] = frozenset()
    """By somebody else: never our wish."""

    def is_paused_as(self, wanted: Standing) -> bool:
        """The reason counts, so that the PBX knows since when a pause of this kind lasts."""
        return self.paused == wanted.paused and (not wanted.paused or self.reason == wanted.reason)


@dataclass(frozen=True, slots=True)
class Foreign:
    """What somebody did to a membership past us; it is undone."""

    queue: str
    interface: str
    act: Act
    reason: str = ""
    at: datetime | None = None
    """Of a pause that began while we could not see: when."""
    stands: bool = False
    """Of such a pause: it is set still."""


def act_of(paused: bool) -> Act:
    return "paused" if paused else "unpaused"


def alterations(penalty: int) -> frozenset[Alteration]:
    """Those that a listing shows."""
    return frozenset({"penalty"} if penalty else ())


def last_pause(row: Mapping[str, str]) -> datetime:
    return datetime.fromtimestamp(int(row.get("LastPause") or 0), UTC)


def standing_of(row: Mapping[str, str], known: Standing | None) -> Standing:
    """A member as it stands after a time in which we could not see, when `known` is how it should have stood. The time
    of its last pause tells others' doing from a wish of ours that has not reached the PBX: a pause is others' if it was
    set after the operator was free, its end if the pause had been set."""
    paused, last = row["Paused"] == "1", last_pause(row)
    foreign = False
    if known is not None and known.paused != paused:
        foreign = known.since is None or last + SLACK >= known.since
    since = last if foreign and paused else None
    altered = alterations(int(row["Penalty"]))
    return Standing(row["MemberName"], paused, row.get("PausedReason", ""), since, foreign, altered)
