"""The demo is interrupted: nothing of it stays behind, and nobody is shown a traceback."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import cast

import pytest

from benchmarks.demo_cast import Staff
from benchmarks.demo_day import MUST_HAPPEN, happened, missed
from benchmarks.world import World


class Desk:
    """A world of phones that never ring."""

    def __init__(self) -> None:
        self.waiting = 0
        self.gone = 0
        self.all_wait = asyncio.Event()

    async def phone(self, name: str, **more: object) -> Phone:
        return Phone(name, self)


class Phone:
    def __init__(self, number: str, desk: Desk) -> None:
        self.number = number
        self.desk = desk

    async def closed(self, call: None, within: float) -> None:
        raise AssertionError("it never rang")

    async def ringing(self, within: float) -> None:
        self.desk.waiting += 1
        if self.desk.waiting == 4:
            self.desk.all_wait.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.desk.gone += 1


async def test_when_the_day_breaks_off_the_staff_goes_home_before_its_phones_are_taken_away() -> None:
    desk = Desk()

    async def day() -> None:
        async with Staff(cast(World, desk)) as staff:
            await staff.take_seats(30)
            await asyncio.Event().wait()

    task = asyncio.create_task(day())
    await asyncio.wait_for(desk.all_wait.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert desk.gone == 4


def test_interrupted_while_it_is_being_imported_it_leaves_quietly() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "benchmarks.demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stderr is not None
        assert any(line.endswith("yaml.error\n") or "rich.errors" in line for line in demo.stderr)
        demo.send_signal(signal.SIGINT)
        out, told = demo.communicate(timeout=20)
    assert demo.returncode == 130
    assert out == ""
    assert "Traceback" not in told


@pytest.mark.parametrize("given", ["abc", "-5", "0", "1.5"])
def test_a_length_of_the_day_that_is_no_number_is_a_line(given: str) -> None:
    demo = subprocess.run(
        [sys.executable, "-m", "benchmarks.demo"],
        env={**os.environ, "DEMO_SECONDS": given},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert demo.returncode == 2
    assert demo.stderr == f"DEMO_SECONDS={given!r} is no number of seconds, such as 60\n"


def test_a_whole_day_must_have_had_all_of_its_plot() -> None:
    nothing, all_of_it = happened([], [], kills=0), dict.fromkeys(MUST_HAPPEN, 1)
    assert missed(60, all_of_it, []) == []
    assert missed(60, all_of_it, ["it has ended"]) == ["a simulated phone failed: it has ended"]
    assert missed(60, {**all_of_it, "transfers": 0}, []) == ["on this day something was missing: transfers 0"]
    assert len(missed(60, nothing, [])) == len(MUST_HAPPEN) == 5
    assert missed(30, nothing, []) == []
