"""Whether the PBX still serves SIP: asked by a message to which its SIP stack itself has the answer.

A PBX whose SIP thread waits for a lock for ever goes on speaking ARI and AMI as if nothing were wrong, while no phone
and no trunk gets an answer (see `tellings` for a way into that). So it is asked in SIP: a BYE of no call is answered by
a 481 before anybody is identified, and leaves no line in the PBX's log (an OPTIONS of a stranger would, each time).
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from typing import cast

import structlog

from telephony.settings import bracketed

log = structlog.get_logger(__name__)

EVERY = 5.0
PATIENCE = 2.0
"""Seconds for an answer."""
IN_A_ROW = 3
"""So many questions without an answer make the PBX deaf: one may be lost, or late on a busy machine."""

_QUESTION = """BYE sip:pulse@{to} SIP/2.0
Via: SIP/2.0/UDP {here};rport;branch=z9hG4bK{id}
Max-Forwards: 1
From: <sip:pulse@{here}>;tag={id}
To: <sip:pulse@{to}>;tag={id}
Call-ID: {id}
CSeq: 1 BYE
Content-Length: 0

"""


class Pulse:
    """`deaf` while there is no answer on UDP at `host`:`port`; `changed` is told when that begins and when it ends.
    Nobody is asked unless `there()`: a PBX that is away is another matter, and others tell of it.

    `family`: where `host` is a name, which of its addresses the PBX serves. On UDP any that has a route can be
    connected, so the wrong one shows by silence alone."""

    def __init__(
        self,
        host: str,
        port: int,
        changed: Callable[[bool], None],
        there: Callable[[], bool],
        *,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        every: float = EVERY,
        patience: float = PATIENCE,
    ) -> None:
        self._to = (host, port)
        self._family = family
        self._changed = changed
        self._there = there
        self._every = every
        self._patience = patience
        self._unanswered = 0
        self.deaf = False

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            if self._there():
                self._learn(answered=await self.ask())
            else:
                self._unanswered = 0
            await asyncio.sleep(self._every)

    def _learn(self, *, answered: bool | None) -> None:
        if answered is None:
            return
        self._unanswered = 0 if answered else self._unanswered + 1
        deaf = self._unanswered >= IN_A_ROW
        if deaf != self.deaf and (answered or deaf):
            self.deaf = deaf
            self._changed(deaf)

    async def ask(self) -> bool | None:
        """Whether there was an answer in time, whatever it says; None: it could not be asked (its name has no address
        at the moment, or we have no way there), and that says nothing about it."""
        loop = asyncio.get_running_loop()
        try:  # for as long as the look-up takes: given up, each would leave a thread behind
            _, line = await loop.create_datagram_endpoint(_Line, remote_addr=self._to, family=self._family)
        except OSError as error:
            log.debug("not asked in SIP", error=str(error))
            return None
        try:
            async with asyncio.timeout(self._patience):
                return await line.ask(self._to)
        except OSError as error:  # TimeoutError is one
            log.debug("no answer in SIP", error=str(error))
            return False
        finally:
            await line.close()


class _Line(asyncio.DatagramProtocol):
    """One question and its answer."""

    def __init__(self) -> None:
        self._id = secrets.token_hex(8)
        self._answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.DatagramTransport
        self._closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # whose class does not say that it is one

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data.startswith(b"SIP/2.0 ") and self._id.encode() in data and not self._answered.done():
            self._answered.set_result(True)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there."""
        if not self._answered.done():
            self._answered.set_result(False)

    async def ask(self, to: tuple[str, int]) -> bool:
        host, port, *_ = self._transport.get_extra_info("sockname")
        places = {"to": f"{bracketed(to[0])}:{to[1]}", "here": f"{bracketed(host)}:{port}"}
        question = _QUESTION.format(**places, id=self._id)
        self._transport.sendto(question.replace("\n", "\r\n").encode())
        return await self._answered

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

    async def close(self) -> None:
        self._transport.close()
        await self._closed.wait()
