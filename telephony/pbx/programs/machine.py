"""What an installation asks of the machine: its commands, with errors that say what to do, and a lock."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

TIMEOUT = 900  # seconds that any one outside command, or another installation, may take


class InstallError(Exception):
    """Something cannot be had; the message is one line and says what to do."""


class UnknownKeyError(InstallError):
    """The archive is signed by a key that is not in the keyring."""


def run(command: Sequence[str | Path], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a command and return what it printed; raise InstallError with its own last words and advice."""
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(env or {}), "LC_ALL": "C"},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            close_fds=False,  # children hold the lock too, see locked()
        )
    except FileNotFoundError:
        raise InstallError(f"no {command[0]} on this machine: install the programs, or use docker/") from None
    except subprocess.TimeoutExpired:
        raise InstallError(f"{command[0]} took over {TIMEOUT} s: run again, it goes on where it was") from None
    if done.returncode:
        if re.search(r"NO_PUBKEY|Missing key|couldn't be verified|is not signed", done.stderr):
            raise UnknownKeyError(f"no key of the keyring signs it: {explain(done.stderr)}")
        raise InstallError(f"{command[0]}: {explain(done.stderr)}")
    return done.stdout


ADVICE = {
    "Unable to locate package": "this mirror lacks it: set GUDOK_DEBIAN_MIRROR to a full one",
    "does not have a Release file": "this mirror lacks it: set GUDOK_DEBIAN_MIRROR to a full one",
    "No space left": "make room, or set GUDOK_CACHE to a folder on another disk",
    "is not valid yet": "set this machine's clock",
    "Failed to fetch": "no way to the mirror: check network and proxy, or set GUDOK_DEBIAN_MIRROR",
}


def explain(stderr: str) -> str:
    """The first error that apt reports, else the last line, and what can be done about it."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()] or ["failed without a word"]
    error = next((line.removeprefix("E: ") for line in lines if line.startswith("E: ")), lines[-1])
    advice = next((f" ({advice})" for symptom, advice in ADVICE.items() if symptom in stderr), "")
    return error + advice


@contextlib.contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Let one installation at a time change the cache; the others wait for it.

    The commands we start inherit the lock: it outlives a killed installation until the last of them ends.
    """
    mask = os.umask(0o022)  # what root unpacks, a server's own user must be able to read
    cache.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(cache / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    os.set_inheritable(descriptor, True)
    deadline, told = time.monotonic() + TIMEOUT, False
    try:
        while not try_lock(descriptor):
            if time.monotonic() > deadline:
                raise InstallError(f"another installation holds {cache}/lock: wait for it, or end it")
            if not told:
                say("waiting for another installation")
            told = True
            time.sleep(0.2)
        yield
    finally:
        os.close(descriptor)
        os.umask(mask)


def try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@functools.cache
def os_release() -> dict[str, str]:
    """What the machine says it is; empty where it does not say."""
    path = Path("/etc/os-release")
    text = path.read_text() if path.exists() else ""
    return {key: value.strip("\"'") for key, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)}


def say(message: str) -> None:
    print(f"gudok: {message}", file=sys.stderr, flush=True)
