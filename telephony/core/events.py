"""What happened: everything that can influence a decision. Each enters through the inbox and is journaled.

Past tense, immutable. The time of entry is not in the event: the inbox stamps the `Entry` around it. Where the PBX
gave a time of its own it is an attribute. Questions from outside, which have an answer, are `commands`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from telephony.core.break_facts import BreakKind, ViolationKind
from telephony.core.commands import AnyCommand, Command
from telephony.core.event import BridgeId, CallId, ChannelId, Event
from telephony.core.plan import Plan, Skills
from telephony.core.roster import Shift

# --- the life of the service -------------------------------------------------------------------------------


class Operator(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An operator as the roster of persons knows them (no PIN here). `skills`: name -> level 1..9."""

    login: str
    name: str
    extension: str
    skills: Skills = {}
    enabled: bool = True


class OpenOperator(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A logged-in operator as the database remembers them: the last row of their state history."""

    login: str
    phone: str
    state: str
    since: datetime
    reason: str = ""
    call: CallId | None = None
    idle_since: datetime | None = None
    until: datetime | None = None
    """End of the wrap-up or of the break, where one runs."""
    free_until: datetime | None = None
    """When a state without a caller last ended, not long ago: from then until `since`, or until now, they were with
    callers."""
    talked: CallId | None = None
    """Their last conversation with a caller, if it ended not long ago."""
    calls: int = 0
    """How many they have answered since they logged in."""


class OpenAttempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A ring attempt without an end in the call log: it rings, or it is the talk that came of it."""

    n: int
    channel: ChannelId
    operator: str | None = None
    answered: datetime | None = None


class OpenCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call without an end in the call log: what the database remembers of it."""

    call: CallId
    kind: str
    number: str
    caller: str
    arrived: datetime
    queue: str | None = None
    queued: datetime | None = None
    """When it entered the queue it is in."""
    priority: int = 0
    answered: datetime | None = None
    operator: str | None = None
    """Whose attempt is open (ringing or talking), if one is."""
    attempts: int = 0
    """How many were made: the next has the number after this."""
    open_attempts: tuple[OpenAttempt, ...] = ()
    lost: datetime | None = None
    """When the PBX was lost, if it died with this call."""


class LastTalk(msgspec.Struct, frozen=True, kw_only=True):
    """Who a caller spoke with last: the memory behind sticky routing."""

    caller: str
    login: str
    ended: datetime


class LastRing(msgspec.Struct, frozen=True, kw_only=True):
    """When a queue last rang an operator: the memory behind round robin."""

    queue: str
    login: str
    at: datetime


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
    run: str = ""
    """Names this life of the router; part of the ids of channels it makes, so that no two lives reuse one."""


class OpenPermission(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A permission as the database remembers it: not ended, or ended not long ago as used, over, withdrawn or offline
    (its slot is used then; that of one ended as unused is not, so such are left out)."""

    permission: str
    login: str
    kind: BreakKind
    begins: datetime
    until: datetime
    slot: datetime | None = None
    order: str | None = None
    reason: str = ""
    ended: datetime | None = None
    reviewed: bool = False


class OpenClaim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A missed slot whose operator waits for a place under the cap."""

    claim: str
    login: str
    slot: datetime


class LoggedOut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last that was heard of an operator: they have logged out, not long ago, by their own wish, or `put_out` by a
    colleague who took the phone."""

    login: str
    at: datetime
    put_out: bool = False


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order whose time is not over."""

    order: str
    by: str
    logins: tuple[str, ...]
    begins: datetime
    until: datetime
    why: str
    at_once: bool = False


class OpenHand(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A raised hand that is not down."""

    hand: str
    login: str
    call: CallId
    at: datetime


class OpenViolation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A violation that lasts."""

    violation: str
    login: str
    kind: ViolationKind
    at: datetime


class FailedLogIn(msgspec.Struct, frozen=True, kw_only=True):
    """A wrong PIN that still counts."""

    extension: str
    at: datetime


class LockedLogIn(msgspec.Struct, frozen=True, kw_only=True):
    """An extension that is locked after too many of them."""

    extension: str
    until: datetime


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


class NativeMemberSeen(Event, frozen=True, kw_only=True):
    """Somebody has removed a member of the mirrored native queue past us, added one, or let one be rung in a call."""

    phone: str
    queue: str
    act: Literal["removed", "added", "ring_in_use"]


class SeenChannel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A channel as it stands in a picture of the PBX."""

    channel: ChannelId
    state: Literal["down", "ringing", "up"]
    created: datetime
    phone: str | None = None
    """The operator's phone it belongs to, if it does."""
    where: Literal["ours", "fallback", "elsewhere"] = "ours"
    """In our Stasis application, in the native fallback queue, or in other dialplan."""
    number: str = ""
    """The service number (or dialed number) it came to."""
    caller: str = ""
    """Token of the caller's number."""
    variables: dict[str, str] = {}
    """The GUDOK_* channel variables that are set."""


class SeenBridge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A bridge as it stands in a picture of the PBX."""

    bridge: BridgeId
    kind: Literal["mixing", "holding", "other"]
    channels: tuple[ChannelId, ...] = ()


class RecordedLeg(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A channel of a call, besides the one the call began with, as the PBX's own record has it."""

    channel: ChannelId
    phone: str | None = None
    """The operator's phone, if it is one."""
    made: datetime
    answered: datetime | None = None
    ended: datetime | None = None


class RecordSoFar(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the PBX's own record says of a call that goes on."""

    call: CallId
    answered: datetime | None = None
    """When the first two heard each other."""
    answered_by: str | None = None
    legs: tuple[RecordedLeg, ...] = ()
    """In the order in which they were made."""


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


class PbxLost(Event, frozen=True, kw_only=True):
    """The connection to the PBX is gone: calls there may go on, but nothing can be asked of it."""

    reason: str


class PbxRestarted(Event, frozen=True, kw_only=True):
    """The PBX is a new process: all channels of the old one are gone."""

    started: datetime


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
    up: bool = False
    """The dialplan has answered already."""


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


class HangUpReason(StrEnum):
    NORMAL = "normal"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CONGESTION = "congestion"


AnyEvent = (
    Started
    | OperatorsChanged
    | RosterChanged
    | NativePauseSeen
    | NativeMemberSeen
    | HelperArrived
    | PictureTaken
    | PbxLost
    | PbxRestarted
    | CallRecorded
    | CallerArrived
    | OwnCallStarted
    | LegReady
    | ChannelRinging
    | ChannelAnswered
    | Bridged
    | ChannelHeld
    | ChannelResumed
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
