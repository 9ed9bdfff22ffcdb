"""The BLF keys of phones: SIPp subscribes to lamps and writes down each NOTIFY with the time it came.

async with await watch_lamps(ensure("sipp")["sipp"], [LampKey(phone=…, lamp="break-3001", password=…)], server) as keys:
    await keys.shows("break-3001", "on")
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self

import msgspec

from telephony.testing.patience import PATIENCE
from telephony.testing.phones.baresip import PhoneError, Program
from telephony.testing.phones.load import Crowd, Server, start_crowd

State = Literal["off", "on", "blinking"]
STATES: dict[str, State] = {"terminated": "off", "confirmed": "on", "early": "blinking"}
"""Of the dialog that a NOTIFY tells of (RFC 4235) -> what a phone's key shows then."""


class LampKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of `phone` that shows `lamp`: whatever hint the dialplan has, by name or number."""

    phone: str
    lamp: str
    password: str = ""


class LampKeys:
    """Keys that are subscribed. What they were told can be asked at any time."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd

    def told(self, lamp: str) -> list[tuple[float, State]]:
        """What a lamp has shown so far: when (epoch seconds, microsecond resolution), and what."""
        marks = [mark for mark in self._crowd.marks() if mark.number == lamp and mark.what.startswith("lamp-")]
        return [(mark.at, STATES[mark.what.removeprefix("lamp-")]) for mark in marks]

    def refused(self) -> list[str]:
        """Lamps that the PBX does not have."""
        return [mark.number for mark in self._crowd.marks() if mark.what.startswith("refused-")]

    async def shows(self, lamp: str, state: State, within: float = PATIENCE) -> float:
        """Wait until the lamp shows `state`; since when. A log gives no event: it is looked at fifty times a second."""
        for _ in range(int(within * 50)):
            told = self.told(lamp)
            if told and told[-1][1] == state:
                return told[-1][0]
            await asyncio.sleep(0.02)
        raise TimeoutError(f"lamp {lamp} does not show {state} within {within} s, but {self.told(lamp)[-1:]}")

    async def stop(self) -> None:
        await self._crowd.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def watch_lamps(
    program: Program, keys: Sequence[LampKey], server: Server, *, within: float = 10.0, seconds: int = 3600
) -> LampKeys:
    """Subscribe them all, and wait for what each shows first. Raises PhoneError for one that is not let subscribe."""
    rows = [f"{key.phone};{key.lamp};[authentication username={key.phone} password={key.password}]" for key in keys]
    arguments = ["-sf", "lamp.xml", "-m", str(len(keys)), "-l", str(len(keys)), "-r", "50"]
    watching = LampKeys(await start_crowd(program, {"lamp": rows}, server, arguments, seconds=seconds))
    try:
        await _all_told(watching, keys, within)
    except BaseException:
        await watching.stop()
        raise
    return watching


async def _all_told(watching: LampKeys, keys: Sequence[LampKey], within: float) -> None:
    missing: list[str] = []
    for _ in range(int(within * 50)):
        missing = [key.lamp for key in keys if not watching.told(key.lamp)]
        if not missing:
            return
        if refused := watching.refused():
            raise PhoneError(f"no such lamp: {', '.join(refused)}")
        await asyncio.sleep(0.02)
    raise PhoneError(f"nothing told of the lamps {', '.join(missing)} within {within} s")
