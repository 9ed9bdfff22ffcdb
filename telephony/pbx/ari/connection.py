"""One WebSocket to Asterisk: requests out, answers matched to them, events in. It lives only once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Union

import msgspec
import picows

from telephony.pbx.ari.errors import BadAnswer, ConnectionLost, RequestFailed, RequestTimeout, TooManyRequests
from telephony.pbx.ari.events import Event
from telephony.pbx.ari.operation import Query, Response

SWEEP = 0.25  # s between two looks for requests that have waited too long
MAX_FRAME = 64 * 1024 * 1024  # bytes; `GET channels` with 10,000 channels is about 10 MB

ProblemKind = Literal["unknown", "malformed", "late", "callback", "connect", "overflow"]


class Problem(NamedTuple):
    """Something that was counted and survived. `detail` is one line without personal data, as far as the words of a
    failing callback's exception have none."""

    kind: ProblemKind
    detail: str
    error: BaseException | None = None


class RESTResponse(msgspec.Struct, tag_field="type", tag=True, gc=False):
    """The frame that answers a request; `message_body` is JSON within the JSON."""

    request_id: str
    status_code: int
    reason_phrase: str
    message_body: str = ""


class RESTRequest(msgspec.Struct, tag_field="type", tag=True, omit_defaults=True, gc=False):
    """The frame that asks. The listing demands `transaction_id` too, Asterisk does not."""

    request_id: str
    method: str
    uri: str
    query_strings: list[dict[str, str]] | None = None
    content_type: str | None = None
    message_body: str | None = None


class _Kind(msgspec.Struct):
    type: str


class _Refusal(msgspec.Struct):
    message: str = ""
    error: str = ""  # instead of `message` where Asterisk says "Allocation failed"


class Pending(NamedTuple):
    """A request that waits for its answer."""

    future: asyncio.Future[Any]
    deadline: float
    method: str
    uri: str
    decoder: msgspec.json.Decoder[Any] | None


def frame_decoder(events: tuple[type[Event], ...]) -> msgspec.json.Decoder[Any]:
    """A decoder of the frames of an application that hears of `events`."""
    return msgspec.json.Decoder(Union[(*events, RESTResponse)])


_encode = msgspec.json.Encoder().encode
_decode_kind = msgspec.json.Decoder(_Kind).decode
_decode_refusal = msgspec.json.Decoder(_Refusal).decode
_TEXT = picows.WSMsgType.TEXT


class Connection(picows.WSListener):
    """The client's end of one socket. `gone` is done, with the reason, when the socket is."""

    def __init__(
        self,
        decoder: msgspec.json.Decoder[Any],
        deliver: Callable[[Event], None],
        problem: Callable[[Problem], None],
        max_pending: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._decode = decoder.decode
        self._deliver = deliver
        self._problem = problem
        self._max_pending = max_pending
        self._pending: dict[str, Pending] = {}
        self._expired: set[str] = set()
        self._last_id = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._transport: picows.WSTransport | None = None
        self._fragments = bytearray()
        self.gone: asyncio.Future[str] = self._loop.create_future()

    def request(
        self,
        method: str,
        uri: str,
        query: Query | None,
        body: object,
        timeout: float,
        decoder: msgspec.json.Decoder[Any] | None,
    ) -> asyncio.Future[Any]:
        """Send now, in order; the future is the answer."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._transport is None or self.gone.done():
            future.set_exception(ConnectionLost(f"{method} {uri}: not connected to Asterisk"))
            return future
        if len(self._pending) >= self._max_pending:
            waiting = len(self._pending)
            future.set_exception(TooManyRequests(f"{method} {uri}: {waiting} requests wait for an answer"))
            return future
        self._last_id += 1
        request = RESTRequest(str(self._last_id), method, uri)
        if query:
            given = ((name, value) for name, value in query.items() if value is not None)
            request.query_strings = [{"name": name, "value": _text(value)} for name, value in given]
        if body is not None:
            request.content_type = "application/json"
            request.message_body = _encode(body).decode()
        deadline = self._loop.time() + timeout
        self._pending[request.request_id] = Pending(future, deadline, method, uri, decoder)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(SWEEP, self._sweep)
        self._transport.send(_TEXT, _encode(request))
        return future

    def close(self, reason: str) -> None:
        """End the connection; every waiting request fails."""
        self._end(reason)
        if self._transport is not None:
            self._transport.send_close(picows.WSCloseCode.OK)
            self._transport.disconnect(graceful=False)

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self._end("Asterisk closed the connection")

    def pause_writing(self) -> None:
        """Asterisk reads slower than we ask: what waits is bounded by `max_pending`."""

    def resume_writing(self) -> None:
        """It reads again."""

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        kind = frame.msg_type
        if kind is _TEXT and frame.fin:
            self._message(frame.get_payload_as_memoryview())
        elif kind is picows.WSMsgType.CLOSE:
            self._end(f"Asterisk closed the connection ({frame.get_close_code().name})")
            transport.send_close(picows.WSCloseCode.OK)
            transport.disconnect()
        elif kind in (_TEXT, picows.WSMsgType.BINARY, picows.WSMsgType.CONTINUATION):
            self._fragment(frame)

    def _fragment(self, frame: picows.WSFrame) -> None:
        """Asterisk sends whole messages; a proxy between may cut them."""
        self._fragments += frame.get_payload_as_bytes()
        if len(self._fragments) > MAX_FRAME:
            self.close(f"a message was longer than {MAX_FRAME} bytes")
        elif frame.fin:
            message, self._fragments = bytes(self._fragments), bytearray()
            self._message(message)

    def _message(self, data: bytes | memoryview) -> None:
        if self.gone.done():
            return
        try:
            message = self._decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._problem(_strange(data, error))
            return
        if type(message) is RESTResponse:
            self._answer(message)
        else:
            self._deliver(message)

    def _answer(self, response: RESTResponse) -> None:
        pending = self._pending.pop(response.request_id, None)
        if pending is None:
            self._unexpected(response)
            return
        future, _, method, uri, decoder = pending
        if future.done():
            return
        if response.status_code >= 400:
            future.set_exception(RequestFailed(method, uri, response.status_code, _reason(response)))
        elif decoder is None:
            future.set_result(Response(response.status_code, response.reason_phrase, response.message_body))
        else:
            try:
                future.set_result(decoder.decode(response.message_body))
            except msgspec.DecodeError as error:
                future.set_exception(BadAnswer(f"{method} {uri}: {error}"))

    def _unexpected(self, response: RESTResponse) -> None:
        if response.request_id in self._expired:
            self._expired.discard(response.request_id)
            self._problem(Problem("late", f"an answer ({response.status_code}) came after its timeout"))
        else:
            detail = f"an answer to no request: {response.status_code} {response.reason_phrase}"
            self._problem(Problem("malformed", detail))

    def _sweep(self) -> None:
        """One timer for all requests: fail those that have waited too long."""
        now = self._loop.time()
        expired = [(key, waiting) for key, waiting in self._pending.items() if waiting.deadline <= now]
        for key, waiting in expired:
            del self._pending[key]
            self._expired.add(key)
            if not waiting.future.done():
                late = RequestTimeout(f"{waiting.method} {waiting.uri}: no answer in time")
                waiting.future.set_exception(late)
        self._sweeper = self._loop.call_later(SWEEP, self._sweep) if self._pending else None

    def _end(self, reason: str) -> None:
        if self.gone.done():
            return
        self.gone.set_result(reason)
        if self._sweeper is not None:
            self._sweeper.cancel()
        pending, self._pending = self._pending, {}
        for waiting in pending.values():
            if not waiting.future.done():
                waiting.future.set_exception(ConnectionLost(f"{waiting.method} {waiting.uri}: {reason}"))


def _text(value: str | int | bool) -> str:
    if isinstance(value, str):
        return value
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _reason(response: RESTResponse) -> str:
    try:
        refusal = _decode_refusal(response.message_body)
        said = refusal.message or refusal.error
    except msgspec.DecodeError:
        said = ""
    return " ".join((said or response.reason_phrase).split())


def _strange(data: bytes | memoryview, error: Exception) -> Problem:
    """Why a frame could not be decoded. msgspec names the place and the types, never the values."""
    try:
        name = _decode_kind(data).type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Problem("malformed", f"a frame of {len(data)} bytes is no ARI message", error)
    if "Invalid value" in str(error) and str(error).endswith("`$.type`"):
        return Problem("unknown", f"an event of type {name[:60]!r}", error)
    return Problem("malformed", f"an event of type {name[:60]!r}: {error}", error)
