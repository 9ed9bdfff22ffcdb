"""Which phones the PBX can reach: by what it tells of their contacts, and by looks at all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

GONE = frozenset({"Unreachable", "Removed", "Unavail", "Unavailable"})
"""What AMI calls a contact that cannot be rung (events and listings differ in their words)."""
PATIENCE = 1.0
"""Seconds for which a picture, and with it every decision, waits for AMI."""


class Listing(Protocol):
    """What is needed of AMI."""

    async def ready(self) -> None:
        """Wait until it can be asked."""

    async def contacts(self) -> Sequence[Mapping[str, str]]:
        """Rows with Endpoint and Status. Raises OSError when they cannot be had."""


class Contacts:
    """Tells `changed` of each phone that is lost (False) or back (True). Before the first look all are taken to be
    there."""

    def __init__(self, ami: Listing, phones: Collection[str], changed: Callable[[str, bool], None]) -> None:
        self._ami = ami
        self._phones = set(phones)
        self._changed = changed
        self._unreachable: set[str] = set()
        self.known = False
        """They were looked at, and all that has happened to them since was heard."""
        self._heard: set[str] = set()
        """Phones heard of since the last look began."""
        self._looking = asyncio.Lock()

    @property
    def unreachable(self) -> tuple[str, ...]:
        """The phones that cannot be reached now."""
        return tuple(sorted(self._unreachable))

    def heard(self, phone: str, status: str) -> None:
        """A contact of this phone has changed."""
        if phone not in self._phones:
            return
        self._heard.add(phone)
        reachable = status not in GONE
        if reachable == (phone in self._unreachable):
            self._unreachable ^= {phone}
            self._changed(phone, reachable)

    def lost(self) -> None:
        """AMI is gone: what happens from now on is not heard."""
        self.known = False

    async def read(self, patience: float = PATIENCE) -> None:
        """Look, and tell nobody: the picture that is about to be taken does."""
        try:
            async with asyncio.timeout(patience):
                await self._ami.ready()
                async with self._looking:
                    self._unreachable = await self._absent()
                    self.known = True
        except OSError as error:
            log.warning("phones' contacts unknown", error=str(error) or "AMI is away")

    async def compare(self) -> None:
        """Look, and tell what differs. After a time in which nothing was heard each phone is told of: one that a ring
        found lost meanwhile may be back."""
        try:
            async with self._looking:
                absent = await self._absent()
                news = absent ^ self._unreachable if self.known else self._phones
                self._unreachable, self.known = absent, True
        except OSError as error:  # the next AmiConnected, or the next picture, tries again
            log.warning("phones' contacts not compared", error=str(error))
            return
        for phone in sorted(news):
            self._changed(phone, phone not in absent)

    async def _absent(self) -> set[str]:
        """Of a phone heard of since the question, that is newer than the answer."""
        self._heard.clear()
        rows = await self._ami.contacts()
        here = {row.get("Endpoint", "") for row in rows if row.get("Status") not in GONE}
        return self._phones - here - self._heard | self._unreachable & self._heard
