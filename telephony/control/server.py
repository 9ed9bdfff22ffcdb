"""The router's control socket: status, watch and commands for whoever may open a file of the service's
owner.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog

from telephony.control import wire
from telephony.control.board import Board
from telephony.control.board_rows import Snapshot
from telephony.core.commands import AnyCommand
from telephony.core.effects import Reply
from telephony.store.database import DatabaseUnusableError

log = structlog.get_logger(__name__)

COALESCE_SECONDS = 0.1
PULSE_SECONDS = 1.0
"""So often those who watch are told, also that nothing has changed: silence means that we stand still."""
_SLOW_BYTES = 1024 * 1024
_MAX_PEERS = 64
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a body raises that is no request: wrong in its form, in its texts, nested without end."""

Ask = Callable[[AnyCommand], Awaitable[Reply]]


class Control:
    """Serves the socket. `ask` gives a command to the router, `reload` reads the operators or
    the roster again, `status` tells of the router itself. A peer that reads too slowly is cut off; the router never
    waits for one."""

    def __init__(
        self,
        path: Path,
        *,
        board: Board,
        ask: Ask,
        reload: Callable[[wire.Reloaded], Awaitable[Reply]],
        status: Callable[[int, Snapshot], wire.StatusAnswer],
        coalesce: float = COALESCE_SECONDS,
        pulse: float = PULSE_SECONDS,
    ) -> None:
        self._path = path
        self._board = board
        self._ask = ask
        self._reload = reload
        self._status = status
        self._coalesce = coalesce
        self._pulse = pulse
        self._decoder = msgspec.msgpack.Decoder(wire.Request)
        self._server: asyncio.Server | None = None
        self._peers: set[asyncio.Task[None]] = set()
        self._watchers: dict[asyncio.StreamWriter, int] = {}
        self._tick: asyncio.TimerHandle | None = None
        self._news = False
        """Something has changed since those who watch were last told."""
        self._numbers = itertools.count(1)
        self.cut_off = 0
        self.refused = 0

    async def open(self) -> None:
        """Raises OSError when the socket cannot be made."""
        self._server = await asyncio.start_unix_server(self._meet, sock=_listen(self._path))
        self._board.changed = self._schedule

    async def close(self) -> None:
        self._board.changed = lambda: None
        if self._tick is not None:
            self._tick.cancel()
        if self._server is not None:
            self._server.close()
        for peer in list(self._peers):
            peer.cancel()
        await asyncio.gather(*self._peers, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    # --- one peer -------------------------------------------------------------------------------------------

    def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._peers) >= _MAX_PEERS:
            self._count_refused(f"{_MAX_PEERS} peers are served already")
            writer.transport.abort()
            return
        peer = asyncio.create_task(self._serve(reader, writer), name="control peer")
        self._peers.add(peer)
        peer.add_done_callback(self._peers.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # A peer that goes away is how a conversation ends.
            with contextlib.suppress(ConnectionError):
                await self._converse(reader, writer)
        except asyncio.IncompleteReadError as error:
            self._count_refused(f"the peer went after {len(error.partial):,} of {error.expected or 0:,} bytes")
        except Exception:
            log.exception("control peer failed")
        finally:
            self._watchers.pop(writer, None)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readexactly(wire.LENGTH.size)
            except asyncio.IncompleteReadError as error:
                if not error.partial:
                    return
                raise
            (length,) = wire.LENGTH.unpack(head)
            if length > wire.MAX_FRAME:  # in groups of digits: one long number would be masked as a phone's
                self._refuse(writer, 0, f"a frame of {length:,} bytes is longer than {wire.MAX_FRAME:,}")
                return
            body = await reader.readexactly(length)
            try:
                request = self._decoder.decode(body)
            except UNREADABLE as error:
                self._refuse(writer, _id_of(body), str(error))
            else:
                await self._answer(writer, request)
            await writer.drain()

    async def _answer(self, writer: asyncio.StreamWriter, request: wire.Request) -> None:
        match request:
            case wire.Status():
                writer.write(wire.frame(self._status(request.id, self._board.snapshot())))
            case wire.Watch():
                picture = self._board.snapshot()
                writer.write(wire.frame(wire.WatchAnswer(id=request.id, whole=True, picture=picture)))
                self._watchers[writer] = request.id
                if self._tick is None:
                    self._tell_in(self._pulse)
            case wire.Do():
                command = f"control-{os.getpid()}-{next(self._numbers)}"
                event = msgspec.structs.replace(request.event, command=command)
                await self._reply(writer, request.id, self._ask(event))
            case wire.Reload():
                await self._reply(writer, request.id, self._reload(request.what))

    async def _reply(self, writer: asyncio.StreamWriter, asked: int, reply: Awaitable[Reply]) -> None:
        try:
            answer = wire.DoAnswer(id=asked, reply=await reply)
        except TimeoutError:
            self._refuse(writer, asked, "no answer in time: the command may still be carried out")
        except DatabaseUnusableError as error:
            self._refuse(writer, asked, str(error))
        else:
            writer.write(wire.frame(answer))

    def _refuse(self, writer: asyncio.StreamWriter, asked: int, error: str) -> None:
        self._count_refused(error)
        writer.write(wire.frame(wire.Refusal(id=asked, error=error)))

    def _count_refused(self, reason: str) -> None:
        self.refused += 1
        log.warning("control request refused", reason=reason, refused=self.refused)

    # --- those who watch ------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if self._watchers and not self._news:
            self._news = True
            self._tell_in(self._coalesce)

    def _tell_in(self, seconds: float) -> None:
        if self._tick is not None:
            self._tick.cancel()
        self._tick = asyncio.get_running_loop().call_later(seconds, self._send_changes)

    def _send_changes(self) -> None:
        self._tick, self._news = None, False
        if not self._watchers:
            return
        picture = self._board.changes()
        for writer, asked in list(self._watchers.items()):
            if writer.transport.get_write_buffer_size() > _SLOW_BYTES:
                self.cut_off += 1
                log.warning("slow watcher cut off")
                del self._watchers[writer]
                writer.transport.abort()
            else:
                writer.write(wire.frame(wire.WatchAnswer(id=asked, picture=picture)))
        self._tell_in(self._pulse)


def _listen(path: Path) -> socket.socket:
    """A listening socket that only the owner can open. What lies at `path` is a dead router's: the lock
    says so.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


class _AnyRequest(msgspec.Struct):
    id: int = 0


def _id_of(body: bytes) -> int:
    """The id of a request that is otherwise not understood, 0 when even that cannot be read."""
    try:
        return msgspec.msgpack.decode(body, type=_AnyRequest).id
    except UNREADABLE:
        return 0
