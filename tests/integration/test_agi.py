"""The FastAGI server asked by a real dialplan."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

import pytest

from telephony.pbx.agi import AgiProblem, AgiRequest, AgiServer, Handler, Limits
from telephony.pbx.ari import AriClient, Message, RequestFailed
from telephony.pbx.ari.events import StasisStart
from telephony.testing.patience import PATIENCE
from telephony.testing.ports import free_port
from tests.integration._bare_pbx import BarePbx

pytestmark = [pytest.mark.asterisk, pytest.mark.integration]

GREETING = 'say "hi" \\ Иванова, 1;2 ${x}'


@pytest.fixture(scope="module")
def pbx() -> Iterator[BarePbx]:
    """One Asterisk for all stories."""
    bare = BarePbx().start()
    yield bare
    bare.stop()


async def outcome(pbx: BarePbx, port: int) -> tuple[str, str, str]:
    """A call asks the AGI server at `port`; its AGISTATUS, and the variables GREETING and SAY afterwards."""
    asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hear(message: Message) -> None:
        if isinstance(message, StasisStart):
            asked.set_result(message.channel.id)

    async with AriClient(pbx.url, pbx.user, pbx.password, pbx.app, on_message=hear) as ari, asyncio.timeout(PATIENCE):
        await ari.channels.originate(
            "Local/park@bare", context="bare", extension="agi", priority=1, variables={"AGI_PORT": str(port)}
        )
        channel = await asked
        names = ("AGISTATUS", "GREETING", "SAY")
        status, greeting, say = [await value(ari, channel, name) for name in names]
        await ari.channels.hangup(channel)
        return status, greeting, say


async def value(ari: AriClient, channel: str, name: str) -> str:
    """A variable of the channel; empty when unset."""
    try:
        return (await ari.channels.get_variable(channel, name)).value
    except RequestFailed as error:
        if error.status != 404:
            raise
        return ""


async def ask(pbx: BarePbx, handler: Handler) -> tuple[tuple[str, str, str], list[AgiProblem]]:
    """As `outcome`, with a server of our own."""
    problems: list[AgiProblem] = []
    limits = Limits(handler_seconds=0.2)
    async with AgiServer(handler, on_problem=problems.append, limits=limits) as server:
        await server.start("127.0.0.1", 0)
        return await outcome(pbx, server.port), problems


async def test_the_dialplan_asks_and_gets_its_variables(pbx: BarePbx) -> None:
    seen: list[AgiRequest] = []

    async def handler(request: AgiRequest) -> Mapping[str, str]:
        seen.append(request)
        return {"GREETING": GREETING, "SAY": "3"}

    told, problems = await ask(pbx, handler)

    assert told == ("SUCCESS", GREETING, "3")
    assert problems == []
    (request,) = seen
    assert (request.script, request.args) == ("login", ("3001", "a b"))
    assert request.headers["extension"] == "agi"
    assert request.channel_id


async def test_a_handler_that_fails_leaves_the_call_to_its_dialplan(pbx: BarePbx) -> None:
    async def handler(request: AgiRequest) -> Mapping[str, str]:
        raise LookupError

    (status, greeting, say), problems = await ask(pbx, handler)

    assert (greeting, say) == ("", "")
    assert status in ("SUCCESS", "FAILURE")
    assert [problem.kind for problem in problems] == ["handler"]


async def test_a_handler_that_hangs_lets_the_call_go_on_in_time(pbx: BarePbx) -> None:
    async def handler(request: AgiRequest) -> Mapping[str, str]:
        await asyncio.get_running_loop().create_future()
        return {}

    (_, greeting, _), problems = await ask(pbx, handler)

    assert greeting == ""
    assert [problem.detail for problem in problems] == ["no answer in 0.2 s"]


async def test_a_server_that_is_not_there_fails_the_call_at_once(pbx: BarePbx) -> None:
    assert await outcome(pbx, free_port()) == ("FAILURE", "", "")
