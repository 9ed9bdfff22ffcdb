"""The short tier of `make chaos`: a real center under load, its router killed and frozen at moments of its calls."""

from __future__ import annotations

import signal

import pytest

from benchmarks import chaos_moments as moments
from benchmarks.chaos_arena import Arena
from benchmarks.chaos_kills import AT
from benchmarks.chaos_report import table

pytestmark = [pytest.mark.asterisk, pytest.mark.integration, pytest.mark.timeout(180)]


async def test_a_router_killed_and_frozen_under_load_loses_no_call_and_doubles_none() -> None:
    async with Arena.open(seed=7) as arena:
        await arena.load.begin()
        for moment in ("waiting", "just answered", "talking"):
            await arena.kill_at(moment, AT[moment](arena.chance))
        await arena.kill_at("frozen", moments.ringing(arena.chance), signal.SIGSTOP)
        found = await arena.finish("killed and frozen")
    assert found.alive > 0
    assert found.survived == found.alive, table([found])
    assert found.equal, table([found])
