"""Breaks with codes on real phones, seen everywhere: router, native queue, lamp. And the back door."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.world import World
from telephony.pbx.ami import Ami, Row
from telephony.pbx.install import ensure
from telephony.pbx.seats import FAMILY
from telephony.store import break_queries
from telephony.store.break_rows import ViolationRow
from telephony.testing.patience import PATIENCE
from telephony.testing.phones.lamp_keys import LampKey, LampKeys, watch_lamps
from telephony.testing.phones.softphone import Softphone
from tests.integration._gudok_pbx import CENTER
from tests.integration.test_hands import OPERATORS

AT_BACK_DOORS = {
    "vera": "phone06", "galya": "phone07", "dasha": "phone08", "zoya": "phone09", "inna": "phone10", "rita": "phone11",
}  # fmt: skip
"""For each act another operator, with their phone: one's acts within some seconds count as one."""

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Olga's break has just begun. Phone 5 picks up by itself, and every phone does for the children's clinic."""
    config = tmp_path_factory.mktemp("center") / "config"
    shutil.copytree(CENTER, config)
    _change(
        config / "pbx.yaml",
        "  phone01..phone65: {}",
        "  phone01..phone04: {}\n  phone05: {auto_answer: true}\n  phone06..phone11: {}",
    )
    _change(
        config / "queues.yaml", "    require: {children: 1}\n", "    require: {children: 1}\n    auto_answer: true\n"
    )
    more = "".join(f"{login},{login},30{phone[-2:]},booking:1,1234\n" for login, phone in AT_BACK_DOORS.items())
    async with World.of(config, OPERATORS + more, on_break=["olga"]) as world:
        yield world


def _change(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))


@asynccontextmanager
async def at_work(world: World, login: str, name: str, *, picks_up: bool = False) -> AsyncIterator[Softphone]:
    phone = await world.phone(name, picks_up=picks_up)
    assert (await world.log_in(login, name)).ok
    await world.operator(login, "ready")
    try:
        yield phone
    finally:
        await phone.stop()
        world.phones.remove(phone)
        await world.log_out(login)


@pytest_asyncio.fixture(loop_scope="module")
async def olga(world: World) -> AsyncIterator[Softphone]:
    async with at_work(world, "olga", "phone01") as phone:
        yield phone


@pytest_asyncio.fixture(loop_scope="module")
async def keys(world: World) -> AsyncIterator[LampKeys]:
    key = LampKey(phone="phone04", lamp="break-3001", password=world.settings.secrets.phone_password("phone04"))
    async with await watch_lamps(ensure("sipp")["sipp"], [key], ("127.0.0.1", world.settings.sip_port)) as keys:
        yield keys


@pytest_asyncio.fixture(loop_scope="module")
async def ami(world: World) -> AsyncIterator[Ami]:
    """A line of somebody else's to the PBX."""
    settings = world.settings
    ami = Ami(settings.ami_host, settings.ami_port, settings.ami_user, settings.secrets.ami_password, events=())
    running = asyncio.create_task(ami.run())
    await ami.ready()
    yield ami
    await ami.close()
    await running


async def paused(ami: Ami, phone: str = "phone01", *, within: float = PATIENCE, until: Callable[[bool], bool]) -> None:
    """Wait until the phone's memberships in the native queues satisfy this, all of them. The first is Olga's."""
    states: list[bool] = []
    for _ in range(int(within * 50)):
        rows = await ami.queue_members()
        states = [row["Paused"] == "1" for row in rows if row["Interface"] == f"PJSIP/{phone}"]
        if states and all(map(until, states)):
            return
        await asyncio.sleep(0.02)  # the question is what the queue says, not what it tells
    raise AssertionError(f"after {within} s the native queues say {states}")


async def reached_at(ami: Ami, phone: str | None) -> None:
    """Wait until a colleague, or a caller, who is given Olga's extension while Gudok is away rings this phone."""
    found = None
    for _ in range(50):
        found = (await ami.database(FAMILY)).get("3001")
        if found == phone:
            return
        await asyncio.sleep(0.02)  # as above
    raise AssertionError(f"after a second 3001 is {found}")


def yes(state: bool) -> bool:
    return state


def no(state: bool) -> bool:
    return not state


async def dial(phone: Softphone, code: str) -> None:
    call = await phone.dial(code)
    await phone.closed(call)


async def test_a_planned_break_is_seen_everywhere_and_ends_with_the_code(
    world: World, olga: Softphone, keys: LampKeys, ami: Ami
) -> None:
    await dial(olga, "*21")
    row = await world.operator("olga", "break")
    assert row.reason == "technical"
    await keys.shows("break-3001", "on")
    await paused(ami, until=yes)
    await reached_at(ami, None)
    await dial(olga, "*13")
    await world.operator("olga", "ready")
    await keys.shows("break-3001", "off")
    await paused(ami, until=no)
    await reached_at(ami, "phone01")


async def test_without_a_slot_or_an_order_it_is_refused_and_said_so(world: World, olga: Softphone) -> None:
    for code in ("*21", "*22"):  # the slot is used
        await dial(olga, code)
        assert olga.recordings()[-1].seconds > 0.5
    await world.operator("olga", "ready")


@pytest.mark.parametrize("ask", [False, True], ids=["at once", "asked for"])
async def test_an_emergency_has_a_reason(world: World, olga: Softphone, ask: bool) -> None:
    call = await olga.dial("*23" if ask else "*231")
    if ask:
        await olga.established(call)
        await olga.send_digits("1", call)
    await olga.closed(call)
    row = await world.operator("olga", "break")
    assert row.reason == "emergency"
    await dial(olga, "*13")
    await world.operator("olga", "ready")


@pytest.mark.parametrize(("login", "reason"), [("vera", "tea"), ("galya", "gudok break")])
async def test_a_pause_past_us_is_undone_within_a_second_and_is_a_violation(
    world: World, ami: Ami, login: str, reason: str
) -> None:
    name = AT_BACK_DOORS[login]
    async with at_work(world, login, name):
        await paused(ami, name, until=no)
        await ami.queue_pause("gudok-booking", f"PJSIP/{name}", paused=True, reason=reason)
        await paused(ami, name, until=no, within=1.0)
        assert (await world.operator(login, "ready")).reason != reason
        assert [row.detail for row in await back_doors(world, login)] == ["paused in booking"]


async def test_a_membership_ended_past_us_is_set_right_within_a_second(world: World, ami: Ami) -> None:
    name = AT_BACK_DOORS["dasha"]
    async with at_work(world, "dasha", name):
        await ami.queue_remove("gudok-booking", f"PJSIP/{name}")
        await members(ami, name, lambda rows: "gudok-booking" in queues_of(rows))
        assert [row.detail for row in await back_doors(world, "dasha")] == ["removed from booking"]


async def test_a_membership_begun_past_us_is_set_right_within_a_second(world: World, ami: Ami) -> None:
    name = AT_BACK_DOORS["zoya"]
    async with at_work(world, "zoya", name):
        await ami.queue_add("gudok-children", f"PJSIP/{name}")
        await members(ami, name, in_both_queues)
        assert [row.detail for row in await back_doors(world, "zoya")] == ["added to children"]


async def test_a_member_to_be_rung_in_calls_is_set_right(world: World, ami: Ami) -> None:
    name = AT_BACK_DOORS["inna"]
    async with at_work(world, "inna", name):
        await ami.queue_ring_in_use("gudok-booking", f"PJSIP/{name}", on=True)
        async with asyncio.timeout(PATIENCE):
            while not (seen := await back_doors(world, "inna")):  # noqa: ASYNC110  (a database gives no event)
                await asyncio.sleep(0.1)
        assert [row.detail for row in seen] == ["rung in calls in booking"]
        told = await ami.action("Command", {"Command": "queue show gudok-booking"})
        assert "(ringinuse disabled)" in str(told)


async def test_a_member_put_behind_the_others_is_set_right_within_a_second(world: World, ami: Ami) -> None:
    """Unpaused, but never rung in the fallback as long as somebody without a penalty is free."""
    name = AT_BACK_DOORS["rita"]
    async with at_work(world, "rita", name):
        await members(ami, name, in_both_queues)
        await ami.queue_penalty("gudok-booking", f"PJSIP/{name}", penalty=1000)
        await members(ami, name, without_penalty)
        assert [row.detail for row in await back_doors(world, "rita")] == ["given a penalty in booking"]


def in_both_queues(rows: list[Row]) -> bool:
    return queues_of(rows) == {"gudok-booking", "gudok-closing"}


def without_penalty(rows: list[Row]) -> bool:
    return {row["Penalty"] for row in rows} == {"0"}


def queues_of(rows: list[Row]) -> set[str]:
    return {row["Queue"] for row in rows}


async def members(ami: Ami, phone: str, until: Callable[[list[Row]], bool], *, within: float = 1.0) -> None:
    """Wait until the phone's memberships satisfy this."""
    for _ in range(int(within * 50)):
        rows = [row for row in await ami.queue_members() if row["Interface"] == f"PJSIP/{phone}"]
        if until(rows):
            return
        await asyncio.sleep(0.02)  # as in `paused`
    raise AssertionError(f"after {within} s it is in {queues_of(rows)}: {rows}")


async def in_a_later_second(ami: Ami, act: Callable[[], Awaitable[object]], after: datetime) -> None:
    """The PBX tells of Olga's pauses in whole seconds: act until it tells of one after that moment."""
    async with asyncio.timeout(PATIENCE):
        while True:
            await act()
            rows = [row for row in await ami.queue_members() if row["Interface"] == "PJSIP/phone01"]
            if min(int(row["LastPause"]) for row in rows) > after.timestamp():
                return
            await asyncio.sleep(0.02)  # as in `paused`


async def test_an_end_of_a_pause_past_us_is_undone_too(world: World, olga: Softphone, ami: Ami) -> None:
    await dial(olga, "*231")
    await paused(ami, until=yes)
    await ami.queue_pause(None, "PJSIP/phone01", paused=False)
    await paused(ami, until=yes, within=1.0)
    await dial(olga, "*13")
    await paused(ami, until=no)


async def test_a_pause_made_while_gudok_was_away_is_undone_when_it_is_back(
    world: World, olga: Softphone, ami: Ami
) -> None:
    before = len(await back_doors(world))
    await world.stop_service()
    stopped = datetime.now(UTC)
    await in_a_later_second(ami, lambda: ami.queue_pause(None, "PJSIP/phone01", paused=True), stopped)
    begun = datetime.now(UTC)
    await world.start_service()
    await paused(ami, until=no)
    async with asyncio.timeout(PATIENCE):
        while len(await back_doors(world)) == before:  # noqa: ASYNC110  (a database gives no event)
            await asyncio.sleep(0.1)
    (violation,) = (await back_doors(world))[before:]
    assert violation.detail.endswith("while nobody looked")
    assert violation.ended is not None
    assert stopped < violation.seen <= begun < violation.ended


async def test_a_pause_that_came_and_went_while_gudok_was_away_is_on_record_once(
    world: World, olga: Softphone, ami: Ami
) -> None:
    before = len(await back_doors(world))
    await world.stop_service()
    stopped = datetime.now(UTC)

    async def come_and_go() -> None:
        for act in ("pause", "unpause"):
            told = await ami.action("Command", {"Command": f"queue {act} member PJSIP/phone01"})
            assert "paused interface" in str(told)

    await in_a_later_second(ami, come_and_go, stopped)
    await world.start_service()
    async with asyncio.timeout(PATIENCE):
        while len(await back_doors(world)) == before:  # noqa: ASYNC110  (a database gives no event)
            await asyncio.sleep(0.1)
    violation = (await back_doors(world))[-1]
    assert "while nobody looked" in violation.detail
    assert stopped < violation.seen < stopped + timedelta(seconds=3)
    await world.stop_service()
    await world.start_service()
    await world.operator("olga", "ready")
    await paused(ami, until=no)
    assert len(await back_doors(world)) == before + 1


async def test_a_pause_ended_while_gudok_was_away_is_set_again(world: World, olga: Softphone, ami: Ami) -> None:
    await dial(olga, "*231")
    await paused(ami, until=yes)
    before = len(await back_doors(world))
    await world.stop_service()
    await ami.queue_pause(None, "PJSIP/phone01", paused=False)
    await world.start_service()
    await paused(ami, until=yes)
    assert len(await back_doors(world)) == before + 1
    await dial(olga, "*13")
    await paused(ami, until=no)


async def test_a_penalty_given_while_gudok_was_away_is_undone_when_it_is_back(
    world: World, olga: Softphone, ami: Ami
) -> None:
    await members(ami, "phone01", in_both_queues)
    before = len(await back_doors(world))
    await world.stop_service()
    await ami.queue_penalty(None, "PJSIP/phone01", penalty=1000)
    await members(ami, "phone01", lambda rows: not without_penalty(rows))
    await world.start_service()
    await members(ami, "phone01", without_penalty, within=PATIENCE)
    async with asyncio.timeout(PATIENCE):
        while len(await back_doors(world)) == before:  # noqa: ASYNC110  (a database gives no event)
            await asyncio.sleep(0.1)
    (violation,) = (await back_doors(world))[before:]
    assert violation.detail.startswith("given a penalty in ")
    assert violation.ended == violation.seen, "the PBX keeps no time of it"


async def back_doors(world: World, login: str = "olga") -> list[ViolationRow]:
    """The operator's violations of this kind so far."""
    rows = await world.read(break_queries.violations_between)
    return [row for row in rows if row.kind == "back_door" and row.login == login]


@pytest.mark.parametrize(("number", "login", "name"), [("1301", "boris", "phone03"), ("1300", "anna", "phone05")])
async def test_a_phone_picks_up_by_itself_where_configured(world: World, number: str, login: str, name: str) -> None:
    """By the queue, or by the phone."""
    async with at_work(world, login, name, picks_up=True) as phone:
        caller = await world.caller("79000000103")
        call = await caller.dial(number)
        await world.operator(login, "talking")
        assert phone.calls[-1].answered is not None
        await caller.hang_up(call)
        await caller.stop()
        world.phones.remove(caller)


async def test_a_phone_that_is_not_asked_to_rings_on(world: World, olga: Softphone) -> None:
    async with at_work(world, "anna", "phone02", picks_up=True) as phone:
        await world.log_out("olga")
        caller = await world.caller("79000000104")
        call = await caller.dial("1300")
        ring = await phone.ringing()
        with pytest.raises(TimeoutError):
            await phone.established(ring, within=1.0)
        await caller.hang_up(call)
        await caller.stop()
        world.phones.remove(caller)
