"""The native fallback queues show the true operators, so that callers are answered while no router lives.

Wanted and actual membership are kept apart; one task brings the PBX in line, the newest wish of a login last. After
every (re)connect the actual side is read from the PBX, so members of a former life are found and removed. Whatever
stands otherwise than we left it is somebody else's doing: told, and undone. No reason of a pause is trusted for that.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import structlog

from telephony.core.effects import MirrorMember
from telephony.pbx.ami_types import ActionFailed
from telephony.pbx.membership import (
    UNLISTED,
    Act,
    Alteration,
    Foreign,
    Member,
    Standing,
    act_of,
    alterations,
    last_pause,
    standing_of,
)

log = structlog.get_logger(__name__)

PREFIX = "gudok-"
"""Native queues are named after ours with this before it."""
TRIES = 3
"""A wish that is refused so often waits for the next audit, or for the next wish."""


class Queues(Protocol):
    """What the mirror needs of AMI. Each raises ActionFailed when the PBX refuses, TimeoutError when it does not
    answer in time, another OSError when it cannot be asked."""

    async def queue_add(self, queue: str, interface: str, *, name: str, paused: bool, reason: str) -> None: ...

    async def queue_remove(self, queue: str, interface: str) -> None: ...

    async def queue_pause(self, queue: str, interface: str, *, paused: bool, reason: str) -> None: ...

    async def queue_ring_in_use(self, queue: str, interface: str, *, on: bool) -> None: ...

    async def queue_penalty(self, queue: str, interface: str, *, penalty: int) -> None: ...

    async def queue_members(self) -> list[Mapping[str, str]]:
        """Rows with Queue, Interface, MemberName, Paused, PausedReason, LastPause (epoch seconds, 0: never) and
        Penalty."""


class Mirror:
    """Keeps the native queues' members equal to what the rules say; tells `intruded` of what others did to them."""

    def __init__(self, ami: Queues, intruded: Callable[[Foreign], None] = lambda foreign: None) -> None:
        self._ami = ami
        self._intruded = intruded
        self._asked: dict[Member, list[Act]] = {}
        """What we have asked for and not heard of yet."""
        self._touched: set[Member] = set()
        """Of which something was asked or heard since the members were last read for an audit."""
        self._tries: Counter[Member] = Counter()
        self._wanted: dict[Member, Standing] = {}
        self._actual: dict[Member, Standing] = {}
        """As far as we know; before the first look at the PBX: the first wishes, which are what is on record."""
        self._of_login: dict[str, set[Member]] = {}
        self._dirty: dict[Member, None] = {}
        self._wake = asyncio.Event()
        self._connected = False
        self._looked = False
        self._blind_since: datetime | None = None
        """While nobody sees what is done to the queues: since when, where that is known."""

    def show(self, effect: MirrorMember) -> None:
        """The operator shall be a member of exactly these queues."""
        before = self._of_login.pop(effect.login, set())
        now = {Member(PREFIX + queue, f"PJSIP/{effect.phone}") for queue in effect.queues}
        reason = f"gudok {effect.reason}".rstrip() if effect.paused else ""
        for member in before - now:
            self._wanted.pop(member, None)
        for member in now:
            self._wanted[member] = Standing(effect.login, effect.paused, reason, effect.since)
            if not self._looked:
                self._actual.setdefault(member, self._wanted[member])
                self._blind_since = self._blind_since or effect.seen_until
        if now:
            self._of_login[effect.login] = now
        for member in before | now:
            self._tries.pop(member, None)
            self._set_right_soon(member)

    def lost(self, at: datetime) -> None:
        """AMI is gone: nothing can be shown, and nothing is seen, until it is back."""
        self._connected = False
        if self._looked:
            self._blind_since = self._blind_since or at

    async def found(self) -> None:
        """AMI is back: read how the queues stand and set right what differs. Members that are missing are added again
        and nobody is blamed: a PBX that has lost its database looks alike."""
        rows = await self._rows()
        before, self._actual = self._actual, {}
        for member, row in rows.items():
            known = None if self._asked.get(member) else before.get(member)  # what was under way may have failed
            self._stands(member, standing_of(row, known), before.get(member))
            if known is not None and not known.paused and self._blind_since is not None:
                self._tell_what_is_over(member, row, self._blind_since)
        self._asked.clear()
        self._tries.clear()
        self._blind_since = None
        self._connected = self._looked = True
        for member in (*self._actual, *self._wanted):
            self._set_right_soon(member)

    def _tell_what_is_over(self, member: Member, row: Mapping[str, str], blind_since: datetime) -> None:
        """A pause that began while nobody saw it, of an operator who was free, and that has ended again."""
        last = last_pause(row)
        if row["Paused"] != "1" and last > blind_since:
            self._intruded(Foreign(member.queue, member.interface, "paused", at=last))

    def _stands(self, member: Member, listed: Standing, before: Standing | None) -> None:
        """So the PBX lists it: what has been altered since we knew it last is told, what no listing shows is kept."""
        known = frozenset[Alteration]() if before is None else before.altered
        self._actual[member] = replace(listed, altered=listed.altered | (known & UNLISTED))
        self._tell_altered(member, listed.altered - known)

    async def audit(self) -> None:
        """Compare what we know with the PBX; a difference is taken as if its event had come. What had been given up
        is tried again. Raises OSError."""
        if not self._connected:
            await self.found()
            return
        self._touched.clear()
        rows = await self._rows()
        settled = {*rows, *self._actual} - self._touched - self._dirty.keys()
        for member in (member for member in settled if not self._asked.get(member)):
            row, actual = rows.get(member), self._actual.get(member)
            if row is None:
                self.heard_removed(member.queue, member.interface)
                continue
            paused, penalty = row["Paused"] == "1", int(row["Penalty"])
            if actual is None:
                self.heard_added(member.queue, member.interface, row["MemberName"], paused=paused, penalty=penalty)
            else:
                self.heard(member.queue, member.interface, row.get("PausedReason", ""), paused=paused)
                self.heard_altered(member.queue, member.interface, "penalty", on=penalty > 0)
        for member in self._tries:
            self._set_right_soon(member)
        self._tries.clear()

    async def _rows(self) -> dict[Member, Mapping[str, str]]:
        rows = await self._ami.queue_members()
        return {Member(row["Queue"], row["Interface"]): row for row in rows if row["Queue"].startswith(PREFIX)}

    # -- what the PBX tells. An event does not say by whom: it is ours when we have asked for just this.

    def heard(self, queue: str, interface: str, reason: str, *, paused: bool) -> None:
        """A member was paused or unpaused."""
        member = Member(queue, interface)
        actual = self._actual.get(member)
        if not self._was_ours(member, act_of(paused)) and actual is not None and actual.paused != paused:
            self._actual[member] = replace(actual, paused=paused, reason=reason, since=None, foreign=True)
            self._set_right_soon(member)

    def heard_added(self, queue: str, interface: str, name: str, *, paused: bool, penalty: int) -> None:
        """A member was added."""
        member = Member(queue, interface)
        if not queue.startswith(PREFIX) or self._was_ours(member, "added") or member in self._actual:
            return
        self._actual[member] = Standing(name, paused, foreign=paused, altered=alterations(penalty))
        if member not in self._wanted:
            self._intruded(Foreign(queue, interface, "added"))
        self._tell_altered(member, alterations(penalty))
        self._set_right_soon(member)

    def heard_removed(self, queue: str, interface: str) -> None:
        """A member was removed."""
        member = Member(queue, interface)
        if self._was_ours(member, "removed") or self._actual.pop(member, None) is None:
            return
        if member in self._wanted:
            self._intruded(Foreign(queue, interface, "removed"))
            self._set_right_soon(member)

    def heard_altered(self, queue: str, interface: str, what: Alteration, *, on: bool) -> None:
        """A member is rung otherwise than we wish, or (not on) is not any more."""
        member = Member(queue, interface)
        self._touched.add(member)
        actual = self._actual.get(member)
        if actual is not None and on != (what in actual.altered):
            self._actual[member] = replace(actual, altered=actual.altered ^ {what})
            self._tell_altered(member, frozenset({what} if on else ()))
            self._set_right_soon(member)

    def _tell_altered(self, member: Member, altered: frozenset[Alteration]) -> None:
        """When it is learnt, not when it is undone: that may be tried again and again."""
        if member in self._wanted:
            for what in sorted(altered):
                self._intruded(Foreign(member.queue, member.interface, what))

    def _was_ours(self, member: Member, act: Act) -> bool:
        self._touched.add(member)
        asked = self._asked.get(member, [])
        if act in asked:
            asked.remove(act)
            return True
        return False

    # -- what is done

    def _set_right_soon(self, member: Member) -> None:
        self._dirty[member] = None
        self._wake.set()

    async def run(self) -> None:
        """Owned by the edge: carry out wishes, one after the other. A refused one costs nothing but itself."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._connected and self._dirty:
                member = next(iter(self._dirty))
                del self._dirty[member]
                try:
                    await self._try(member)
                except OSError as error:
                    log.warning("fallback queue not updated", queue=member.queue, error=str(error))
                    self._dirty[member] = None
                    self._connected = False

    async def _try(self, member: Member) -> None:
        """Where the PBX refuses, what we know of the member is wrong: look again, and try again. Raises OSError when it
        cannot be asked at all."""
        before = self._actual.get(member)
        try:
            await self._set_right(member)
            return
        except (ActionFailed, TimeoutError) as error:
            log.warning("fallback queue refuses", queue=member.queue, error=str(error))
        self._tries[member] += 1
        row = (await self._rows()).get(member)
        self._asked.pop(member, None)
        before = self._actual.pop(member, before)
        if row is not None:
            self._stands(member, standing_of(row, None), before)
        if self._tries[member] < TRIES:
            self._dirty[member] = None
        else:
            log.error("fallback queue not as it should be", queue=member.queue)

    async def _set_right(self, member: Member) -> None:
        """What we know of the member is changed before the PBX is asked: what others do meanwhile is seen. What they
        have altered is so until the PBX says that it is not any more."""
        wanted, actual = self._wanted.get(member), self._actual.get(member)
        if actual is not None and (wanted is None or actual.login != wanted.login):
            del self._actual[member]
            self._ask(member, "removed")
            await self._ami.queue_remove(member.queue, member.interface)
            actual = None
        if wanted is None:
            return
        if actual is None:
            self._actual[member] = wanted
            self._ask(member, "added")
            await self._ami.queue_add(
                member.queue, member.interface, name=wanted.login, paused=wanted.paused, reason=wanted.reason
            )
            return
        self._actual[member] = replace(wanted, altered=actual.altered)
        if not actual.is_paused_as(wanted):
            if actual.foreign and actual.paused != wanted.paused:
                act, found = act_of(actual.paused), actual.since is not None
                self._intruded(Foreign(member.queue, member.interface, act, actual.reason, actual.since, stands=found))
            self._ask(member, act_of(wanted.paused))
            await self._ami.queue_pause(member.queue, member.interface, paused=wanted.paused, reason=wanted.reason)
        for what in sorted(actual.altered):
            await self._undo(member, what)

    async def _undo(self, member: Member, what: Alteration) -> None:
        self._touched.add(member)
        if what == "penalty":
            await self._ami.queue_penalty(member.queue, member.interface, penalty=0)
        else:
            await self._ami.queue_ring_in_use(member.queue, member.interface, on=False)

    def _ask(self, member: Member, act: Act) -> None:
        self._touched.add(member)
        self._asked.setdefault(member, []).append(act)
