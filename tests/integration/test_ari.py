"""The ARI client on a real Asterisk: calls, errors, and what happens to the line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from telephony.pbx.ari import (
    ApplicationTaken,
    AriClient,
    CannotConnect,
    Connected,
    ConnectionLost,
    Disconnected,
    Ended,
    Event,
    Message,
    Problem,
    ReadOnlyUser,
    RequestFailed,
    RequestTimeout,
    WrongPassword,
)
from telephony.pbx.ari.events import (
    CALL_EVENTS,
    BridgeDestroyed,
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelEnteredBridge,
    ChannelLeftBridge,
    ChannelVarset,
    Dial,
    PlaybackFinished,
    StasisEnd,
    StasisStart,
)
from telephony.pbx.ari.listing import check_listing, fetch_listing
from telephony.testing.patience import PATIENCE
from telephony.testing.ports import free_port
from tests.integration._bare_pbx import BarePbx

pytestmark = [pytest.mark.asterisk, pytest.mark.integration]

M = TypeVar("M")


@pytest.fixture(scope="module")
def pbx() -> Iterator[BarePbx]:
    """One Asterisk for all stories that do not end it."""
    bare = BarePbx().start()
    yield bare
    bare.stop()


class Story:
    """A client, everything it was told, and a way to wait for the next thing."""

    def __init__(self, pbx: BarePbx, **options: Any) -> None:
        self.told: list[Message] = []
        self.problems: list[Problem] = []
        self._more = asyncio.Event()
        settings = {"user": pbx.user, "password": pbx.password, "app": pbx.app, "url": pbx.url, **options}
        self.ari = AriClient(on_message=self._hear, on_problem=self._problem, backoff=(0.01, 0.2), **settings)

    def _hear(self, message: Message) -> None:
        self.told.append(message)
        self._more.set()

    def _problem(self, problem: Problem) -> None:
        self.problems.append(problem)
        self._more.set()

    async def until(self, kind: type[M], which: Callable[[M], bool] = lambda _: True) -> M:
        """The first message of `kind` that fits, told already or within 10 s."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for message in self.told:
                    if isinstance(message, kind) and which(message):
                        return message
                self._more.clear()
                await self._more.wait()

    async def local(self, channel_id: str, extension: str = "park") -> str:
        """A channel in the application, with its other half in the dialplan; its id."""
        await self.ari.channels.originate(
            f"Local/{extension}@bare", app=self.ari.app, app_args="made,here", channel_id=channel_id,
            other_channel_id=f"{channel_id}-far", variables={"TOKEN": "т-1"},
        )  # fmt: skip
        await self.until(StasisStart, lambda event: event.channel.id == channel_id)
        return channel_id


@asynccontextmanager
async def story(pbx: BarePbx, **options: Any) -> AsyncIterator[Story]:
    """A client that is connected; its channels are gone afterwards."""
    told = Story(pbx, **options)
    async with told.ari:
        yield told
        for channel in await told.ari.channels.all():
            with contextlib.suppress(RequestFailed):  # its other half may have gone with it
                await told.ari.channels.hangup(channel.id)


# ---- who is there


async def test_a_connected_client_knows_which_asterisk_it_speaks_with(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        connected = await here.until(Connected)
        assert connected.version.split(".")[0].isdigit()
        assert (await here.ari.asterisk.ping()).asterisk_id == connected.entity
        assert here.told[0] == connected


async def test_what_the_client_declares_is_what_this_asterisk_serves(pbx: BarePbx) -> None:
    assert check_listing(await fetch_listing(pbx.url, pbx.user, pbx.password)) == []


async def test_a_refused_connection_is_one_clear_line(pbx: BarePbx) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(CannotConnect) as caught:
        await Story(pbx, url=url).ari.start()
    assert str(caught.value) == f"cannot connect to Asterisk at {url}: connection refused"


async def test_a_wrong_password_is_one_clear_line_without_the_password(pbx: BarePbx) -> None:
    with pytest.raises(WrongPassword) as caught:
        await Story(pbx, password="guess").ari.start()
    assert str(caught.value) == f"Asterisk at {pbx.url} rejects the ARI user 'tester' or the password"


async def test_a_read_only_user_is_told_so(pbx: BarePbx) -> None:
    with pytest.raises(ReadOnlyUser, match="the ARI user 'reader' is read-only"):
        await Story(pbx, user="reader").ari.start()


async def test_something_else_than_asterisk_is_told_so(pbx: BarePbx) -> None:
    async def shout(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(shout, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(CannotConnect):
            await Story(pbx, url=f"http://127.0.0.1:{port}").ari.start()


# ---- calls


async def test_a_call_goes_through_a_bridge_with_a_prompt_and_a_key(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        ari = here.ari
        caller, operator = await here.local("caller", "keys"), await here.local("operator")
        started = await here.until(StasisStart, lambda event: event.channel.id == "caller")
        assert started.args == ["made", "here"]
        assert started.channel.channelvars == {"TOKEN": "т-1"}

        playback = await ari.channels.play(caller, ["sound:no-such-file"], playback_id="p1")
        assert playback.id == "p1"
        ended = await here.until(PlaybackFinished)
        assert ended.playback.state == "failed"

        await ari.channels.moh(caller)
        await ari.channels.moh_stop(caller)
        bridge = await ari.bridges.create("mixing,dtmf_events", bridge_id="b1", name="talk")
        await ari.bridges.add_channel(bridge.id, [caller, operator])
        assert set((await ari.bridges.get("b1")).channels) == {caller, operator}
        await here.until(ChannelEnteredBridge, lambda event: bool(event.channel and event.channel.id == operator))

        key = await here.until(ChannelDtmfReceived, lambda event: event.channel.id == caller)
        assert key.digit == "5"

        await ari.bridges.remove_channel("b1", operator)
        await here.until(ChannelLeftBridge, lambda event: event.channel.id == operator)
        await ari.applications.subscribe(ari.app, "bridge:b1")  # else its end is not told: it has lost its channels
        await ari.bridges.destroy("b1")
        await here.until(BridgeDestroyed)
        await ari.channels.hangup(caller, reason_code=21)
        assert (await here.until(ChannelDestroyed, lambda event: event.channel.id == caller)).cause == 21
        assert here.problems == []


async def test_a_leg_is_created_then_dialed_after_its_stasis_start(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        leg = await here.ari.channels.create(
            "Local/park@bare", here.ari.app, app_args="leg", channel_id="leg-1", variables={"TOKEN": "leg"}
        )
        assert leg.channelvars == {"TOKEN": "leg"}
        await here.until(StasisStart, lambda event: event.args == ["leg"])
        await here.ari.channels.dial("leg-1", ring_timeout=5)
        await here.until(Dial, lambda event: event.dialstatus == "ANSWER")


async def test_a_stalled_asterisk_goes_on_in_order_and_ends_a_channel_that_it_makes_late(pbx: BarePbx) -> None:
    """Its end was asked for when no answer to the creation had come in time."""
    async with story(pbx, request_timeout=0.3) as here:
        with pbx.stalled():
            with pytest.raises(RequestTimeout):
                await here.ari.channels.create("Local/park@bare", here.ari.app, channel_id="late")
            ended = here.ari.channels.hangup("late")
        await ended
        await here.until(StasisStart, lambda event: event.channel.id == "late")
        await here.until(ChannelDestroyed, lambda event: event.channel.id == "late")


async def test_a_channel_continues_in_the_dialplan(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        await here.local("leaver")
        await here.ari.channels.continue_("leaver", context="bare", extension="park", priority=1)
        await here.until(StasisEnd, lambda event: event.channel.id == "leaver")
        assert (await here.ari.channels.get("leaver")).dialplan.exten == "park"


async def test_a_snoop_hears_a_channel_and_leaves_it_alone(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        await here.local("talker")
        await here.ari.channels.snoop("talker", here.ari.app, spy="both", snoop_id="ear")
        await here.until(StasisStart, lambda event: event.channel.id == "ear")
        await here.ari.channels.hangup("ear")
        assert (await here.ari.channels.get("talker")).state == "Up"


async def test_variables_are_written_and_read_whatever_is_in_them(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        await here.local("keeper")
        value = "a,b;c \"d\" 'e' \\ ${x} % + & = ж"
        await here.ari.channels.set_variable("keeper", "NOTE", value)
        assert (await here.ari.channels.get_variable("keeper", "NOTE")).value == value
        await here.ari.asterisk.set_variable("NOTE", value)
        assert (await here.ari.asterisk.get_variable("NOTE")).value == value


async def test_a_refusal_says_what_was_asked_and_why_not(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        with pytest.raises(RequestFailed) as caught:
            await here.ari.channels.answer("nobody")
        assert str(caught.value) == "POST channels/nobody/answer: 404 Channel not found"
        with pytest.raises(RequestFailed, match="500 Allocation failed"):
            await here.ari.channels.create("PJSIP/9999", here.ari.app)


async def test_device_states_and_endpoints_are_listed(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        await here.ari.device_states.set("Stasis:lamp", "INUSE")
        assert [state.state for state in await here.ari.device_states.all()] == ["INUSE"]
        await here.ari.device_states.delete("Stasis:lamp")
        assert await here.ari.device_states.all() == []
        assert "3001" in [endpoint.resource for endpoint in await here.ari.endpoints.all()]
        assert (await here.ari.endpoints.get("PJSIP", "3001")).technology == "PJSIP"


async def test_what_is_outside_the_application_is_heard_after_subscribing(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        await here.local("inside")
        await here.ari.applications.subscribe(here.ari.app, "endpoint:PJSIP/3001")
        assert (await here.ari.applications.get(here.ari.app)).endpoint_ids == ["PJSIP/3001"]
        await here.ari.applications.unsubscribe(here.ari.app, "endpoint:PJSIP/3001")
        assert (await here.ari.applications.get(here.ari.app)).endpoint_ids == []


async def test_only_the_events_asked_for_are_sent(pbx: BarePbx) -> None:
    async with story(pbx) as quiet:
        await quiet.local("quiet")
        await quiet.ari.channels.set_variable("quiet", "NOISE", "1")
        await quiet.ari.asterisk.ping()
        assert not [message for message in quiet.told if type(message) not in (*CALL_EVENTS, Connected)]
        assert quiet.problems == []

    async with story(pbx, events=(*CALL_EVENTS, ChannelVarset)) as noisy:
        await noisy.local("noisy")
        await noisy.ari.channels.set_variable("noisy", "NOISE", "2")
        await noisy.until(ChannelVarset, lambda event: (event.variable, event.value) == ("NOISE", "2"))


async def test_an_event_that_is_not_declared_is_counted_and_survived(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        await here.ari.applications.filter(here.ari.app, [])
        await here.local("noisy-too")
        await here.ari.asterisk.ping()
        assert here.ari.problems["unknown"] > 0
        assert here.ari.problems["malformed"] == 0


async def test_a_failing_callback_costs_a_counted_problem(pbx: BarePbx) -> None:
    def fail(message: Message) -> None:
        raise ValueError("of the user's\nown making")

    told: list[Problem] = []
    ari = AriClient(pbx.url, pbx.user, pbx.password, pbx.app, on_message=fail, on_problem=told.append)
    async with ari:
        assert (await ari.asterisk.ping()).ping == "pong"
    assert ari.problems["callback"] == 1
    assert told[0].detail == "on_message raised ValueError at Connected: of the user's own making"


# ---- the line


async def test_a_second_client_takes_the_application_and_the_first_one_stops(pbx: BarePbx) -> None:
    first = Story(pbx)
    await first.ari.start()
    async with story(pbx) as second:
        with pytest.raises(ApplicationTaken, match="another client has taken the ARI application 'bare'") as ended:
            await first.ari.wait()
        assert first.told[-1] == Ended(ended.value)
        assert not [message for message in first.told if isinstance(message, Disconnected)]
        with pytest.raises(ConnectionLost):
            await first.ari.asterisk.ping()
        await second.local("still-here")
        assert not [message for message in second.told if isinstance(message, Ended | Disconnected)]


async def test_calls_survive_a_client_that_leaves_and_are_seen_by_the_next(pbx: BarePbx) -> None:
    first = Story(pbx)
    await first.ari.start()
    await first.local("survivor")
    await first.ari.close()

    async with story(pbx) as second:
        found = await second.ari.channels.get("survivor")
        assert (found.dialplan.app_name, found.dialplan.app_data) == ("Stasis", "bare,made,here")
        await second.ari.channels.hangup("survivor")
        await second.until(StasisEnd, lambda event: event.channel.id == "survivor")


async def test_a_client_waits_for_an_asterisk_outlives_its_death_and_comes_back() -> None:
    bare = BarePbx()
    here = Story(bare)
    running = asyncio.create_task(here.ari.run())
    try:
        await asyncio.to_thread(bare.start)
        await here.until(Connected)
        bare.freeze()
        lost = here.ari.channels.answer("nobody")
        bare.kill()
        with pytest.raises(ConnectionLost):
            await lost
        await here.until(Disconnected)
        with pytest.raises(ConnectionLost, match="not connected"):
            await here.ari.asterisk.ping()
        here.told.clear()

        await asyncio.to_thread(bare.start)
        await here.until(Connected)
        application = await here.ari.applications.get("bare")
        assert {"type": "RESTResponse"} in application.events_allowed
        assert {"type": "StasisStart"} in application.events_allowed
        await here.local("afterwards")
        assert {problem.kind for problem in here.problems} <= {"connect"}
        assert all(isinstance(message, Connected | Event) for message in here.told)
    finally:
        await here.ari.close()
        await running
        bare.stop()
