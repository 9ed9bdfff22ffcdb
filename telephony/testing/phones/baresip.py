"""One baresip process: its configuration, its control socket (ctrl_tcp), its SIP trace.

Written for baresip 1.1 as Debian ships it, checked against its behaviour, not only its manual; see docs/phones.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec

from telephony.testing.patience import PATIENCE
from telephony.testing.phones.sip import SipMessage, TraceReader
from telephony.testing.ports import HeldPorts

_LONGEST_FOLDER = 127 - len("/dump-2000-01-01-00-00-00-enc.wav")
_NAMES_OF_A_LINK = 1000
"""File systems allow one file tens of thousands of names."""


class Program(Protocol):
    """An unpacked program, as `telephony.pbx.install.ensure` gives it."""

    @property
    def argv(self) -> Sequence[str]: ...
    @property
    def env(self) -> Mapping[str, str]: ...
    @property
    def module_dir(self) -> Path: ...


class PhoneError(Exception):
    """The phone program refused a command, ended by itself, or did not start."""


class _PortTakenError(PhoneError):
    """Its UDP port, the number of that for TCP, has another user."""


_CONFIG = """poll_method epoll
sip_listen 127.0.0.1:{sip_port}
sip_trans_def udp
net_interface 127.0.0.1
call_max_calls 4
call_hold_other_calls yes
audio_path {folder}
audio_source ausine,{tone}
ausrc_srate 48000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports 16384-19998
rtcp_mux no
jitter_buffer_type fixed
jitter_buffer_delay 1-5
module_path {modules}
module g711.so
module ausine.so
module sndfile.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control_port}
snd_path {heard}
ring_aufile none
ringback_disabled yes
sip_autoanswer_beep no
statmode_default off
"""


class Baresip:
    """A running baresip. `heard` is called for each SIP message it sends or receives."""

    def __init__(
        self,
        process: Process,
        ports: HeldPorts,
        folder: Path,
        server: str,
        heard: Callable[[SipMessage], None],
    ) -> None:
        self._process = process
        self._ports = ports
        self.folder = folder
        self._heard = heard
        self._trace = TraceReader(server)
        self._tokens = itertools.count(1)
        self._answers: dict[str, asyncio.Future[str]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._deaf = ""  # why it takes no more commands
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def start(
        cls,
        program: Program,
        folder: Path,
        server: str,
        heard: Callable[[SipMessage], None],
        *,
        tone: int,
        lifetime: int,
    ) -> Baresip:
        """Start it without any account. `server` is host:port of the PBX; it plays a `tone` in Hz and ends by itself
        after `lifetime` seconds, whatever becomes of us. Raises PhoneError."""
        recordings = _recordings(folder, lifetime)
        (folder / "accounts").touch()
        (folder / "contacts").touch()
        for attempt in range(1, 6):
            ports = HeldPorts()
            settings: dict[str, object] = {"sip_port": ports.sip, "control_port": ports.control, "tone": tone}
            settings |= {"folder": folder, "heard": recordings, "modules": program.module_dir}
            (folder / "config").write_text(_CONFIG.format(**settings))
            try:
                process = await asyncio.create_subprocess_exec(
                    *program.argv, "-4", "-s", "-f", str(folder), "-t", str(lifetime),
                    env={**os.environ, **program.env, "TZ": "UTC"},
                    stdin=DEVNULL, stdout=PIPE, stderr=STDOUT,
                    start_new_session=True,  # Ctrl-C in the terminal is ours to pass on, in order
                )  # fmt: skip
            except BaseException:
                ports.release()
                raise
            phone = cls(process, ports, folder, server, heard)
            try:
                await phone._ready()
                break
            except BaseException as error:
                await phone.stop(grace=0)
                if not isinstance(error, _PortTakenError) or attempt == 5:
                    raise
        return phone

    async def _ready(self) -> None:
        assert self._process.stdout is not None
        said = b""
        try:
            async with asyncio.timeout(PATIENCE):
                while b"baresip is ready" not in said:
                    line = await self._process.stdout.readline()
                    said += line
                    if b"already in use" in line:
                        raise _PortTakenError(line.decode(errors="replace"))
                    if not line:
                        raise PhoneError(f"baresip ended at start: {said.decode(errors='replace')[-500:]}")
                reader, self._writer = await asyncio.open_connection("127.0.0.1", self._ports.control)
        except (TimeoutError, OSError) as error:
            raise PhoneError(f"baresip does not take commands: {said.decode(errors='replace')[-500:]}") from error
        self._tasks = [
            asyncio.create_task(self._read_trace(self._process.stdout), name="baresip trace"),
            asyncio.create_task(self._read_answers(reader), name="baresip answers"),
        ]

    async def _read_trace(self, stdout: asyncio.StreamReader) -> None:
        with (self.folder / "log").open("ab", buffering=0) as log:
            while data := await stdout.read(65536):
                log.write(data)
                for message in self._trace.feed(data, datetime.now(UTC)):
                    self._heard(message)

    async def _read_answers(self, reader: asyncio.StreamReader) -> None:
        """Netstrings of JSON. Events come here too: the trace says the same and more, so they are passed over."""
        try:
            while True:
                length = int((await reader.readuntil(b":"))[:-1])
                message: dict[str, Any] = msgspec.json.decode((await reader.readexactly(length + 1))[:-1])
                future = self._answers.pop(message.get("token", ""), None)
                if future is None or future.done():
                    continue
                if message["ok"]:
                    future.set_result(message["data"])
                else:
                    future.set_exception(PhoneError(message["data"].strip()))
        except (asyncio.IncompleteReadError, ConnectionError):
            self._deaf = "baresip has ended"
        except (ValueError, KeyError, asyncio.LimitOverrunError) as error:
            self._deaf = f"baresip's answers cannot be read: {error!r}"
        for future in self._answers.values():
            if not future.done():
                future.set_exception(PhoneError(self._deaf))

    async def command(self, name: str, parameters: str = "", within: float = PATIENCE) -> str:
        """Run a long command of baresip's menu; gives what it printed. Raises PhoneError when it is refused, and
        TimeoutError, with the last that the program said, when there is no answer."""
        if self._writer is None or self._process.returncode is not None:
            raise PhoneError("baresip is not running")
        if self._deaf:
            raise PhoneError(self._deaf)
        token = str(next(self._tokens))
        request = {"command": name, "token": token} | ({"params": parameters} if parameters else {})
        payload = msgspec.json.encode(request)
        future = self._answers[token] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(b"%d:%b," % (len(payload), payload))
            return await asyncio.wait_for(future, within)
        except TimeoutError:
            said = (self.folder / "log").read_text(errors="replace")[-1000:]
            raise TimeoutError(f"baresip did not answer {name!r} within {within:.0f} s, and said: {said}") from None
        finally:
            self._answers.pop(token, None)

    async def stop(self, grace: float = 3.0) -> None:
        """Ask it to hang up, unregister and end; after `grace` seconds kill it. Idempotent."""
        try:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.send_signal(signal.SIGTERM if grace else signal.SIGKILL)
                try:
                    await asyncio.wait_for(self._process.wait(), grace or 5.0)
                except TimeoutError:
                    self.kill()  # it may have ended in a loop too busy to tell
                    await self._process.wait()
        finally:  # of a stop that is cut off, too
            self._ports.release()
        if self._writer is not None:
            self._writer.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2.0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def kill(self) -> None:
        """End it as a power cut would: nothing is said to the PBX."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


def _recordings(folder: Path, lifetime: int) -> Path:
    """The folder where baresip's sndfile filter writes what it receives, one file per media session, named by the
    second it began in.

    The filter comes in pairs, for sending and receiving; a hold drops the receiving one alone, and none comes back
    while the other of the pair is there. So there must be none for sending: it fails to open its file where that
    name leads to a directory. (The other way to record, aufile as a player, can leave a thread behind that writes to
    freed memory when a hold is answered at once.)

    There is such a name for every second of the phone's life. Names of one link cost next to nothing, thousands of
    directories seconds of the disk, at the start and again at the end.
    """
    heard = folder / "heard"
    if len(str(heard)) > _LONGEST_FOLDER:
        raise PhoneError(f"the temporary folder's name is too long for baresip: {heard}")
    heard.mkdir()
    now = datetime.now(UTC)
    for count, second in enumerate(range(-1, lifetime + 2)):
        name = heard / f"dump-{now + timedelta(seconds=second):%Y-%m-%d-%H-%M-%S}-enc.wav"
        if count % _NAMES_OF_A_LINK == 0:
            link = name
            link.symlink_to(".")
        else:
            os.link(link, name, follow_symlinks=False)
    return heard
