"""A command that has changed the database, and a running service that shall know of it."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from telephony import cli
from telephony.control import wire
from telephony.control.board import Board
from telephony.control.board_rows import Snapshot
from telephony.control.client import ControlClient, ServiceAway, ServiceNotRunning
from telephony.control.server import Control
from telephony.core.commands import AnyCommand
from telephony.core.effects import Reply
from telephony.exits import Exit
from telephony.resources import default_folder
from telephony.store.database import DatabaseUnusableError

CONFIG = """\
queues:
  main:
    label: Регистратура
    numbers: [1300]
phones:
  phone01: {}
"""
ROSTER = "login,name,extension,skills,pin\nanna,Анна,11,booking:3,4321\n"
CHANGES = (
    ["operators", "disable", "anna"],
    ["roster", "correct", "vacation", "anna", "2026-03-02", "--by", "anna", "--why", "leave"],
)

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def socket_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of an installation with one operator."""
    config = tmp_path / "config"
    config.mkdir()
    (config / "all.yaml").write_text(CONFIG)
    shutil.copy(default_folder("config") / "prompts.yaml", config)
    monkeypatch.setenv("GUDOK_CONFIG", str(config))
    monkeypatch.setenv("GUDOK_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "people.csv").write_text(ROSTER)
    assert cli.main(["operators", "import", str(tmp_path / "people.csv")]) == Exit.OK
    return tmp_path / "state" / "control.sock"


@asynccontextmanager
async def running(path: Path, reload: Callable[[wire.Reloaded], Awaitable[Reply]]) -> AsyncIterator[None]:
    """A service that is told of changes, and does with them what the test says."""

    async def ask(command: AnyCommand) -> Reply:
        raise AssertionError(command)

    def status(asked: int, picture: Snapshot) -> wire.StatusAnswer:
        raise AssertionError(asked)

    control = Control(path, board=Board(now=0), ask=ask, reload=reload, status=status)
    await control.open()
    try:
        yield
    finally:
        await control.close()


async def command(words: list[str]) -> int:
    return await asyncio.to_thread(cli.main, words)


@pytest.mark.parametrize("words", CHANGES)
async def test_what_was_taken_over_is_done(words: list[str], socket_file: Path, capsys: Captured) -> None:
    told: list[wire.Reloaded] = []

    async def takes_over(what: wire.Reloaded) -> Reply:
        told.append(what)
        return Reply(command="", ok=True, code="reloaded")

    async with running(socket_file, takes_over):
        assert await command(words) == Exit.OK
    assert told == [words[0]]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("words", CHANGES)
async def test_without_a_running_service_nobody_has_to_be_told(words: list[str], socket_file: Path) -> None:
    assert await command(words) == Exit.OK


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (DatabaseUnusableError("gudok.sqlite cannot be used: disk I/O error"), "disk I/O error"),
        (RuntimeError("a defect"), "the service has gone"),
        (TimeoutError(), "no answer in time"),
    ],
)
@pytest.mark.parametrize("words", CHANGES)
async def test_who_goes_on_with_what_they_knew_is_told_of(
    words: list[str], wrong: Exception, told: str, socket_file: Path, capsys: Captured
) -> None:
    async def stays_as_it_is(what: wire.Reloaded) -> Reply:
        raise wrong

    async with running(socket_file, stays_as_it_is):
        assert await command(words) == Exit.FAILED
    said = capsys.readouterr().err
    assert said.startswith("gudok: it is on record, but the running service has not taken it over: ")
    assert told in said
    assert said.count("\n") == 1


def test_a_service_that_stands_still_is_not_taken_for_none(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as frozen:
        frozen.bind(str(path))
        frozen.listen(0)
        with ControlClient(path, timeout=0.05) as client:
            with pytest.raises(ServiceAway) as unheard:
                client.reload()
            with pytest.raises(ServiceAway) as crowded:
                ControlClient(path, timeout=0.05)
    for away in (unheard, crowded):
        assert not isinstance(away.value, ServiceNotRunning)
    with pytest.raises(ServiceNotRunning):
        ControlClient(path)
