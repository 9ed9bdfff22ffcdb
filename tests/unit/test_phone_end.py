"""How the phones of tests and demo end: whole, and never in silence."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from benchmarks.world import World
from telephony.resources import default_folder
from telephony.testing.phones.baresip import Baresip
from telephony.testing.phones.softphone import Softphone
from telephony.testing.ports import HeldPorts


async def phone_in(home: Path) -> Softphone:
    """A phone whose program knows nothing but to end when it is told to."""
    folder = Path(tempfile.mkdtemp(dir=home))
    phone = Softphone("101", "", ("127.0.0.1", 5060), folder)
    process = await asyncio.create_subprocess_exec("sleep", "60", stdout=PIPE)
    phone._program = Baresip(process, HeldPorts(), folder, "127.0.0.1:5060", lambda message: None)
    return phone


async def test_a_phone_that_ends_while_the_loop_is_busy_leaves_nothing_behind(tmp_path: Path) -> None:
    """Its end and the end of our patience are seen at the same moment."""
    phone = await phone_in(tmp_path)
    stopping = asyncio.create_task(phone.stop(grace=0.1))
    await asyncio.sleep(0)
    time.sleep(0.2)  # noqa: ASYNC251 - just that
    await stopping
    assert not phone.folder.exists()
    await phone.stop()


async def test_a_phone_whose_stop_is_cut_off_keeps_no_port(tmp_path: Path) -> None:
    ports = HeldPorts()
    process = await asyncio.create_subprocess_exec("sh", "-c", "trap '' TERM; echo; exec sleep 60", stdout=PIPE)
    phone = Baresip(process, ports, tmp_path, "127.0.0.1:5060", lambda message: None)
    assert process.stdout is not None
    await process.stdout.readline()
    stopping = asyncio.create_task(phone.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.wait((stopping,))
    with socket.socket() as another:
        another.bind(("127.0.0.1", ports.sip))
    await phone.stop(grace=0)


async def test_a_phone_that_does_not_stop_is_told_of_when_all_else_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(default_folder("config"), tmp_path / "world")
    world.phones = [await phone_in(tmp_path), await phone_in(tmp_path)]
    bad, good = world.phones

    async def fails() -> None:
        raise OSError("no")

    monkeypatch.setattr(bad, "stop", fails)
    ended = []
    monkeypatch.setattr(world.pbx, "stop", lambda: ended.append("pbx"))
    with pytest.raises(ExceptionGroup, match="phones did not stop"):
        await world.stop()
    assert ended == ["pbx"]
    assert not good.folder.exists()
    monkeypatch.undo()
    await bad.stop()
