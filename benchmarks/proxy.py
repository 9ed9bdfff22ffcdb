"""A TCP line that can be cut: between Gudok and AMI, for instance."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self


class Proxy:
    """Listens on a random loopback port and forwards to `target`, also a loopback port."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._cut = False
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """End all connections; new ones end at once."""
        self._cut = True
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        self._cut = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        there, beyond = await asyncio.open_connection("127.0.0.1", self._target)
        ends = {writer, beyond}
        self._writers |= ends
        try:
            await asyncio.gather(_pump(reader, beyond), _pump(there, writer))
        finally:
            self._writers -= ends


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # cut, or the other side has left
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
