"""The native fallback queues show the true operators, so that callers are answered while no router lives.

Wanted and actual membership are kept apart; one task brings the PBX in line, the newest wish of a login last. After
every (re)connect the actual side is read from the PBX, so members of a former life are found and removed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from telephony.core.effects import MirrorMember

log = structlog.get_logger(__name__)

PREFIX = "gudok-"
"""Native queues are named after ours with this before it."""
OURS = "gudok"
"""Begins the reason of a pause that we have set. An unpausing carries no reason: see `heard`."""


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
    foreign: bool = False
    """Somebody else has paused or unpaused it."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A pause that somebody set or took past us; it is undone."""

    queue: str
    interface: str
    paused: bool
    reason: str


class Mirror:
    """Keeps the native queues' members equal to what the rules say; tells `intruded` of what it finds paused or
    unpaused against them by others."""

    def __init__(self, ami: Queues, intruded: Callable[[Foreign], None] = lambda foreign: None) -> None:
        self._ami = ami
        self._intruded = intruded
        self._asked: dict[Member, list[bool]] = {}
        """Pausings and unpausings of ours whose events have not come yet."""
        self._removed: dict[Member, Standing] = {}
        """How members stood that nobody wanted: at a start they are read before the first wish comes."""
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
        before, self._actual = self._actual, {}
        self._asked.clear()
        for row in rows:
            if row["Queue"].startswith(PREFIX):
                member = Member(row["Queue"], row["Interface"])
                self._actual[member] = _found(row, before.get(member))
        self._dirty.update(dict.fromkeys((*self._actual, *self._wanted)))
        self._connected = True
        self._wake.set()

    def heard(self, queue: str, interface: str, reason: str, *, paused: bool) -> None:
        """A member was paused or unpaused. An event without a reason does not tell by whom: it is ours when we have
        asked for just this and not heard of it yet."""
        member = Member(queue, interface)
        actual = self._actual.get(member)
        asked = self._asked.get(member, [])
        if paused in asked:
            asked.remove(paused)
        elif actual is not None and actual.paused != paused:
            foreign = not reason.startswith(OURS)
            self._actual[member] = Standing(actual.login, paused, reason, foreign)
            self._dirty[member] = None
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
                self._removed[member] = actual
            return
        if actual is not None and actual.login != wanted.login:
            await self._ami.queue_remove(member.queue, member.interface)
            actual = None
        if actual is None:
            found = self._removed.pop(member, wanted)
            if found.foreign and found.paused != wanted.paused:
                self._intruded(Foreign(member.queue, member.interface, found.paused, found.reason))
            await self._ami.queue_add(
                member.queue, member.interface, name=wanted.login, paused=wanted.paused, reason=_tagged(wanted)
            )
        elif actual.paused != wanted.paused:
            if actual.foreign:
                self._intruded(Foreign(member.queue, member.interface, actual.paused, actual.reason))
            self._asked.setdefault(member, []).append(wanted.paused)
            self._actual[member] = wanted  # before its event comes, so that the next one of somebody else is seen
            await self._ami.queue_pause(member.queue, member.interface, paused=wanted.paused, reason=_tagged(wanted))
        self._actual[member] = wanted


def _tagged(wanted: Standing) -> str:
    return f"{OURS} {wanted.reason}".rstrip() if wanted.paused else ""


def _found(row: Mapping[str, str], before: Standing | None) -> Standing:
    """A member as it stands after a time in which we could not see. Others' doing is a pause without our mark, or an
    end of the one that we had seen to."""
    paused, reason = row["Paused"] == "1", row.get("PausedReason", "")
    ended = before is not None and before.paused and not paused
    return Standing(row["MemberName"], paused, reason, foreign=ended or (paused and not reason.startswith(OURS)))
