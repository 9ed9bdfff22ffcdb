"""The ARI client: keeps one connection to Asterisk for one application, and speaks through it."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
import picows

from telephony.pbx.ari import resources
from telephony.pbx.ari.bridges import Bridges
from telephony.pbx.ari.channels import Channels
from telephony.pbx.ari.connection import MAX_FRAME, Connection, Problem, RESTResponse, frame_decoder
from telephony.pbx.ari.errors import (
    ApplicationTaken,
    AriError,
    CannotConnect,
    ConnectionLost,
    ReadOnlyUser,
    Rejected,
    RequestFailed,
)
from telephony.pbx.ari.events import CALL_EVENTS, ApplicationReplaced, Event
from telephony.pbx.ari.http import basic_auth
from telephony.pbx.ari.operation import Operation, Query, Response, unheeded
from telephony.pbx.ari.probe import probe
from telephony.pbx.ari.states import Connected, Disconnected, Ended, Message
from telephony.pbx.backoff import pause

T = TypeVar("T")


class AriClient:
    """One Stasis application's line to Asterisk.

    `url` is Asterisk's HTTP server (`http://127.0.0.1:8088`, with the prefix of http.conf if there is one).
    `on_message` gets states and events, in order, one call each, on the event loop; it must return quickly
    (put into a queue: see `EventStream`). `events` are those to hear of; Asterisk is told to send no others.
    `on_problem` gets what was counted in `problems` and survived: unknown events, malformed frames, a failing
    callback, failed attempts to connect. Requests not answered in `request_timeout` seconds fail.
    """

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        app: str,
        *,
        on_message: Callable[[Message], None],
        events: Iterable[type[Event]] = CALL_EVENTS,
        on_problem: Callable[[Problem], None] | None = None,
        request_timeout: float = 5.0,
        max_pending: int = 20_000,
        backoff: tuple[float, float] = (0.1, 5.0),
        keepalive: float = 10.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.app = app
        self.problems: Counter[str] = Counter()
        self._url, self._user, self._password, self._tls = url.rstrip("/"), user, password, tls
        self._on_message, self._on_problem = on_message, on_problem
        self._events: tuple[type[Event], ...] = tuple(dict.fromkeys((*events, ApplicationReplaced)))
        self._decoder = frame_decoder(self._events)
        self._timeout, self._max_pending, self._keepalive = request_timeout, max_pending, keepalive
        self._backoff = backoff
        self._closing = asyncio.Event()
        self._connection: Connection | None = None
        self._early: list[Event] | None = None
        self._taken = False
        self._task: asyncio.Task[None] | None = None
        self._first: asyncio.Future[Connected] | None = None
        self.asterisk = resources.Asterisk(self)
        self.applications = resources.Applications(self)
        self.channels = Channels(self)
        self.bridges = Bridges(self)
        self.playbacks = resources.Playbacks(self)
        self.device_states = resources.DeviceStates(self)
        self.endpoints = resources.Endpoints(self)

    # ---- requests

    def request(
        self,
        method: str,
        uri: str,
        query: Query | None = None,
        *,
        body: object = None,
        timeout: float | None = None,
    ) -> asyncio.Future[Response]:
        """Send any request at once, in the order of the calls; the future is Asterisk's answer.

        `uri` is a path without a leading slash (`channels/ID/answer`). The future fails with `RequestFailed`
        (status of 400 or more), `RequestTimeout`, `ConnectionLost` or `TooManyRequests`; never sent twice.
        """
        return self._send(method, uri, query, body, timeout, None)

    def call(
        self,
        operation: Operation[T],
        *path: str,
        query: Query | None = None,
        body: object = None,
        timeout: float | None = None,
    ) -> asyncio.Future[T]:
        """Send a declared operation at once; the future is its decoded answer. Fails as `request` does."""
        return self._send(operation.method, operation.uri(*path), query, body, timeout, operation.decoder)

    def _send(
        self,
        method: str,
        uri: str,
        query: Query | None,
        body: object,
        timeout: float | None,
        decoder: msgspec.json.Decoder[Any] | None,
    ) -> asyncio.Future[Any]:
        connection = self._connection
        if connection is None:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            future.set_exception(ConnectionLost(f"{method} {uri}: not connected to Asterisk"))
            return future
        return connection.request(method, uri, query, body, timeout or self._timeout, decoder)

    # ---- the life of the connection

    async def run(self, *, patient: bool = True) -> None:
        """Connect, and connect again whenever the line is lost, until `close`.

        Raises `Rejected` (WrongPassword, WrongVersion, ReadOnlyUser, ApplicationTaken) when trying again can
        not help, and tells it as `Ended`; with `patient=False` raises whatever the very first attempt fails with.
        """
        attempt = 0
        while not self._closing.is_set():
            error: AriError | None = None
            try:
                reason = await self._session()
                patient, attempt = True, 0
            except AriError as failed:
                error = failed
            if self._taken:  # whatever failed by it: our first request, if it was taken at the very beginning
                error = ApplicationTaken(f"another client has taken the ARI application {self.app!r}")
            if error is None:
                self._tell(Disconnected(reason))
            elif not patient:
                raise error
            elif isinstance(error, Rejected):
                self._tell(Ended(error))
                raise error
            else:
                self._report(Problem("connect", str(error), error))
            patient = True
            await pause(self._closing, attempt, *self._backoff)
            attempt += 1

    async def start(self) -> Connected:
        """Connect, and stay connected by a task of its own until `close`.

        Raises if the first try fails, and can then be called again. Whatever ends the client later is told as `Ended`.
        """
        if self._closing.is_set():
            raise RuntimeError("the ARI client was closed: make a new one")
        if self._task is not None and not self._task.done():
            raise RuntimeError("the ARI client was already started")
        self._first = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self.run(patient=False), name=f"ari-{self.app}")
        self._task.add_done_callback(unheeded)  # `Ended` has told it
        await asyncio.wait((self._first, self._task), return_when=asyncio.FIRST_COMPLETED)
        if self._first.done():
            return self._first.result()
        await self._task
        raise ConnectionLost("closed before the connection was made")

    async def wait(self) -> None:
        """Wait until a started client has ended; raises why (the error of `Ended`), if it did not end by `close`."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def close(self) -> None:
        """Leave Asterisk: waiting requests fail with `ConnectionLost`, no state is told, `run` returns."""
        self._closing.set()
        if self._connection is not None:
            self._connection.close("the client was closed")
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def __aenter__(self) -> AriClient:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    @property
    def connected(self) -> bool:
        """Whether requests can be sent now."""
        return self._connection is not None and not self._connection.gone.done()

    async def _session(self) -> str:
        """One connection from its beginning to its end; returns why it ended."""
        self._early, self._taken = [], False  # what comes with the handshake's answer counts, too
        system = await probe(self._url, self._user, self._password, patience=self._timeout, tls=self._tls)
        connection = await self._open()
        try:
            self._connection = connection
            await self._set_filter(connection)
            self._tell(Connected(system.version, system.entity_id))
            early, self._early = self._early, None
            for event in early:
                self._tell(event)
            reason = await connection.gone
        finally:
            self._connection = self._early = None
            connection.close("the client gave the connection up")
        return reason

    async def _open(self) -> Connection:
        url = f"ws{self._url.removeprefix('http')}/ari/events?app={quote(self.app, safe='')}"
        connection = Connection(self._decoder, self._event, self._report, self._max_pending)
        try:
            await picows.ws_connect(
                lambda: connection,
                url,
                ssl_context=self._tls,
                extra_headers={"Authorization": basic_auth(self._user, self._password)},
                websocket_handshake_timeout=self._timeout,
                enable_auto_ping=True,
                auto_ping_idle_timeout=self._keepalive,
                auto_ping_reply_timeout=self._keepalive,
                max_frame_size=MAX_FRAME,
            )
        except (OSError, TimeoutError, picows.WSError) as error:
            raise CannotConnect(f"no WebSocket to Asterisk at {self._url}: {error}") from error
        return connection

    async def _set_filter(self, connection: Connection) -> None:
        names = [event.__struct_config__.tag for event in self._events] + [RESTResponse.__struct_config__.tag]
        try:
            await self.applications.filter(self.app, [str(name) for name in names])
        except RequestFailed as error:
            if error.status == 403:
                raise ReadOnlyUser(f"the ARI user {self._user!r} is read-only in ari.conf") from error
            raise

    # ---- what comes in

    def _event(self, event: Event) -> None:
        if type(event) is ApplicationReplaced and event.application == self.app:
            self._taken = True
            if self._connection is not None:
                self._connection.close("another client has taken the application")
        elif self._early is not None:
            self._early.append(event)
        else:
            self._tell(event)

    def _tell(self, message: Message) -> None:
        if self._closing.is_set():
            return
        if self._first is not None and type(message) is Connected and not self._first.done():
            self._first.set_result(message)
        try:
            self._on_message(message)
        except Exception as error:  # noqa: BLE001  whatever the user's code raises, the reader must go on
            failed = f"on_message raised {type(error).__name__} at {type(message).__name__}"
            self._report(Problem("callback", " ".join(f"{failed}: {error}".split()), error))

    def _report(self, problem: Problem) -> None:
        self.problems[problem.kind] += 1
        if self._on_problem is not None:
            self._on_problem(problem)
