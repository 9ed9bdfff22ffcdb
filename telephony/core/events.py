"""What happened: everything that can influence a decision. Each enters through the inbox and is journaled.

Past tense, immutable. The time of entry is not in the event: the inbox stamps the `Entry` around it. Where the PBX
gave a time of its own it is an attribute. Questions from outside, which have an answer, are `commands`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from telephony.core.commands import AnyCommand, Command
from telephony.core.event import BridgeId, CallId, ChannelId, Event
from telephony.core.picture import SeenBridge, SeenChannel
from telephony.core.plan import Plan
from telephony.core.record import RecordedLeg, RecordSoFar
from telephony.core.remembered import (
    FailedLogIn,
    LastRing,
    LastTalk,
    LockedLogIn,
    LoggedOut,
    OpenCall,
    OpenClaim,
    OpenHand,
    OpenOperator,
    OpenOrder,
    OpenPermission,
    OpenViolation,
)
from telephony.core.roster import Shift
from telephony.core.staff import Operator

# --- the life of the service -------------------------------------------------------------------------------


class Started(Event, frozen=True, kw_only=True):
    """The router has started. Carries all it took from config and the database, so that replay starts equal."""

    plan: Plan
    operators: tuple[Operator, ...] = ()
    open_operators: tuple[OpenOperator, ...] = ()
    open_calls: tuple[OpenCall, ...] = ()
    last_talks: tuple[LastTalk, ...] = ()
    last_rings: tuple[LastRing, ...] = ()
    """Oldest first."""
    shifts: tuple[Shift, ...] = ()
    permissions: tuple[OpenPermission, ...] = ()
    claims: tuple[OpenClaim, ...] = ()
    orders: tuple[OpenOrder, ...] = ()
    log_outs: tuple[LoggedOut, ...] = ()
    hands: tuple[OpenHand, ...] = ()
    violations: tuple[OpenViolation, ...] = ()
    failed_log_ins: tuple[FailedLogIn, ...] = ()
    locked_log_ins: tuple[LockedLogIn, ...] = ()
    last_entry: datetime | None = None
    """When the former life of the router wrote its last entry: it has seen all that was done until then."""
    run: str = ""
    """Names this life of the router; part of the ids of channels it makes, so that no two lives reuse one."""


class OperatorsChanged(Event, frozen=True, kw_only=True):
    """Operators were imported, changed or disabled: the full new list."""

    operators: tuple[Operator, ...]


class RosterChanged(Event, frozen=True, kw_only=True):
    """The roster was imported or corrected, or a day has passed: all shifts of the days around now."""

    shifts: tuple[Shift, ...]


class NativePauseSeen(Event, frozen=True, kw_only=True):
    """Somebody (un)paused a member of the mirrored native queue past us."""

    phone: str
    queue: str
    paused: bool
    reason: str = ""
    began: datetime | None = None
    """Of a pause that began while nobody could see it: when."""
    stands: bool = False
    """Of such a pause: it was set until now. Otherwise it was over before anybody could see it."""


class NativeMemberSeen(Event, frozen=True, kw_only=True):
    """Somebody has removed a member of the mirrored native queue past us, added one, let one be rung in a call, or
    put one behind the others by a penalty."""

    phone: str
    queue: str
    act: Literal["removed", "added", "ring_in_use", "penalty"]


class PictureTaken(Event, frozen=True, kw_only=True):
    """What is alive on the PBX right now; taken at start, after a reconnect, and every 30 s as an audit.

    `records` come with all but audits: what happened, and when, to these calls while nobody looked.
    """

    why: Literal["start", "reconnect", "overflow", "audit"]
    channels: tuple[SeenChannel, ...] = ()
    bridges: tuple[SeenBridge, ...] = ()
    unreachable_phones: tuple[str, ...] = ()
    pbx_started: datetime | None = None
    records: tuple[RecordSoFar, ...] = ()
    record_unread: bool = False
    """The record is longer than could be read by now: a RecordRead follows."""


class RecordRead(Event, frozen=True, kw_only=True):
    """All that the PBX's own record held when the last picture was taken has been told."""


class PbxLost(Event, frozen=True, kw_only=True):
    """The connection to the PBX is gone: calls there may go on, but nothing can be asked of it."""

    reason: str


class CallRecorded(Event, frozen=True, kw_only=True):
    """A finished call, read from the PBX's own record (CEL). Gives calls that ended, or wholly passed, while no
    router lived their true end."""

    call: CallId
    number: str
    caller: str
    arrived: datetime
    ended: datetime
    answered: datetime | None = None
    answered_by: str | None = None
    """Phone of the operator's leg that was bridged."""
    via_fallback: bool = False
    phone: str | None = None
    """For an operator's own call: the phone that dialed."""
    hung_up: ChannelId | None = None
    """The channel at which somebody hung up, the call's own or a leg's, where the record tells."""
    legs: tuple[RecordedLeg, ...] = ()


# --- channels ----------------------------------------------------------------------------------------------


class CallerArrived(Event, frozen=True, kw_only=True):
    """A caller reached a service number (or comes back from the fallback queue, with the true arrival)."""

    channel: ChannelId
    number: str
    caller: str
    arrived: datetime
    via: Literal["trunk", "fallback"] = "trunk"
    queue: str | None = None
    """Set when the caller comes back from the fallback of this queue."""
    queued: datetime | None = None
    """Since when they have been in it, by our counting and the fallback's."""
    up: bool = False
    """The dialplan has answered already."""
    handed_to: str | None = None
    """Whom the fallback's operator has transferred them to, as in OwnCallStarted; None when they come back to wait."""
    trunk: str | None = None


class OwnCallStarted(Event, frozen=True, kw_only=True):
    """An operator's phone dials `number`: another operator, the directory, a queue, or, where an outbound rule names
    a `trunk`, a number outside (then `number` is a token)."""

    channel: ChannelId
    phone: str
    number: str
    trunk: str | None = None


class HelperArrived(Event, frozen=True, kw_only=True):
    """A senior has dialed the code to help in a conversation; the channel is in our application."""

    channel: ChannelId
    phone: str
    mode: Literal["listen", "whisper", "join"]
    extension: str = ""
    """Of the operator to help; empty: whoever's hand has been up for longest."""


class LegReady(Event, frozen=True, kw_only=True):
    """A leg we created has entered our application: it can be dialed."""

    channel: ChannelId


class ChannelRinging(Event, frozen=True, kw_only=True):
    channel: ChannelId


class ChannelAnswered(Event, frozen=True, kw_only=True):
    channel: ChannelId


class Bridged(Event, frozen=True, kw_only=True):
    """The PBX has confirmed that these channels of the call stand in the mixing bridge and hear each other."""

    call: CallId
    bridge: BridgeId
    channels: tuple[ChannelId, ...]


class ChannelHeld(Event, frozen=True, kw_only=True):
    channel: ChannelId


class ChannelResumed(Event, frozen=True, kw_only=True):
    channel: ChannelId


class HoldsSeen(Event, frozen=True, kw_only=True):
    """After a picture that follows a time in which nobody looked: on which of its channels of phones the other side is
    on hold. None of the others is."""

    channels: tuple[ChannelId, ...]


class ChannelGone(Event, frozen=True, kw_only=True):
    """The channel has ended. `cause`: Q.850; `tech_cause`: SIP status where the far end gave one."""

    channel: ChannelId
    cause: int = 0
    tech_cause: int = 0


class PlayEnded(Event, frozen=True, kw_only=True):
    playback: str
    failed: bool = False


class DigitPressed(Event, frozen=True, kw_only=True):
    channel: ChannelId
    digit: str


class TransferAsked(Event, frozen=True, kw_only=True):
    """The phone behind `channel` sent a REFER. Blind: to `number` (a token if outside, by `trunk`). Attended: to the
    far end of the consultation that the same phone holds on `consultation`."""

    channel: ChannelId
    number: str = ""
    trunk: str | None = None
    consultation: ChannelId | None = None


class PhoneChanged(Event, frozen=True, kw_only=True):
    """A phone's registration or qualification changed."""

    phone: str
    reachable: bool


TIMED_OUT = 504
"""The status of a refusal where the PBX gave no answer in time: it may still do what it was asked."""


class PbxRefused(Event, frozen=True, kw_only=True):
    """An effect failed at the PBX. `effect` is the type of the effect, `channel` what it was for."""

    effect: str
    status: int
    reason: str
    channel: ChannelId = ""
    bridge: BridgeId = ""
    call: CallId = ""


class TimerFired(Event, frozen=True, kw_only=True):
    key: str
    generation: int


class Continued(Event, frozen=True, kw_only=True):
    """The rest of a long piece of work, cut so that other events get their turn."""

    work: str
    items: tuple[str, ...]


class LogInRefused(Command, frozen=True, kw_only=True):
    """A wrong PIN or an unknown extension: on record and counted; what is said to it is the answer. `locked`: the PIN
    was not even looked at."""

    command: str = ""
    """Empty: nobody waits for an answer."""
    extension: str
    phone: str
    reason: Literal["wrong_pin", "unknown", "disabled", "locked"]


AnyEvent = (
    Started
    | OperatorsChanged
    | RosterChanged
    | NativePauseSeen
    | NativeMemberSeen
    | HelperArrived
    | PictureTaken
    | PbxLost
    | CallRecorded
    | RecordRead
    | CallerArrived
    | OwnCallStarted
    | LegReady
    | ChannelRinging
    | ChannelAnswered
    | Bridged
    | ChannelHeld
    | ChannelResumed
    | HoldsSeen
    | ChannelGone
    | PlayEnded
    | DigitPressed
    | TransferAsked
    | PhoneChanged
    | PbxRefused
    | TimerFired
    | Continued
    | LogInRefused
    | AnyCommand
)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the journal: the input, when it entered, and what was decided."""

    seq: int
    at: datetime
    event: AnyEvent
