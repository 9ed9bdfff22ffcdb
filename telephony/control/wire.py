"""What is said on the control socket: frames of a 4-byte big-endian length and a msgpack map.

A request names its `op` and an `id` of the asker's choice; every answer carries that id. One connection may
ask many things; a `watch` goes on until it is closed.
"""

from __future__ import annotations

import struct
from typing import Literal

import msgspec

from telephony.control.board_rows import Snapshot
from telephony.core.commands import AnyCommand
from telephony.core.effects import Reply

MAX_FRAME = 4 * 1024 * 1024
Reloaded = Literal["operators", "roster"]
LENGTH = struct.Struct(">I")


class Status(msgspec.Struct, tag_field="op", tag="status"):
    """Answered once, by a StatusAnswer."""

    id: int


class Watch(msgspec.Struct, tag_field="op", tag="watch"):
    """Answered by a WatchAnswer with the whole picture, then by changes: at most one each 100 ms, and one a second
    at least, without rows where nothing has changed."""

    id: int


class Do(msgspec.Struct, tag_field="op", tag="do"):
    """Answered by a DoAnswer. The event's `command` is filled in by the router."""

    id: int
    event: AnyCommand


class Reload(msgspec.Struct, tag_field="op", tag="reload"):
    """Operators, or their shifts, were changed in the database: read them again. Answered by a DoAnswer."""

    id: int
    what: Reloaded = "operators"


Request = Status | Watch | Do | Reload


class StatusAnswer(msgspec.Struct, kw_only=True, tag_field="answer", tag="status"):
    """`serving`: its first picture of the PBX is understood, and the PBX is there. `deaf`: that answers no SIP.
    `counters`: since the start of this router. `latency`: name -> count, p50, p99, max in ms. `phones`: so many there
    are; `phones_away`: those of them that the PBX cannot reach now."""

    id: int
    pid: int
    serving: bool = True
    deaf: bool = False
    run: str
    handled: int
    inbox: int
    picture: Snapshot
    counters: dict[str, int]
    latency: dict[str, dict[str, float]]
    phones: int = 0
    phones_away: list[str] = []


class WatchAnswer(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="answer", tag="watch"):
    id: int
    whole: bool = False
    picture: Snapshot


class DoAnswer(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="answer", tag="reply"):
    id: int
    reply: Reply


class Refusal(msgspec.Struct, kw_only=True, tag_field="answer", tag="refusal"):
    """The request could not be understood or carried out. `id` is 0 when it could not be read."""

    id: int
    error: str


def frame(message: msgspec.Struct) -> bytes:
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body
