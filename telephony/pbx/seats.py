"""Who sits where, in the PBX's own database: by it the dialplan reaches colleagues while no router lives."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from telephony.core.effects import MirrorMember
from telephony.pbx.ami_types import ActionFailed

log = structlog.get_logger(__name__)

FAMILY = "gudok/extension"


class Database(Protocol):
    """What the seats need of AMI. Each raises ActionFailed when the PBX refuses, an OSError when it cannot be asked."""

    async def database(self, family: str) -> dict[str, str]: ...

    async def database_put(self, family: str, key: str, value: str) -> None: ...

    async def database_delete(self, family: str, key: str) -> None: ...


class Seats:
    """Keeps extension -> phone equal to where operators are at work and not paused. What could not be done is done
    after the next reconnect, or with the next change; what a former life has left there goes."""

    def __init__(self, ami: Database) -> None:
        self._ami = ami
        self._wanted: dict[str, tuple[str, str]] = {}
        """Login -> extension and phone."""
        self._written: dict[str, str] | None = None
        """What the PBX holds; None where that is not known."""
        self._changed = asyncio.Event()
        self._connected = False

    def show(self, effect: MirrorMember) -> None:
        """The operator can be dialed so from now on, or not any more: a pause is one from colleagues, and from callers
        who are transferred, too."""
        before = self._wanted.pop(effect.login, None)
        if effect.extension and not effect.paused:
            self._wanted[effect.login] = (effect.extension, effect.phone)
        if self._wanted.get(effect.login) != before:
            self._changed.set()

    def found(self) -> None:
        """AMI is (again) there."""
        self._written, self._connected = None, True
        self._changed.set()

    def lost(self) -> None:
        """AMI is gone."""
        self._connected = False

    async def run(self) -> None:
        """Owned by the edge."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not self._connected:
                continue
            try:
                await self._set_right()
            except (ActionFailed, OSError) as error:
                log.warning("who sits where is not written", error=str(error))
                self._written = None

    async def _set_right(self) -> None:
        written = self._written
        if written is None:
            written = await self._ami.database(FAMILY)
        wanted = dict(self._wanted.values())
        for extension in written.keys() - wanted.keys():
            await self._ami.database_delete(FAMILY, extension)
        for extension, phone in wanted.items():
            if written.get(extension) != phone:
                await self._ami.database_put(FAMILY, extension, phone)
        self._written = wanted
