"""What may be asked of a router before it has met its PBX."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest

from telephony import wire
from telephony.control_client import ControlClient, ServiceRefused
from telephony.service import Service
from tests.integration._gudok_pbx import settings_on_free_ports


async def first_answer(path: Path) -> wire.StatusAnswer:
    """To whoever asks for the status the moment there is somebody to ask."""
    async with asyncio.timeout(20):
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(path))
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.sleep(0)
                continue
            break
        writer.write(wire.frame(wire.Status(id=1)))
        (length,) = wire.LENGTH.unpack(await reader.readexactly(wire.LENGTH.size))
        answer = msgspec.msgpack.decode(await reader.readexactly(length), type=wire.StatusAnswer)
        writer.close()
        return answer


async def test_the_status_is_told_from_the_first_moment_somebody_can_ask(tmp_path: Path) -> None:
    settings = settings_on_free_ports(tmp_path)
    service = Service(settings, first=True, began=0.0)
    asked = asyncio.create_task(first_answer(settings.control_socket))
    try:
        await service.open()
        status = await asked
    finally:
        asked.cancel()
        await service.close()
    assert not status.serving
    assert [queue.name for queue in status.picture.queues] == [queue.name for queue in settings.plan.queues]


@pytest.mark.parametrize(("what", "table"), [("operators", "operators"), ("roster", "roster_entries")])
async def test_what_cannot_be_read_again_is_refused_and_the_conversation_goes_on(
    what: wire.Reloaded, table: str, tmp_path: Path
) -> None:
    settings = settings_on_free_ports(tmp_path)
    service = Service(settings, first=True, began=0.0)

    def talk() -> wire.StatusAnswer:
        with ControlClient(settings.control_socket) as client:
            with pytest.raises(ServiceRefused, match=f"cannot be used: .*no such table: {table}"):
                client.reload(what)
            return client.status()

    try:
        await service.open()
        with sqlite3.connect(tmp_path / "gudok.sqlite") as database:
            database.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
        database.close()
        assert (await asyncio.to_thread(talk)).counters["control.refused"] == 1
    finally:
        await service.close()
