"""panoramisk's faults, each made to happen by a scripted peer, and contained."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from telephony.pbx.ami import (
    ActionFailed,
    ActionTimeout,
    Ami,
    AmiConnected,
    AmiConnectionLost,
    AmiDisconnected,
    AmiProblem,
    AmiUnreachable,
    LoginRejected,
    Message,
)
from telephony.pbx.ami_types import QueueMemberPause
from tests.unit._scripted_ami import ScriptedAmi, manager

HEARD = (QueueMemberPause,)
MEMBER = (
    "MemberName: Иванова Мария\r\nInterface: PJSIP/3001\r\nStateInterface: PJSIP/3001\r\nMembership: dynamic\r\n"
    "Penalty: 0\r\nCallsTaken: 4\r\nInCall: 0\r\nStatus: 1\r\nPaused: 1\r\nPausedReason: gudok:lunch\r\n"
)


class Heard(list[Message]):
    """What the client told, and a way to wait for more."""

    def __init__(self) -> None:
        super().__init__()
        self.more = asyncio.Event()

    def put(self, message: Message) -> None:
        self.append(message)
        self.more.set()

    async def until(self, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not enough():
                self.more.clear()
                await self.more.wait()


@asynccontextmanager
async def connected(
    action_timeout: float = 5.0, keepalive: float = 10.0
) -> AsyncIterator[tuple[Ami, ScriptedAmi, Heard]]:
    """A client, connected to a scripted manager."""
    async with manager() as (script, host, port):
        heard = Heard()
        times: dict[str, Any] = {"action_timeout": action_timeout, "keepalive": keepalive, "backoff": (0.01, 0.05)}
        ami = Ami(host, port, "user", "secret", events=HEARD, **times)
        ami.listen(heard.put)
        running = asyncio.create_task(ami.run())
        await ami.ready()
        yield ami, script, heard
        await ami.close()
        await running


async def test_an_unanswered_originate_is_never_sent_again() -> None:
    async with connected() as (ami, script, heard):
        script.answers["Originate"] = None
        call = asyncio.ensure_future(ami.action("Originate", {"Channel": "Local/1@x"}))
        await script.asked("Originate")
        script.writers[-1].close()
        with pytest.raises(AmiConnectionLost):
            await call

        await heard.until(lambda: sum(isinstance(message, AmiConnected) for message in heard) == 2)
        script.say(f"Event: QueueMemberPause\r\nQueue: help\r\n{MEMBER}\r\n")
        await heard.until(lambda: isinstance(heard[-1], QueueMemberPause))
        await ami.action("Ping")
        assert len(script.sent("Originate")) == 1
        assert len(script.sent("Login")) == 2
        assert isinstance(heard[1], AmiDisconnected)


async def test_an_action_times_out_and_its_late_answer_disturbs_nobody() -> None:
    async with connected(action_timeout=0.05) as (ami, script, _):
        script.answers["Redirect"] = None
        with pytest.raises(ActionTimeout, match=r"AMI Redirect: no answer in 0\.05 s"):
            await ami.redirect("PJSIP/3001-1", "in", "s")

        late = script.sent("Redirect")[0]["ActionID"]
        script.say(f"Response: Success\r\nActionID: {late}\r\n\r\n")
        assert (await ami.action("Ping"))[0]["Response"] == "Success"
        assert not ami.problems


async def test_a_list_is_complete_when_ami_says_so_and_not_before() -> None:
    async with connected(action_timeout=0.2) as (ami, script, _):
        rows = "".join(f"Event: CoreShowChannel\r\nChannel: c{n}\r\n\r\n" for n in range(3))
        start = "Response: Success\r\nEventList: start\r\nMessage: Channels will follow\r\n\r\n"
        agent = "Event: AgentComplete\r\nChannel: c3\r\n\r\n"
        script.answers["CoreShowChannels"] = f"{start}{rows}{agent}Event: X\r\nEventList: Complete\r\n\r\n"
        assert [row["Channel"] for row in await ami.channels()] == ["c0", "c1", "c2", "c3"]

        script.answers["CoreShowChannels"] = f"{start}{rows}"
        with pytest.raises(ActionTimeout):
            await ami.channels()


async def test_a_last_header_without_a_value_is_not_lost() -> None:
    async with connected() as (ami, script, _):
        row = "Event: CoreShowChannel\r\nChannel: c\r\nBridgeId: "
        end = "Event: CoreShowChannelsComplete\r\nEventList: Complete"
        script.answers["CoreShowChannels"] = None
        asked = asyncio.ensure_future(ami.channels())
        await script.asked("CoreShowChannels")
        number = script.sent("CoreShowChannels")[0]["ActionID"]
        for part in ("Response: Success\r\nEventList: start", row, end):
            script.say(f"ActionID: {number}\r\n{part}\r\n\r\n")
        assert [channel["BridgeId"] for channel in await asked] == [""]


async def test_a_plain_answer_that_sounds_like_a_list_is_no_list() -> None:
    async with connected(action_timeout=0.5) as (ami, script, _):
        script.answers["QueueAdd"] = "Response: Success\r\nMessage: Added interface to queue\r\n\r\n"
        script.answers["Originate"] = "Response: Success\r\nMessage: Originate successfully queued\r\n\r\n"
        await ami.queue_add("help", "PJSIP/3001")
        assert len(await ami.action("Originate", {"Async": True})) == 1


async def test_a_refusal_is_one_clear_line() -> None:
    async with connected() as (ami, script, _):
        script.answers["QueueRemove"] = "Response: Error\r\nMessage: Unable to remove interface: Not there\r\n\r\n"
        with pytest.raises(ActionFailed) as caught:
            await ami.queue_remove("help", "PJSIP/3001")
        assert str(caught.value) == "AMI QueueRemove: Unable to remove interface: Not there"


@pytest.mark.parametrize("value", ["a\r\nAction: Originate", "a\nb", "a\rb", ["fine", "x\r\n"]])
async def test_a_line_break_in_a_value_is_refused_before_anything_is_sent(value: str | list[str]) -> None:
    async with connected() as (ami, script, _):
        with pytest.raises(ValueError, match="a line break in the AMI field 'Reason'"):
            await ami.action("QueuePause", {"Reason": value})
        assert script.sent("QueuePause") == []


async def test_letters_cut_by_a_packet_border_arrive_whole() -> None:
    async with connected() as (_, script, heard):
        event = f"Event: QueueMemberPause\r\nQueue: help\r\n{MEMBER}\r\n".encode()
        for byte in event:
            script.writers[-1].write(bytes((byte,)))
            await script.writers[-1].drain()
            await asyncio.sleep(0)
        await heard.until(lambda: isinstance(heard[-1], QueueMemberPause))

        paused = heard[-1]
        assert isinstance(paused, QueueMemberPause)
        assert (paused.member_name, paused.paused, paused.paused_reason) == ("Иванова Мария", True, "gudok:lunch")


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param("Event: QueueMemberPause\r\nQueue: help\r\n\r\n", id="fields missing"),
        pytest.param(f"Event: QueueMemberPause\r\nQueue: help\r\n{MEMBER}Status: odd\r\n\r\n", id="a field twice"),
        pytest.param("Event: A\r\nEvent: B\r\n\r\n", id="two names"),
    ],
)
async def test_a_strange_event_is_counted_and_survived(garbage: str) -> None:
    async with connected() as (ami, script, heard):
        script.say(garbage)
        script.say(f"Event: QueueMemberPause\r\nQueue: help\r\n{MEMBER}\r\n")
        await heard.until(lambda: isinstance(heard[-1], QueueMemberPause))
        assert ami.problems == {"malformed": 1}


async def test_an_event_without_an_end_ends_the_line_and_no_memory() -> None:
    async with connected() as (_, script, heard):
        writer = script.writers[-1]
        for _ in range(100):
            writer.write(b"x" * 100_000)
        await heard.until(lambda: any(isinstance(message, AmiDisconnected) for message in heard))


async def test_a_failing_listener_is_told_and_the_others_still_hear() -> None:
    async with manager() as (_, host, port):
        heard = Heard()
        told: list[AmiProblem] = []
        ami = Ami(host, port, "user", "secret", events=HEARD, on_problem=told.append)

        def fail(message: Message) -> None:
            raise KeyError("of the listener's own making")

        ami.listen(fail)
        ami.listen(heard.put)
        running = asyncio.create_task(ami.run())
        await ami.ready()
        await ami.close()
        await running
        assert isinstance(heard[0], AmiConnected)
        assert ami.problems["callback"] == len(told) >= 1
        assert (told[0].kind, type(told[0].error)) == ("callback", KeyError)


async def test_a_peer_that_no_longer_answers_pings_is_left() -> None:
    async with connected(action_timeout=0.05, keepalive=0.01) as (_, script, heard):
        script.answers["Ping"] = None
        await heard.until(lambda: any(isinstance(message, AmiDisconnected) for message in heard))
        assert heard[1] == AmiDisconnected("Asterisk does not answer AMI pings")
        script.answers.clear()
        await heard.until(lambda: isinstance(heard[-1], AmiConnected))


async def test_a_refused_connection_and_a_silent_peer_are_one_clear_line() -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silence.append(writer)

    silence: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(AmiUnreachable, match=f"no answer to the AMI login at 127.0.0.1:{port}"):
            await Ami("127.0.0.1", port, "user", "secret", events=(), action_timeout=0.05).run(patient=False)
        for writer in silence:
            writer.close()
    with pytest.raises(AmiUnreachable, match=f"cannot connect to AMI at 127.0.0.1:{port}: connection refused"):
        await Ami("127.0.0.1", port, "user", "secret", events=()).run(patient=False)


@pytest.mark.parametrize(
    ("action", "said", "complaint"),
    [
        ("Login", "Authentication failed", "rejects the user 'user': Authentication failed"),
        ("Filter", "Permission denied", "may not do what is needed: AMI Filter: Permission denied"),
    ],
)
async def test_a_rejected_login_ends_the_client(action: str, said: str, complaint: str) -> None:
    async with manager() as (script, host, port):
        script.answers[action] = f"Response: Error\r\nMessage: {said}\r\n\r\n"
        with pytest.raises(LoginRejected, match=complaint):
            await Ami(host, port, "user", "secret", events=HEARD).run()


async def test_an_action_without_a_line_fails_at_once() -> None:
    asked: list[Awaitable[object]] = [Ami("127.0.0.1", 1, "user", "secret", events=()).channels()]
    with pytest.raises(AmiConnectionLost, match="AMI CoreShowChannels: not connected"):
        await asked[0]
