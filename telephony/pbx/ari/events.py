"""The events this client can decode, as tagged structs: `type` in the JSON is the name of the class.

One that is not declared here is counted as unknown. To decode one more, subclass `Event` and name it in
`AriClient(events=…)`.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from telephony.pbx.ari.models import (
    Bridge,
    Channel,
    ContactInfo,
    DeviceState,
    Endpoint,
    LiveRecording,
    Peer,
    Playback,
    ReferredBy,
    ReferTo,
)


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag=True):
    """Any event: the application it was sent to, and the PBX's own time (aware)."""

    application: str
    timestamp: datetime
    asterisk_id: str = ""


class StasisStart(Event, frozen=True, kw_only=True):
    """A channel has entered the application, with the arguments of Stasis() or of `appArgs`."""

    args: list[str]
    channel: Channel
    replace_channel: Channel | None = None


class StasisEnd(Event, frozen=True, kw_only=True):
    """A channel has left the application (hung up, continued, or moved)."""

    channel: Channel


class ChannelCreated(Event, frozen=True, kw_only=True):
    """A channel was made."""

    channel: Channel


class ChannelDestroyed(Event, frozen=True, kw_only=True):
    """A channel is gone. `cause` is the Q.850 cause, `tech_cause` the SIP status where there is one."""

    cause: int
    cause_txt: str
    channel: Channel
    tech_cause: int | None = None


class ChannelStateChange(Event, frozen=True, kw_only=True):
    """A channel's state has changed (Ringing, Up, …)."""

    channel: Channel


class ChannelHangupRequest(Event, frozen=True, kw_only=True):
    """Somebody asked for a hang-up; `soft` when the channel still runs its dialplan."""

    channel: Channel
    cause: int | None = None
    tech_cause: int | None = None
    soft: bool = False


class ChannelEnteredBridge(Event, frozen=True, kw_only=True):
    """A channel has joined a bridge."""

    bridge: Bridge
    channel: Channel | None = None


class ChannelLeftBridge(Event, frozen=True, kw_only=True):
    """A channel has left a bridge."""

    bridge: Bridge
    channel: Channel


class ChannelDtmfReceived(Event, frozen=True, kw_only=True):
    """A key was pressed and released; `duration_ms` is how long it was held."""

    digit: str
    duration_ms: int
    channel: Channel


class ChannelVarset(Event, frozen=True, kw_only=True):
    """A variable was set; a global one when there is no channel."""

    variable: str
    value: str
    channel: Channel | None = None


class ChannelHold(Event, frozen=True, kw_only=True):
    """A channel's phone asked for hold."""

    channel: Channel
    musicclass: str = ""


class ChannelUnhold(Event, frozen=True, kw_only=True):
    """A channel's phone ended the hold."""

    channel: Channel


class ChannelTalkingStarted(Event, frozen=True, kw_only=True):
    """Speech was heard (TALK_DETECT)."""

    channel: Channel


class ChannelTalkingFinished(Event, frozen=True, kw_only=True):
    """Speech has ended; `duration` in milliseconds."""

    channel: Channel
    duration: int


class ChannelToneDetected(Event, frozen=True, kw_only=True):
    """The tone asked for was heard."""

    channel: Channel


class ChannelCallerId(Event, frozen=True, kw_only=True):
    """A channel's caller id has changed."""

    caller_presentation: int
    caller_presentation_txt: str
    channel: Channel


class ChannelConnectedLine(Event, frozen=True, kw_only=True):
    """What a channel's phone shows of the other side has changed."""

    channel: Channel


class ChannelDialplan(Event, frozen=True, kw_only=True):
    """A channel runs a dialplan application now."""

    channel: Channel
    dialplan_app: str
    dialplan_app_data: str


class ChannelUserevent(Event, frozen=True, kw_only=True):
    """An event made by the dialplan or another program; `userevent` is its content."""

    eventname: str
    userevent: dict[str, object]
    channel: Channel | None = None
    bridge: Bridge | None = None
    endpoint: Endpoint | None = None


class ChannelTransfer(Event, frozen=True, kw_only=True):
    """A phone asks for a transfer, left to the application by PJSIP_TRANSFER_HANDLING=ari-only."""

    refer_to: ReferTo
    referred_by: ReferredBy
    state: str = ""


class Dial(Event, frozen=True, kw_only=True):
    """How a dial goes: `dialstatus` is empty at first, then RINGING, PROGRESS, ANSWER, …"""

    peer: Channel
    dialstatus: str
    caller: Channel | None = None
    dialstring: str = ""
    forward: str = ""
    forwarded: Channel | None = None


class BridgeCreated(Event, frozen=True, kw_only=True):
    """A bridge was made."""

    bridge: Bridge


class BridgeDestroyed(Event, frozen=True, kw_only=True):
    """A bridge is gone."""

    bridge: Bridge


class BridgeMerged(Event, frozen=True, kw_only=True):
    """The channels of `bridge_from` are now in `bridge`."""

    bridge: Bridge
    bridge_from: Bridge


class BridgeBlindTransfer(Event, frozen=True, kw_only=True):
    """Asterisk did a blind transfer by itself; `result` is Success, Fail, Invalid or Not Permitted."""

    channel: Channel
    exten: str
    context: str
    result: str
    is_external: bool
    replace_channel: Channel | None = None
    transferee: Channel | None = None
    bridge: Bridge | None = None


class BridgeAttendedTransfer(Event, frozen=True, kw_only=True):
    """Asterisk did an attended transfer by itself; `destination_type` says into what."""

    transferer_first_leg: Channel
    transferer_second_leg: Channel
    result: str
    is_external: bool
    destination_type: str
    replace_channel: Channel | None = None
    transferee: Channel | None = None
    transfer_target: Channel | None = None
    transferer_first_leg_bridge: Bridge | None = None
    transferer_second_leg_bridge: Bridge | None = None
    destination_bridge: str = ""
    destination_application: str = ""


class PlaybackStarted(Event, frozen=True, kw_only=True):
    """A sound has begun."""

    playback: Playback


class PlaybackContinuing(Event, frozen=True, kw_only=True):
    """One sound of a list has ended, the next has begun."""

    playback: Playback


class PlaybackFinished(Event, frozen=True, kw_only=True):
    """A sound, or the last of a list, has ended; its `state` tells done from failed."""

    playback: Playback


class RecordingStarted(Event, frozen=True, kw_only=True):
    """A recording has begun."""

    recording: LiveRecording


class RecordingFinished(Event, frozen=True, kw_only=True):
    """A recording has ended and is stored."""

    recording: LiveRecording


class RecordingFailed(Event, frozen=True, kw_only=True):
    """A recording has failed; its `cause` says why."""

    recording: LiveRecording


class DeviceStateChanged(Event, frozen=True, kw_only=True):
    """A device's state has changed."""

    device_state: DeviceState


class EndpointStateChange(Event, frozen=True, kw_only=True):
    """An endpoint went online or offline."""

    endpoint: Endpoint


class ContactStatusChange(Event, frozen=True, kw_only=True):
    """A contact of an endpoint became reachable, unreachable, …"""

    endpoint: Endpoint
    contact_info: ContactInfo


class PeerStatusChange(Event, frozen=True, kw_only=True):
    """A peer registered, unregistered, …"""

    endpoint: Endpoint
    peer: Peer


class ApplicationMoveFailed(Event, frozen=True, kw_only=True):
    """A channel could not be moved to another application."""

    channel: Channel
    destination: str
    args: list[str]


class ApplicationReplaced(Event, frozen=True, kw_only=True):
    """Another client has taken the application. The client acts on it by itself, see `Ended`."""


# What carries a call, without the noise (ChannelVarset, ChannelDialplan, ChannelCallerId, …) that makes most
# of the stream when nothing is filtered.
CALL_EVENTS: tuple[type[Event], ...] = (
    StasisStart, StasisEnd, ChannelDestroyed, ChannelStateChange, ChannelHangupRequest, ChannelEnteredBridge,
    ChannelLeftBridge, ChannelDtmfReceived, ChannelHold, ChannelUnhold, ChannelTransfer, ChannelUserevent,
    Dial, BridgeDestroyed, BridgeBlindTransfer, BridgeAttendedTransfer, PlaybackStarted, PlaybackFinished,
)  # fmt: skip
