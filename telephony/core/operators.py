"""An operator's state: what they do, since when, on which phone, and the channels they hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from telephony.core.break_facts import ViolationKind
from telephony.core.event import CallId, ChannelId
from telephony.core.facts import AttemptResult
from telephony.core.permissions import Permission
from telephony.core.remembered import OpenViolation
from telephony.core.routing import Lane
from telephony.core.staff import Operator


class State(StrEnum):
    """The states of an operator. Only READY may be given a call by the router."""

    OFFLINE = "offline"
    READY = "ready"
    RINGING = "ringing"
    TALKING = "talking"
    ON_HOLD = "on_hold"
    """In a call, and the operator has put the other side on hold."""
    WRAP_UP = "wrap_up"
    BREAK = "break"
    """A pause with a permission; the reason is its kind."""
    UNREACHABLE = "unreachable"
    """Not rung until they say they are back (RONA), or until the lost phone returns (reason PHONE_LOST)."""


PHONE_LOST = "phone_lost"
"""The reason of UNREACHABLE that ends by itself, when the phone is reachable again: the PBX has said that it is not, or
a ring has found it so."""

BREAK_OVER = "break_over"
"""The reason of READY when a break has ended at its time."""
OVERRUN = "overrun"
"""The reason of UNREACHABLE when a break is over and its operator has not said that they are back."""

IN_CALL = frozenset({State.TALKING, State.ON_HOLD})
ENGAGED = frozenset({State.RINGING, State.TALKING, State.ON_HOLD, State.WRAP_UP})
"""With a caller, from the first ring to the end of the wrap-up, unless the call is their own or a colleague's."""
CONSULTING = "consulting"
"""The reason of TALKING when a caller is on hold and somebody is asked on another line: the call is the caller's."""
NATIVE_CALL = "native_call"
"""That of a call which is not ours, from a time when no router lived."""
OWN_CALL = "own_call"
"""That of a call which the operator has dialed."""
NO_CALLER = frozenset({OWN_CALL, "helping"})
"""Reasons of a call without a caller of their own: no planned break moves for it."""
NOT_TAKEN = frozenset({AttemptResult.NO_ANSWER, AttemptResult.REJECTED, AttemptResult.BUSY})
"""Reasons of UNREACHABLE after a ring that the operator did not take: no planned break moves for it either."""
PAUSED = frozenset({State.BREAK, State.UNREACHABLE})
"""The native fallback queues must not ring them. WRAP_UP is not among these: it is short, and should the router die
within it nobody would end the pause."""


@dataclass(slots=True, eq=False)
class Agent:
    """An operator at work. `channels` are all that the PBX holds for them: free means none is left."""

    person: Operator
    state: State = State.OFFLINE
    phone: str | None = None
    since: datetime | None = None
    idle_since: datetime | None = None
    reason: str = ""
    call: CallId | None = None
    """The call that rings at, or is talked by, this operator: a caller's, as long as there is one on the phone."""
    channels: set[ChannelId] = field(default_factory=set)
    held: set[ChannelId] = field(default_factory=set)
    """Those of them that the operator has put on hold."""
    lanes: tuple[Lane, ...] = ()
    calls: int = 0
    """Answered in this shift."""
    rona: str = ""
    """Set while the last ring failed: becomes UNREACHABLE's reason when the leg is gone."""
    wrap_up: int = 0
    """Seconds of wrap-up due when the last leg is gone."""
    generation: int = 0
    """Of the wrap-up timer."""
    until: datetime | None = None
    """End of the wrap-up, also while a ring or a call of their own interrupts it, or of the break."""
    permission: Permission | None = None
    """Of the break they are on, or, in another state, of one that begins after the call."""
    breaks: int = 0
    """Generation of the timers of a break."""
    engaged_since: datetime | None = None
    """Since when they have been with callers without a gap."""
    warned: bool = False
    """Their break is nearly over: its lamp blinks."""
    announced: ChannelId | None = None
    """The channel on which they were told so."""
    called_back: ChannelId | None = None
    """The one that rings because their break is over: picked up, they are back."""
    call_back_due: bool = False
    """READY since their break ended, and to be rung for that as soon as it is possible, before any caller."""
    occupied: datetime | None = None
    """When a channel that is none of a call's was last heard of, or made, at their phone."""
    tail: ViolationKind | None = None
    """What it would be if they were not free soon: LONG_WRAP_UP where they have not been since the wrap-up of their
    last call began, PHONE_BUSY where they are READY and something is at their phone."""
    violation: OpenViolation | None = None
    """The one that lasts."""
    logged_out: datetime | None = None
    """When they last did so within their shift."""
    left_phone: str = ""
    """On which they were logged in before that."""
    put_out: datetime | None = None
    """When a colleague first took the phone from them in this shift."""
    back_door: datetime | None = None
    """When a pause past us was last seen: one act comes once for each queue."""
    talked: CallId | None = None
    """The conversation that ended last, for which an outcome may be given."""

    @property
    def login(self) -> str:
        return self.person.login

    @property
    def queues(self) -> set[str]:
        """Those that this operator could serve, sooner or later."""
        return {lane.queue.name for lane in self.lanes}

    @property
    def at_work(self) -> bool:
        return self.state is not State.OFFLINE

    def keep_rona(self) -> None:
        """A call begins that does not say "I am back": what made them UNREACHABLE does so again when it is over."""
        if self.state is State.UNREACHABLE and self.reason != PHONE_LOST:
            self.rona = self.reason

    @property
    def deferred(self) -> bool:
        """A break begins as soon as the call is over."""
        return self.permission is not None and self.state is not State.BREAK
