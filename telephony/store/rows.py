"""The rows of the call log as values. Field order is column order; times are aware UTC."""

from __future__ import annotations

from datetime import datetime

from telephony.store.break_rows import BREAK_ROW_TYPES, BreakNote, NamedRow, Row


class CallRow(Row, frozen=True, gc=False):
    """One call. Talk is `ended - answered`; wait is `answered - arrived`, or `ended - arrived` when never
    answered."""

    id: str
    kind: str
    number: str
    caller: str
    """Token of the caller's number."""
    operator: str | None
    """Who made an own call."""
    arrived: datetime
    via_fallback: bool = False
    """It passed through the native fallback queue."""
    first_queue: str | None = None
    queue: str | None = None
    queued: datetime | None = None
    """When it entered `queue`."""
    priority: int = 0
    answered: datetime | None = None
    """First time that both sides heard each other."""
    answered_by: str | None = None
    last_operator: str | None = None
    """Who talked with the caller last."""
    attempts: int = 0
    transfers: int = 0
    """Transfers that succeeded."""
    ended: datetime | None = None
    outcome: str | None = None
    ended_by: str | None = None


class AttemptRow(Row, frozen=True, gc=False):
    """One ring attempt. Ringing is `answered or ended` less `made`, talk is `ended - answered`."""

    call: str
    n: int
    channel: str
    why: str
    operator: str | None
    phone: str | None
    number: str | None
    queue: str | None
    made: datetime
    answered: datetime | None = None
    ended: datetime | None = None
    result: str | None = None


class StateRow(Row, frozen=True, gc=False):
    """One interval of an operator's state, named by the place (`seq`, `n`) of its fact in the journal.

    There are no offline intervals: an operator without an open interval is offline.
    """

    seq: int
    n: int
    login: str
    state: str
    phone: str | None
    reason: str
    call: str | None
    since: datetime
    idle_since: datetime | None
    """Since when the operator has been without a talk; None in and just after one."""
    until: datetime | None
    """When the state is planned to end, where it is (wrap-up, a break)."""
    ended: datetime | None = None
    permission: str | None = None
    """On which a break stands."""
    how: str | None = None
    """Why they left, where the interval ended with a logout."""


class TransferRow(Row, frozen=True, gc=False):
    seq: int
    n: int
    call: str
    operator: str | None
    kind: str
    target: str
    result: str
    at: datetime


class DeniedRow(Row, frozen=True, gc=False):
    seq: int
    n: int
    extension: str
    phone: str
    reason: str
    at: datetime


class RepairRow(Row, frozen=True, gc=False):
    seq: int
    n: int
    what: str
    subject: str
    at: datetime


AnyRow = CallRow | AttemptRow | StateRow | TransferRow | DeniedRow | RepairRow | NamedRow | BreakNote

ROW_TYPES: dict[str, type[Row]] = {
    "calls": CallRow,
    "attempts": AttemptRow,
    "operator_states": StateRow,
    "transfers": TransferRow,
    "denied_logins": DeniedRow,
    "repairs": RepairRow,
    **BREAK_ROW_TYPES,
}
"""Table of the call log -> its rows."""
