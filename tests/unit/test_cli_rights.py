"""`gudok` run by somebody who may not look into the state directory: each command says so in a line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from telephony.exits import Exit
from telephony.resources import default_folder

COMMANDS = """\
check
status
watch
calls
calls --number-of token --why asked
calls --forget token
rebuild
journal export OUT
operators list
operators import ROSTER
operators change anna --name Anna
operators logout anna
roster show
roster check
operators day anna
breaks list
breaks withdraw 1 --by anna
pbx install
pbx start
pbx status
pbx stop
pbx console core show uptime
pbx render --out STATE/etc
run
"""
SCRIPT = """\
import contextlib, io, json, sys
from telephony import cli
for line in sys.stdin.read().splitlines():
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        status = cli.main(line.split())
    print(json.dumps([line, status, out.getvalue(), err.getvalue()]))
"""


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation whose configuration everybody may read, and whose state directory is somebody else's."""
    with tempfile.TemporaryDirectory(prefix="gudok-rights-") as name:  # pytest's own folder lets nobody else in
        home = Path(name)
        shutil.copytree(default_folder("config"), home / "config")
        (home / "roster.csv").write_text("login,name,extension,skills,pin\nanna,Anna,11,booking:3,4321\n")
        monkeypatch.setenv("GUDOK_CONFIG", str(home / "config"))
        monkeypatch.setenv("GUDOK_STATE_DIR", str(home / "state"))
        home.chmod(0o755)
        (home / "state").mkdir(mode=0o700 if os.geteuid() == 0 else 0)
        yield home
        (home / "state").chmod(0o700)


def somebody_else() -> list[str]:
    """Runs a command as a user to whom the state directory is closed; for all but root it is closed anyway."""
    if os.geteuid() != 0:
        return []
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if subprocess.run(
        [*nobody, sys.executable, "-c", "import telephony.cli"], check=False, capture_output=True
    ).returncode:
        pytest.skip("this Python is closed to other users")
    return nobody


def run_all(commands: str) -> list[tuple[str, int, str, str]]:
    """Each command as it was given, its exit status, and what it said."""
    ended = subprocess.run(
        [*somebody_else(), sys.executable, "-c", SCRIPT], input=commands, capture_output=True, text=True, check=False
    )
    assert ended.stderr == ""
    told = [tuple(json.loads(line)) for line in ended.stdout.splitlines()]
    assert [line for line, *_ in told] == commands.splitlines()
    return told


def test_no_command_breaks_down_before_a_closed_state_directory(locked: Path) -> None:
    commands = COMMANDS
    for word, place in {"OUT": "out", "ROSTER": "roster.csv", "STATE": "state"}.items():
        commands = commands.replace(word, str(locked / place))
    told = run_all(commands)
    for line, status, out, error in told:
        assert status in (Exit.FAILED, Exit.MISTAKE), line
        assert out == "", line
        assert error.startswith("gudok: "), line
        assert "ermission denied" in error or "unable to open" in error, line
        assert error.count("\n") == 1, line
    said = {line: error for line, _, _, error in told}
    assert f"{locked}/state/secrets.json: Permission denied ({locked}/state belongs to " in said["check"]
    for action in ("status", "stop"):  # whether it runs cannot be told
        assert f"{locked}/state/pbx/run/asterisk.pid: Permission denied (" in said[f"pbx {action}"]


def test_nor_does_one_that_would_ask_a_service_past_a_damaged_configuration(locked: Path) -> None:
    (locked / "config" / "queues.yaml").write_text("queues: nothing\n")
    [(_, status, _, error)] = run_all("status\n")
    assert status == Exit.FAILED
    assert error.startswith(f"gudok: {locked}/state/control.sock: Permission denied (")
