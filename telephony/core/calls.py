"""A call and its life: the channels that belong to it, who waits, who rings, who talks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple

from telephony.core.event import BridgeId, CallId, ChannelId
from telephony.core.facts import AttemptResult, CallKind, Outcome
from telephony.core.operators import OWN_CALL
from telephony.core.script import Script


class Role(StrEnum):
    """Whose leg it is."""

    OPERATOR = "operator"
    FAR = "far"
    """A specialist, a department, or a number outside."""


class LegState(StrEnum):
    NEW = "new"
    DIALED = "dialed"
    RINGING = "ringing"
    UP = "up"


@dataclass(slots=True, eq=False)
class Leg:
    """A channel that we created for a call: one ring attempt, and the talk it may become."""

    channel: ChannelId
    role: Role
    n: int
    seconds: int
    """How long it may ring."""
    made: datetime
    login: str | None = None
    """The operator who rings; None for everybody else's phones."""
    why: Literal["queue", "transfer", "own"] = "queue"
    state: LegState = LegState.NEW
    result: AttemptResult | None = None
    """Set when we know how it ends before the PBX has reported it gone."""
    queue: str | None = None
    """The queue in which the call stood when this operator was rung: its wrap-up is theirs."""
    phone: str | None = None
    """The phone that rings; None for a number outside."""
    asks_on: ChannelId | None = None
    """Where its phone has asked for a transfer of this call, and hears how it goes: here, or on its other call."""


@dataclass(slots=True, eq=False)
class Transfer:
    """A transfer under way: `leg` rings at the target while the transferring phone waits on `by`."""

    by: ChannelId
    login: str | None
    kind: Literal["blind", "attended"]
    to: str
    leg: ChannelId


class Connecting(NamedTuple):
    """A Connect that the PBX has not yet answered: into which bridge, with whose leg."""

    bridge: BridgeId
    login: str | None


@dataclass(slots=True, eq=False)
class Call:
    """One call, from the first channel to the last. `party` is the channel that stays through every transfer."""

    id: CallId
    kind: CallKind
    number: str
    caller: str
    arrived: datetime
    opened: datetime
    """When this life of the router took it up."""
    party: ChannelId
    origin: str | None = None
    """The operator whose own call this is."""
    phone: str | None = None
    """The phone of the house that `party` is on; None for a caller from outside."""
    queue: str | None = None
    priority: int = 0
    queued: datetime | None = None
    """When the call entered `queue`: overflow steps and the longest wait count from here."""
    step: int = 0
    timer: int = 0
    """Generation of the waiting timer."""
    script: Script = ()
    playback: str | None = None
    eligible: bool = False
    """May be given to an operator as soon as one is free."""
    offer: ChannelId | None = None
    """The leg that rings for the waiting caller."""
    legs: dict[ChannelId, Leg] = field(default_factory=dict)
    bridge: BridgeId | None = None
    in_bridge: set[ChannelId] = field(default_factory=set)
    connecting: Connecting | None = None
    held: bool = False
    """The party is in the holding bridge."""
    attempts: int = 0
    bridges: int = 0
    playbacks: int = 0
    answered: datetime | None = None
    transfer: Transfer | None = None
    given_back: datetime | None = None
    """When a failed transfer brought the party back to the operator."""
    talked_to: str | None = None
    """The operator whose leg is bridged now, or was last."""
    talked: bool = False
    """Somebody has heard them since they entered `queue`: should they wait again, it is a wait of its own."""
    outcome: Outcome | None = None
    """Decided before the end, for calls that the center ends."""
    ended_by: Literal["caller", "operator", "far_end", "center", "pbx"] | None = None
    ended: bool = False
    ended_at: datetime | None = None
    helps: bool = False
    """An operator's own call into somebody else's conversation: it has no legs and no bridge of its own."""
    end_unknown: bool = False
    """It ended while we could not see: the PBX's record will tell when."""
    met_unseen: bool = False
    """They may have been together while we could not see: should they part before we have, the record will tell."""

    @property
    def own_reason(self) -> str:
        """Why its operator is TALKING, where it is an operator's own."""
        return "helping" if self.helps else OWN_CALL

    def waited(self, now: datetime) -> timedelta:
        """How long the call has been in its present queue."""
        return now - (self.queued or self.arrived)
