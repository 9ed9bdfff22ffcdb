"""Following the PBX's own record of calls, so that those nobody saw end get their true end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from telephony.core.events import AnyEvent, CallRecorded
from telephony.pbx.cel import CelReader
from telephony.pbx.tail import Position

LOOK_SECONDS = 0.1
_CHUNK = 16 * 1024
"""Bytes read at once: a millisecond of the router's loop."""


class RecordFollower:
    """Delivers a CallRecorded for each finished call, then has the position remembered.

    `settled` waits until what was delivered is decided: a position is never remembered before that, so a restart
    reads some calls twice and none not at all.
    """

    def __init__(
        self,
        reader: CelReader,
        *,
        deliver: Callable[[AnyEvent], None],
        settled: Callable[[], Awaitable[None]],
        keep: Callable[[Position], None],
    ) -> None:
        self._reader = reader
        self._deliver = deliver
        self._settled = settled
        self._keep = keep
        self._kept: Position | None = reader.position
        self._pbx_started: datetime | None = None
        self._cut_at: datetime | None = None

    def pbx_started(self, at: datetime) -> None:
        """The PBX that runs has been running since `at`: the calls of an older one are over."""
        self._pbx_started = at

    async def run(self) -> None:
        while True:
            records = self._reader.read(_CHUNK)
            if self._reader.caught_up and self._pbx_started != self._cut_at and self._pbx_started is not None:
                records += self._reader.cut_off(self._pbx_started)
                self._cut_at = self._pbx_started
            await self._hand_on(records)
            await asyncio.sleep(LOOK_SECONDS if self._reader.caught_up else 0)

    async def _hand_on(self, records: list[CallRecorded]) -> None:
        for record in records:
            self._deliver(record)
        if records:
            await self._settled()
        position = self._reader.position
        if position is not None and position != self._kept:
            self._keep(position)
            self._kept = position
