"""What the client tells about its connection, in the same stream as the events."""

from __future__ import annotations

import msgspec

from telephony.pbx.ari.events import Event


class Connected(msgspec.Struct, frozen=True):
    """The socket is up and the event filter in force. What happened before is not told: take a snapshot."""

    version: str
    entity: str


class Disconnected(msgspec.Struct, frozen=True):
    """The socket is gone; the client tries again by itself. Calls in Asterisk go on."""

    reason: str


class Replaced(msgspec.Struct, frozen=True):
    """Another client has taken the application. This one has stopped and does not come back."""

    app: str


State = Connected | Disconnected | Replaced
Message = Event | Connected | Disconnected | Replaced
