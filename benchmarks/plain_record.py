"""The PBX's record read a second time, without a line of the product: so the witness shares no code with the accused.

Each line by itself, with the csv module alone; every call is judged by three things only: the first line of its first
channel, the end of its linked id, and whether it met anybody in a bridge that is no waiting room.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import msgspec

from telephony.core.events import CallRecorded

COLUMNS = 13
TOLERANCE = 1.0
"""Seconds between the two readings of one moment: lines of the same event differ by less."""


class PlainCall(msgspec.Struct, kw_only=True):
    """A linked id whose first channel is a phone's or a caller's. Times in epoch seconds."""

    begun: float
    phone: str
    """Of the first channel: an operator's phone or the trunk."""
    left: float | None = None
    """When the first channel was gone."""
    ended: float | None = None
    """When the linked id was."""
    answered: float | None = None
    """When it first stood in one bridge with an operator; a phone's own call: with anybody."""


def read(file: Path, phones: Collection[str]) -> dict[str, PlainCall]:
    """All calls in the record, by linked id. `phones`: the names of operators' phones."""
    calls: dict[str, PlainCall] = {}
    inside: dict[str, dict[str, str]] = defaultdict(dict)
    with file.open(newline="", errors="replace") as lines:
        for row in (next(csv.reader([line])) for line in lines if line.strip()):
            if len(row) != COLUMNS:
                continue  # the PBX was killed while it wrote
            kind, at, channel, linked, name, *_, extra = row
            phone = name.removeprefix("PJSIP/").rpartition("-")[0] if name.startswith("PJSIP/") else ""
            if kind == "CHAN_START" and channel == linked and phone and channel.rpartition(".")[2].isdigit():
                calls.setdefault(linked, PlainCall(begun=float(at), phone=phone))
            elif kind == "CHAN_END" and channel in calls:
                calls[channel].left = float(at)
            elif kind == "LINKEDID_END" and linked in calls:
                calls[linked].ended = float(at)
            elif kind in ("BRIDGE_ENTER", "BRIDGE_EXIT"):
                bridge = json.loads(extra)
                members = inside[bridge["bridge_id"]]
                members.pop(channel, None)
                if kind == "BRIDGE_ENTER" and bridge["bridge_technology"] != "holding_bridge":
                    members[channel] = phone
                    _meet(calls, members, phones, float(at))
    return calls


def _meet(calls: dict[str, PlainCall], members: dict[str, str], phones: Collection[str], at: float) -> None:
    for channel in members:
        call = calls.get(channel)
        others = [phone for other, phone in members.items() if other != channel]
        if call and call.answered is None and others and (call.phone in phones or any(one in phones for one in others)):
            call.answered = at


def disagreements(
    plain: dict[str, PlainCall], recorded: Iterable[CallRecorded], phones: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Where the product's reading of the record says something else: call and what, in words. What a phone dialed and
    nobody answered may be a feature code, so that it need not be a call."""
    read_by_product = {record.call: record for record in recorded}
    for call in sorted({*plain, *read_by_product}):
        one, other = plain.get(call), read_by_product.get(call)
        if one is None:
            yield call, "the plain reading of the PBX's record does not have it"
        elif other is None:
            if one.answered is not None or one.phone not in phones:
                yield call, "only the plain reading of the PBX's record has it"
        else:
            ended = one.ended if one.phone in phones else one.left
            yield from _apart(call, "arrival", one.begun, other.arrived.timestamp())
            yield from _apart(call, "answer", one.answered, other.answered.timestamp() if other.answered else None)
            if ended is not None:  # else the PBX died
                yield from _apart(call, "end", ended, other.ended.timestamp())


def _apart(call: str, what: str, plain: float | None, product: float | None) -> Iterator[tuple[str, str]]:
    if plain is None and product is None:
        return
    if plain is None or product is None or abs(plain - product) > TOLERANCE:
        yield call, f"{what} in the PBX's record: read plainly {plain}, by the product {product}"
