"""The FastAGI server against whatever a peer can do to it: each costs one counted problem, and the next is served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import pytest

from telephony.pbx.agi import AgiProblem, AgiRequest, AgiServer, Limits, set_variable

REQUEST = (
    "agi_network: yes\nagi_network_script: login\nagi_request: agi://127.0.0.1/login\nagi_channel: PJSIP/3001-1\n"
    "agi_uniqueid: 1764000000.7\nagi_calleridname: Иванова\nagi_arg_1: 3001\nagi_arg_2: \nagi_arg_3: a: b\n\n"
).encode()
QUICK = Limits(header_seconds=0.1, handler_seconds=0.1, answer_seconds=0.1, sessions=2)


async def greet(request: AgiRequest) -> Mapping[str, str]:
    return {"SAY": f"hello {request.args[0]}", "CODE": "7"}


class Site:
    """A server, and the problems it has told."""

    def __init__(self) -> None:
        self.problems: list[AgiProblem] = []
        self.told = asyncio.Event()
        self.server: AgiServer

    def hear(self, problem: AgiProblem) -> None:
        self.problems.append(problem)
        self.told.set()

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.server.port)

    async def next_problem(self) -> AgiProblem:
        async with asyncio.timeout(5):
            await self.told.wait()
        return self.problems[-1]

    async def is_well(self) -> None:
        """A proper request is answered properly."""
        reader, writer = await self.dial()
        writer.write(REQUEST)
        assert await reader.readline() == b'SET VARIABLE SAY "hello 3001"\n'
        writer.write(b"200 result=1\n")
        assert await reader.readline() == b'SET VARIABLE CODE "7"\n'
        writer.write(b"200 result=1\n")
        assert await reader.read() == b""
        writer.close()


@asynccontextmanager
async def site(handler: object = greet, limits: Limits = QUICK) -> AsyncIterator[Site]:
    here = Site()
    here.server = AgiServer(handler, on_problem=here.hear, limits=limits)  # type: ignore[arg-type]
    async with here.server:
        await here.server.start("127.0.0.1", 0)
        yield here


async def test_a_request_is_answered_with_variables_and_closed() -> None:
    seen: list[AgiRequest] = []

    async def handler(request: AgiRequest) -> Mapping[str, str]:
        seen.append(request)
        return await greet(request)

    async with site(handler) as here:
        await here.is_well()
        assert here.problems == []
        assert here.server.served == 1
    (request,) = seen
    assert (request.script, request.args, request.channel_id) == ("login", ("3001", "", "a: b"), "1764000000.7")
    assert request.headers["calleridname"] == "Иванова"


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        pytest.param(b"", "closed", id="nothing"),
        pytest.param(REQUEST[:60], "closed", id="half a request"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\n\n", "garbage", id="HTTP"),
        pytest.param(b"\n\n", "garbage", id="an empty request"),
        pytest.param(bytes(range(256)) + b"\n\n", "garbage", id="any bytes"),
        pytest.param(REQUEST.replace(b"\n\n", b"\n" + b"agi_x: y\n" * 4000 + b"\n"), "garbage", id="40 KB of headers"),
    ],
)
async def test_garbage_costs_one_problem(sent: bytes, kind: str) -> None:
    async with site() as here:
        _, writer = await here.dial()
        writer.write(sent)
        writer.write_eof()
        problem = await here.next_problem()
        writer.close()

        assert problem.kind == kind
        assert "\n" not in problem.detail
        await here.is_well()
        assert len(here.problems) == 1


async def test_ten_megabytes_without_a_line_break_are_cut_off_early() -> None:
    async with site() as here:
        _, writer = await here.dial()
        with suppress(ConnectionError):
            for _ in range(160):
                writer.write(b"x" * 65536)
                await writer.drain()
        problem = await here.next_problem()
        writer.transport.abort()

        assert (problem.kind, problem.detail) == ("garbage", "a request longer than 16384 bytes")
        await here.is_well()


async def test_a_peer_that_drips_is_left_after_the_time_for_headers() -> None:
    async with site() as here:
        _, writer = await here.dial()
        for byte in REQUEST:
            writer.write(bytes((byte,)))
            with suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await here.told.wait()
                    break
        else:
            pytest.fail("the whole request was waited for")
        writer.transport.abort()

        assert here.problems[0].kind == "slow"
        await here.is_well()


async def test_a_peer_that_hangs_up_before_the_answer_is_set() -> None:
    async with site() as here:
        reader, writer = await here.dial()
        writer.write(REQUEST)
        await reader.readline()
        writer.write(b"HANGUP\n")
        assert (await here.next_problem()).detail == "the caller hung up before the answer was set"
        writer.close()
        await here.is_well()


async def test_a_peer_that_refuses_or_never_answers_the_command() -> None:
    async with site() as here:
        reader, writer = await here.dial()
        writer.write(REQUEST)
        await reader.readline()
        writer.write(b"510 Invalid or unknown command\n")
        assert (await here.next_problem()).kind == "refused"
        writer.close()

        here.told.clear()
        reader, writer = await here.dial()
        writer.write(REQUEST)
        await reader.readline()
        assert (await here.next_problem()).kind == "slow"
        writer.close()
        await here.is_well()


async def test_a_handler_that_raises_or_hangs_is_a_problem_of_its_session_only() -> None:
    async def handler(request: AgiRequest) -> Mapping[str, str]:
        match turns.pop():
            case "raise":
                raise KeyError("79000000001")
            case "hang":
                await asyncio.get_running_loop().create_future()
            case "break":
                return {"SAY": "a\nSET VARIABLE X 1"}
        return await greet(request)

    turns = ["well", "break", "hang", "raise"]
    async with site(handler) as here:
        for detail in ("the handler raised KeyError", "no answer in 0.1 s", "a line break in the value of SAY"):
            here.told.clear()
            reader, writer = await here.dial()
            writer.write(REQUEST)
            assert (await here.next_problem()).detail == detail
            assert await reader.read() == b""
            writer.close()
        await here.is_well()
        assert here.server.problems == {"handler": 3}


async def test_more_sessions_than_allowed_are_refused_and_the_others_served() -> None:
    async with site(limits=Limits(sessions=2)) as here:
        waiting = [await here.dial() for _ in range(2)]
        _, third = await here.dial()
        assert (await here.next_problem()).kind == "overload"
        third.close()

        for reader, writer in waiting:
            writer.write(REQUEST + b"200 result=1\n200 result=1\n")
            assert b"hello 3001" in await reader.read()
            writer.close()
        await here.is_well()


async def test_closing_ends_the_sessions_under_way() -> None:
    async with site(limits=Limits()) as here:
        reader, writer = await here.dial()
        writer.write(REQUEST)
        await reader.readline()
    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", b'"plain"'),
        ("", b'""'),
        ('say "hi"', b'"say \\"hi\\""'),
        ("back\\slash", b'"back\\\\slash"'),
        ("привет", '"привет"'.encode()),
    ],
)
def test_values_are_quoted(value: str, written: bytes) -> None:
    assert set_variable("SAY", value) == b"SET VARIABLE SAY " + written + b"\n"


@pytest.mark.parametrize(("name", "value"), [("A B", "x"), ("", "x"), ("A", "x\ny"), ("A", "x\0"), ("A", "x" * 2000)])
def test_what_cannot_be_quoted_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"name|line break|too long"):
        set_variable(name, value)
