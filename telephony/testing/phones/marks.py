"""What SIPp's phones wrote down: calls, and the gaps between them, from the phones' own clock alone.

Every scenario in `sipp/` logs one line per thing that crossed its wire:
time | mark | SIP Call-ID | phone | number | Gudok's call id
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import msgspec

from telephony.testing.phones.sip import PhoneCall


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One line: `what` happened at `at` (epoch seconds, microsecond resolution)."""

    at: float
    what: str
    sip_call_id: str
    phone: str
    number: str
    call: str | None


def read_marks(path: Path) -> list[Mark]:
    """All whole lines of one log, in the order written. A log not yet begun is empty."""
    if not path.exists():
        return []
    text = path.read_text(errors="replace")
    return [_mark(line) for line in text[: text.rfind("\n") + 1].splitlines() if line.count("|") == 5]


def _mark(line: str) -> Mark:
    time, what, sip_call_id, phone, number, call = line.split("|")
    at = float(time.rsplit("\t", 1)[-1])
    return Mark(at=at, what=what, sip_call_id=sip_call_id, phone=phone, number=number, call=call.strip() or None)


def calls(marks: Iterable[Mark]) -> list[PhoneCall]:
    """Fold marks into the phones' records of their calls, in order of the INVITEs."""
    records: dict[str, PhoneCall] = {}
    for mark in marks:
        at = datetime.fromtimestamp(mark.at, UTC)
        record = records.get(mark.sip_call_id)
        if mark.what in ("invite-sent", "invite-received") and record is None:
            records[mark.sip_call_id] = PhoneCall(
                phone=mark.phone,
                sip_call_id=mark.sip_call_id,
                direction="out" if mark.what == "invite-sent" else "in",
                number=mark.number,
                call=mark.call,
                invited=at,
                # SIPp's operators send 180 in the same step as they take the INVITE.
                rang=at if mark.what == "invite-received" else None,
            )
        elif record is not None:
            _note(record, mark.what, at)
    return list(records.values())


def _note(record: PhoneCall, what: str, at: datetime) -> None:
    if what == "rings":
        record.rang = record.rang or at
    elif what in ("answered", "answers"):
        record.answered, record.code = at, 200
    elif record.ended is None:
        ours = what.startswith("refuses-") or what == "bye-sent"
        record.ended, record.ended_by = at, "phone" if ours else "peer"
        if what.startswith("refuse"):
            record.code = int(what.rpartition("-")[2])
        elif what == "cancel-received":
            record.code = 487


def gaps(marks: Iterable[Mark], start: float = 0.0, end: float = float("inf")) -> list[float]:
    """Milliseconds from the end of each talk (BYE sent or received) to the next INVITE at the same phone, for talks
    that ended between `start` and `end` (epoch seconds). A talk after which no INVITE came has no gap."""
    free_since: dict[str, float] = {}
    found: list[float] = []
    for mark in sorted(marks, key=lambda mark: mark.at):
        if mark.what in ("bye-sent", "bye-received"):
            free_since.setdefault(mark.phone, mark.at)
        elif mark.what == "invite-received" and start <= (since := free_since.pop(mark.phone, -1.0)) <= end:
            found.append((mark.at - since) * 1000)
    return found


def overlaps(records: Iterable[PhoneCall]) -> list[tuple[PhoneCall, PhoneCall]]:
    """Pairs of calls that one phone was given at the same time: what must never happen to an operator."""
    by_phone: dict[str, list[PhoneCall]] = defaultdict(list)
    for record in records:
        by_phone[record.phone].append(record)
    found = []
    for one_phone in by_phone.values():
        one_phone.sort(key=lambda record: record.invited)
        for before, after in pairwise(one_phone):
            if before.ended is None or after.invited < before.ended:
                found.append((before, after))
    return found
