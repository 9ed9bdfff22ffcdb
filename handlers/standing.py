"""In which queue a call stands that is taken over, and since when: as on record, or as its channel tells."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec.structs import replace

from handlers.turn import Turn
from telephony.core.calls import Call
from telephony.core.epoch import moment
from telephony.core.facts import CallKind, CallQueued
from telephony.core.picture import SeenChannel
from telephony.core.remembered import OpenCall
from telephony.core.script import Enqueue


def time_on(seen: SeenChannel, variable: str) -> datetime | None:
    """What a variable of the channel tells, if it is a time."""
    return moment(seen.variables.get(variable, ""))


def newest(record: OpenCall, seen: SeenChannel) -> OpenCall:
    """Where the channel tells of a later queue than the log, the router died before that was committed."""
    queue, since = seen.variables.get("GUDOK_QUEUE"), time_on(seen, "GUDOK_QUEUED")
    if not queue or queue == record.queue or since is None or since <= (record.queued or record.arrived):
        return record
    return replace(record, queue=queue, queued=since)


def has_talked(record: OpenCall) -> bool:
    """Whether anybody has picked up for them since they entered their queue."""
    since = record.queued or record.arrived
    picked_up = (record.answered, *(attempt.answered for attempt in record.open_attempts))
    return any(at is not None and at >= since for at in picked_up)


def stand_in_queue(turn: Turn, call: Call, known: OpenCall | None, record: OpenCall, seen: SeenChannel) -> None:
    """`known`: what the log knows of the call, if it does; `record`: that, made up to date by `newest`."""
    center = turn.center
    name = record.queue or seen.variables.get("GUDOK_QUEUE")
    queue = center.queues.get(name or "")
    if queue is None and call.kind is CallKind.INBOUND:
        queue = center.by_number.get(call.number)
    if queue is None and name and center.plan.queues:
        queue = center.plan.queues[0]  # theirs has left the config: any is better than none
    if queue is None:
        return
    call.queue, call.priority = queue.name, queue.priority
    call.queued = call.queued or time_on(seen, "GUDOK_QUEUED") or call.arrived
    before = None if known is None else known.queue
    in_queue = call.held or "GUDOK_QUEUED" in seen.variables or before is not None
    if queue.hear_out and not in_queue:
        call.script = (Enqueue(queue.name),)  # they are being greeted
    elif before != queue.name:
        why = _why_moved(known)
        turn.do(CallQueued(call=call.id, queue=queue.name, priority=queue.priority, why=why, at=call.queued))


def _why_moved(known: OpenCall | None) -> Literal["arrival", "overflow", "transfer"]:
    """What has brought a call into a queue of which the log does not know."""
    if known is None or known.queue is None:
        return "arrival"
    return "transfer" if has_talked(known) else "overflow"
