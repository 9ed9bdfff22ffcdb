"""The events this client can decode, as tagged structs: `type` in the JSON is the name of the class.

An event not declared here can still be received: see `AriClient.on_problem` (counted as unknown). To decode one more,
subclass `Event` and name it in `AriClient(events=…)`.
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


class StasisStart(Event):
    """A channel has entered the application, with the arguments of Stasis() or of `appArgs`."""

    args: list[str]
    channel: Channel
    replace_channel: Channel | None = None


class StasisEnd(Event):
    """A channel has left the application (hung up, continued, or moved)."""

    channel: Channel


class ChannelCreated(Event):
    """A channel was made."""

    channel: Channel


class ChannelDestroyed(Event):
    """A channel is gone. `cause` is the Q.850 cause, `tech_cause` the SIP status where there is one."""

    cause: int
    cause_txt: str
    channel: Channel
    tech_cause: int | None = None


class ChannelStateChange(Event):
    """A channel's state has changed (Ringing, Up, …)."""

    channel: Channel


class ChannelHangupRequest(Event):
    """Somebody asked for a hang-up; `soft` when the channel still runs its dialplan."""

    channel: Channel
    cause: int | None = None
    tech_cause: int | None = None
    soft: bool = False


class ChannelEnteredBridge(Event):
    """A channel has joined a bridge."""

    bridge: Bridge
    channel: Channel | None = None


class ChannelLeftBridge(Event):
    """A channel has left a bridge."""

    bridge: Bridge
    channel: Channel


class ChannelDtmfReceived(Event):
    """A key was pressed and released; `duration_ms` is how long it was held."""

    digit: str
    duration_ms: int
    channel: Channel


class ChannelVarset(Event):
    """A variable was set; a global one when there is no channel."""

    variable: str
    value: str
    channel: Channel | None = None


class ChannelHold(Event):
    """A channel's phone asked for hold."""

    channel: Channel
    musicclass: str = ""


class ChannelUnhold(Event):
    """A channel's phone ended the hold."""

    channel: Channel


class ChannelTalkingStarted(Event):
    """Speech was heard (TALK_DETECT)."""

    channel: Channel


class ChannelTalkingFinished(Event):
    """Speech has ended; `duration` in milliseconds."""

    channel: Channel
    duration: int


class ChannelToneDetected(Event):
    """The tone asked for was heard."""

    channel: Channel


class ChannelCallerId(Event):
    """A channel's caller id has changed."""

    caller_presentation: int
    caller_presentation_txt: str
    channel: Channel


class ChannelConnectedLine(Event):
    """What a channel's phone shows of the other side has changed."""

    channel: Channel


class ChannelDialplan(Event):
    """A channel runs a dialplan application now."""

    channel: Channel
    dialplan_app: str
    dialplan_app_data: str


class ChannelUserevent(Event):
    """An event made by the dialplan or another program; `userevent` is its content."""

    eventname: str
    userevent: dict[str, object]
    channel: Channel | None = None
    bridge: Bridge | None = None
    endpoint: Endpoint | None = None


class ChannelTransfer(Event):
    """A phone asks for a transfer that was left to the application (PJSIP_TRANSFER_HANDLING=ari-only)."""

    refer_to: ReferTo
    referred_by: ReferredBy
    state: str = ""


class Dial(Event):
    """How a dial goes: `dialstatus` is empty at first, then RINGING, PROGRESS, ANSWER, …"""

    peer: Channel
    dialstatus: str
    caller: Channel | None = None
    dialstring: str = ""
    forward: str = ""
    forwarded: Channel | None = None


class BridgeCreated(Event):
    """A bridge was made."""

    bridge: Bridge


class BridgeDestroyed(Event):
    """A bridge is gone."""

    bridge: Bridge


class BridgeMerged(Event):
    """The channels of `bridge_from` are now in `bridge`."""

    bridge: Bridge
    bridge_from: Bridge


class BridgeBlindTransfer(Event):
    """Asterisk carried out a blind transfer by itself; `result` is Success, Fail, Invalid or Not Permitted."""

    channel: Channel
    exten: str
    context: str
    result: str
    is_external: bool
    replace_channel: Channel | None = None
    transferee: Channel | None = None
    bridge: Bridge | None = None


class BridgeAttendedTransfer(Event):
    """Asterisk carried out an attended transfer by itself; `destination_type` says into what."""

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


class PlaybackStarted(Event):
    """A sound has begun."""

    playback: Playback


class PlaybackContinuing(Event):
    """One sound of a list has ended, the next has begun."""

    playback: Playback


class PlaybackFinished(Event):
    """A sound, or the last of a list, has ended; its `state` tells done from failed."""

    playback: Playback


class RecordingStarted(Event):
    """A recording has begun."""

    recording: LiveRecording


class RecordingFinished(Event):
    """A recording has ended and is stored."""

    recording: LiveRecording


class RecordingFailed(Event):
    """A recording has failed; its `cause` says why."""

    recording: LiveRecording


class DeviceStateChanged(Event):
    """A device's state has changed."""

    device_state: DeviceState


class EndpointStateChange(Event):
    """An endpoint went online or offline."""

    endpoint: Endpoint


class ContactStatusChange(Event):
    """A contact of an endpoint became reachable, unreachable, …"""

    endpoint: Endpoint
    contact_info: ContactInfo


class PeerStatusChange(Event):
    """A peer registered, unregistered, …"""

    endpoint: Endpoint
    peer: Peer


class ApplicationMoveFailed(Event):
    """A channel could not be moved to another application."""

    channel: Channel
    destination: str
    args: list[str]


class ApplicationReplaced(Event):
    """Another client has taken the application. The client acts on it by itself, see `Replaced`."""


# The events that carry a call, without the noise (ChannelVarset, ChannelDialplan, ChannelCallerId, …) that makes most of
# the stream when nothing is filtered.
CALL_EVENTS: tuple[type[Event], ...] = (
    StasisStart, StasisEnd, ChannelDestroyed, ChannelStateChange, ChannelHangupRequest, ChannelEnteredBridge,
    ChannelLeftBridge, ChannelDtmfReceived, ChannelHold, ChannelUnhold, ChannelTransfer, ChannelUserevent, Dial,
    BridgeDestroyed, BridgeBlindTransfer, BridgeAttendedTransfer, PlaybackStarted, PlaybackFinished,
)  # fmt: skip
