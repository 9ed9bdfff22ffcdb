"""A real PostgreSQL server for the tests: private directory, private port, gone with the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from telephony.pbx.install import ensure
from telephony.pbx.programs.program import Program
from telephony.testing.ports import free_port

READY = "database system is ready to accept connections"
START_SECONDS = 30


class PostgresServer:
    """Runs as an ordinary user, because PostgreSQL refuses root. Ends with this process, whatever happens to it."""

    def __init__(self, home: Path, programs: dict[str, Program]) -> None:
        self.home = home
        self.port = free_port()
        self._programs = programs
        self._process: subprocess.Popen[str] | None = None
        self._databases = count(1)
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(home, nobody.pw_uid, nobody.pw_gid)
        settings = ["--auth=trust", "--username=gudok", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run("initdb", *settings, "-D", str(home / "data"))

    def start(self) -> None:
        """Returns when the server answers. From the main thread only: the server ends with the thread that
        started it."""
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.home),
            "fsync": "off",
            "shared_buffers": "16MB",
            "max_connections": "40",
            "log_min_messages": "log",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = self._command("postgres", "-D", str(self.home / "data"), "-p", str(self.port), *settings)
        self._process = subprocess.Popen(
            command,
            env=self._env("postgres"),
            cwd=self.home,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        ready = threading.Event()
        threading.Thread(target=self._read_log, args=(self._process, ready), daemon=True).start()
        if not ready.wait(START_SECONDS):
            self.stop()
            raise RuntimeError("PostgreSQL does not start; its log is in the captured output")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT cuts all connections and shuts down in order, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def new_database(self) -> str:
        """URL of an empty database."""
        name = f"test{next(self._databases)}"
        self._run("psql", "-h", str(self.home), "-p", str(self.port), "-U", "gudok", "-d", "postgres", "-c", f"CREATE DATABASE {name}")  # fmt: skip # noqa: E501
        return f"postgresql://gudok@127.0.0.1:{self.port}/{name}"

    def _command(self, name: str, *arguments: str) -> list[str]:
        user = []
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            user = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        return ["setpriv", *user, "--pdeathsig=INT", *self._programs[name].argv, *arguments]

    def _env(self, name: str) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self.home), **self._programs[name].env}

    def _run(self, name: str, *arguments: str) -> None:
        command = self._command(name, *arguments)
        done = subprocess.run(command, env=self._env(name), cwd=self.home, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{name} failed: {done.stderr}")

    @staticmethod
    def _read_log(process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stderr is not None
        with process.stderr as log:
            for line in log:
                if READY in line:
                    ready.set()
                elif "FATAL" in line or "PANIC" in line:
                    print(line, end="")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running server; a test that stops it must start it again."""
    home = Path(tempfile.mkdtemp(prefix="gudok-pg-"))
    home.chmod(0o700)
    server = PostgresServer(home, ensure("postgresql"))
    server.start()
    yield server
    server.stop(signal.SIGQUIT)  # what it holds of a hundred databases need not be written: they go
    shutil.rmtree(home)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: Any, tmp_path: Path) -> str:
    """URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/gudok.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()
