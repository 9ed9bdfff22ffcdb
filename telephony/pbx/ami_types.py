"""What AMI tells, and what can go wrong with it."""

from __future__ import annotations

import msgspec


class AmiError(OSError):
    """Base of every error of AMI; an OSError, as for any line to another machine. One line of text."""


class ActionFailed(AmiError):  # noqa: N818  (says what happened)
    """Asterisk answered `Response: Error`; `reason` is its own sentence."""

    def __init__(self, action: str, reason: str) -> None:
        super().__init__(f"AMI {action}: {reason}")
        self.action, self.reason = action, reason


class ActionTimeout(AmiError, TimeoutError):  # noqa: N818
    """No (complete) answer in time. Whether Asterisk acted is unknown."""


class AmiConnectionLost(AmiError):  # noqa: N818
    """The line is gone, or was never there; the action is never sent again."""


class AmiUnreachable(AmiError):  # noqa: N818
    """A connection could not be made; trying again may help."""


class LoginRejected(AmiError):  # noqa: N818
    """Asterisk knows no such AMI user, or not with this password, or the user may not do what is needed."""


class AmiConnected(msgspec.Struct, frozen=True):
    """Logged in and heard: what happened before is not told, take a snapshot. `version` is AMI's own."""

    version: str


class AmiDisconnected(msgspec.Struct, frozen=True):
    """The line is gone; the client tries again by itself."""

    reason: str


def _header(field: str) -> str:
    return field.replace("_", "")


class AmiEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="event", tag=True, rename=_header):
    """An event; fields are AMI's headers in lower case, words joined by underscores. Numbers and 0/1 are read."""


class ContactStatus(AmiEvent, frozen=True, kw_only=True):
    """A phone's contact: `contact_status` is Reachable, Unreachable, NonQualified, Removed, Updated, …"""

    uri: str
    contact_status: str
    aor: str
    endpoint_name: str = ""
    roundtrip_usec: str = ""


class _Member(AmiEvent, frozen=True, kw_only=True):
    queue: str
    member_name: str
    interface: str
    state_interface: str
    penalty: int
    paused: bool
    paused_reason: str
    in_call: bool
    status: int
    calls_taken: int


class QueueMemberAdded(_Member, frozen=True, kw_only=True):
    """A member was added to a native queue."""


class QueueMemberRemoved(_Member, frozen=True, kw_only=True):
    """A member was removed."""


class QueueMemberPause(_Member, frozen=True, kw_only=True):
    """A member was paused or unpaused (also told when nothing changed). It does not say by whom: see the reason."""


class QueueMemberPenalty(_Member, frozen=True, kw_only=True):
    """A member's penalty has changed."""


class QueueMemberRinginuse(_Member, frozen=True, kw_only=True):
    """A member is rung also while in a call, or not any more."""

    ringinuse: bool


Message = AmiEvent | AmiConnected | AmiDisconnected
