"""A PBX that answers no SIP is told of, once, and once that it does again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from telephony.pbx.pulse import IN_A_ROW, Pulse
from telephony.testing.patience import PATIENCE


class SipStack(asyncio.DatagramProtocol):
    """Answers what it is asked, or keeps still; counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: Callable[[str], str | None] = gone
        self._transport: asyncio.DatagramTransport
        self._came = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # whose class does not say that it is one

    def datagram_received(self, data: bytes, addr: object) -> None:
        question = data.decode()
        self.asked.append(question)
        self._came.set()
        answer = self.answers(question)
        if answer is not None:
            self._transport.sendto(answer.encode(), addr)  # type: ignore[arg-type]

    async def asked_again(self, times: int) -> None:
        enough = len(self.asked) + times
        async with asyncio.timeout(PATIENCE):
            while len(self.asked) < enough:
                self._came.clear()
                await self._came.wait()


def gone(question: str) -> str:
    """As Asterisk answers a BYE of no call."""
    kept = [line for line in question.split("\r\n") if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))]
    return "\r\n".join(["SIP/2.0 481 Call/Transaction Does Not Exist", *kept, "Content-Length: 0", "", ""])


def silence(question: str) -> None:
    return None


def nonsense(question: str) -> str:
    return "SIP/2.0 481 Of Another\r\nCall-ID: another\r\n\r\n"


class Asked:
    def __init__(self, stack: SipStack, port: int) -> None:
        self.stack = stack
        self.told: asyncio.Queue[bool] = asyncio.Queue()
        self.there = True
        self.pulse = Pulse("127.0.0.1", port, self.told.put_nowait, lambda: self.there, every=0.01, patience=0.05)

    async def news(self) -> bool:
        async with asyncio.timeout(PATIENCE):
            return await self.told.get()


@asynccontextmanager
async def asked() -> AsyncIterator[Asked]:
    transport, stack = await asyncio.get_running_loop().create_datagram_endpoint(SipStack, local_addr=("127.0.0.1", 0))
    here = Asked(stack, transport.get_extra_info("sockname")[1])
    task = asyncio.create_task(here.pulse.run())
    try:
        yield here
    finally:
        task.cancel()
        await asyncio.wait((task,))
        transport.close()


@pytest.mark.parametrize("answers", [silence, nonsense])
async def test_deafness_is_told_once_and_its_end(answers: Callable[[str], str | None]) -> None:
    async with asked() as here:
        await here.stack.asked_again(IN_A_ROW + 1)
        assert here.told.empty()
        assert not here.pulse.deaf
        here.stack.answers = answers
        assert (await here.news(), here.pulse.deaf) == (True, True)
        await here.stack.asked_again(IN_A_ROW + 1)
        assert here.told.empty()
        here.stack.answers = gone
        assert (await here.news(), here.pulse.deaf) == (False, False)


async def test_one_lost_question_is_nothing() -> None:
    async with asked() as here:
        for _ in range(3):
            here.stack.answers = silence
            await here.stack.asked_again(IN_A_ROW - 1)
            here.stack.answers = gone
            await here.stack.asked_again(2)
        assert here.told.empty()


async def test_a_port_where_nobody_listens_is_deaf_without_waiting() -> None:
    async with asked() as here:
        here.stack._transport.close()
        assert await here.news() is True


async def test_a_pbx_that_is_away_is_not_asked() -> None:
    async with asked() as here:
        here.there = False
        await asyncio.sleep(0.03)
        before = len(here.stack.asked)
        await asyncio.sleep(0.1)
        assert len(here.stack.asked) == before


async def test_the_question_is_sip() -> None:
    async with asked() as here:
        await here.stack.asked_again(1)
    head, _, body = here.stack.asked[0].partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    assert first.startswith("BYE sip:")
    assert first.endswith(" SIP/2.0")
    named = [line.partition(": ")[0] for line in lines]
    assert named == ["Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Content-Length"]
    assert body == ""
