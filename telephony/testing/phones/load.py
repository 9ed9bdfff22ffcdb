"""Phones by the hundred: callers and operators as SIPp scenarios, one process for each crowd.

A crowd is a list of plans. Every process is bounded in calls and in time, listens on a random loopback port, keeps its
files in its own temporary folder and is stopped by its own pid.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from telephony.testing.phones import marks
from telephony.testing.phones.baresip import PhoneError, Program
from telephony.testing.phones.sip import PhoneCall
from telephony.testing.phones.sound import alaw_tone
from telephony.testing.ports import free_ports

SCENARIOS = Path(__file__).parent / "sipp"
Server = tuple[str, int]


class CallerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A caller dials `service` and hangs up `stay_ms` after the PBX answered; 0: stays until the PBX hangs up."""

    number: str
    service: str
    stay_ms: int = 0


class OperatorPlan(msgspec.Struct, frozen=True, kw_only=True):
    """An operator's phone: rings `ring_ms`, then answers (`code` 200), refuses (480, 486 or 603), or rings on until
    the PBX gives up (0). Hangs up after `talk_ms` of talk; 0: leaves that to the other side."""

    phone: str
    password: str = ""
    ring_ms: int = 200
    talk_ms: int = 5000
    code: Literal[200, 0, 480, 486, 603] = 200


class Crowd:
    """One running SIPp process and its log. `marks`, `calls` and `gaps` can be asked at any time."""

    def __init__(self, process: Process, folder: Path, port: int) -> None:
        self.process = process
        self.folder = folder
        self.port = port
        self._kept: list[marks.Mark] | None = None

    def marks(self) -> list[marks.Mark]:
        return marks.read_marks(self.folder / "marks.log") if self._kept is None else self._kept

    def calls(self) -> list[PhoneCall]:
        return marks.calls(self.marks())

    def gaps(self) -> list[float]:
        return marks.gaps(self.marks())

    async def wait(self, within: float) -> None:
        """Until the process has done all its calls. Raises TimeoutError."""
        await asyncio.wait_for(self.process.wait(), within)

    async def idle(self, within: float) -> None:
        """Until every call it has seen is over: the other side's end of the last talk may still be on its way.
        Raises TimeoutError. A log gives no event: it is looked at twenty times a second."""
        for _ in range(int(within * 20)):
            if all(call.ended for call in self.calls()):
                return
            await asyncio.sleep(0.05)
        raise TimeoutError(f"calls go on after {within} s")

    async def stop(self) -> None:
        """End the process at once: calls still up get no BYE. The marks stay readable. Idempotent."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGKILL)
            await self.process.wait()
        if self._kept is None:
            self._kept = marks.read_marks(self.folder / "marks.log")
            shutil.rmtree(self.folder, ignore_errors=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def complaints(self) -> str:
        """What SIPp itself found wrong: messages it did not expect, calls it gave up."""
        path = self.folder / "errors.log"
        return path.read_text(errors="replace") if path.exists() else ""


async def start_callers(
    program: Program,
    plans: Sequence[CallerPlan],
    server: Server,
    *,
    per_second: float = 1.0,
    at_once: int = 1000,
    audio: bool = True,
    seconds: int = 3600,
) -> Crowd:
    """Let the callers dial in the order of `plans`, `per_second` of them, at most `at_once` at the same time. With
    `audio` each sends a tone. The process ends with the last call, at the latest after `seconds`."""
    files = {"caller": [f"{plan.number};{plan.service};{plan.stay_ms}" for plan in plans]}
    play = '<exec rtp_stream="tone.wav,-1,8,PCMA/8000"/>' if audio else ""
    arguments = ["-sf", "caller.xml", "-m", str(len(plans)), "-l", str(at_once), *_rate(per_second)]
    return await start_crowd(program, files, server, arguments, seconds=seconds, play=play)


class CodePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A phone dials a feature code and hears the answer out."""

    phone: str
    code: str
    password: str = ""


async def start_codes(
    program: Program, plans: Sequence[CodePlan], server: Server, *, per_second: float = 1.0, seconds: int = 3600
) -> Crowd:
    """Let the phones dial in the order of `plans`. They need no registration: each INVITE carries the password."""
    rows = [
        f"{plan.phone};{plan.code};[authentication username={plan.phone} password={plan.password}]" for plan in plans
    ]
    arguments = ["-sf", "code.xml", "-m", str(len(plans)), "-l", str(len(plans)), *_rate(per_second)]
    return await start_crowd(program, {"code": rows}, server, arguments, seconds=seconds)


async def start_operators(
    program: Program,
    plans: Sequence[OperatorPlan],
    server: Server,
    *,
    register: bool = True,
    port: int = 0,
    echo: bool = True,
    seconds: int = 3600,
) -> Crowd:
    """Operators' phones, all on one loopback port (`port`, for static contacts, else a random one); registered unless
    told otherwise. With `echo` they send back what they hear. Raises PhoneError when a registration fails."""
    # SIPp cannot look up what stands in line 0: for it, a variable that is 0 is unset.
    files = {
        "operator": ["nobody;0;0;0", *(f"{plan.phone};{plan.ring_ms};{plan.talk_ms};{plan.code}" for plan in plans)]
    }
    arguments = ["-infindex", "operator.csv", "0", *(["-rtp_echo"] if echo else [])]
    if not register:
        return await start_crowd(
            program, files, server, ["-sf", "operator.xml", *arguments], port=port, seconds=seconds
        )
    files["register"] = [
        f"{plan.phone};[authentication username={plan.phone} password={plan.password}]" for plan in plans
    ]
    # The PBX's OPTIONS take places among the users too: with as many as phones some would register late or never.
    # Those who do it twice do no harm.
    arguments += ["-sf", "register.xml", "-rxsf", "operator.xml", "-users", str(len(plans) * 5 // 4 + 1)]
    crowd = await start_crowd(program, files, server, arguments, port=port, seconds=seconds)
    try:
        await _registered(crowd, {plan.phone for plan in plans})
    except BaseException:
        await crowd.stop()
        raise
    return crowd


async def _registered(crowd: Crowd, phones: set[str], within: float = 10.0) -> None:
    for _ in range(int(within * 50)):
        missing = phones - {mark.phone for mark in crowd.marks() if mark.what == "registered"}
        if not missing:
            return
        if crowd.process.returncode is not None:
            break
        await asyncio.sleep(0.02)
    raise PhoneError(f"not registered: {', '.join(sorted(missing))}; {crowd.complaints()[-500:]}")


def _rate(per_second: float) -> list[str]:
    """SIPp spreads a whole number of calls over a period: ten seconds keep a tenth of a call per second."""
    return ["-r", str(max(1, round(per_second * 10))), "-rp", "10000"]


async def start_crowd(
    program: Program,
    files: Mapping[str, Sequence[str]],
    server: Server,
    arguments: Sequence[str],
    *,
    port: int = 0,
    seconds: int,
    play: str = "",
) -> Crowd:
    """Start SIPp. `files`: scenario -> rows of its injection file."""
    folder = Path(tempfile.mkdtemp(prefix="gudok-crowd-"))
    free, control_port = free_ports(2)
    port = port or free
    inject: list[str] = []
    for scenario, rows in files.items():
        text = (SCENARIOS / f"{scenario}.xml").read_text()
        (folder / f"{scenario}.xml").write_text(text.replace("@AUDIO@", play))
        (folder / f"{scenario}.csv").write_text("SEQUENTIAL\n" + "".join(f"{row}\n" for row in rows))
        # The file that comes first is the one for fields without a file's name.
        inject[:0] = ["-inf", f"{scenario}.csv"]
    if play:
        (folder / "tone.wav").write_bytes(alaw_tone(660, seconds=2))
    process = await asyncio.create_subprocess_exec(
        *program.argv, f"{server[0]}:{server[1]}",
        *inject, *arguments,
        "-i", "127.0.0.1", "-bind_local", "-p", str(port), "-mi", "127.0.0.1",
        "-ci", "127.0.0.1", "-cp", str(control_port),
        "-min_rtp_port", str(_rtp_base(port)), "-max_rtp_port", str(_rtp_base(port) + 4000),
        "-timeout", str(seconds), "-nostdin", "-aa", "-deadcall_wait", "2000",
        "-watchdog_minor_maxtriggers", "1000000", "-watchdog_major_maxtriggers", "1000000",
        "-trace_logs", "-log_file", "marks.log", "-trace_err", "-error_file", "errors.log",
        cwd=folder, env={**os.environ, **program.env, "TERM": "dumb"},
        stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    crowd = Crowd(process, folder, port)
    try:
        await _listening(crowd)
    except BaseException:
        await crowd.stop()
        raise
    return crowd


async def _listening(crowd: Crowd) -> None:
    """SIPp says nowhere that it is ready: its port is taken once it is."""
    for _ in range(300):
        if crowd.process.returncode is not None and not crowd.marks():
            raise PhoneError(f"SIPp ended at start: {crowd.complaints()[-500:]}")
        if crowd.process.returncode is not None or not _is_free(crowd.port):
            return
        await asyncio.sleep(0.01)
    raise PhoneError("SIPp does not listen")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _rtp_base(port: int) -> int:
    """Crowds on different SIP ports look for media ports at different places, all below the ephemeral ones."""
    return 24000 + port % 40 * 100
