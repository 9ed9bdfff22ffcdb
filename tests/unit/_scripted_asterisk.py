"""A peer on a real WebSocket that says what a test tells it to, for what no real Asterisk can be made to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
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
