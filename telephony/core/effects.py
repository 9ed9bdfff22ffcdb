"""What shall happen: imperative, carried out at the edge in the order given per call and per operator.

Facts travel in the same list: a fact is the one effect that only the journal and the call log carry out.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from telephony.core.event import BridgeId, CallId, ChannelId
from telephony.core.facts import AnyFact

LampState = Literal["off", "on", "blinking"]


class Effect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, tag_field="type"):
    """Base of all effects."""


class CallEffect(Effect, frozen=True, kw_only=True):
    """Base of effects on the PBX. Effects of one `call` leave in order, one answered before the next is sent."""

    call: CallId


class Answer(CallEffect, frozen=True, kw_only=True):
    channel: ChannelId


class Ring(CallEffect, frozen=True, kw_only=True):
    """Let the calling phone hear ringing (180)."""

    channel: ChannelId


class Hold(CallEffect, frozen=True, kw_only=True):
    """Put the channel into the holding bridge of `music` and let the music play."""

    channel: ChannelId
    music: str = "default"


class Play(CallEffect, frozen=True, kw_only=True):
    """Play the named prompts to one channel; ends with PlayEnded(playback)."""

    channel: ChannelId
    playback: str
    prompts: tuple[str, ...]


class StopPlay(CallEffect, frozen=True, kw_only=True):
    playback: str


class CreateLeg(CallEffect, frozen=True, kw_only=True):
    """Make a leg to a phone or an outside number; it is dialed by DialLeg after its LegReady.

    `shows` is the token of the number that the ringing phone displays; `label` is displayed with it.
    """

    leg: ChannelId
    originator: ChannelId | None = None
    phone: str | None = None
    trunk: str | None = None
    number: str | None = None
    shows: str = ""
    label: str = ""
    auto_answer: bool = False
    variables: dict[str, str] = {}


class DialLeg(CallEffect, frozen=True, kw_only=True):
    leg: ChannelId
    seconds: int


class Connect(CallEffect, frozen=True, kw_only=True):
    """Make the mixing bridge and put the channels into it; comes back as Bridged. `staff` are those whose digits the
    other side must not hear."""

    bridge: BridgeId
    channels: tuple[ChannelId, ...]
    staff: tuple[ChannelId, ...] = ()


class Join(CallEffect, frozen=True, kw_only=True):
    """Put a channel into an existing mixing bridge (it leaves the one it is in); comes back as Bridged."""

    bridge: BridgeId
    channel: ChannelId
    staff: bool = False


class Dissolve(CallEffect, frozen=True, kw_only=True):
    """Destroy a mixing bridge. Channels in it stay alive."""

    bridge: BridgeId


class HangUpReason(StrEnum):
    NORMAL = "normal"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CONGESTION = "congestion"


class HangUp(CallEffect, frozen=True, kw_only=True):
    channel: ChannelId
    reason: HangUpReason = HangUpReason.NORMAL


class SetVariables(CallEffect, frozen=True, kw_only=True):
    """Write what the next life of the router must find on the channel."""

    channel: ChannelId
    variables: dict[str, str]


class ReportTransfer(CallEffect, frozen=True, kw_only=True):
    """Tell the transferring phone how its REFER goes (NOTIFY with a sipfrag)."""

    channel: ChannelId
    state: Literal["progress", "success", "unavailable", "declined"]


class TakeBack(CallEffect, frozen=True, kw_only=True):
    """Redirect a caller who waits in the native fallback of `queue` to our application."""

    channel: ChannelId
    queue: str


class Watch(CallEffect, frozen=True, kw_only=True):
    """Tell us of the end of a channel that is not in our application."""

    channel: ChannelId


class Announce(CallEffect, frozen=True, kw_only=True):
    """Ring a phone for so many `seconds`, say the named prompts to who picks up, and hang up. `channel` is a name for
    it, not used before, and the `call`: nobody else is on it."""

    channel: ChannelId
    phone: str
    prompts: tuple[str, ...]
    seconds: int
    auto_answer: bool = False


class Snoop(CallEffect, frozen=True, kw_only=True):
    """Bring `helper` (the channel of a senior) to the conversation of `operator` (the channel of an operator's phone):
    listen hears both; whisper is heard by the operator alone. `bridge` holds the helper and the snoop channel `snoop`;
    names are not reused."""

    operator: ChannelId
    helper: ChannelId
    snoop: ChannelId
    bridge: BridgeId
    mode: Literal["listen", "whisper"]


class EndSnoop(CallEffect, frozen=True, kw_only=True):
    """Remove the snoop channel and its bridge; the helper's channel stays up."""

    snoop: ChannelId
    bridge: BridgeId


# --- everything that is not a call ---------------------------------------------------------------------------


class MirrorMember(Effect, frozen=True, kw_only=True):
    """Make the native fallback queues show this operator: member of `queues` on `phone` (none: of no queue)."""

    login: str
    phone: str
    queues: tuple[str, ...]
    paused: bool = False
    reason: str = ""
    since: datetime | None = None
    """When they came into the state that this shows."""
    seen_until: datetime | None = None
    """At a start: until when a former life of the router has seen what others did to these queues."""
    extension: str = ""
    """By which colleagues dial them; empty where they have left."""


class SetLamp(Effect, frozen=True, kw_only=True):
    """Show a state on the lamp `name` (a custom device state: BLF keys of phones follow it)."""

    name: str
    state: LampState


class SetTimer(Effect, frozen=True, kw_only=True):
    """TimerFired(key, generation) at `at`. A later SetTimer of the same key replaces this one."""

    key: str
    generation: int
    at: datetime


class CancelTimer(Effect, frozen=True, kw_only=True):
    """The timer of this key is not needed any more."""

    key: str


class Reply(Effect, frozen=True, kw_only=True):
    """The answer to a command. `durable`: the journal is committed before it is given. `say`: prompts."""

    command: str
    ok: bool
    code: str
    say: tuple[str, ...] = ()
    text: str = ""
    durable: bool = True


class TakePicture(Effect, frozen=True, kw_only=True):
    """Ask for a new PictureTaken."""

    why: Literal["start", "reconnect", "overflow", "audit"]


class Continue(Effect, frozen=True, kw_only=True):
    """Comes back as Continued after the other events that wait."""

    work: str
    items: tuple[str, ...]


class Alarm(Effect, frozen=True, kw_only=True):
    """Somebody must look: logged, counted, shown to who watches. `code` is stable, `text` for people."""

    code: str
    text: str
    subject: str = ""


AnyEffect = (
    Answer
    | Ring
    | Hold
    | Play
    | StopPlay
    | CreateLeg
    | DialLeg
    | Connect
    | Join
    | Dissolve
    | HangUp
    | SetVariables
    | ReportTransfer
    | TakeBack
    | Watch
    | Announce
    | Snoop
    | EndSnoop
    | SetLamp
    | MirrorMember
    | SetTimer
    | CancelTimer
    | Reply
    | TakePicture
    | Continue
    | Alarm
)
Effects = list[AnyEffect | AnyFact]
