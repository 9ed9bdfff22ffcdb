"""All that can be asked of Asterisk, over one socket."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import msgspec

from telephony.pbx.ari import resources
from telephony.pbx.ari.bridges import Bridges
from telephony.pbx.ari.channels import Channels
from telephony.pbx.ari.connection import Connection
from telephony.pbx.ari.errors import ConnectionLost
from telephony.pbx.ari.operation import Operation, Query, Response

T = TypeVar("T")


class Requests:
    """Requests leave in the order of the calls, and Asterisk works on one after the other."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._connection: Connection | None = None
        self.asterisk = resources.Asterisk(self)
        self.applications = resources.Applications(self)
        self.channels = Channels(self)
        self.bridges = Bridges(self)
        self.playbacks = resources.Playbacks(self)
        self.device_states = resources.DeviceStates(self)
        self.endpoints = resources.Endpoints(self)

    @property
    def waiting(self) -> int:
        """Requests that wait for their answers."""
        return 0 if self._connection is None else self._connection.waiting

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
