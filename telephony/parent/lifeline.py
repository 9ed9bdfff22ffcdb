"""The router's end of the line to its parent: it beats into it, and learns from it when the parent dies."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

BEAT_SECONDS = 1.0
STARTING = b"s"
SERVING = b"."
GO = b"g"
"""The two beats: the process is well, and: callers are served. GO ends the wait of a standby."""


class Lifeline(asyncio.Protocol):
    """Beats once a second what `state()` says, None for not at all; calls `orphaned` when the parent has
    closed its end, that is, died.

    The beat runs on the router's own loop: a loop that does not turn does not beat.
    """

    def __init__(
        self, state: Callable[[], bytes | None], orphaned: Callable[[], None], seconds: float = BEAT_SECONDS
    ) -> None:
        self._state = state
        self._orphaned = orphaned
        self._seconds = seconds
        self._transport: asyncio.Transport | None = None
        self._closing = False

    @classmethod
    async def open(cls, fd: int, state: Callable[[], bytes | None], orphaned: Callable[[], None]) -> Lifeline:
        """`fd` is the inherited socket that the parent named on the command line."""
        loop = asyncio.get_running_loop()
        line = socket.socket(fileno=fd)
        line.setblocking(False)
        _, lifeline = await loop.create_unix_connection(lambda: cls(state, orphaned), sock=line)
        return lifeline

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        self._beat()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self._closing:
            self._orphaned()

    def beat(self) -> None:
        """Say at once how we are, besides the beat each second."""
        beat = self._state()
        if beat is not None and self._transport is not None and not self._closing:
            self._transport.write(beat)

    def close(self) -> None:
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    def _beat(self) -> None:
        if self._transport is None or self._closing:
            return
        self.beat()
        asyncio.get_running_loop().call_later(self._seconds, self._beat)
