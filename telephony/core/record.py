"""The PBX's own record (CEL): what it says of a call that nobody looked at meanwhile."""

from __future__ import annotations

from datetime import datetime

import msgspec

from telephony.core.event import CallId, ChannelId


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
