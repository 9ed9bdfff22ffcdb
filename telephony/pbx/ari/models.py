"""The things ARI speaks of, as far as this client reads them.

Names are those of Asterisk's resource listing (`/ari/api-docs/*.json`); fields left out here are skipped when
decoding. `check_listing` compares all of it with what an Asterisk serves.
"""

from __future__ import annotations

from datetime import datetime

import msgspec


class Model(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A thing described in ARI's listing under the name of the class."""


class CallerID(Model, frozen=True, kw_only=True):
    """Name and number as the PBX shows them; empty when unknown."""

    name: str
    number: str


class DialplanCEP(Model, frozen=True, kw_only=True):
    """Where in the dialplan a channel is: context, extension, priority, and the application it runs."""

    context: str
    exten: str
    priority: int
    app_name: str
    app_data: str


class Channel(Model, frozen=True, kw_only=True):
    """One leg of a call. `state` is Down, Ring, Ringing, Up, …; `channelvars` those named in ari.conf."""

    id: str
    name: str
    state: str
    caller: CallerID
    connected: CallerID
    accountcode: str
    dialplan: DialplanCEP
    creationtime: datetime
    language: str
    protocol_id: str = ""
    caller_rdnis: str = ""
    channelvars: dict[str, str] = {}


class Bridge(Model, frozen=True, kw_only=True):
    """What holds channels together. `bridge_type` is mixing or holding; `channels` their ids."""

    id: str
    technology: str
    bridge_type: str
    bridge_class: str
    creator: str
    name: str
    channels: list[str]
    creationtime: datetime


class Playback(Model, frozen=True, kw_only=True):
    """A sound being played to `target_uri` (channel:ID, bridge:ID); `state` is queued, playing, done, …"""

    id: str
    media_uri: str
    target_uri: str
    state: str
    next_media_uri: str = ""
    language: str = ""


class LiveRecording(Model, frozen=True, kw_only=True):
    """A recording under way. `duration` is in whole seconds and comes with the last event only."""

    name: str
    format: str
    state: str
    target_uri: str
    duration: int | None = None
    cause: str = ""


class DeviceState(Model, frozen=True, kw_only=True):
    """A device (`PJSIP/3001`, `Stasis:NAME`) and its state (NOT_INUSE, INUSE, RINGING, …)."""

    name: str
    state: str


class Endpoint(Model, frozen=True, kw_only=True):
    """Somebody who can be called: technology and resource (`PJSIP`, `3001`), online, offline or unknown."""

    technology: str
    resource: str
    channel_ids: list[str]
    state: str = ""


class ContactInfo(Model, frozen=True, kw_only=True):
    """Where an endpoint is reached. `roundtrip_usec` is microseconds, as text."""

    uri: str
    contact_status: str
    aor: str
    roundtrip_usec: str = ""


class Peer(Model, frozen=True, kw_only=True):
    """A registered peer's status."""

    peer_status: str
    cause: str = ""
    address: str = ""
    port: str = ""
    time: str = ""


class Application(Model, frozen=True, kw_only=True):
    """A Stasis application, what it is subscribed to, and its event filter."""

    name: str
    channel_ids: list[str]
    bridge_ids: list[str]
    endpoint_ids: list[str]
    device_names: list[str]
    events_allowed: list[dict[str, str]]
    events_disallowed: list[dict[str, str]]


class AdditionalParam(Model, frozen=True, kw_only=True):
    """One further parameter of a transfer's destination."""

    parameter_name: str
    parameter_value: str


class RequiredDestination(Model, frozen=True, kw_only=True):
    """Where a transfer is to go: a number (blind), or another call by its protocol id (attended)."""

    protocol_id: str = ""
    destination: str = ""
    additional_protocol_params: list[AdditionalParam] = []


class ReferTo(Model, frozen=True, kw_only=True):
    """The far side of a transfer; channel and bridge when the destination is a call that Asterisk knows."""

    requested_destination: RequiredDestination
    destination_channel: Channel | None = None
    connected_channel: Channel | None = None
    bridge: Bridge | None = None


class ReferredBy(Model, frozen=True, kw_only=True):
    """The near side of a transfer: who asks for it, whom they talk with, in which bridge."""

    source_channel: Channel
    connected_channel: Channel | None = None
    bridge: Bridge | None = None


class AsteriskPing(Model, frozen=True, kw_only=True):
    """The answer to a ping."""

    asterisk_id: str
    ping: str
    timestamp: str


class SystemInfo(Model, frozen=True, kw_only=True):
    """Which Asterisk this is: its version text and its entity id."""

    version: str
    entity_id: str


class StatusInfo(Model, frozen=True, kw_only=True):
    """When Asterisk started and last reloaded."""

    startup_time: datetime
    last_reload_time: datetime


class AsteriskInfo(Model, frozen=True, kw_only=True):
    """About the Asterisk; only the parts that were asked for are there."""

    system: SystemInfo | None = None
    status: StatusInfo | None = None


class Variable(Model, frozen=True, kw_only=True):
    """A variable's value; empty when unset."""

    value: str
