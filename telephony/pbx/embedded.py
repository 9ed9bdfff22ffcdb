"""The embedded PBX: an Asterisk of our own, below the state directory, started and stopped by us.

It is used where a site has no PBX, by the demo and by the tests. It needs no root, shares no file with an Asterisk
of the system, and lives on when Gudok dies: calls must not end because their manager does.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from telephony.config.site import Site
from telephony.pbx import start_only
from telephony.pbx.install import ensure
from telephony.pbx.programs.program import Program
from telephony.pbx.prompts import speak_prompts
from telephony.pbx.render import PbxPaths, render
from telephony.settings import Settings

BOOT_SECONDS = 30.0
STOP_SECONDS = 5.0
POLL_SECONDS = 0.05
UNIX_PATH_MAX = 107
SHARED = ("agi-bin", "documentation", "firmware", "images", "keys", "moh", "phoneprov", "rest-api", "static-http")
"""What of Asterisk's data is taken as it is."""


class PbxError(Exception):
    """The embedded PBX cannot do what was asked. One line: what is wrong, and where to look."""


class EmbeddedPbx:
    """One Asterisk with all its directories below `settings.pbx_dir`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.home = settings.pbx_dir
        self._programs: Mapping[str, Program] = {}
        self._process: subprocess.Popen[bytes] | None = None
        """Set where this object started it; it outlives us on purpose."""

    # --- what it is made of --------------------------------------------------------------------------------

    def install(self) -> list[Path]:
        """Fetch Asterisk and the speech where they are missing, speak the prompts, write the configuration; returns the
        files of that which changed.

        Idempotent. Raises InstallError, SpeechError, SecretsError or PbxError.
        """
        if len(os.fsencode(self.home / "run" / "asterisk.ctl")) > UNIX_PATH_MAX:
            raise PbxError(f"{self.home} is too long a path for the PBX's socket; give a shorter state_dir")
        for private in (self.settings.state_dir, self.home):  # first: parents made on the way would be open to all
            private.mkdir(mode=0o700, parents=True, exist_ok=True)
        paths = self.paths()
        for field in fields(paths):
            if field.name not in ("modules", "moh", "agi_bin"):
                getattr(paths, field.name).mkdir(mode=0o700, parents=True, exist_ok=True)
        (paths.keys / "keys").mkdir(exist_ok=True)
        for folder in ("outgoing", "tmp", "recording", "monitor", "system", "voicemail"):
            (paths.spool / folder).mkdir(exist_ok=True)
        (paths.log / "cel-custom").mkdir(exist_ok=True)  # Asterisk does not make it, and then writes no record
        self._share_data(paths)
        speak_prompts(self.settings.plan, paths.data / "sounds", self.program("espeak-ng"))
        return self.render()

    def render(self) -> list[Path]:
        """Write the configuration anew; returns the files that changed."""
        paths = self.paths()
        return render(self.settings, paths.etc, paths)

    def program(self, name: str) -> Program:
        if name not in self._programs:
            self._programs = ensure("asterisk", "espeak-ng")
        return self._programs[name]

    def paths(self) -> PbxPaths:
        asterisk, home = self.program("asterisk"), self.home
        return PbxPaths(
            etc=home / "etc",
            modules=asterisk.module_dir,
            data=home / "data",
            lib=home / "lib",
            db=home / "lib",
            keys=home / "lib",
            spool=home / "spool",
            run=home / "run",
            log=home / "log",
            agi_bin=home / "data" / "agi-bin",
            moh=asterisk.music_dir,
        )

    def _share_data(self, paths: PbxPaths) -> None:
        """Asterisk's own data by links, so that our prompts can stand among its sounds."""
        asterisk = self.program("asterisk")
        for name in SHARED:
            link(paths.data / name, asterisk.data_dir / name)
        sounds = paths.data / "sounds"
        sounds.mkdir(exist_ok=True)
        for voice in asterisk.sounds_dir.iterdir():
            if voice.is_dir():
                link(sounds / voice.name, voice)

    # --- its life ------------------------------------------------------------------------------------------

    @property
    def config_file(self) -> Path:
        return self.home / "etc" / "asterisk.conf"

    @property
    def _at_start(self) -> Path:
        return self.home / "run" / "at-start.json"

    @property
    def pid(self) -> int | None:
        """The process that runs, if one does. Raises OSError where that cannot be told: the folder is closed to us."""
        try:
            pid = int((self.home / "run" / "asterisk.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, ValueError):  # the last: the file holds no number
            return None
        return pid if os.fsencode(self.config_file) in command else None

    def start(self) -> int:
        """Start it where it does not run, and wait until it has booted; returns its process id.

        Raises PbxError where a port it needs is taken, and with the last line it said where it does not come up
        within BOOT_SECONDS.
        """
        if (running := self.pid) is not None:
            return running
        if not self.config_file.exists():
            raise PbxError(f"there is no PBX in {self.home} yet: install it first")
        self._check_host_name()
        check_ports(self.settings.site)
        asterisk = self.program("asterisk")
        if self._process is not None:
            self._process.poll()  # the one before has ended, and is laid to rest
        start_only.keep(self.config_file.parent, self._at_start)
        output = self.home / "log" / "console.log"
        with output.open("wb") as log:
            process = self._process = subprocess.Popen(
                [*asterisk.argv, "-C", str(self.config_file), "-f"],
                env={**os.environ, **asterisk.env},
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + BOOT_SECONDS
        while not self._booted(deadline):
            if process.poll() is not None:
                raise PbxError(f"Asterisk ended with {process.returncode}: {last_line(output)} (see {output})")
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise PbxError(f"Asterisk did not boot in {BOOT_SECONDS:.0f} s: {last_line(output)} (see {output})")
            time.sleep(POLL_SECONDS)
        return process.pid

    def reload(self) -> list[str]:
        """Have the running one read its configuration anew, its calls go on; returns the files of which it keeps what
        it read at its start, though they say something else now. Raises PbxError where it does not answer."""
        self.console("core reload")
        return start_only.changed(self.config_file.parent, self._at_start)

    def stop(self) -> bool:
        """End it: politely, then by force; returns whether it ran. All its calls end."""
        pid = self.pid
        if pid is None:
            return False
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + STOP_SECONDS
            while self._alive(pid):
                if time.monotonic() > deadline:
                    break
                time.sleep(POLL_SECONDS)
            else:
                return True
        raise PbxError(f"process {pid} does not end")

    def status(self) -> str:
        """One line for people."""
        pid = self.pid
        if pid is None:
            return f"not running ({self.home})"
        said = self.console("core show uptime").strip().splitlines()
        return f"running, process {pid}, {said[0] if said else 'not answering'} ({self.home})"

    def console(self, command: str, timeout: float = 10.0) -> str:
        """What Asterisk's console answers to `command`. Raises PbxError where nobody answers."""
        asterisk = self.program("asterisk")
        try:
            done = subprocess.run(
                self.console_command(command),
                env={**os.environ, **asterisk.env},
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise PbxError(f"Asterisk did not answer {command!r} in {timeout:.0f} s") from error
        if done.returncode != 0:
            raise PbxError(f"Asterisk is not reached: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def console_command(self, command: str | None = None) -> list[str]:
        """The command line of the console: with `command` it answers and ends, without it is for a person."""
        base = [*self.program("asterisk").argv, "-C", str(self.config_file)]
        return [*base, "-rx", command] if command is not None else [*base, "-r"]

    def erase(self) -> None:
        """Stop it and remove everything it wrote, its record of calls too."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=False)

    def _booted(self, deadline: float) -> bool:
        if self.pid is None or not (self.home / "run" / "asterisk.ctl").exists():
            return False
        try:
            said = self.console("core waitfullybooted", timeout=max(0.1, deadline - time.monotonic()))
        except PbxError:  # its socket is there before it listens: asked again until the deadline
            return False
        return "fully booted" in said

    def _alive(self, pid: int) -> bool:
        """Whether the process lives; one that we started is laid to rest when it has ended."""
        if self._process is not None and self._process.pid == pid:
            return self._process.poll() is None
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    def _check_host_name(self) -> None:
        """A host name that does not resolve makes every leg wait seconds for DNS."""
        name = socket.gethostname()
        try:
            socket.getaddrinfo(name, None)
        except OSError as error:
            raise PbxError(f"this machine's name {name} does not resolve; add it to /etc/hosts") from error


def check_ports(site: Site) -> None:
    """Asterisk boots without the ports it does not get, and nobody reaches it. Raises PbxError with all of those."""
    needed = (
        ("SIP over UDP", socket.SOCK_DGRAM, "sip", site.sip_bind, site.sip_port),
        ("SIP over TCP", socket.SOCK_STREAM, "sip", site.sip_bind, site.sip_port),
        ("HTTP (ARI)", socket.SOCK_STREAM, "http", site.http_bind, site.http_port),
        ("AMI", socket.SOCK_STREAM, "ami", site.ami_bind, site.ami_port),
    )
    found = []
    for purpose, kind, setting, host, port in needed:
        try:
            _try_to_bind(kind, host, port)
        except OSError as error:
            key = "port" if error.errno == errno.EADDRINUSE else "bind"
            found.append(f"{host} port {port} for {purpose} ({error.strerror}; change {setting}_{key})")
    if found:
        raise PbxError(f"the PBX cannot listen on {', '.join(found)}")


def _try_to_bind(kind: socket.SocketKind, host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as trial:
        if kind == socket.SOCK_STREAM:  # as Asterisk does: what an ended process's connections leave is in nobody's way
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind((host, port))


def link(place: Path, target: Path) -> None:
    """Let `place` lead to `target`, where that exists."""
    if place.is_symlink():
        if place.readlink() == target:
            return
        place.unlink()
    if target.exists() and not place.exists():
        place.symlink_to(target)


def last_line(file: Path) -> str:
    lines = file.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
