"""Facts about pauses, hands and outcomes become rows: pure, like `fold`, of which this is a part.

A fact that speaks of a row which is not there, or says again what is known, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec.structs import replace

from telephony.core import break_facts as that
from telephony.store.break_rows import (
    BreakNote,
    ClaimRow,
    DispositionRow,
    HandRow,
    LockedRow,
    NamedRow,
    OrderRow,
    PermissionRow,
    RequestRow,
    Row,
    ViolationRow,
)


class NamedFold(NamedTuple):
    """The fact's attribute `name` names a row of `kind`, which `fold` gets (None: there is none) and answers anew
    (None: nothing changes)."""

    kind: type[Row]
    name: str
    fold: Callable[[Any, Any], NamedRow | None]


# --- permissions -------------------------------------------------------------------------------------------


def _permission_given(fact: that.PermissionGiven, row: PermissionRow | None) -> PermissionRow | None:
    """Stated again where one that was deferred begins: only then is it known from when to when."""
    if row is not None:
        return None if row.ended is not None else replace(row, begins=fact.begins, until=fact.until)
    return PermissionRow(
        id=fact.permission,
        login=fact.login,
        kind=str(fact.kind),
        begins=fact.begins,
        until=fact.until,
        slot=fact.slot,
        order_id=fact.order,
        reason=fact.reason,
        given=fact.at,
    )


def _permission_ended(fact: that.PermissionEnded, row: PermissionRow | None) -> PermissionRow | None:
    return None if row is None or row.ended is not None else replace(row, ended=fact.at, how=fact.how)


def _reviewed(fact: that.EmergencyReviewed, row: PermissionRow | None) -> PermissionRow | None:
    """The latest word counts; the journal has them all."""
    if row is None:
        return None
    return replace(row, reviewed=fact.at, reviewed_by=fact.by, confirmed=fact.confirmed)


# --- claims ------------------------------------------------------------------------------------------------


def _claim_made(fact: that.ClaimMade, row: ClaimRow | None) -> ClaimRow | None:
    return ClaimRow(id=fact.claim, login=fact.login, slot=fact.slot, made=fact.at) if row is None else None


def _claim_ended(fact: that.ClaimEnded, row: ClaimRow | None) -> ClaimRow | None:
    return None if row is None or row.ended is not None else replace(row, ended=fact.at, how=fact.how)


# --- orders and violations ---------------------------------------------------------------------------------


def _order_given(fact: that.OrderGiven, row: OrderRow | None) -> OrderRow | None:
    if row is not None:
        return None
    return OrderRow(
        id=fact.order,
        given_by=fact.by,
        logins=" ".join(fact.logins),
        for_group=fact.group,
        begins=fact.begins,
        until=fact.until,
        why=fact.why,
        given=fact.at,
        at_once=fact.at_once,
    )


def _order_withdrawn(fact: that.OrderWithdrawn, row: OrderRow | None) -> OrderRow | None:
    if row is None or row.withdrawn is not None:
        return None
    return replace(row, withdrawn=fact.at, withdrawn_by=fact.by)


def _violation_seen(fact: that.ViolationSeen, row: ViolationRow | None) -> ViolationRow | None:
    if row is not None:
        return None
    return ViolationRow(
        id=fact.violation,
        login=fact.login,
        kind=str(fact.kind),
        call=fact.call,
        detail=fact.detail,
        seen=fact.at,
        ended=None if fact.open else fact.at,
    )


def _violation_ended(fact: that.ViolationEnded, row: ViolationRow | None) -> ViolationRow | None:
    return None if row is None or row.ended is not None else replace(row, ended=fact.at)


# --- hands -------------------------------------------------------------------------------------------------


def _hand_raised(fact: that.HandRaised, row: HandRow | None) -> HandRow | None:
    return HandRow(id=fact.hand, login=fact.login, call=fact.call, raised=fact.at) if row is None else None


def _hand_escalated(fact: that.HandEscalated, row: HandRow | None) -> HandRow | None:
    """Stated again after a restart, when the heads' lamps are lit again; they were told the first time."""
    if row is None or row.ended is not None or row.escalated is not None:
        return None
    return replace(row, escalated=fact.at, escalated_to=fact.to)


def _hand_taken(fact: that.HandTaken, row: HandRow | None) -> HandRow | None:
    if row is None or row.ended is not None:
        return None
    return replace(row, taken=row.taken or fact.at, taken_by=row.taken_by or fact.by, mode=fact.mode)


def _hand_lowered(fact: that.HandLowered, row: HandRow | None) -> HandRow | None:
    return None if row is None or row.ended is not None else replace(row, ended=fact.at, how=fact.how)


NAMED_FOLDS: dict[type, NamedFold] = {
    that.PermissionGiven: NamedFold(PermissionRow, "permission", _permission_given),
    that.PermissionEnded: NamedFold(PermissionRow, "permission", _permission_ended),
    that.EmergencyReviewed: NamedFold(PermissionRow, "permission", _reviewed),
    that.ClaimMade: NamedFold(ClaimRow, "claim", _claim_made),
    that.ClaimEnded: NamedFold(ClaimRow, "claim", _claim_ended),
    that.OrderGiven: NamedFold(OrderRow, "order", _order_given),
    that.OrderWithdrawn: NamedFold(OrderRow, "order", _order_withdrawn),
    that.ViolationSeen: NamedFold(ViolationRow, "violation", _violation_seen),
    that.ViolationEnded: NamedFold(ViolationRow, "violation", _violation_ended),
    that.HandRaised: NamedFold(HandRow, "hand", _hand_raised),
    that.HandEscalated: NamedFold(HandRow, "hand", _hand_escalated),
    that.HandTaken: NamedFold(HandRow, "hand", _hand_taken),
    that.HandLowered: NamedFold(HandRow, "hand", _hand_lowered),
}


# --- notes -------------------------------------------------------------------------------------------------


def _asked(fact: that.BreakAsked, seq: int, n: int) -> RequestRow:
    return RequestRow(
        seq=seq,
        n=n,
        request=fact.request,
        login=fact.login,
        kind=str(fact.kind),
        door=fact.door,
        verdict=str(fact.verdict),
        reason=fact.reason,
        permission=fact.permission,
        next_slot=fact.next_slot,
        at=fact.at,
        phone=fact.phone,
    )


def _outcome_given(fact: that.OutcomeGiven, seq: int, n: int) -> DispositionRow:
    return DispositionRow(seq=seq, n=n, call=fact.call, login=fact.login, disposition=fact.outcome, at=fact.at)


def _locked(fact: that.LogInLocked, seq: int, n: int) -> LockedRow:
    return LockedRow(seq=seq, n=n, extension=fact.extension, phone=fact.phone, until=fact.until, at=fact.at)


BREAK_NOTES: dict[type, Callable[[Any, int, int], BreakNote]] = {
    that.BreakAsked: _asked,
    that.OutcomeGiven: _outcome_given,
    that.LogInLocked: _locked,
}
