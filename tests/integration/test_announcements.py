"""A break is nearly over, and a real phone rings and says so."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.world import World
from telephony.core.break_facts import BreakKind
from telephony.core.commands import ComeBack, TakeBreak
from telephony.store import break_queries, queries
from telephony.testing.patience import PATIENCE
from telephony.testing.phones.softphone import Softphone
from tests.integration._gudok_pbx import CENTER
from tests.integration.test_hands import OPERATORS

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


def configured(folder: Path, at_end: str, *, lasts: int, warning: int) -> Path:
    """Phone 5 picks up by itself; an emergency pause `lasts` so many seconds, and so long before its end the operator
    is told."""
    config = folder / "config"
    shutil.copytree(CENTER, config)
    rules = f"  emergency: {lasts}\n  warning: {warning}\n  at_end: {at_end}\n"
    for name, before, after in (
        ("breaks.yaml", "  emergency: 60\n", rules),
        ("pbx.yaml", "  phone01..phone65: {}", "  phone01..phone04: {}\n  phone05: {auto_answer: true}"),
    ):
        text = (config / name).read_text()
        assert before in text
        (config / name).write_text(text.replace(before, after))
    return config


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    config = configured(tmp_path_factory.mktemp("center"), "return", lasts=6, warning=5)
    async with World.of(config, OPERATORS) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def olga(world: World) -> AsyncIterator[Softphone]:
    phone = await world.phone("phone01")
    assert (await world.log_in("olga", "phone01")).ok
    yield phone
    await phone.stop()
    world.phones.remove(phone)
    await world.log_out("olga")


async def pause(world: World, login: str = "olga") -> None:
    reply = await world.do(TakeBreak(command="", kind=BreakKind.EMERGENCY, login=login, reason="1", door="cli"))
    assert reply.code == "break-granted"


async def record_is_read(world: World) -> None:
    """To its end: had it anything to tell of a call, that would be on record now."""
    file = world.settings.cel_file

    async def position(engine: AsyncEngine, begin: datetime, end: datetime) -> int:
        known = await queries.cel_position(engine, str(file))
        return 0 if known is None else known.offset

    async with asyncio.timeout(PATIENCE):
        while await world.read(position) != file.stat().st_size:
            pass  # each look waits for the router


async def test_the_phone_rings_says_it_and_hangs_up(world: World, olga: Softphone) -> None:
    await pause(world)
    call = await olga.ringing()
    assert call.record.number == "gudok"
    assert call.record.name == "Перерыв скоро закончится."
    await olga.answer(call)
    await olga.closed(call)
    heard = olga.recordings()[-1]
    assert heard.seconds > 0.8
    assert heard.loudness() > 0.01
    await world.operator("olga", "ready")
    await record_is_read(world)
    assert await world.calls() == []
    assert await world.read(break_queries.violations_between) == []


async def test_who_does_not_pick_up_is_rung_for_callers_again(world: World, olga: Softphone) -> None:
    await pause(world)
    call = await olga.ringing()
    await olga.closed(call)
    await world.operator("olga", "ready")
    caller = await world.caller("79000000101")
    dialed = await caller.dial("1300")
    await olga.answer()
    await world.until(lambda center: center.totals.talking == 1)
    await olga.hang_up()
    await caller.closed(dialed)
    await caller.stop()
    world.phones.remove(caller)


async def test_who_comes_back_is_not_told_any_more(world: World, olga: Softphone) -> None:
    await pause(world)
    call = await olga.ringing()
    assert (await world.do(ComeBack(command="", login="olga"))).code == "you-are-ready"
    await olga.closed(call, within=2)


async def test_a_router_that_is_killed_meanwhile_finds_the_phone_busy_and_then_free(
    world: World, olga: Softphone
) -> None:
    before = len(await world.calls())
    await pause(world)
    call = await olga.ringing()
    await world.kill_router(signal.SIGKILL)
    await world.serving()
    await olga.closed(call)
    await world.operator("olga", "ready")
    caller = await world.caller("79000000102")
    dialed = await caller.dial("1300")
    await olga.answer()
    await world.until(lambda center: center.totals.talking == 1)
    await olga.hang_up()
    await caller.closed(dialed)
    await caller.stop()
    world.phones.remove(caller)
    assert len(await world.calls()) == before + 1


async def test_a_phone_that_picks_up_by_itself_does_so(world: World) -> None:
    phone = await world.phone("phone05", picks_up=True)
    assert (await world.log_in("anna", "phone05")).ok
    await pause(world, "anna")
    await phone.hears_sound()
    states = await world.read(lambda engine, begin, end: break_queries.states_of(engine, "anna", begin, end))
    assert [row.state for row in states] == ["ready", "break"]
    await world.log_out("anna")


async def test_at_the_end_too_the_phone_rings_where_configured_and_who_picks_up_is_back(tmp_path: Path) -> None:
    """Who does not is overrunning, until they say that they are back."""
    async with World.of(configured(tmp_path, "overrun", lasts=6, warning=5), OPERATORS) as world:
        await asyncio.gather(
            _rung_at_the_end(world, "olga", "phone01", picks_up=True),
            _rung_at_the_end(world, "boris", "phone02", picks_up=False),
        )
        violations = await world.read(break_queries.violations_between)
        assert [(one.login, one.kind) for one in violations] == [("boris", "overrun")]
        assert (await world.do(ComeBack(command="", login="boris"))).code == "you-are-ready"


async def _rung_at_the_end(world: World, login: str, name: str, *, picks_up: bool) -> None:
    phone = await world.phone(name)
    assert (await world.log_in(login, name)).ok
    await pause(world, login)
    warning = await phone.ringing()
    await phone.hang_up(warning)
    await phone.closed(warning)
    call = await phone.ringing()
    assert call.record.name == "Перерыв закончился."
    if picks_up:
        await phone.answer(call)
    await phone.closed(call)  # it rings for ten seconds
    row = await world.operator(login, "ready" if picks_up else "unreachable")
    assert row.reason == ("break_over" if picks_up else "overrun")
