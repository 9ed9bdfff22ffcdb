"""A router before it has met its PBX: what may be asked of it, and what may end it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest
from structlog.testing import capture_logs

import handlers
from telephony.control import wire
from telephony.control.client import ControlClient, ServiceRefused
from telephony.exits import Exit
from telephony.router.service import Service
from telephony.settings import Settings
from telephony.store.database import DatabaseUnusableError
from telephony.store.journal import JournalWriter
from telephony.testing.patience import PATIENCE
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


@asynccontextmanager
async def opened(settings: Settings, told: Exit | None = None) -> AsyncIterator[Service]:
    """A router, that has been told to leave before where `told` says so."""
    service = Service(settings, first=True, began=0.0)
    if told is not None:
        service.leave(told)
    try:
        async with asyncio.timeout(PATIENCE):
            await service.open()
            yield service
    finally:
        await service.close()


async def test_a_database_that_is_gone_is_told_of_and_none_made_in_its_place(tmp_path: Path) -> None:
    settings = settings_on_free_ports(tmp_path)
    file = tmp_path / "gudok.sqlite"
    async with opened(settings):
        pass
    moved = file.rename(tmp_path / "moved.sqlite")
    with pytest.raises(
        DatabaseUnusableError, match=r"gudok\.sqlite is gone; bring it back, or remove .*journal\.spool"
    ):
        async with opened(settings):
            pass
    assert not file.exists()
    moved.rename(file)
    async with opened(settings):
        pass


def fail(*_: Any, **__: Any) -> NoReturn:
    raise KeyError("a defect")


async def test_a_rule_that_fails_at_the_very_start_ends_the_router(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "handle", fail)
    settings = settings_on_free_ports(tmp_path)
    async with opened(settings) as service:
        assert not settings.control_socket.exists()
        assert await service.live() == Exit.HANDLER


async def test_a_router_told_to_leave_while_it_starts_opens_no_doors(tmp_path: Path) -> None:
    settings = settings_on_free_ports(tmp_path)
    async with opened(settings, told=Exit.OK) as service:
        assert not settings.control_socket.exists()
        assert await service.live() == Exit.OK


async def test_a_journal_that_can_go_on_no_more_ends_the_router(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as told:
        async with opened(settings_on_free_ports(tmp_path)) as service:
            monkeypatch.setattr(JournalWriter, "_keep", fail)
            assert await service.live() == Exit.FAILED
            monkeypatch.undo()
    assert [line["part"] for line in told if line["event"] == "a part of the router has ended"] == ["journal"]


async def test_lines_that_cannot_be_had_are_told(tmp_path: Path) -> None:
    with capture_logs() as told:
        async with opened(settings_on_free_ports(tmp_path)) as service:
            lines: set[str] = set()
            while lines != {"AMI", "ARI"}:
                await asyncio.sleep(0)
                lines = {line["event"] for line in told if line.get("problem") == "connect"}
            assert not service.serving


async def test_an_orphan_whose_callers_cannot_be_handed_over_ends_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telephony.router.service.rescue", fail)
    settings = settings_on_free_ports(tmp_path)
    with capture_logs() as told:
        async with opened(settings) as service:
            service.orphan()
    assert [line["event"] for line in told if "callers" in line["event"]] == ["callers not handed over"]
    assert not settings.control_socket.exists()
