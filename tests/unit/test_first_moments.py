"""What may be asked of a router before it has met its PBX."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from telephony import wire
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
