"""What crossed the wire at a phone: SIP messages, and the record of each call folded from them.

The same `PhoneCall` comes from baresip's SIP trace (`softphone`) and from SIPp's logs (`load`), so whoever compares
phones with the PBX or with Gudok's log has one vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec

CALL_HEADER = "x-gudok-call"
"""Carries Gudok's call id on the INVITE towards an operator's phone."""


class PhoneCall(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One call as one phone saw it. Times are aware UTC, taken when the message left or reached the phone."""

    phone: str
    sip_call_id: str
    direction: Literal["in", "out"]
    number: str
    """Dialed number for outgoing calls, the caller's number as shown for incoming ones."""
    name: str = ""
    """The caller's, as shown for incoming calls."""
    call: str | None = None
    """Gudok's call id, where the INVITE named it."""
    invited: datetime
    rang: datetime | None = None
    answered: datetime | None = None
    ended: datetime | None = None
    ended_by: Literal["phone", "peer"] | None = None
    code: int = 0
    """Final SIP status of the INVITE; 0 while there is none."""


class SipMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message, `sent` by the phone or received. `method` of a response is that of its request."""

    at: datetime
    sent: bool
    method: str
    status: int = 0
    uri: str = ""
    headers: dict[str, str]
    body: str = ""

    @property
    def call_id(self) -> str:
        return self.headers.get("call-id", "")

    def tag(self, header: Literal["from", "to"]) -> str:
        found = re.search(r";\s*tag=([^;\s>]+)", self.headers.get(header, ""))
        return found[1] if found else ""

    def user(self, header: Literal["from", "to"]) -> str:
        found = re.search(r"sips?:([^@;>]+)@", self.headers.get(header, ""))
        return found[1] if found else ""

    def name(self, header: Literal["from", "to"]) -> str:
        found = re.match(r'"([^"]*)"', self.headers.get(header, ""))
        return found[1] if found else ""


def parse(text: str, at: datetime, sent: bool) -> SipMessage:
    """Parse one message; raises ValueError when it is not SIP."""
    head, _, body = text.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    if first.startswith("SIP/2.0 "):
        method = headers.get("cseq", "").partition(" ")[2].strip()
        return SipMessage(
            at=at, sent=sent, method=method, status=int(first.split(" ", 2)[1]), headers=headers, body=body
        )
    method, uri, version = first.split(" ", 2)
    if version != "SIP/2.0":
        raise ValueError(f"not a SIP request: {first!r}")
    return SipMessage(at=at, sent=sent, method=method, uri=uri, headers=headers, body=body)


_TRACED = re.compile(rb"\x1b\[36;1m#\n(UDP|TCP) (\S+) -> (\S+)\n(.*?)\x1b\[;m\n", re.DOTALL)


class TraceReader:
    """Cuts baresip's SIP trace (option -s, on its standard output) into messages."""

    def __init__(self, server: str) -> None:
        self._server = server.encode()
        self._rest = b""
        self.garbage = 0

    def feed(self, data: bytes, at: datetime) -> Iterator[SipMessage]:
        """Messages completed by `data`, which was read at `at`."""
        self._rest += data
        end = 0
        for found in _TRACED.finditer(self._rest):
            end = found.end()
            try:
                yield parse(found[4].decode("utf-8", "replace"), at, sent=found[3] == self._server)
            except (ValueError, IndexError):
                self.garbage += 1
        # What stays is at most one unfinished message; other output of the program is dropped.
        start = self._rest.find(b"\x1b[36;1m#\n", end)
        self._rest = self._rest[start:] if start >= 0 else self._rest[max(end, len(self._rest) - 8) :]


class Dialog:
    """A call on a phone while it lives: the record, and what in-dialog requests need."""

    def __init__(self, phone: str, invite: SipMessage) -> None:
        self.record = PhoneCall(
            phone=phone,
            sip_call_id=invite.call_id,
            direction="out" if invite.sent else "in",
            number=invite.user("to") if invite.sent else invite.user("from"),
            name="" if invite.sent else invite.name("from"),
            call=invite.headers.get(CALL_HEADER),
            invited=invite.at,
        )
        self.local_tag = invite.tag("from") if invite.sent else ""
        self.remote_tag = "" if invite.sent else invite.tag("from")
        self.media_changes = 0
        """Re-INVITEs of ours that the peer accepted: hold and resume."""
        self.held = False
        """Put on hold by this phone."""
        self._offers_hold = False
        self.transfer_answer = 0
        """The PBX's answer to our REFER: 202, or a refusal."""
        self.transfer_status = 0
        """How the transfer goes, as the NOTIFYs tell: 100, 180, 200, …"""

    @property
    def live(self) -> bool:
        return self.record.ended is None

    @property
    def waiting(self) -> bool:
        """It rings here and is not answered."""
        return self.live and self.record.direction == "in" and self.record.answered is None

    def see(self, message: SipMessage) -> None:
        """Fold one more message of this Call-ID."""
        if message.status:
            self._response(message)
        else:
            self._request(message)

    def _request(self, message: SipMessage) -> None:
        record = self.record
        if message.method in ("BYE", "CANCEL"):
            self._end(message.at, "phone" if message.sent else "peer", record.code)
        elif message.method == "INVITE" and message.sent:
            self._offers_hold = "a=sendonly" in message.body or "a=inactive" in message.body
        elif message.method == "NOTIFY" and (found := re.match(r"SIP/2\.0 (\d+)", message.body)):
            self.transfer_status = int(found[1])

    def _response(self, message: SipMessage) -> None:
        record, status = self.record, message.status
        if status in (401, 407):
            return
        if message.method == "REFER":
            self.transfer_answer = status
        if message.method != "INVITE":
            return
        if record.answered is not None:
            if 200 <= status < 300 and not message.sent:
                self.media_changes += 1
                self.held = self._offers_hold
        elif status < 200:
            record.rang = record.rang or (message.at if status in (180, 183) else None)
        elif status < 300:
            record.code, record.answered = status, message.at
            self.local_tag = message.tag("from") if record.direction == "out" else message.tag("to")
            self.remote_tag = message.tag("to") if record.direction == "out" else message.tag("from")
        else:
            record.code = status
            self._end(message.at, "phone" if message.sent else "peer", status)

    def _end(self, at: datetime, by: Literal["phone", "peer"], code: int) -> None:
        self.record.code = code
        if self.record.ended is None:
            self.record.ended, self.record.ended_by = at, by
