"""The native fallback queues show the true operators, so that callers are answered while no router lives.

Wanted and actual membership are kept apart; one task brings the PBX in line, the newest wish of a login last. After
every (re)connect the actual side is read from the PBX, so members of a former life are found and removed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from telephony.core.effects import MirrorMember

log = structlog.get_logger(__name__)

PREFIX = "gudok-"
"""Native queues are named after ours with this before it."""


class Queues(Protocol):
    """What the mirror needs of AMI. Each raises OSError or TimeoutError when the PBX cannot be asked."""

    async def queue_add(self, queue: str, interface: str, *, name: str, paused: bool, reason: str) -> None: ...

    async def queue_remove(self, queue: str, interface: str) -> None: ...

    async def queue_pause(self, queue: str, interface: str, *, paused: bool, reason: str) -> None: ...

    async def queue_members(self) -> list[Mapping[str, str]]:
        """Rows with Queue, Interface, MemberName, Paused."""


@dataclass(frozen=True, slots=True)
class Member:
    """One membership: of one operator's phone in one native queue."""

    queue: str
    interface: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a member stands in a queue."""

    login: str
    paused: bool
    reason: str = ""


class Mirror:
    """Keeps the native queues' members equal to what the rules say."""

    def __init__(self, ami: Queues) -> None:
        self._ami = ami
        self._wanted: dict[Member, Standing] = {}
        self._actual: dict[Member, Standing] = {}
        self._of_login: dict[str, set[Member]] = {}
        self._dirty: dict[Member, None] = {}
        self._wake = asyncio.Event()
        self._connected = False

    def show(self, effect: MirrorMember) -> None:
        """The operator shall be a member of exactly these queues."""
        before = self._of_login.pop(effect.login, set())
        now = {Member(PREFIX + queue, f"PJSIP/{effect.phone}") for queue in effect.queues}
        for member in before - now:
            self._wanted.pop(member, None)
        for member in now:
            self._wanted[member] = Standing(effect.login, effect.paused, effect.reason)
        if now:
            self._of_login[effect.login] = now
        self._dirty.update(dict.fromkeys((*before, *now)))
        self._wake.set()

    def lost(self) -> None:
        """AMI is gone: nothing can be shown until it is back."""
        self._connected = False

    async def found(self) -> None:
        """AMI is back: read how the queues stand and set right what differs."""
        rows = await self._ami.queue_members()
        self._actual = {
            Member(row["Queue"], row["Interface"]): Standing(row["MemberName"], row["Paused"] == "1")
            for row in rows
            if row["Queue"].startswith(PREFIX)
        }
        self._dirty.update(dict.fromkeys((*self._actual, *self._wanted)))
        self._connected = True
        self._wake.set()

    async def run(self) -> None:
        """Owned by the edge: carry out wishes, one after the other."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._connected and self._dirty:
                member = next(iter(self._dirty))
                del self._dirty[member]
                try:
                    await self._set_right(member)
                except (OSError, TimeoutError) as error:
                    log.warning("fallback queue not updated", queue=member.queue, error=str(error))
                    self._dirty[member] = None
                    self._connected = False

    async def _set_right(self, member: Member) -> None:
        wanted, actual = self._wanted.get(member), self._actual.get(member)
        if wanted is None:
            if actual is not None:
                await self._ami.queue_remove(member.queue, member.interface)
                self._actual.pop(member, None)
            return
        if actual is not None and actual.login != wanted.login:
            await self._ami.queue_remove(member.queue, member.interface)
            actual = None
        if actual is None:
            await self._ami.queue_add(
                member.queue, member.interface, name=wanted.login, paused=wanted.paused, reason=wanted.reason
            )
        elif actual.paused != wanted.paused:
            await self._ami.queue_pause(member.queue, member.interface, paused=wanted.paused, reason=wanted.reason)
        self._actual[member] = wanted
