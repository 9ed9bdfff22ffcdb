"""A start that fails says in one line what is wrong with what; `gudok check` says it before."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from benchmarks.world import environment
from telephony.exits import Exit
from telephony.resources import default_folder


async def command(home: Path, *words: str, **env: str) -> tuple[int, str]:
    """The exit status of `python -m WORDS` in an installation of its own, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *words, "--config", str(default_folder("config"))),
        env={**os.environ, **environment(home), **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), 20)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql://gudok:tell-nobody@127.0.0.1:1/gudok", "the database postgresql+asyncpg://gudok:***@127.0.0.1:1"),
        ("sqlite:///{home}/damaged.db", "the database {home}/damaged.db"),
    ],
)
async def test_the_database_that_cannot_be_used_is_named(tmp_path: Path, url: str, named: str) -> None:
    (tmp_path / "damaged.db").write_bytes(b"no database" * 1000)
    place = url.format(home=tmp_path)
    status, said = await command(tmp_path, "telephony.app", GUDOK_DATABASE_URL=place)
    assert status == Exit.UNAVAILABLE
    assert named.format(home=tmp_path) in said
    assert "cannot be used: " in said
    _, told = await command(tmp_path, "telephony.cli", "operators", "list", GUDOK_DATABASE_URL=place)
    assert named.format(home=tmp_path) in told
    assert "tell-nobody" not in said + told
    assert "Traceback" not in said + told


@asynccontextmanager
async def listening(answer: bytes) -> AsyncIterator[str]:
    """An HTTP server that gives everybody the same answer; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield str(server.sockets[0].getsockname()[1])


async def test_a_wrong_password_for_the_pbx_is_a_line_and_no_more(tmp_path: Path) -> None:
    """Neither asyncio nor the migrations of a first start have anything to add."""
    async with listening(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n") as port:
        status, said = await command(tmp_path, "telephony.app", GUDOK_HTTP_PORT=port)
    assert status == Exit.UNAVAILABLE
    assert "rejects the ARI user 'gudok' or the password" in said
    for noise in ("never retrieved", "Traceback", "alembic"):
        assert noise not in said


def spoil(file: Path) -> None:
    file.write_text("{}")


def open_to_others(file: Path) -> None:
    file.chmod(0o644)


@pytest.mark.parametrize("mistake", [spoil, open_to_others])
async def test_check_refuses_the_secrets_that_run_refuses(tmp_path: Path, mistake: Callable[[Path], None]) -> None:
    status, _ = await command(tmp_path, "telephony.cli", "check")
    file = tmp_path / "state" / "secrets.json"
    assert status == Exit.OK
    assert not file.exists()
    async with listening(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n") as port:
        await command(tmp_path, "telephony.app", GUDOK_HTTP_PORT=port)  # makes them
    mistake(file)
    for words in (("telephony.cli", "check"), ("telephony.app",)):
        status, said = await command(tmp_path, *words)
        assert status == Exit.MISTAKE
        assert str(file) in said
