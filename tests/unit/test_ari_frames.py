"""What comes in over ARI's WebSocket: events are decoded, anything strange is counted, nothing stops the reader."""

from __future__ import annotations

from datetime import UTC, datetime

import picows
import pytest

from telephony.pbx.ari.events import ChannelDestroyed, StasisStart
from tests.unit._scripted_asterisk import CHANNEL, event, line


async def test_an_event_is_decoded_with_its_channel_and_the_time_of_the_pbx() -> None:
    async with line() as here:
        here.asterisk.say(event("StasisStart", args=["inbound", "1300"], channel={**CHANNEL, "something_new": 1}))
        await here.heard.until(lambda heard: bool(heard.events))

        started = here.heard.events[0]
        assert isinstance(started, StasisStart)
        assert (started.args, started.channel.id) == (["inbound", "1300"], "c1")
        assert started.timestamp.astimezone(UTC) == datetime(2026, 3, 1, 23, 11, 12, 345000, UTC)


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        pytest.param(event("AliensLanded", where="Sakhalin"), "unknown", id="an event nobody knows"),
        pytest.param(event("StasisStart", args="x", channel=CHANNEL), "malformed", id="a field of a wrong type"),
        pytest.param(event("StasisEnd"), "malformed", id="a field that is missing"),
        pytest.param(b'{"type": "StasisSt', "malformed", id="half a frame"),
        pytest.param(b"[]", "malformed", id="JSON of another shape"),
        pytest.param(b"{}", "malformed", id="no type"),
        pytest.param(b'{"type":"StasisEnd\xff\xfe"}', "malformed", id="bytes that are no text"),
        pytest.param(b"", "malformed", id="nothing"),
        pytest.param(b"[" * 100_000, "malformed", id="a hundred thousand brackets"),
        pytest.param(b'{"type":"StasisEnd","x":' + b"[" * 100_000, "malformed", id="and within an event"),
    ],
)
async def test_a_strange_frame_costs_one_counted_problem(frame: bytes, kind: str) -> None:
    async with line() as here:
        here.asterisk.say(frame)
        here.asterisk.say(event("StasisEnd", channel=CHANNEL))
        await here.heard.until(lambda heard: bool(heard.events))

        assert [problem.kind for problem in here.heard.problems] == [kind]
        assert "\n" not in here.heard.problems[0].detail


async def test_a_problem_names_no_value_of_the_frame() -> None:
    async with line() as here:
        here.asterisk.say(event("StasisStart", args=["79000000001"], channel={**CHANNEL, "name": 79000000001}))
        await here.heard.until(lambda heard: bool(heard.problems))

        problem = here.heard.problems[0]
        assert "79000000001" not in f"{problem.detail} {problem.error}"
        assert "channel.name" in problem.detail


async def test_a_message_in_pieces_is_put_together() -> None:
    whole = event("ChannelDestroyed", cause=17, cause_txt="User busy", tech_cause=486, channel=CHANNEL)
    async with line() as here:
        here.asterisk.say(whole[:40], fin=False)
        here.asterisk.say(whole[40:90], picows.WSMsgType.CONTINUATION, fin=False)
        here.asterisk.say(whole[90:], picows.WSMsgType.CONTINUATION)
        await here.heard.until(lambda heard: bool(heard.events))

        gone = here.heard.events[0]
        assert isinstance(gone, ChannelDestroyed)
        assert (gone.cause, gone.tech_cause) == (17, 486)


async def test_after_a_close_frame_the_connection_is_gone() -> None:
    async with line() as here:
        assert here.asterisk.transport is not None
        here.asterisk.transport.send_close(picows.WSCloseCode.GOING_AWAY)

        assert "GOING_AWAY" in await here.connection.gone
