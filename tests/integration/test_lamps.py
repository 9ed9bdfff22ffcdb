"""Lamps on the keys of real phones: SUBSCRIBE and NOTIFY with a real Asterisk, lit by a real `gudok run`."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio

from benchmarks.chaos_arena import not_alive
from benchmarks.polling import until
from benchmarks.world import World, to_the_end
from telephony.pbx.install import ensure
from telephony.testing.patience import PATIENCE
from telephony.testing.phones.baresip import PhoneError
from telephony.testing.phones.lamp_keys import LampKey, LampKeys, watch_lamps
from tests.integration._gudok_pbx import CENTER

OPERATORS = """login,name,extension,skills,pin
olga,Ольга,3001,booking:1,1234
anna,Анна,3002,booking:3,2345
boris,Борис,3003,children:2,3456
"""
LAMPS = ("login-3001", "break-3001", "hand-3002", "queue-booking", "*113001", "*213001", "*243002", "801", "phone01")

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    async with World.of(CENTER, OPERATORS) as world:
        yield world


async def watch(world: World, *lamps: str) -> LampKeys:
    password = world.settings.secrets.phone_password("phone09")
    keys = [LampKey(phone="phone09", lamp=lamp, password=password) for lamp in lamps]
    return await watch_lamps(ensure("sipp")["sipp"], keys, ("127.0.0.1", world.settings.sip_port))


@pytest_asyncio.fixture(loop_scope="module")
async def keys(world: World) -> AsyncIterator[LampKeys]:
    async with await watch(world, *LAMPS) as keys:
        yield keys


async def test_a_login_lights_its_lamp_by_name_and_by_number(world: World, keys: LampKeys) -> None:
    await keys.shows("login-3001", "off")
    await world.phone("phone01")
    await world.log_in("olga", "phone01")
    for lamp in ("login-3001", "*113001"):
        await keys.shows(lamp, "on")
    await world.log_out("olga")
    for lamp in ("login-3001", "*113001"):
        await keys.shows(lamp, "off")


async def test_waiting_callers_light_their_queue(world: World, keys: LampKeys) -> None:
    caller = await world.caller("79000000101")
    call = await caller.dial("1300")
    for lamp in ("queue-booking", "801"):
        await keys.shows(lamp, "on")
    await caller.hang_up(call)
    for lamp in ("queue-booking", "801"):
        await keys.shows(lamp, "off")


async def test_a_lamp_that_nobody_has_is_refused(world: World) -> None:
    with pytest.raises(PhoneError, match="no such lamp: coffee"):
        await watch(world, "coffee")


async def test_a_new_router_says_what_the_old_one_could_not(world: World, keys: LampKeys) -> None:
    """It was killed before it could show that the caller has gone."""
    caller = await world.caller("79000000102")
    call = await caller.dial("1300")
    await keys.shows("queue-booking", "on")
    await world.kill_router(signal.SIGSTOP)
    await caller.hang_up(call)
    await keys.shows("queue-booking", "on")
    await world.until(lambda center: center.totals.calls == 0, "the parent has killed the frozen router", within=30)
    await keys.shows("queue-booking", "off")


async def test_a_killed_asterisk_shows_them_again(world: World) -> None:
    """A SIGKILL loses states that were set just before (measured)."""
    await world.log_in("anna", "phone02")
    async with await watch(world, "login-3002") as keys:
        await keys.shows("login-3002", "on")
        pid = world.pbx.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(partial(not_alive, pid), f"end of Asterisk {pid}", within=PATIENCE)
    await to_the_end(world.pbx.start)
    await world.serving()
    async with await watch(world, "login-3002") as keys:
        await keys.shows("login-3002", "on")
    await world.log_out("anna")
