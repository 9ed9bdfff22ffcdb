"""A PBX that answers no SIP is told of, once, and once that it does again."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from telephony.pbx.pulse import IN_A_ROW, Pulse
from telephony.testing.patience import PATIENCE
from telephony.testing.ports import free_port


class SipStack(asyncio.DatagramProtocol):
    """Answers what it is asked, or keeps still; counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: Callable[[str], str | None] = gone
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # whose class does not say that it is one

    def datagram_received(self, data: bytes, addr: object) -> None:
        question = data.decode()
        self.asked.append(question)
        answer = self.answers(question)
        if answer is not None:
            self._transport.sendto(answer.encode(), addr)  # type: ignore[arg-type]


def gone(question: str) -> str:
    """As Asterisk answers a BYE of no call."""
    kept = [line for line in question.split("\r\n") if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))]
    return "\r\n".join(["SIP/2.0 481 Call/Transaction Does Not Exist", *kept, "Content-Length: 0", "", ""])


def silence(question: str) -> None:
    return None


def nonsense(question: str) -> str:
    return "SIP/2.0 481 Of Another\r\nCall-ID: another\r\n\r\n"


@asynccontextmanager
async def sip_stack(host: str = "127.0.0.1") -> AsyncIterator[tuple[SipStack, int]]:
    """One that listens, and its port."""
    transport, stack = await asyncio.get_running_loop().create_datagram_endpoint(SipStack, local_addr=(host, 0))
    try:
        yield stack, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def ask(
    port: int,
    host: str = "127.0.0.1",
    family: socket.AddressFamily = socket.AF_UNSPEC,
    patience: float = PATIENCE,
) -> bool | None:
    return await Pulse(host, port, lambda deaf: None, lambda: True, family=family, patience=patience).ask()


ANSWERED, SILENT, NOT_ASKED, AWAY = "answered", "silent", "not asked", "away"


class OverError(Exception):
    """The story has no more."""


class Story(Pulse):
    """A pulse to which happens what a story says."""

    def __init__(self, *happens: str) -> None:
        super().__init__("127.0.0.1", 5060, self._changes, self._is_there, every=0)
        self._happens = deque(happens)
        self._told: list[bool] = []

    def _changes(self, deaf: bool) -> None:
        assert self.deaf is deaf
        self._told.append(deaf)

    def _is_there(self) -> bool:
        if not self._happens:
            raise OverError
        if self._happens[0] == AWAY:
            self._happens.popleft()
            return False
        return True

    async def ask(self) -> bool | None:
        return {ANSWERED: True, SILENT: False, NOT_ASKED: None}[self._happens.popleft()]

    async def told(self) -> list[bool]:
        with pytest.raises(OverError):
            await self.run()
        return self._told


DEAF = [SILENT] * IN_A_ROW
ALMOST_DEAF = DEAF[1:]


async def test_deafness_is_told_once_and_its_end() -> None:
    assert await Story(ANSWERED, *DEAF).told() == [True]
    assert await Story(ANSWERED, *DEAF, *DEAF, SILENT).told() == [True]
    assert await Story(ANSWERED, *DEAF, SILENT, ANSWERED, ANSWERED).told() == [True, False]
    assert await Story(*DEAF, ANSWERED, *DEAF).told() == [True, False, True]


async def test_one_lost_question_is_nothing() -> None:
    assert await Story(*[*ALMOST_DEAF, ANSWERED] * 3).told() == []


async def test_a_pbx_that_is_away_is_not_asked_and_begins_anew() -> None:
    assert await Story(*ALMOST_DEAF, AWAY, *ALMOST_DEAF).told() == []
    assert await Story(*ALMOST_DEAF, AWAY, *DEAF).told() == [True]


async def test_a_question_that_could_not_be_asked_counts_neither_way() -> None:
    assert await Story(*[NOT_ASKED] * 2 * IN_A_ROW).told() == []
    assert await Story(*ALMOST_DEAF, NOT_ASKED, SILENT).told() == [True]
    assert await Story(*DEAF, NOT_ASKED).told() == [True]


async def test_an_answer_is_heard() -> None:
    async with sip_stack() as (_, port):
        assert await ask(port) is True


@pytest.mark.parametrize("answers", [silence, nonsense])
async def test_silence_and_what_is_no_answer_to_us_are_none(answers: Callable[[str], str | None]) -> None:
    async with sip_stack() as (stack, port):
        stack.answers = answers
        assert await ask(port, patience=0.05) is False


async def test_a_port_where_nobody_listens_is_deaf_without_waiting() -> None:
    async with asyncio.timeout(PATIENCE):
        assert await ask(free_port(), patience=2 * PATIENCE) is False


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that knows `pbx.local` by IPv6 and IPv4, in this order, and no other name."""
    look_up = socket.getaddrinfo

    def answer(host: str, port: int, family: int = 0, *more: int, **named: int) -> object:
        if host != "pbx.local":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        found = {socket.AF_INET6: "::1", socket.AF_INET: "127.0.0.1"}
        wanted = [address for kind, address in found.items() if family in (socket.AF_UNSPEC, kind)]
        return [one for address in wanted for one in look_up(address, port, family, *more, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", answer)


@pytest.mark.usefixtures("names")
async def test_of_two_addresses_that_one_is_asked_which_the_pbx_serves() -> None:
    async with sip_stack() as (_, port):
        assert await ask(port, "pbx.local", socket.AF_INET) is True
        assert await ask(port, "pbx.local", socket.AF_INET6) is not True


@pytest.mark.usefixtures("names")
async def test_a_pbx_whose_name_cannot_be_looked_up_is_not_asked() -> None:
    assert await ask(5060, "another.local") is None


async def test_the_question_is_sip() -> None:
    async with sip_stack() as (stack, port):
        await ask(port)
    head, _, body = stack.asked[0].partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    assert first.startswith("BYE sip:")
    assert first.endswith(" SIP/2.0")
    named = [line.partition(": ")[0] for line in lines]
    assert named == ["Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Content-Length"]
    assert body == ""
