"""The PBX as the router sees it, where a real one cannot be made to take its time: pictures and phones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal, TypeVar

import pytest

from telephony.core.effects import HangUp, ReportTransfer
from telephony.core.events import (
    AnyEvent,
    ChannelGone,
    PbxLost,
    PbxRefused,
    PhoneChanged,
    PictureTaken,
    TransferAsked,
)
from telephony.core.plan import Phone, Plan
from telephony.pbx import tellings
from telephony.pbx.ami import Ami, ContactStatus
from telephony.pbx.ari import WrongPassword
from telephony.pbx.edge import AsteriskPbx
from telephony.testing.patience import PATIENCE
from telephony.tokens import Tokens
from tests.unit._scripted_ami import ScriptedAmi, manager
from tests.unit._scripted_asterisk import CHANNEL, LivingAsterisk, event, living_asterisk

E = TypeVar("E", bound=AnyEvent)

NOBODY = "Response: Error\r\nMessage: No Contacts found\r\n\r\n"


def listed(*rows: str) -> str:
    """The answer to an action that lists."""
    parts = ["Response: Success\r\nEventList: start", *rows, "Event: ListComplete\r\nEventList: Complete"]
    return "".join(f"{part}\r\n\r\n" for part in parts)


def contacts(*phones: str) -> str:
    each = "Event: ContactList\r\nUri: sip:{0}@192.0.2.7\r\nEndpoint: {0}\r\nStatus: Reachable"
    return listed(*(each.format(phone) for phone in phones))


def contact(phone: str, status: str) -> str:
    """What is told of a phone whose contact has changed."""
    told = f"Event: ContactStatus\r\nURI: sip:{phone}@192.0.2.7\r\nContactStatus: {status}\r\nAOR: {phone}"
    return f"{told}\r\n\r\n"


def transfer(state: str | None = None, replaced: str | None = None) -> bytes:
    """The phone of channel c1 asks for a transfer; or was told how that goes, in this state."""
    to: dict[str, object] = {"requested_destination": {"destination": "201", "additional_protocol_params": []}}
    if replaced is not None:
        to["destination_channel"] = CHANNEL | {"id": replaced}
    told = {} if state is None else {"state": state}
    return event("ChannelTransfer", refer_to=to, referred_by={"source_channel": CHANNEL}, **told)


class World:
    """A scripted PBX, our edge of it, and what that has told."""

    def __init__(self, asterisk: LivingAsterisk, script: ScriptedAmi) -> None:
        self.asterisk, self.script = asterisk, script
        self.told: list[AnyEvent] = []
        self.passed: list[AnyEvent] = []
        self._more = asyncio.Event()
        self.pbx: AsteriskPbx

    def deliver(self, told: AnyEvent) -> None:
        self.told.append(told)
        self._more.set()

    async def until(self, kind: type[E], which: Callable[[E], bool] = lambda _: True) -> E:
        """The first of `kind` that was told since the last `until`, or is told now."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for index, one in enumerate(self.told):
                    if isinstance(one, kind) and which(one):
                        self.passed += self.told[: index + 1]
                        del self.told[: index + 1]
                        return one
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def world(*phones: str) -> AsyncIterator[World]:
    """Both lines there; the edge is not started yet."""
    async with living_asterisk() as (asterisk, url), manager() as (script, host, port):
        script.answers["QueueStatus"] = listed()
        here = World(asterisk, script)
        here.pbx = AsteriskPbx(
            ari_url=url,
            ari_user="gudok",
            ari_password="secret",
            ami=Ami(host, port, "gudok", "secret", events=(ContactStatus,), action_timeout=PATIENCE),
            plan=Plan(phones=tuple(Phone(name=name) for name in phones)),
            tokens=Tokens("key"),
            deliver=here.deliver,
            replaced=lambda: None,
        )
        try:
            yield here
        finally:
            await here.pbx.close()


async def test_phones_are_known_though_ami_was_too_late_for_the_first_picture() -> None:
    async with world("phone01", "phone02") as here:
        here.script.answers |= {"Login": None, "PJSIPShowContacts": contacts("phone01")}
        await here.pbx.start()
        await here.script.asked("Login")
        picture = await here.until(PictureTaken)
        assert picture.unreachable_phones == (), "nobody could be asked"
        [login] = here.script.sent("Login")
        here.script.say(f"Response: Success\r\nActionID: {login['ActionID']}\r\n\r\n")
        lost = await here.until(PhoneChanged, lambda phone: not phone.reachable)
        assert lost.phone == "phone02"
        here.script.say(contact("phone02", "Reachable"))
        back = await here.until(PhoneChanged, lambda phone: phone.phone == "phone02")
        assert back.reachable


async def test_phones_are_known_though_the_list_of_them_was_too_late_for_the_first_picture() -> None:
    """The line to AMI is there all the time: no reconnect would ask again."""
    async with world("phone01") as here:
        here.script.answers["PJSIPShowContacts"] = None
        await here.pbx.start()
        await here.script.asked("PJSIPShowContacts")
        here.script.answers["PJSIPShowContacts"] = NOBODY
        assert (await here.until(PictureTaken)).unreachable_phones == ()
        assert not (await here.until(PhoneChanged)).reachable


async def test_a_channel_that_went_is_in_no_picture_that_comes_later() -> None:
    """Two pictures are asked for at once, and it goes between the answers: the second was counted before."""
    async with world() as here:
        here.asterisk.channels["c1"] = CHANNEL
        await here.pbx.start()
        first = await here.until(PictureTaken)
        assert [seen.channel for seen in first.channels] == ["c1"]

        here.asterisk.slow = True
        here.pbx.take_picture("audit")
        here.pbx.take_picture("audit")
        async with asyncio.timeout(PATIENCE):
            tell_first = await here.asterisk.counted.get()
            tell_first()
            await here.until(PictureTaken)
            tell_second = await here.asterisk.counted.get()
        del here.asterisk.channels["c1"]
        here.asterisk.say(event("ChannelDestroyed", channel=CHANNEL, cause=16, cause_txt="Normal Clearing"))
        tell_second()
        second = await here.until(PictureTaken)
        assert second.channels == ()


async def test_a_picture_shows_a_phone_as_it_was_last_heard_of() -> None:
    """It is lost after the picture was asked for."""
    async with world("phone01") as here:
        here.script.answers["PJSIPShowContacts"] = contacts("phone01")
        await here.pbx.start()
        await here.until(PictureTaken)
        here.asterisk.slow = True
        here.pbx.take_picture("audit")
        async with asyncio.timeout(PATIENCE):
            tell = await here.asterisk.counted.get()
        here.script.say(contact("phone01", "Removed"))
        await here.until(PhoneChanged)
        tell()
        assert (await here.until(PictureTaken)).unreachable_phones == ("phone01",)


async def test_an_audit_finds_phones_that_were_lost_and_are_back_unheard() -> None:
    async with world("phone01", "phone02") as here:
        here.script.answers["PJSIPShowContacts"] = contacts("phone01")
        await here.pbx.start()
        assert (await here.until(PictureTaken)).unreachable_phones == ("phone02",)
        here.script.answers["PJSIPShowContacts"] = contacts("phone02")
        here.pbx.take_picture("audit")
        assert not (await here.until(PhoneChanged, lambda phone: phone.phone == "phone01")).reachable
        assert (await here.until(PhoneChanged)).reachable


class Transferring:
    """A world with a phone that has asked for a transfer; its other call, c2, is to be replaced."""

    def __init__(self, here: World) -> None:
        self.here = here
        self._asked = 0

    async def begin(self) -> None:
        self.here.asterisk.channels["c1"] = CHANNEL
        await self.here.pbx.start()
        await self.here.until(PictureTaken)
        self._asked = len(self.here.asterisk.requests)
        self.here.asterisk.say(transfer(replaced="c2"))
        await self.here.until(TransferAsked)

    def report(self, state: Literal["progress", "success"]) -> None:
        self.here.pbx.perform(ReportTransfer(call="k", channel="c1", state=state))

    def hang_up(self, channel: str, call: str) -> None:
        self.here.pbx.perform(HangUp(call=call, channel=channel))

    async def asked(self, *uris: str) -> None:
        """Asterisk is asked for exactly these things next, in any order. Whatever else is asked because of what we
        were told comes before the second sign: that waits for the answer to the first."""
        before, asterisk = self._asked, self.here.asterisk
        async with asyncio.timeout(PATIENCE):
            await asterisk.requested(before + len(uris))
            self.hang_up("sign", "of others")
            self.hang_up("sign", "of others")
            while [request["uri"] for request in asterisk.requests[before:]].count("channels/sign") < 2:
                await asterisk.requested(len(asterisk.requests) + 1)
        self._asked = len(asterisk.requests)
        new = [request["uri"].removeprefix("channels/") for request in asterisk.requests[before:]]
        assert sorted(uri for uri in new if uri != "sign") == sorted(uris)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is told ends a telling, however slow the machine is."""
    monkeypatch.setattr(tellings, "LIMIT", 2 * PATIENCE)


@asynccontextmanager
async def transferring() -> AsyncIterator[Transferring]:
    async with world() as here:
        phone = Transferring(here)
        await phone.begin()
        yield phone


@pytest.mark.usefixtures("patient")
async def test_nobody_of_a_transfer_is_hung_up_before_the_phone_was_told_of_it() -> None:
    """Asterisk has said that it will; each telling counts, in whichever of the two calls the hang-up is."""
    async with transferring() as phone:
        phone.report("progress")
        phone.report("success")
        phone.hang_up("c1", "k")
        phone.hang_up("c2", "consultation")
        await phone.asked("c1/transfer_progress", "c1/transfer_progress")
        phone.here.asterisk.say(transfer("channel_progress"))
        await phone.asked()
        phone.here.asterisk.say(transfer("channel_answered"))
        await phone.asked("c1", "c2")


async def test_a_transfer_of_which_nothing_is_told_holds_nobody() -> None:
    async with transferring() as phone:
        phone.hang_up("c2", "consultation")
        await phone.asked("c2")


@pytest.mark.usefixtures("patient")
async def test_a_phone_that_hangs_up_itself_holds_up_its_other_call_alone() -> None:
    """Asterisk may be looking at that one still, and cannot tell us any more."""
    async with transferring() as phone:
        phone.report("success")
        phone.hang_up("c1", "k")
        phone.hang_up("c2", "consultation")
        await phone.asked("c1/transfer_progress")
        phone.here.asterisk.say(event("ChannelDestroyed", channel=CHANNEL, cause=16, cause_txt="Normal Clearing"))
        await phone.here.until(ChannelGone)
        await phone.asked("c1")


@pytest.mark.usefixtures("patient")
async def test_no_hang_up_outlives_the_line_that_it_waited_on() -> None:
    """Who is to be hung up after a break of the line, the next picture tells."""
    async with transferring() as phone:
        phone.report("success")
        phone.hang_up("c1", "k")
        phone.hang_up("c2", "consultation")
        await phone.asked("c1/transfer_progress")
        assert phone.here.asterisk.transport is not None
        phone.here.asterisk.transport.disconnect(graceful=False)
        await phone.here.until(PbxLost)
        await phone.here.until(PictureTaken)
        refused = [told for told in phone.here.passed if isinstance(told, PbxRefused)]
        assert {(told.effect, told.channel) for told in refused} == {("HangUp", "c1"), ("HangUp", "c2")}
        assert not [
            one for one in phone.here.asterisk.requests if one["method"] == "DELETE" and "sign" not in one["uri"]
        ]


@pytest.mark.usefixtures("patient")
async def test_a_telling_that_asterisk_refuses_holds_nobody() -> None:
    async with transferring() as phone:
        phone.here.asterisk.refused.add("channels/c1/transfer_progress")
        phone.report("success")
        phone.hang_up("c1", "k")
        phone.hang_up("c2", "consultation")
        await phone.here.until(PbxRefused)
        await phone.asked("c1/transfer_progress", "c1", "c2")


async def test_a_pbx_that_will_not_have_us_after_an_outage_ends_the_router_with_a_line() -> None:
    async with world() as here:
        await here.pbx.start()
        await here.until(PictureTaken)
        here.asterisk.locked = True
        assert here.asterisk.transport is not None
        here.asterisk.transport.disconnect(graceful=False)
        await here.until(PbxLost)
        with pytest.raises(WrongPassword, match="rejects the ARI user 'gudok' or the password"):
            async with asyncio.timeout(PATIENCE):
                await here.pbx.ended
