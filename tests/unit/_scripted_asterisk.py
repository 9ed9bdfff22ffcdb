"""A peer on a real WebSocket that says what a test tells it to, for what no real Asterisk can be made to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import msgspec
import picows

from telephony.pbx.ari import CALL_EVENTS, Event, Problem
from telephony.pbx.ari.connection import Connection, frame_decoder

CHANNEL = {
    "id": "c1", "name": "PJSIP/3001-00000001", "state": "Up", "accountcode": "", "language": "ru",
    "caller": {"name": "", "number": "1300"}, "connected": {"name": "", "number": ""}, "protocol_id": "x",
    "dialplan": {"context": "in", "exten": "1300", "priority": 3, "app_name": "Stasis", "app_data": "gudok"},
    "creationtime": "2026-03-02T10:11:12.345+1100",
}  # fmt: skip


def event(kind: str, **content: Any) -> bytes:
    """An event as Asterisk sends it."""
    frame = {"type": kind, "timestamp": "2026-03-02T10:11:12.345+1100", "application": "gudok", **content}
    return msgspec.json.encode(frame)


class ScriptedAsterisk(picows.WSListener):
    """Keeps what it is sent; sends what it is told."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.came = asyncio.Event()
        self.transport: picows.WSTransport | None = None

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type is picows.WSMsgType.TEXT:
            self.requests.append(msgspec.json.decode(frame.get_payload_as_bytes()))
            self.came.set()

    async def requested(self, count: int) -> list[dict[str, Any]]:
        """The first `count` requests, when they have come."""
        while len(self.requests) < count:
            self.came.clear()
            await self.came.wait()
        return self.requests[:count]

    def say(self, data: bytes, kind: picows.WSMsgType = picows.WSMsgType.TEXT, fin: bool = True) -> None:
        assert self.transport is not None
        self.transport.send(kind, data, fin=fin)

    def answer(self, request_id: str, status: int = 200, body: object = None) -> None:
        text = {} if body is None else {"message_body": msgspec.json.encode(body).decode()}
        reply = {"request_id": request_id, "status_code": status, "reason_phrase": "Reason", "uri": "x", **text}
        self.say(msgspec.json.encode({"type": "RESTResponse", **reply}))


class Line:
    """A client's connection to a scripted Asterisk, and what came of it."""

    def __init__(self, asterisk: ScriptedAsterisk, connection: Connection, heard: Heard) -> None:
        self.asterisk, self.connection, self.heard = asterisk, connection, heard


class Heard:
    """Events and problems, in order, and a way to wait for them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.problems: list[Problem] = []
        self._more = asyncio.Event()

    def event(self, event: Event) -> None:
        self.events.append(event)
        self._more.set()

    def problem(self, problem: Problem) -> None:
        self.problems.append(problem)
        self._more.set()

    async def until(self, enough: Callable[[Heard], bool]) -> None:
        async with asyncio.timeout(5):
            while not enough(self):
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def line(max_pending: int = 100) -> AsyncIterator[Line]:
    """A client's connection to a scripted Asterisk, both live."""
    asterisk, heard = ScriptedAsterisk(), Heard()
    server = await picows.ws_create_server(lambda _: asterisk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = Connection(frame_decoder(CALL_EVENTS), heard.event, heard.problem, max_pending)
    await picows.ws_connect(lambda: connection, f"ws://127.0.0.1:{port}/")
    try:
        yield Line(asterisk, connection, heard)
    finally:
        connection.close("the test is over")
        server.close()
        await server.wait_closed()


SYSTEM = {"system": {"version": "22.10.0", "entity_id": "00:00:5e:00:53:01"}}
BORN = {"status": {"startup_time": "2026-03-02T08:00:00.000+1100", "last_reload_time": "2026-03-02T08:00:00.000+1100"}}
APPLICATION = {
    "name": "gudok", "channel_ids": [], "bridge_ids": [], "endpoint_ids": [], "device_names": [],
    "events_allowed": [], "events_disallowed": [],
}  # fmt: skip
HOLDING = {
    "id": "h", "technology": "holding_bridge", "bridge_type": "holding", "bridge_class": "base", "creator": "Stasis",
    "name": "h", "channels": [], "creationtime": "2026-03-02T10:11:12.345+1100",
}  # fmt: skip


class LivingAsterisk(ScriptedAsterisk):
    """Answers by itself. It counts its channels when it is asked for them, and tells the count at once, or, while it
    is `slow`, when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.channels: dict[str, dict[str, Any]] = {}
        self.slow = False
        self.locked = False
        """It does not know our password, or not any more."""
        self.successor = False
        """Another client takes the application as soon as we have it."""
        self.refused: set[str] = set()
        """What it says no to."""
        self.counted: asyncio.Queue[Callable[[], None]] = asyncio.Queue()
        """Each tells one count that was held back."""

    def meet(self, request: picows.WSUpgradeRequest) -> picows.WSUpgradeResponseWithListener | LivingAsterisk:
        if not request.path.startswith(b"/ari/asterisk/info"):
            return self
        found = picows.WSUpgradeResponse.create_ok_response(msgspec.json.encode(SYSTEM))
        if self.locked:
            found = picows.WSUpgradeResponse.create_error_response(HTTPStatus.UNAUTHORIZED, b"{}")
        return picows.WSUpgradeResponseWithListener(found, None)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        super().on_ws_frame(transport, frame)
        if frame.msg_type is picows.WSMsgType.TEXT:
            self._answer(self.requests[-1])

    def _answer(self, request: dict[str, Any]) -> None:
        asked = request["request_id"]
        match request["method"], request["uri"].split("/"):
            case _ if request["uri"] in self.refused:
                self.answer(asked, 409)
            case "GET", ["channels"] if self.slow:
                count = list(self.channels.values())
                self.counted.put_nowait(lambda: self.answer(asked, body=count))
            case "GET", ["channels"]:
                self.answer(asked, body=list(self.channels.values()))
            case "GET", ["bridges"]:
                self.answer(asked, body=[])
            case "GET", ["asterisk", "info"]:
                self.answer(asked, body=BORN)
            case "POST", ["bridges"]:
                self.answer(asked, body=HOLDING)
            case "PUT", ["applications", *_] if self.successor:
                self.successor = False
                self.say(event("ApplicationReplaced"))
            case "PUT", ["applications", *_]:
                self.answer(asked, body=APPLICATION)
            case _:
                self.answer(asked, 204)


@asynccontextmanager
async def living_asterisk() -> AsyncIterator[tuple[LivingAsterisk, str]]:
    """One that listens, and its URL."""
    asterisk = LivingAsterisk()
    server = await picows.ws_create_server(asterisk.meet, "127.0.0.1", 0)
    try:
        yield asterisk, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
