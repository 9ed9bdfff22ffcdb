"""A small FastAGI server: one request, one answer.

The dialplan asks `AGI(agi://HOST:PORT/script,arg,arg)`; the handler gets an `AgiRequest` and returns channel variables,
which are set before the call goes on. No other AGI command is offered: what is heard is played by the dialplan.

Whatever a peer sends or fails to send costs one counted problem and nothing else. In the dialplan, guard against a
server that hangs: `Set(AGIEXITONHANGUP=yes)` with `Set(TIMEOUT(absolute)=2)`; a refused connection fails at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

ProblemKind = Literal["garbage", "closed", "slow", "overload", "handler", "refused"]

END_OF_HEADERS = b"\n\n"
MAX_COMMAND = 2000  # bytes; Asterisk reads commands into a buffer of 2,048


@dataclass(frozen=True, slots=True)
class AgiRequest:
    """What the dialplan asks. `headers` are all agi_* headers, without that prefix (`uniqueid`, `callerid`, …)."""

    script: str
    args: tuple[str, ...]
    headers: Mapping[str, str]

    @property
    def channel_id(self) -> str:
        """The channel's unique id, as ARI knows it."""
        return self.headers.get("uniqueid", "")


Handler = Callable[[AgiRequest], Awaitable[Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class AgiProblem:
    """A session that came to nothing. `detail` is one line without personal data."""

    kind: ProblemKind
    detail: str
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session may cost: bytes of headers, seconds for them, the handler, an answer; and how many at once."""

    header_bytes: int = 16 * 1024
    header_seconds: float = 2.0
    handler_seconds: float = 2.0
    answer_seconds: float = 2.0
    sessions: int = 200


class _Failed(Exception):  # noqa: N818  (not for others)
    def __init__(self, kind: ProblemKind, detail: str, error: BaseException | None = None) -> None:
        super().__init__(detail)
        self.problem = AgiProblem(kind, detail, error)


class AgiServer:
    """Answers AGI requests until `close`. `problems` counts what went wrong, by kind; `served` what went well."""

    def __init__(
        self,
        handler: Handler,
        *,
        on_problem: Callable[[AgiProblem], None] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.problems: Counter[str] = Counter()
        self.served = 0
        self._handler, self._on_problem, self._limits = handler, on_problem, limits or Limits()
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one. Raises OSError when the address is taken."""
        limit = self._limits.header_bytes
        self._server = await asyncio.start_server(self._accept, host, port, limit=limit, backlog=self._limits.sessions)

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None:
            raise RuntimeError("the AGI server was not started")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening and end the sessions under way."""
        if self._server is not None:
            self._server.close()
        for session in self._sessions:
            session.cancel()
        if self._sessions:
            await asyncio.wait(self._sessions)
        if self._server is not None:
            await self._server.wait_closed()

    async def __aenter__(self) -> AgiServer:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._sessions) >= self._limits.sessions:
            self._report(AgiProblem("overload", f"{len(self._sessions)} sessions under way, one more was refused"))
            writer.transport.abort()
            return
        session = asyncio.create_task(self._session(reader, writer), name="agi-session")
        self._sessions.add(session)
        session.add_done_callback(self._sessions.discard)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await self._read_request(reader)
            for name, value in (await self._ask_handler(request)).items():
                await self._set(reader, writer, name, value)
            self.served += 1
            writer.close()
        except _Failed as failure:
            self._report(failure.problem)
        except OSError as error:
            self._report(AgiProblem("closed", f"the line broke: {type(error).__name__}", error))
        finally:
            if not writer.is_closing():
                writer.transport.abort()

    async def _read_request(self, reader: asyncio.StreamReader) -> AgiRequest:
        try:
            async with asyncio.timeout(self._limits.header_seconds):
                raw = await reader.readuntil(END_OF_HEADERS)
        except TimeoutError as error:
            raise _Failed("slow", f"no request in {self._limits.header_seconds:g} s", error) from error
        except asyncio.IncompleteReadError as error:
            raise _Failed("closed", f"closed after {len(error.partial)} bytes of a request", error) from error
        except asyncio.LimitOverrunError as error:
            raise _Failed("garbage", f"a request longer than {self._limits.header_bytes} bytes", error) from error
        return parse_request(raw)

    async def _ask_handler(self, request: AgiRequest) -> Mapping[str, str]:
        try:
            async with asyncio.timeout(self._limits.handler_seconds):
                return await self._handler(request)
        except TimeoutError as error:
            raise _Failed("handler", f"no answer in {self._limits.handler_seconds:g} s", error) from error
        except Exception as error:
            raise _Failed("handler", f"the handler raised {type(error).__name__}", error) from error

    async def _set(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str, value: str) -> None:
        try:
            command = set_variable(name, value)
        except ValueError as error:
            raise _Failed("handler", str(error), error) from error
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                writer.write(command)
                await writer.drain()
                answer = await reader.readline()
        except TimeoutError as error:
            raise _Failed("slow", f"no answer to SET VARIABLE in {self._limits.answer_seconds:g} s", error) from error
        except ValueError as error:  # the line is longer than the limit
            raise _Failed("garbage", "an answer without an end", error) from error
        if answer.startswith(b"HANGUP") or not answer:
            raise _Failed("closed", "the caller hung up before the answer was set")
        if not answer.startswith(b"200 result="):
            raise _Failed("refused", f"SET VARIABLE was answered by {answer[:3].decode('ascii', 'replace')!r}")

    def _report(self, problem: AgiProblem) -> None:
        self.problems[problem.kind] += 1
        if self._on_problem is not None:
            self._on_problem(problem)


def parse_request(raw: bytes) -> AgiRequest:
    """The headers of a request, as sent; whatever is not `agi_name: value` on each line is garbage."""
    headers: dict[str, str] = {}
    for line in raw.decode("utf-8", "replace").rstrip("\n").split("\n"):
        name, colon, value = line.partition(":")
        if not colon or not name.startswith("agi_"):
            raise _Failed("garbage", "a line of the request is no AGI header")
        headers[name.removeprefix("agi_")] = value.strip()
    args: list[str] = []
    while (arg := headers.get(f"arg_{len(args) + 1}")) is not None:
        args.append(arg)
    return AgiRequest(headers.get("network_script", ""), tuple(args), headers)


def set_variable(name: str, value: str) -> bytes:
    """The AGI command that sets a channel variable, quoted; ValueError for a name or value that cannot be."""
    if not name.isidentifier() or not name.isascii():
        raise ValueError(f"{name!r} is no name of a channel variable")
    if any(mark in value for mark in "\n\r\0"):
        raise ValueError(f"a line break in the value of {name}")
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    command = f'SET VARIABLE {name} "{quoted}"\n'.encode()
    if len(command) > MAX_COMMAND:
        raise ValueError(f"the value of {name} is too long for AGI")
    return command
