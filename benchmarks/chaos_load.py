"""The center that is shaken, and its callers and operators: SIPp crowds that go on until they are told to stop, and
two baresip phones that can transfer."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import signal
from pathlib import Path

from benchmarks.control import ServiceFailedError
from benchmarks.world import World
from telephony.core.commands import ComeBack
from telephony.pbx.install import ensure
from telephony.pbx.programs.program import Program
from telephony.resources import default_folder
from telephony.store.roster import COLUMNS
from telephony.testing.phones.load import CallerPlan, Crowd, OperatorPlan, start_callers, start_operators
from telephony.testing.phones.sip import PhoneCall

LINE, DESK = "1300", "1301"
"""Service numbers: the crowd's, and that of the two who transfer."""
ANNA, BORIS = "phone15", "phone16"
ANSWERING, PHONES = 12, 16
REFUSES, SLEEPS = "phone13", "phone14"
CALLERS = 5000
"""More than any run will see."""
DRAIN_SECONDS = 60.0
NURSE_SECONDS = 1.0

PLAN = f"""\
queues:
  line:
    label: Chaos
    numbers: [{LINE}]
    transfer_number: 801
    require: {{line: 1}}
    ring: 2
    wrap_up: 1
    greeting: welcome
  desk:
    label: Desk
    numbers: [{DESK}]
    transfer_number: 802
    require: {{desk: 1}}
    ring: 8
    wrap_up: 0
"""
SITE = f"""\
phones:
  phone01..phone{PHONES}: {{}}
trunks:
  city: {{match: [127.0.0.1]}}
"""


LISTS = "breaks: {emergency_reasons: {1: Chaos}}\noutcomes: {1: Chaos}\n"
"""Of the codes that are followed by digits."""


def write_config(folder: Path) -> Path:
    """The center as data. Returns its folder."""
    folder.mkdir(parents=True)
    for name in ("gudok.yaml", "prompts.yaml", "codes.yaml"):
        shutil.copy(default_folder("config") / name, folder)
    (folder / "queues.yaml").write_text(PLAN)
    (folder / "breaks.yaml").write_text(LISTS)
    (folder / "pbx.yaml").write_text(SITE)
    return folder


def phone_of(number: int) -> str:
    return f"phone{number:02}"


def login_of(phone: str) -> str:
    return {ANNA: "anna", BORIS: "boris"}.get(phone, phone.replace("phone", "operator"))


def extension_of(phone: str) -> str:
    return phone.replace("phone", "30")


def roster() -> str:
    """Operators as CSV. They log in by command: their PINs are never asked for."""
    rows = [
        f"{login_of(phone)},{phone},{extension_of(phone)},{'desk:1' if phone in (ANNA, BORIS) else 'line:1'},1000"
        for phone in map(phone_of, range(1, PHONES + 1))
    ]
    return "\n".join([",".join(COLUMNS), *rows]) + "\n"


class Load:
    """Callers who come all the time, most of whom stay until their talk is over; operators who answer after a while,
    one who refuses and one who never answers. Those two are sent back to work again and again."""

    def __init__(self, world: World, *, per_second: float = 1.6, operators: int = ANSWERING, seed: int = 1) -> None:
        self.world = world
        self.per_second = per_second
        self._phones = [phone_of(n) for n in range(1, operators + 1)] + [REFUSES, SLEEPS]
        self._random = random.Random(seed)
        self._sipp: Program = ensure("sipp")["sipp"]
        self._operators: Crowd | None = None
        self._callers: Crowd | None = None
        self._kept: list[PhoneCall] = []
        self._nurse: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Load:
        await self.staff()
        self._nurse = asyncio.create_task(self._send_back(), name="nurse")
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._nurse is not None:
            self._nurse.cancel()
            await asyncio.gather(self._nurse, return_exceptions=True)
        await self._stop_crowds()

    # -- operators

    async def staff(self) -> None:
        """All phones registered, all operators at work."""
        plans = [self._operator(phone) for phone in self._phones]
        server = ("127.0.0.1", self.world.settings.sip_port)
        self._operators = await start_operators(self._sipp, plans, server, echo=False)
        for phone in self._phones:
            reply = await self.world.log_in(login_of(phone), phone)
            if not reply.ok and reply.code != "already-logged-in":
                raise ServiceFailedError(f"{phone} cannot log in: {reply.code}")

    def _operator(self, phone: str) -> OperatorPlan:
        return OperatorPlan(
            phone=phone,
            password=self.world.settings.secrets.phone_password(phone),
            ring_ms=self._random.randrange(150, 900),
            talk_ms=self._random.randrange(2000, 6000),
            code={REFUSES: 486, SLEEPS: 0}.get(phone, 200),  # type: ignore[arg-type]
        )

    async def _send_back(self) -> None:
        """Who did not answer is back at the phone a moment later."""
        while True:
            await asyncio.sleep(NURSE_SECONDS)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):  # no router now: next time
                for row in (await self.world.status()).picture.operators:
                    if row.state == "unreachable":
                        await self.world.do(ComeBack(command="", login=row.login))

    # -- callers

    async def begin(self, talking: int = 5) -> None:
        """Callers come from now on; returns when so many have found an operator."""
        server = ("127.0.0.1", self.world.settings.sip_port)
        plans = [self._caller(n) for n in range(CALLERS)]
        self._callers = await start_callers(self._sipp, plans, server, per_second=self.per_second, audio=False)
        await self.world.until(lambda center: center.totals.talking >= talking, f"{talking} talking", 30)

    def _caller(self, n: int) -> CallerPlan:
        stay = self._random.randrange(1200, 8000) if self._random.random() < 0.25 else 0
        return CallerPlan(number=f"79000{n:06}", service=LINE, stay_ms=stay)

    async def drain(self) -> None:
        """No further caller; returns when the last one has gone. Raises TimeoutError."""
        assert self._callers is not None
        assert self._operators is not None
        self._callers.process.send_signal(signal.SIGUSR1)  # SIPp: no further calls, end with the last one
        await self._callers.wait(DRAIN_SECONDS)
        await self._operators.idle(DRAIN_SECONDS)
        await self._callers.stop()
        self._kept += self._callers.calls()
        self._callers = None

    async def cut(self) -> None:
        """The phones' side after the PBX has died: all calls are over; new phones register when it is back."""
        await self._stop_crowds()

    async def _stop_crowds(self) -> None:
        for crowd in (self._callers, self._operators):
            if crowd is not None:
                await crowd.stop()
                self._kept += crowd.calls()
        self._callers = self._operators = None

    # -- what they saw

    def calls(self) -> list[PhoneCall]:
        """All calls of all phones so far."""
        running = [call for crowd in (self._callers, self._operators) if crowd is not None for call in crowd.calls()]
        return self._kept + running
