"""Asking a running service by its control socket: blocking, for the command line."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import msgspec

from telephony.control import wire
from telephony.core.commands import AnyCommand
from telephony.core.effects import Reply

Answer = TypeVar("Answer", wire.StatusAnswer, wire.WatchAnswer, wire.DoAnswer)


class ServiceAway(Exception):  # noqa: N818 - a state of affairs, told to the user in one line
    """Nobody serves the socket, or it stopped answering."""


class ServiceNotRunning(ServiceAway):
    """Nobody serves the socket: what was changed on record is read at the next start."""


class ServiceRefused(Exception):  # noqa: N818
    """The service did not understand the request or could not carry it out in time."""


class ControlClient:
    """One conversation. Every wait is bounded by `timeout` seconds."""

    def __init__(self, path: Path, timeout: float = 10.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        self._id = 0
        try:
            self._socket.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError) as error:
            self._socket.close()
            raise ServiceNotRunning(f"the service is not running ({path}: {error.strerror})") from error
        except OSError as error:
            self._socket.close()
            reason = error.strerror or str(error) or type(error).__name__
            raise ServiceAway(f"the service cannot be asked ({path}: {reason})") from error

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def status(self) -> wire.StatusAnswer:
        return self._ask(wire.Status(self._next()), wire.StatusAnswer)

    def do(self, event: AnyCommand) -> Reply:
        """Have a command carried out; its `command` is given by the router."""
        return self._ask(wire.Do(self._next(), event), wire.DoAnswer).reply

    def reload(self, what: wire.Reloaded = "operators") -> Reply:
        """Have the operators, or the roster of their shifts, read again from the database."""
        return self._ask(wire.Reload(self._next(), what), wire.DoAnswer).reply

    def watch(self) -> Iterator[wire.WatchAnswer]:
        """The whole picture, then changes as they come, each second at least: one without anything in it where nothing
        has changed."""
        yield self._ask(wire.Watch(self._next()), wire.WatchAnswer)
        while True:
            yield self._receive(wire.WatchAnswer)

    def _next(self) -> int:
        self._id += 1
        return self._id

    def _ask(self, request: wire.Request, kind: type[Answer]) -> Answer:
        try:
            self._socket.sendall(wire.frame(request))
        except OSError as error:
            raise ServiceAway("the service has gone") from error
        return self._receive(kind)

    def _receive(self, kind: type[Answer]) -> Answer:
        (length,) = wire.LENGTH.unpack(self._exactly(wire.LENGTH.size))
        answer = msgspec.msgpack.decode(self._exactly(length), type=kind | wire.Refusal)
        if isinstance(answer, wire.Refusal):
            raise ServiceRefused(answer.error)
        return answer

    def _exactly(self, length: int) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            try:
                part = self._socket.recv(length - len(parts))
            except OSError as error:
                raise ServiceAway("the service does not answer") from error
            if not part:
                raise ServiceAway("the service has gone")
            parts += part
        return bytes(parts)
