"""Who takes part in the demo's day, and how they behave."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from benchmarks.world import World
from telephony.resources import default_folder
from telephony.testing.phones.baresip import PhoneError
from telephony.testing.phones.load import CallerPlan, OperatorPlan
from telephony.testing.phones.sip import Dialog
from telephony.testing.phones.softphone import Softphone

CALLS_PER_SECOND = 1.2
"""A little more than nine operators can take, so that callers wait."""
HASTE_SECONDS = 10
"""The last caller dials this long before the end of the day."""

SKILLS = "booking:3;children:2;house_calls:2;results:2;paid:2;senior:3;head:1"
NAMES = ("Анна", "Борис", "Вера", "Глеб", "Дарья", "Егор", "Жанна", "Захар", "Инна")
LOGINS = ("anna", "boris", "vera", "gleb", "darya", "egor", "zhanna", "zakhar", "inna")
SEATS = {login: f"phone{n:02}" for n, login in enumerate(LOGINS, start=1)}
BY_CROWD = LOGINS[:6]
REJECTS, LETS_RING, TRANSFERS = LOGINS[6:]
SPECIALIST, SPECIALIST_NUMBER = "doctor01", "201"


def roster() -> str:
    rows = [
        f"{login},{name},{11 + n},{SKILLS},43{n}1" for n, (login, name) in enumerate(zip(LOGINS, NAMES, strict=True))
    ]
    return "\n".join(["login,name,extension,skills,pin", *rows]) + "\n"


def write_config(folder: Path) -> Path:
    """The default configuration with times short enough for a day of a minute."""
    folder.mkdir()
    for file in default_folder("config").glob("*.yaml"):
        (folder / file.name).write_bytes(file.read_bytes())
    path = folder / "queues.yaml"
    config: dict[str, Any] = yaml.safe_load(path.read_text())
    for queue in config["queues"].values():
        queue |= {"ring": 6, "wrap_up": 3}
    path.write_text(yaml.safe_dump(config, allow_unicode=True))
    return folder


# --- callers ---------------------------------------------------------------------------------------------------


def early_birds() -> list[CallerPlan]:
    """They dial before anybody is at work, and do not wait: abandoned for certain."""
    return [CallerPlan(number=f"7900000000{n}", service="1300", stay_ms=2500) for n in range(1, 4)]


def callers(day_seconds: float) -> list[CallerPlan]:
    """One after the other through the day; every ninth has no patience, the others stay until all is said, at the
    longest until the day ends."""
    plans = []
    for n in range(int((day_seconds - HASTE_SECONDS) * CALLS_PER_SECOND)):
        left = day_seconds - n / CALLS_PER_SECOND - 1
        stay = 4.0 if n % 9 == 8 else left
        service = ("1300", "1300", "1301", "1302")[n % 4]
        plans.append(CallerPlan(number=f"790000001{n:02}", service=service, stay_ms=int(stay * 1000)))
    return plans


# --- operators -------------------------------------------------------------------------------------------------


def crowd(world: World) -> list[OperatorPlan]:
    password = world.settings.secrets.phone_password
    return [
        OperatorPlan(phone=SEATS[login], password=password(SEATS[login]), ring_ms=300 + 100 * n, talk_ms=4000 + 700 * n)
        for n, login in enumerate(BY_CROWD)
    ]


async def works(phone: Softphone, talk_seconds: float = 4.0) -> None:
    """Answers every call and hangs up after a while, unless the caller is quicker."""
    while True:
        await talks(phone, await phone.ringing(within=3600), talk_seconds)


async def talks(phone: Softphone, call: Dialog, seconds: float) -> None:
    with contextlib.suppress(PhoneError, TimeoutError):  # the caller was gone before
        await phone.answer(call)
        try:
            await phone.closed(call, within=seconds)
        except TimeoutError:
            await phone.hang_up(call)


async def rejects_once(phone: Softphone) -> None:
    await phone.ringing(within=3600)
    with contextlib.suppress(PhoneError):
        await phone.reject()
    await comes_back(phone)
    await works(phone)


async def lets_it_ring_once(phone: Softphone) -> None:
    await phone.closed(await phone.ringing(within=3600), within=60)
    await comes_back(phone)
    await works(phone)


async def comes_back(phone: Softphone) -> None:
    """Dials the code and hears the answer out."""
    await phone.closed(await phone.dial("*13"), within=20)


async def transfers_until_it_works(phone: Softphone) -> None:
    """Hands a caller over to the specialist; one who leaves in the middle of it is followed by the next."""
    done = False
    while not done:
        call = await phone.ringing(within=3600)
        with contextlib.suppress(PhoneError, TimeoutError):
            await phone.answer(call)
            await phone.hears_sound()
            await phone.transfer(SPECIALIST_NUMBER, call)
            done = await phone.transferred(call, within=15) == 200
        if call.live:
            await phone.hang_up(call)
    await works(phone)


class Staff:
    """The softphones and what they do, until `leave` or the end of the block."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.phones: list[Softphone] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def take_seats(self, lifetime: int) -> None:
        names = [SEATS[REJECTS], SEATS[LETS_RING], SEATS[TRANSFERS], SPECIALIST]
        self.phones = [
            await self._world.phone(name, tone=400 + 100 * n, lifetime=lifetime) for n, name in enumerate(names)
        ]
        parts = (rejects_once, lets_it_ring_once, transfers_until_it_works, works)
        for part, phone in zip(parts, self.phones, strict=True):
            self._tasks.append(asyncio.create_task(part(phone), name=f"phone {phone.number}"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._finish()

    async def _finish(self) -> list[BaseException | None]:
        for task in self._tasks:
            task.cancel()
        return await asyncio.gather(*self._tasks, return_exceptions=True)

    async def leave(self) -> Sequence[BaseException]:
        """No more answering; whatever is still on the line is hung up. Returns what went wrong meanwhile."""
        ends = await self._finish()
        for phone in self.phones:
            for call in [dialog for dialog in phone.dialogs if dialog.live]:
                await phone.hang_up(call)
        return [end for end in ends if isinstance(end, Exception)]
