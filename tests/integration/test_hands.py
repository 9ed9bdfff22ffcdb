"""A senior comes to help, on a real Asterisk with real phones: what the caller hears is recorded."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from benchmarks.world import World
from telephony.core.commands import GiveOutcome
from telephony.pbx.ami import Ami
from telephony.pbx.install import ensure
from telephony.testing.phones.lamp_keys import LampKey, LampKeys, watch_lamps
from telephony.testing.phones.sip import Dialog
from telephony.testing.phones.softphone import Softphone
from telephony.testing.phones.sound import Recording
from tests.integration._gudok_pbx import CENTER
from tests.integration.test_calls import BUSY, finished, in_conversation

OPERATORS = """login,name,extension,skills,pin
olga,Ольга,3001,booking:1,1234
anna,Анна,3002,booking:3;senior:1,2345
boris,Борис,3003,children:2,3456
"""
OLGA, ANNA, BORIS, CALLER = 300, 500, 650, 800
"""Hertz of the tone that each phone sends."""

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    async with World.of(CENTER, OPERATORS) as world:
        yield world


async def at_work(world: World, login: str, name: str, tone: int) -> AsyncIterator[Softphone]:
    phone = await world.phone(name, tone=tone)
    assert (await world.log_in(login, name)).ok
    await world.operator(login, "ready")
    yield phone
    await phone.stop()
    world.phones.remove(phone)
    await world.until(lambda center: not any(row.login == login and row.state in BUSY for row in center.operators))
    await world.log_out(login)


@pytest_asyncio.fixture(loop_scope="module")
async def olga(world: World) -> AsyncIterator[Softphone]:
    """She takes bookings, and is new."""
    async for phone in at_work(world, "olga", "phone01", OLGA):
        yield phone


@pytest_asyncio.fixture(loop_scope="module")
async def caller(world: World) -> AsyncIterator[Softphone]:
    phone = await world.caller("79000000101", tone=CALLER)
    yield phone
    await phone.stop()
    world.phones.remove(phone)


@pytest_asyncio.fixture(loop_scope="module")
async def talk(world: World, olga: Softphone, caller: Softphone) -> AsyncIterator[Dialog]:
    """Olga and the caller talk; her side of it."""
    call = await caller.dial("1300")
    talk = await olga.answer()
    await in_conversation(world)
    await caller.hears_tone(OLGA)
    yield talk
    if call.live:
        await caller.hang_up(call)
    await finished(world)


@pytest_asyncio.fixture(loop_scope="module")
async def anna(world: World, talk: Dialog) -> AsyncIterator[Softphone]:
    """A senior, who comes to work when the call is with olga already."""
    async for phone in at_work(world, "anna", "phone02", ANNA):
        yield phone


@pytest_asyncio.fixture(loop_scope="module")
async def keys(world: World, anna: Softphone) -> AsyncIterator[LampKeys]:
    """The senior's."""
    key = LampKey(phone="phone02", lamp="hand-3002", password=world.settings.secrets.phone_password("phone02"))
    async with await watch_lamps(ensure("sipp")["sipp"], [key], ("127.0.0.1", world.settings.sip_port)) as keys:
        yield keys


def tones(recording: Recording, last: float = 0.5) -> dict[int, float]:
    """How much of the end of what was heard is whose tone."""
    start = max(0.0, recording.seconds - last)
    return {hertz: recording.tone(hertz, start) for hertz in (OLGA, ANNA, CALLER)}


async def hears(phone: Softphone, *hertz: int) -> None:
    """Wait until these phones, and no other, are heard for half a second."""
    share: dict[int, float] = {}
    for _ in range(16):
        await asyncio.sleep(0.25)  # a file that grows gives no event
        share = tones(phone.recordings()[-1])
        if {one for one, part in share.items() if part > 0.15} == set(hertz):
            return
    raise AssertionError(f"{phone.number} hears {share}, not {hertz}")


async def test_keys_raise_a_hand_and_the_caller_hears_nothing_of_it(
    world: World, olga: Softphone, caller: Softphone, talk: Dialog, keys: LampKeys
) -> None:
    await olga.send_digits("**", talk)
    await keys.shows("hand-3002", "blinking")
    await hears(caller, OLGA)
    heard = caller.recordings()[-1]
    for tenth in range(max(3, int(heard.seconds * 10) - 12), int(heard.seconds * 10) - 1):  # it begins amid a tenth
        part = heard.tone(OLGA, tenth / 10, tenth / 10 + 0.1)
        assert part > 0.8, f"something else than her voice at {tenth / 10} s: {part}"
    await caller.send_digits("5")
    await olga.hears_keys("5")  # a caller's keys do go through
    assert caller.keys_heard() == ""
    await olga.send_digits("**", talk)
    await keys.shows("hand-3002", "off")


async def test_who_has_asked_somebody_on_the_second_line_can_be_helped(
    world: World, olga: Softphone, caller: Softphone, anna: Softphone, talk: Dialog, keys: LampKeys
) -> None:
    async for boris in at_work(world, "boris", "phone03", BORIS):
        await olga.hold(talk)
        await world.operator("olga", "on_hold")
        consultation = await olga.dial("3003")
        answered = await boris.answer()
        await boris.hears_tone(OLGA)
        await world.operator("olga", "talking")
        await boris.hang_up(answered)
        await olga.closed(consultation)
        await world.operator("olga", "on_hold")
    await olga.resume(talk)
    await world.operator("olga", "talking")
    await olga.send_digits("**", talk)
    await keys.shows("hand-3002", "blinking")
    helping = await anna.dial("*25")
    await keys.shows("hand-3002", "on")
    await hears(anna, OLGA, CALLER)
    await anna.hang_up(helping)
    await keys.shows("hand-3002", "off")
    await hears(caller, OLGA)


async def test_keys_pressed_in_a_call_of_ones_own_reach_whoever_was_called(world: World, olga: Softphone) -> None:
    """A menu, a door, an extension."""
    async for boris in at_work(world, "boris", "phone03", ANNA):
        call = await olga.dial("3003")
        await boris.answer()
        await olga.established(call)
        await boris.hears_tone(OLGA)
        await olga.send_digits("*17#", call)
        await boris.hears_keys("*17#")
        await olga.hang_up(call)


async def test_a_senior_listens_whispers_and_joins(
    world: World, olga: Softphone, caller: Softphone, anna: Softphone, talk: Dialog, keys: LampKeys
) -> None:
    await olga.hold(talk)
    code = await olga.dial("*24")
    await olga.closed(code)
    await olga.resume(talk)
    await keys.shows("hand-3002", "blinking")
    helping = await anna.dial("*25")
    await keys.shows("hand-3002", "on")
    await world.operator("anna", "talking")
    await hears(anna, OLGA, CALLER)
    await hears(caller, OLGA)
    await hears(olga, CALLER)
    await anna.send_digits("2", helping)
    await hears(olga, CALLER, ANNA)
    await hears(caller, OLGA)
    await hears(anna, OLGA, CALLER)
    await anna.send_digits("3", helping)
    await hears(caller, OLGA, ANNA)
    await hears(olga, CALLER, ANNA)
    await hears(anna, OLGA, CALLER)
    await anna.send_digits("1", helping)
    await hears(caller, OLGA)
    await hears(anna, OLGA, CALLER)
    await anna.hang_up(helping)
    await keys.shows("hand-3002", "off")
    await world.operator("anna", "ready")
    await hears(caller, OLGA)
    row = [one for one in await world.calls() if one.kind == "own"][-1]
    assert (row.number, row.operator, row.outcome) == ("*25", "anna", "answered")


@pytest.mark.parametrize("code", ["*263001", "*273001"], ids=["whispering", "joined"])
async def test_the_end_of_the_call_sends_the_senior_home(
    world: World, olga: Softphone, anna: Softphone, talk: Dialog, code: str
) -> None:
    helping = await anna.dial(code)
    await anna.established(helping)
    await hears(anna, OLGA, CALLER)
    await olga.hang_up(talk)
    await anna.closed(helping)
    await world.operator("anna", "ready")


async def test_a_killed_router_leaves_the_conversation_alone(
    world: World, olga: Softphone, caller: Softphone, anna: Softphone, talk: Dialog, keys: LampKeys
) -> None:
    await olga.send_digits("**", talk)
    await keys.shows("hand-3002", "blinking")
    helping = await anna.dial("*27")
    await hears(caller, OLGA, ANNA)
    await world.committed()
    await world.kill_router(signal.SIGKILL)
    await anna.closed(helping)
    await hears(caller, OLGA)
    assert talk.live
    await olga.send_digits("**", talk)
    await world.operator("anna", "ready")


async def test_whom_nobody_needs_and_who_may_not_help_is_told_so(world: World, anna: Softphone) -> None:
    phone = await world.phone("phone03")
    for dialing in (phone, anna):
        call = await dialing.dial("*25")
        await dialing.closed(call)
        spoken = max(dialing.recordings(), key=lambda heard: heard.seconds)
        assert spoken.loudness() > 0.01


async def test_a_senior_who_loses_power_leaves_the_conversation_alone(
    world: World, olga: Softphone, caller: Softphone, talk: Dialog
) -> None:
    phone = await world.phone("phone04", tone=ANNA)
    await world.log_in("boris", "phone04")
    await phone.dial("*263001")
    await hears(olga, CALLER, ANNA)
    ami = await _ami(world)
    try:
        name = next(row["Channel"] for row in await ami.channels() if row["Channel"].startswith("PJSIP/phone04"))
        await ami.hang_up(name)
    finally:
        await ami.close()
    await hears(olga, CALLER)
    await hears(caller, OLGA)
    await world.log_out("boris")


async def _ami(world: World) -> Ami:
    settings = world.settings
    ami = Ami(settings.ami_host, settings.ami_port, settings.ami_user, settings.secrets.ami_password, events=())
    world.running = asyncio.create_task(ami.run())  # type: ignore[attr-defined]
    await ami.ready()
    return ami


async def test_an_outcome_is_dialed_after_the_talk(world: World, olga: Softphone, talk: Dialog) -> None:
    await olga.hang_up(talk)
    await finished(world)
    call = await olga.dial("*281")
    await olga.closed(call)
    asked = await olga.dial("*28")
    await olga.established(asked)
    await olga.send_digits("2#", asked)
    await olga.closed(asked)
    reply = await world.do(GiveOutcome(command="", login="olga", digits="7"))
    assert reply.code == "outcome-unknown"
