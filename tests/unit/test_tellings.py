"""How long hang-ups wait for what a phone is being told of its transfer."""

from __future__ import annotations

import asyncio

import pytest

from telephony.pbx import tellings
from telephony.pbx.tellings import Tellings
from telephony.testing.patience import PATIENCE


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tellings, "LIMIT", 0.01)


async def over(telling: Tellings, channel: str) -> None:
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*telling.before_hanging_up(channel))


def waits(telling: Tellings, channel: str) -> bool:
    return not all(future.done() for future in telling.before_hanging_up(channel))


@pytest.mark.usefixtures("short")
async def test_the_time_for_it_runs_from_when_asterisk_is_asked() -> None:
    """What comes before, of the same call, may take seconds."""
    told = Tellings()
    told.asked("c1", "c2")
    told.begin("c1")
    await asyncio.sleep(10 * tellings.LIMIT)
    assert waits(told, "c1")
    assert waits(told, "c2")
    told.asking("c1")
    await over(told, "c2")
    assert told.before_hanging_up("c1") == ()


async def test_each_question_has_the_whole_time(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Tellings()
    told.begin("c1")
    monkeypatch.setattr(tellings, "LIMIT", 0.01)
    told.asking("c1")
    monkeypatch.setattr(tellings, "LIMIT", PATIENCE)
    told.begin("c1")
    told.asking("c1")
    await asyncio.sleep(0.1)
    assert waits(told, "c1")
    told.told("c1")
    assert waits(told, "c1")
    told.told("c1")
    await over(told, "c1")


async def test_whoever_has_hung_up_holds_their_other_call_alone() -> None:
    told = Tellings()
    told.asked("c1", "c2")
    told.begin("c1")
    told.asking("c1")
    told.gone("c1")
    await over(told, "c1")
    assert waits(told, "c2")
    told.lost()
    await over(told, "c2")


async def test_a_new_transfer_forgets_whom_the_last_one_was_to_replace() -> None:
    told = Tellings()
    told.asked("c1", "c2")
    told.asked("c1", None)
    told.begin("c1")
    assert told.before_hanging_up("c2") == ()
    told.lost()
