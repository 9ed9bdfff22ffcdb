"""The rows about pauses, hands and outcomes. Field order is column order; times are aware UTC."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Row(msgspec.Struct, frozen=True, gc=False):
    """Base of all rows of the call log."""


class PermissionRow(Row, frozen=True, gc=False):
    """A permission to pause from `begins` to `until`; its review, where it was an emergency and somebody has looked."""

    id: str
    login: str
    kind: str
    begins: datetime
    until: datetime
    slot: datetime | None
    """Begin of the planned break it takes."""
    order_id: str | None
    reason: str
    given: datetime
    ended: datetime | None = None
    how: str | None = None
    """used, over, unused, declined, withdrawn, offline."""
    reviewed: datetime | None = None
    reviewed_by: str | None = None
    confirmed: bool | None = None


class OrderRow(Row, frozen=True, gc=False):
    """A demand of the management. `logins` are separated by spaces."""

    id: str
    given_by: str
    logins: str
    for_group: str | None
    begins: datetime
    until: datetime
    why: str
    given: datetime
    withdrawn: datetime | None = None
    withdrawn_by: str | None = None
    at_once: bool | None = None
    """None: not on record, in rows of an older version."""


class ClaimRow(Row, frozen=True, gc=False):
    """A missed slot whose turn is kept until a place under the cap is free; named by the request, or by the permission
    that an emergency has taken the place of."""

    id: str
    login: str
    slot: datetime
    made: datetime
    ended: datetime | None = None
    how: str | None = None
    """given, withdrawn, offline, lapsed."""


class ViolationRow(Row, frozen=True, gc=False):
    """A pause without permission. One that does not last has ended when it was seen."""

    id: str
    login: str
    kind: str
    call: str | None
    detail: str
    seen: datetime
    ended: datetime | None = None


class HandRow(Row, frozen=True, gc=False):
    """A raised hand. The time to help is `taken - raised`."""

    id: str
    login: str
    call: str
    raised: datetime
    escalated: datetime | None = None
    escalated_to: str | None = None
    taken: datetime | None = None
    """By the first who came."""
    taken_by: str | None = None
    mode: str | None = None
    """listen, whisper, join: the latest."""
    ended: datetime | None = None
    how: str | None = None
    """helped, withdrawn, call_ended."""


class RequestRow(Row, frozen=True, gc=False):
    """A request for a pause and its answer, named by the place of its fact in the journal."""

    seq: int
    n: int
    request: str
    login: str
    """Empty where it came from a `phone` at which nobody is logged in."""
    kind: str
    door: str
    verdict: str
    reason: str
    permission: str | None
    next_slot: datetime | None
    at: datetime
    phone: str | None = None


class DispositionRow(Row, frozen=True, gc=False):
    """How a conversation ended, as the operator says: one call may have several, by different operators."""

    seq: int
    n: int
    call: str
    login: str
    disposition: str
    at: datetime


class LockedRow(Row, frozen=True, gc=False):
    """Too many wrong PINs for this extension."""

    seq: int
    n: int
    extension: str
    phone: str
    until: datetime
    at: datetime


NamedRow = PermissionRow | ClaimRow | OrderRow | ViolationRow | HandRow
"""Rows named by an id that their facts carry; later facts change them."""
BreakNote = RequestRow | DispositionRow | LockedRow
"""Rows that never change."""

BREAK_ROW_TYPES: dict[str, type[Row]] = {
    "permissions": PermissionRow,
    "claims": ClaimRow,
    "break_orders": OrderRow,
    "violations": ViolationRow,
    "hands": HandRow,
    "break_requests": RequestRow,
    "dispositions": DispositionRow,
    "locked_logins": LockedRow,
}
"""Table of the call log -> its rows."""
NAMED: dict[type[Row], str] = {
    PermissionRow: "permissions",
    ClaimRow: "claims",
    OrderRow: "break_orders",
    ViolationRow: "violations",
    HandRow: "hands",
}
