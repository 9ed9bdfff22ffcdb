"""What AMI tells and the service has no use for: that a PBX has booted, and its native queues' callers."""

from __future__ import annotations

from telephony.pbx.ami_types import AmiEvent, ContactStatus, QueueMemberAdded, QueueMemberPause, QueueMemberRemoved


class FullyBooted(AmiEvent, frozen=True, kw_only=True):
    """Asterisk has started (`uptime` in seconds). Told at every login and whenever it boots."""

    uptime: int


class _Caller(AmiEvent, frozen=True, kw_only=True):
    queue: str
    channel: str
    uniqueid: str
    linkedid: str
    caller_id_num: str
    position: int


class QueueCallerJoin(_Caller, frozen=True, kw_only=True):
    """A caller has entered a native queue."""

    count: int


class QueueCallerLeave(_Caller, frozen=True, kw_only=True):
    """A caller has left it, to talk or otherwise."""

    count: int


class QueueCallerAbandon(_Caller, frozen=True, kw_only=True):
    """A caller has hung up, or was taken away, before an answer. `hold_time` is in seconds."""

    original_position: int
    hold_time: int


EVENTS: tuple[type[AmiEvent], ...] = (
    *(FullyBooted, ContactStatus, QueueMemberAdded, QueueMemberRemoved, QueueMemberPause),
    *(QueueCallerJoin, QueueCallerLeave, QueueCallerAbandon),
)
