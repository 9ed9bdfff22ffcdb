"""An order for everybody at once, in the biggest center there is: 65 at work."""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.world import World
from telephony.core.commands import GiveOrder, WithdrawOrder
from telephony.pbx.ami import Ami
from telephony.store import break_queries
from tests.integration._gudok_pbx import CENTER

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]

EVERYBODY = [f"phone{n:02}" for n in range(1, 66)]
PEOPLE = "login,name,extension,skills,pin\nhead,Глава,2999,booking:3;children:2,1234\n" + "".join(
    f"at-{phone},Оператор,30{phone[-2:]},booking:1,1234\n" for phone in EVERYBODY
)


async def test_an_order_for_a_group_of_65_is_answered_at_once_and_seen_everywhere(tmp_path: Path) -> None:
    config = tmp_path / "config"
    shutil.copytree(CENTER, config)
    queues = (config / "queues.yaml").read_text()
    (config / "queues.yaml").write_text(queues.replace("groups:\n", "groups:\n  everybody: {require: {booking: 1}}\n"))
    async with World.of(config, PEOPLE) as world:
        for phone in EVERYBODY:
            assert (await world.log_in(f"at-{phone}", phone)).ok
        asked, until = time.monotonic(), datetime.now(UTC) + timedelta(minutes=30)
        order = await world.do(
            GiveOrder(command="", by="head", group="everybody", until=until, why="тревога", at_once=True)
        )
        took = time.monotonic() - asked
        assert order.code == "order-given"
        assert took < 1.0, f"answered after {took:.3f} s"
        await world.until(lambda center: sum(row.state == "break" for row in center.operators) == 65)
        assert await paused_in_booking(world) == 65
        assert (await world.do(WithdrawOrder(command="", by="head", order=order.text))).ok
        given = await world.read(break_queries.permissions_between)
        assert {(one.order_id, one.how) for one in given} == {(order.text, "withdrawn")}
        assert len(given) == 65
        print(f"answered after {took:.3f} s")


async def paused_in_booking(world: World) -> int:
    """How many the native queue holds for paused."""
    settings = world.settings
    ami = Ami(settings.ami_host, settings.ami_port, settings.ami_user, settings.secrets.ami_password, events=())
    running = asyncio.create_task(ami.run())
    try:
        await ami.ready()
        for _ in range(100):
            rows = await ami.queue_members()
            paused = sum(row["Queue"] == "gudok-booking" and row["Paused"] == "1" for row in rows)
            if paused == len(EVERYBODY):
                break
            await asyncio.sleep(0.02)  # the question is what the queue says, not what it tells
        return paused
    finally:
        await ami.close()
        await running
