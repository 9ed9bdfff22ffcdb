"""What the client tells about its connection, in the same stream as the events."""

from __future__ import annotations

import msgspec

from telephony.pbx.ari.errors import Rejected
from telephony.pbx.ari.events import Event


class Connected(msgspec.Struct, frozen=True):
    """The socket is up and the event filter in force. What happened before is not told: take a snapshot."""

    version: str
    entity: str


class Disconnected(msgspec.Struct, frozen=True):
    """The socket is gone; the client tries again by itself. Calls in Asterisk go on."""

    reason: str


class Ended(msgspec.Struct, frozen=True):
    """Asterisk will not have this client any more, and trying again would not help: it has stopped, and tells no more.

    `error` says why: another client has taken the application, or the password is not right any more, …"""

    error: Rejected


State = Connected | Disconnected | Ended
Message = Event | Connected | Disconnected | Ended
