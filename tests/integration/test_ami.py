"""AMI on a real Asterisk: queues, contacts, channels, and what happens to the line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import pytest

from telephony.pbx.ami import (
    ActionFailed,
    Ami,
    AmiConnected,
    AmiConnectionLost,
    AmiDisconnected,
    ContactStatus,
    LoginRejected,
    Message,
)
from telephony.pbx.ami_types import QueueMemberAdded, QueueMemberPause, QueueMemberRemoved
from telephony.testing.patience import PATIENCE
from tests.integration._ami_events import EVENTS, FullyBooted, QueueCallerAbandon, QueueCallerJoin, QueueCallerLeave
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
        self._more = asyncio.Event()
        options = {"events": EVENTS, "backoff": (0.01, 0.2)} | options
        self.ami = Ami("127.0.0.1", pbx.ami_port, pbx.user, pbx.password, **options)
        self.ami.listen(self._hear)

    def _hear(self, message: Message) -> None:
        self.told.append(message)
        self._more.set()

    async def until(self, kind: type[M], which: Callable[[M], bool] = lambda _: True) -> M:
        """The first message of `kind` that fits, told already or within 15 s."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for message in self.told:
                    if isinstance(message, kind) and which(message):
                        return message
                self._more.clear()
                await self._more.wait()

    async def call(self, extension: str) -> None:
        """A caller (invented, undialable) who enters `extension`."""
        place = {"Context": "bare", "Exten": extension, "Priority": "1", "CallerID": "Петрова <79000000001>"}
        await self.ami.action("Originate", {"Channel": "Local/park@bare/n", "Async": True, **place})


@asynccontextmanager
async def story(pbx: BarePbx, **options: Any) -> AsyncIterator[Story]:
    """A client that is connected; all channels are gone afterwards."""
    here = Story(pbx, **options)
    running = asyncio.create_task(here.ami.run())
    await here.ami.ready()
    yield here
    for channel in await here.ami.channels():
        with suppress(ActionFailed):  # its other half may have gone with it
            await here.ami.hang_up(channel["Channel"])
    await here.ami.close()
    await running


async def test_a_login_tells_that_asterisk_has_booted(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        assert (await here.until(FullyBooted)).uptime >= 0
        assert isinstance(here.told[0], AmiConnected)


async def test_a_wrong_password_is_one_clear_line(pbx: BarePbx) -> None:
    with pytest.raises(LoginRejected) as caught:
        await Ami("127.0.0.1", pbx.ami_port, "tester", "guess", events=()).run()
    assert str(caught.value) == (f"AMI at 127.0.0.1:{pbx.ami_port} rejects the user 'tester': Authentication failed")


async def test_a_member_is_added_paused_and_removed(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        await here.ami.queue_add("help", "PJSIP/3001", name="Иванова", paused=True, reason="gudok:wrap-up")
        added = await here.until(QueueMemberAdded)
        assert (added.queue, added.member_name, added.paused) == ("help", "Иванова", True)
        assert added.paused_reason == "gudok:wrap-up"

        await here.ami.queue_pause("help", "PJSIP/3001", paused=False, reason="gudok:ready")
        await here.until(QueueMemberPause, lambda event: not event.paused)
        (member,) = await here.ami.queue_members("help")
        assert (member["Interface"], member["MemberName"], member["Paused"]) == ("PJSIP/3001", "Иванова", "0")

        await here.ami.queue_remove("help", "PJSIP/3001")
        await here.until(QueueMemberRemoved)
        assert await here.ami.queue_members() == []
        with pytest.raises(ActionFailed, match="AMI QueueRemove: Unable to remove interface"):
            await here.ami.queue_remove("help", "PJSIP/3001")


async def test_a_caller_in_a_native_queue_is_seen_and_can_be_taken_out(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        await here.call("queue")
        joined = await here.until(QueueCallerJoin)
        assert (joined.queue, joined.position, joined.caller_id_num) == ("help", 1, "79000000001")
        waiting = [row for row in await here.ami.queue_status("help") if row["Event"] == "QueueEntry"]
        assert [row["Uniqueid"] for row in waiting] == [joined.uniqueid]

        await here.ami.redirect(joined.channel, "bare", "park")
        assert (await here.until(QueueCallerAbandon)).uniqueid == joined.uniqueid
        assert (await here.until(QueueCallerLeave)).count == 0
        assert await here.ami.get_variable(joined.channel, "CALLERID(num)") == "79000000001"


async def test_channels_are_listed_with_what_they_run(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        await here.call("queue")
        joined = await here.until(QueueCallerJoin)
        rows = {row["Channel"]: row for row in await here.ami.channels()}
        caller = rows[joined.channel]
        assert (caller["Application"], caller["Uniqueid"], caller["BridgeId"]) == ("Queue", joined.uniqueid, "")


REGISTER = """REGISTER sip:127.0.0.1 SIP/2.0\r
Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{seq}\r
From: <sip:3002@127.0.0.1>;tag=a\r
To: <sip:3002@127.0.0.1>\r
Call-ID: contact-story\r
CSeq: {seq} REGISTER\r
Contact: <sip:3002@127.0.0.1:{port}>\r
Expires: {expires}\r
Max-Forwards: 70\r
Content-Length: 0\r
\r
"""


class Phone(asyncio.DatagramProtocol):
    """As much of a phone as it takes to register one."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data.startswith(b"SIP/2.0 200"):
            self.answered.set()


async def test_a_phone_that_comes_and_goes_is_heard_of(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        assert await here.ami.contacts() == []
        loop = asyncio.get_running_loop()
        transport, phone = await loop.create_datagram_endpoint(
            Phone, local_addr=("127.0.0.1", 0), remote_addr=("127.0.0.1", pbx.sip_port)
        )
        port = transport.get_extra_info("sockname")[1]
        transport.sendto(REGISTER.format(port=port, seq=1, expires=60).encode())
        await phone.answered.wait()

        there = await here.until(ContactStatus, lambda event: event.aor == "3002")
        assert there.contact_status == "NonQualified"
        (contact,) = await here.ami.contacts()
        assert contact["Endpoint"] == "3002"

        transport.sendto(REGISTER.format(port=port, seq=2, expires=0).encode())
        await here.until(ContactStatus, lambda event: event.contact_status == "Removed")
        transport.close()


async def test_a_client_that_asks_for_no_events_hears_none(pbx: BarePbx) -> None:
    async with story(pbx, events=()) as here:
        await here.ami.queue_add("help", "PJSIP/3001")
        await here.ami.queue_remove("help", "PJSIP/3001")
        await here.ami.action("Ping")
        assert [type(message) for message in here.told] == [AmiConnected]


async def test_five_hundred_actions_at_once_are_all_answered(pbx: BarePbx) -> None:
    async with story(pbx) as here:
        answers = await asyncio.gather(*(here.ami.action("Ping") for _ in range(500)))
        assert {answer[0]["Ping"] for answer in answers} == {"Pong"}


async def test_a_client_outlives_asterisk_and_sends_nothing_again() -> None:
    bare = BarePbx()
    here = Story(bare)
    running = asyncio.create_task(here.ami.run())
    try:
        await asyncio.to_thread(bare.start)
        await here.ami.ready()
        bare.freeze()
        call = asyncio.ensure_future(here.call("park"))
        await asyncio.wait((call,), timeout=0.01)
        bare.kill()
        with pytest.raises(AmiConnectionLost):
            await call
        await here.until(AmiDisconnected)
        here.told.clear()

        await asyncio.to_thread(bare.start)
        await here.until(FullyBooted)
        await here.ami.action("Ping")
        assert await here.ami.channels() == []
        assert bare.console("core show calls").startswith("0 active calls")
        assert "0 calls processed" in bare.console("core show calls")
    finally:
        await here.ami.close()
        await running
        bare.stop()
