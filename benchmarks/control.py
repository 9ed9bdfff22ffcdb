"""A running router as seen and told over its control socket, by those who want to wait for something to happen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from telephony.control import wire
from telephony.control.board_rows import OperatorRow, Snapshot
from telephony.core.commands import AnyCommand, LogIn, LogOut
from telephony.core.effects import Reply
from telephony.testing.patience import PATIENCE

A = TypeVar("A", wire.StatusAnswer, wire.WatchAnswer, wire.DoAnswer)


class ServiceFailedError(Exception):
    """The service did not start; the text is the last it said."""


class Controlled:
    """The router behind `socket`, whichever life it is in: each question opens a line of its own."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_unix_connection(str(self._socket))
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):  # the router was killed: closed all the same
                await writer.wait_closed()

    async def status(self) -> wire.StatusAnswer:
        """Raises OSError while no router serves."""
        async with self._line() as (reader, writer):
            writer.write(wire.frame(wire.Status(1)))
            return await _answer(reader, wire.StatusAnswer)

    async def do(self, command: AnyCommand) -> Reply:
        async with self._line() as (reader, writer):
            writer.write(wire.frame(wire.Do(1, command)))
            return (await _answer(reader, wire.DoAnswer)).reply

    async def log_in(self, login: str, phone: str) -> Reply:
        return await self.do(LogIn(command="", login=login, phone=phone))

    async def log_out(self, login: str) -> Reply:
        return await self.do(LogOut(command="", login=login))

    async def until(self, holds: Callable[[Snapshot], bool], what: str = "", within: float = PATIENCE) -> Snapshot:
        """Wait until the center's picture satisfies `holds`, through restarts of the router."""
        async with asyncio.timeout(within) as limit:
            try:
                while True:
                    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                        async with self._line() as (reader, writer):
                            writer.write(wire.frame(wire.Watch(1)))
                            while True:
                                await _answer(reader, wire.WatchAnswer)
                                picture = (await self.status()).picture
                                if holds(picture):
                                    return picture
                    await asyncio.sleep(0.02)  # between two routers
            except TimeoutError:
                if limit.expired():
                    raise TimeoutError(f"did not come to pass within {within:.0f} s: {what}") from None
                raise

    async def operator(self, login: str, state: str, within: float = PATIENCE) -> OperatorRow:
        """Wait until the operator is in `state`."""

        def holds(picture: Snapshot) -> bool:
            return any(row.login == login and row.state == state for row in picture.operators)

        picture = await self.until(holds, f"{login} {state}", within)
        return next(row for row in picture.operators if row.login == login)


async def _answer(reader: asyncio.StreamReader, kind: type[A]) -> A:
    (length,) = wire.LENGTH.unpack(await reader.readexactly(wire.LENGTH.size))
    answer = msgspec.msgpack.decode(await reader.readexactly(length), type=kind | wire.Refusal)
    if isinstance(answer, wire.Refusal):
        raise ServiceFailedError(answer.error)
    return answer
