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
        """Rows with Endpoint, Uri and Status. Raises OSError when they cannot be had."""


class Contacts:
    """Tells `changed` of each phone that is lost (False), and of each that has a contact more (True): of one that has
    others, too, for a ring may have found those broken. A phone is lost with the last of its contacts: one that
    registers from a new address has two for a moment. Before the first look all are taken to be there."""

    def __init__(self, ami: Listing, phones: Collection[str], changed: Callable[[str, bool], None]) -> None:
        self._ami = ami
        self._phones = frozenset(phones)
        self._changed = changed
        self._here: dict[str, frozenset[str]] = {}
        """The contacts that can be rung, by phone. One that is missing has not been heard of yet."""
        self.known = False
        """They were looked at, and all that has happened to them since was heard."""
        self._heard: dict[tuple[str, str], str] = {}
        """The last status of each phone's contact that was heard of since the last look began."""
        self._looking = asyncio.Lock()

    @property
    def unreachable(self) -> tuple[str, ...]:
        """The phones that cannot be reached now."""
        return tuple(sorted(phone for phone, contacts in self._here.items() if not contacts))

    def heard(self, phone: str, contact: str, status: str) -> None:
        """This contact (its URI) of this phone has changed."""
        if phone not in self._phones:
            return
        self._heard[phone, contact] = status
        before = self._here.get(phone)
        self._here[phone] = _after(before or frozenset(), contact, status)
        self._tell(phone, before)

    def lost(self) -> None:
        """AMI is gone: what happens from now on is not heard."""
        self.known = False

    async def read(self, patience: float = PATIENCE) -> None:
        """Look, and tell nobody: the picture that is about to be taken does."""
        try:
            async with asyncio.timeout(patience):
                await self._ami.ready()
                async with self._looking:
                    self._here = await self._look()
                    self.known = True
        except OSError as error:
            log.warning("phones' contacts unknown", error=str(error) or "AMI is away")

    async def compare(self) -> None:
        """Look, and tell what differs. After a time in which nothing was heard each phone is told of: one that a ring
        found lost meanwhile may be back."""
        try:
            async with self._looking:
                here = await self._look()
                before = self._here if self.known else {}
                self._here, self.known = here, True
        except OSError as error:  # the next AmiConnected, or the next picture, tries again
            log.warning("phones' contacts not compared", error=str(error))
            return
        for phone in sorted(self._phones):
            self._tell(phone, before.get(phone))

    async def _look(self) -> dict[str, frozenset[str]]:
        """All contacts that can be rung. What is heard of one after the question is newer than the answer."""
        self._heard.clear()
        rows = await self._ami.contacts()
        here: dict[str, frozenset[str]] = dict.fromkeys(self._phones, frozenset())
        listed = {(row.get("Endpoint", ""), row.get("Uri", "")): row.get("Status", "") for row in rows}
        for (phone, contact), status in (listed | self._heard).items():
            if phone in here:
                here[phone] = _after(here[phone], contact, status)
        return here

    def _tell(self, phone: str, before: frozenset[str] | None) -> None:
        now = self._here[phone]
        if before is None or now - before:
            self._changed(phone, bool(now))
        elif before and not now:
            self._changed(phone, False)


def _after(contacts: frozenset[str], contact: str, status: str) -> frozenset[str]:
    """Those of a phone that can be rung, once this one has this status."""
    return contacts - {contact} if status in GONE else contacts | {contact}
