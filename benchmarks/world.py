"""A whole center on this machine, for the demo, the benchmarks, chaos runs and tests: a real Asterisk, a real
`gudok run`, real SIP phones. Everything lies in one folder and on loopback ports of its own, and ends with `stop`.

    async with World.of(config, operators_csv) as world:
        anna = await world.phone("phone01")
        await world.log_in("anna", "phone01")
        caller = await world.caller("79000000101")
        call = await caller.dial("1300")
        await anna.answer()
        await world.until(lambda center: center.totals.talking == 1)
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from benchmarks.control import Controlled, ServiceFailedError
from telephony import settings
from telephony.control import wire
from telephony.core.commands import TellState
from telephony.pbx.embedded import EmbeddedPbx
from telephony.pbx.install import ensure
from telephony.store import queries
from telephony.store.database import Database
from telephony.store.migrate import ensure_current
from telephony.store.operators import import_roster
from telephony.store.planning import Author, import_shifts
from telephony.store.rows import AttemptRow, CallRow
from telephony.testing.patience import PATIENCE
from telephony.testing.phones.softphone import Softphone
from telephony.testing.ports import free_ports

R = TypeVar("R")

STOP_SECONDS = 15.0


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The variables that keep a world to itself."""
    sip, http, ami, agi = free_ports(4)
    return {
        "GUDOK_STATE_DIR": str(folder / "state"),
        "GUDOK_SIP_PORT": str(sip),
        "GUDOK_HTTP_PORT": str(http),
        "GUDOK_AMI_PORT": str(ami),
        "GUDOK_AGI_PORT": str(agi),
        "GUDOK_RTP_FROM": "22000",  # below the ports that the kernel gives away, SIP's among them
        "GUDOK_RTP_TO": "31999",
        "GUDOK_LOG_FORMAT": "json",
        **more,
    }


class World(Controlled):
    """One center. Its parts can be started, killed and started again one by one."""

    def __init__(self, config: Path, folder: Path, **env: str) -> None:
        self.folder = folder
        self.config = config
        self.env = environment(folder, **env)
        self.settings = settings.load(config, self.env)
        super().__init__(self.settings.control_socket)
        self.pbx = EmbeddedPbx(self.settings)
        self.service: asyncio.subprocess.Process | None = None
        self.phones: list[Softphone] = []
        self.log = folder / "service.log"

    @classmethod
    @asynccontextmanager
    async def of(cls, config: Path, operators: str, on_break: Sequence[str] = (), **env: str) -> AsyncIterator[World]:
        """A started world: PBX, operators (CSV text), service. Its folder is deleted at the end. `on_break`: logins
        whose shift has a planned break now."""
        folder = Path(tempfile.mkdtemp(prefix="gudok-"))
        world = cls(config, folder, **env)
        try:
            await to_the_end(world.pbx.install)
            await to_the_end(world.pbx.start)
            await world.import_operators(operators)
            if on_break:
                await world.plan_breaks(on_break)
            await world.start_service()
            yield world
        finally:
            try:
                await world.stop()
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    async def stop(self) -> None:
        """End everything that was started, phones first. Raises ExceptionGroup, after all, of what phones raised."""
        try:
            ends = await asyncio.gather(*(phone.stop() for phone in self.phones), return_exceptions=True)
            self.phones.clear()
        finally:
            await self.stop_service()
            await asyncio.to_thread(self.pbx.stop)
        if failures := [end for end in ends if isinstance(end, Exception)]:
            raise ExceptionGroup("phones did not stop in order", failures)

    async def gudok(self, *words: str) -> int:
        """Run a `gudok` command on this center, its output with the service's; its exit status."""
        with self.log.open("ab") as log:
            command = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "telephony.cli", *words, "--config", str(self.config)),
                env={**os.environ, **self.env},
                stdout=log,
                stderr=log,
            )
            return await command.wait()

    # -- the service

    async def import_operators(self, csv: str) -> None:
        database = Database(self.settings.database_url)
        try:
            self.settings.state_dir.mkdir(parents=True, exist_ok=True)
            await ensure_current(database)
            await import_roster(database, csv.encode())
        finally:
            await database.close()

    async def plan_breaks(self, logins: Sequence[str]) -> None:
        """A shift around now for each, with a break of half an hour that begins within the next minute: by the
        tolerance it may be taken for three minutes at least."""
        zone = ZoneInfo(self.settings.plan.timezone)
        now = datetime.now(zone)
        begin, end, slot, over = (now + timedelta(minutes=minutes) for minutes in (-60, 180, 1, 31))
        times = f"{begin:%Y-%m-%d},{begin:%H:%M},{end:%H:%M},{slot:%H:%M}-{over:%H:%M}"
        csv = "login,date,begin,end,breaks\n" + "".join(f"{login},{times}\n" for login in logins)
        database = Database(self.settings.database_url)
        try:
            await import_shifts(database, csv.encode(), zone, Author(by=logins[0], at=now))
        finally:
            await database.close()

    async def start_service(self) -> None:
        """`gudok run`, until its router answers. Raises ServiceFailedError."""
        with self.log.open("ab") as log:
            self.service = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "telephony.cli", "run", "--config", str(self.config)),
                env={**os.environ, **self.env},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await self.serving()

    async def serving(self, within: float = PATIENCE) -> wire.StatusAnswer:
        """Wait until a router has understood its first picture of the PBX."""
        deadline = time.monotonic() + within
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                if (answer := await self.status()).serving:
                    return answer
            if self.service is not None and self.service.returncode is not None:
                raise ServiceFailedError(self.last_words())
            if time.monotonic() > deadline:
                raise ServiceFailedError(f"no router serves within {within:.0f} s: {self.last_words()}")
            await asyncio.sleep(0.02)  # a socket that is not there yet cannot be awaited

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-20:])

    async def stop_service(self) -> None:
        if self.service is None or self.service.returncode is not None:
            return
        self.service.terminate()
        try:
            await asyncio.wait_for(self.service.wait(), STOP_SECONDS)
        except TimeoutError:
            self.service.kill()
            await self.service.wait()

    async def kill_router(self, how: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to the router (not to its parent); its process id."""
        pid = (await self.status()).pid
        os.kill(pid, how)
        return pid

    # -- phones

    async def phone(self, name: str, **more: int | Path) -> Softphone:
        """An operator's softphone, registered; the router, where one serves, has heard of that."""
        phone = await self._softphone(name, self.settings.secrets.phone_password(name), **more)
        await phone.register()
        await self._heard_of(name)
        return phone

    async def _heard_of(self, phone: str, within: float = PATIENCE) -> None:
        """The PBX tells the phone first. Who logs in there before the router knows is at a lost phone."""
        deadline = time.monotonic() + within
        while await self._away(phone):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{phone} is registered, and the router did not hear of it")
            await asyncio.sleep(0.005)  # nothing tells of phones but the status

    async def _away(self, phone: str) -> bool:
        """No router knows of none."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            return phone in (await self.status()).phones_away
        return False

    async def caller(self, number: str, **more: int | Path) -> Softphone:
        """A caller behind the trunk, with an account that needs no registration."""
        caller = await self._softphone(number, "", **more)
        await caller.use_trunk()
        return caller

    async def _softphone(self, name: str, password: str, **more: int | Path) -> Softphone:
        program = ensure("baresip")["baresip"]
        server = ("127.0.0.1", self.settings.sip_port)
        phone = await Softphone.start(program, name, password, server, **more)  # type: ignore[arg-type]
        self.phones.append(phone)
        return phone

    # -- the record

    async def calls(self) -> list[CallRow]:
        """The call log of the last day, with all that the router has decided so far."""
        return await self.read(queries.calls_between)

    async def attempts(self) -> list[AttemptRow]:
        return await self.read(queries.attempts_between)

    async def committed(self) -> None:
        """Wait until all that was decided is on record: the answer to a command is given only then."""
        with contextlib.suppress(OSError):  # no router: what is to be committed is
            await self.do(TellState(command="", phone=""))

    async def read(self, query: Callable[[Any, datetime, datetime], Awaitable[R]]) -> R:
        """What is on record of the last day, with all that the router has decided so far."""
        await self.committed()
        database = Database(self.settings.database_url)
        now, day = datetime.now(UTC), timedelta(days=1)
        try:
            return await query(database.engine, now - day, now + day)
        finally:
            await database.close()


async def to_the_end(work: Callable[[], object]) -> None:
    """Run `work` in a thread and, when cancelled, wait for it all the same: half a start cannot be stopped."""
    done = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait([done])
        raise
