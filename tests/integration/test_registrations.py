"""A phone that registers again from a new address, as after a restart or behind NAT: it is not lost for a moment."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.world import World
from telephony.pbx.ami import ContactStatus
from telephony.store import break_queries
from tests.integration._gudok_pbx import CENTER, manager
from tests.integration.test_hands import OPERATORS

pytestmark = pytest.mark.timeout(180)


@pytest_asyncio.fixture(params=[30, 0], ids=["qualified", "unqualified"])
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    config = tmp_path / "config"
    shutil.copytree(CENTER, config)
    site = config / "pbx.yaml"
    text = site.read_text("utf-8")
    assert "\nqualify: 30\n" in text
    site.write_text(text.replace("\nqualify: 30\n", f"\nqualify: {request.param}\n"), "utf-8")
    async with World.of(config, OPERATORS) as world:
        yield world


async def test_a_phone_that_registers_from_a_new_port_is_never_lost(world: World) -> None:
    """The PBX tells of the new contact first, then that it has removed the old one; nothing more, where phones are not
    qualified. Both are told in the spelling in which they are listed."""
    await world.phone("phone01")
    assert (await world.log_in("olga", "phone01")).ok
    before = await world.operator("olga", "ready")
    async with manager(world.settings) as (ami, heard):
        [first] = [row["Uri"] for row in await ami.contacts() if row["Endpoint"] == "phone01"]
        await world.phone("phone01")
        came = await heard.until(ContactStatus, lambda told: told.aor == "phone01" and told.uri != first)
        gone = await heard.until(ContactStatus, lambda told: told.contact_status == "Removed")
        assert (came.contact_status, gone.uri) == ("NonQualified", first)
        [second] = [row["Uri"] for row in await ami.contacts() if row["Endpoint"] == "phone01"]
        assert came.uri == second
    assert "phone02" in (await world.status()).phones_away
    await world.phone("phone02")  # once the router has heard of this one it has heard all of the other
    assert await world.operator("olga", "ready") == before
    assert await world.read(break_queries.violations_between) == []
