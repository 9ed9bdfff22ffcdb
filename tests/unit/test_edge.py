"""The PBX as the router sees it, where a real one cannot be made to take its time: pictures and phones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from telephony.core.events import AnyEvent, PhoneChanged, PictureTaken
from telephony.core.plan import Phone, Plan
from telephony.pbx.ami import Ami, ContactStatus
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
    return listed(*(f"Event: ContactList\r\nEndpoint: {phone}\r\nStatus: Reachable" for phone in phones))


def contact(phone: str, status: str) -> str:
    """What is told of a phone whose contact has changed."""
    told = f"Event: ContactStatus\r\nURI: sip:{phone}@192.0.2.7\r\nContactStatus: {status}\r\nAOR: {phone}"
    return f"{told}\r\n\r\n"


class World:
    """A scripted PBX, our edge of it, and what that has told."""

    def __init__(self, asterisk: LivingAsterisk, script: ScriptedAmi) -> None:
        self.asterisk, self.script = asterisk, script
        self.told: list[AnyEvent] = []
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
