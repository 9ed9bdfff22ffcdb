"""Who sits where, written into the PBX's own database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from telephony.core.effects import MirrorMember
from telephony.pbx.ami_types import AmiConnectionLost
from telephony.pbx.seats import FAMILY, Seats


class Database:
    """The PBX's, in memory."""

    def __init__(self, **held: str) -> None:
        self.held = held
        self.acts = 0
        self.away = False

    async def database(self, family: str) -> dict[str, str]:
        self._meet(family)
        return dict(self.held)

    async def database_put(self, family: str, key: str, value: str) -> None:
        self._meet(family)
        self.held[key] = value

    async def database_delete(self, family: str, key: str) -> None:
        self._meet(family)
        del self.held[key]

    def _meet(self, family: str) -> None:
        assert family == FAMILY
        self.acts += 1
        if self.away:
            raise AmiConnectionLost("gone")


def sits(login: str, extension: str, phone: str, *, paused: bool = False) -> MirrorMember:
    return MirrorMember(login=login, phone=phone, queues=("booking",), extension=extension, paused=paused)


def leaves(login: str, phone: str) -> MirrorMember:
    return MirrorMember(login=login, phone=phone, queues=())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def database() -> Database:
    return Database(**{"3009": "phone09"})


@pytest_asyncio.fixture
async def seats(database: Database) -> AsyncIterator[Seats]:
    """A former life has left somebody there."""
    seats = Seats(database)
    running = asyncio.create_task(seats.run())
    seats.show(sits("anna", "3001", "phone01"))
    seats.found()
    await settle()
    yield seats
    running.cancel()
    await asyncio.wait([running])


async def test_who_is_at_work_stands_there_and_nobody_else(seats: Seats, database: Database) -> None:
    assert database.held == {"3001": "phone01"}


async def test_another_phone_another_extension_and_the_end_of_work(seats: Seats, database: Database) -> None:
    seats.show(sits("anna", "3001", "phone02"))
    await settle()
    assert database.held == {"3001": "phone02"}
    seats.show(sits("anna", "3011", "phone02"))
    await settle()
    assert database.held == {"3011": "phone02"}
    seats.show(leaves("anna", "phone02"))
    await settle()
    assert database.held == {}


async def test_nothing_is_asked_before_the_pbx_is_there(seats: Seats, database: Database) -> None:
    seats.lost()
    asked = database.acts
    seats.show(sits("boris", "3002", "phone02"))
    await settle()
    assert database.acts == asked
    seats.found()
    await settle()
    assert database.held == {"3001": "phone01", "3002": "phone02"}


async def test_who_is_on_a_break_is_not_rung_without_us_either(seats: Seats, database: Database) -> None:
    seats.show(sits("anna", "3001", "phone01", paused=True))
    await settle()
    assert database.held == {}
    seats.show(sits("anna", "3001", "phone01"))
    await settle()
    assert database.held == {"3001": "phone01"}


async def test_what_changes_nothing_asks_nothing(seats: Seats, database: Database) -> None:
    asked = database.acts
    seats.show(sits("anna", "3001", "phone01"))
    await settle()
    assert database.acts == asked


async def test_what_changed_while_the_pbx_was_away_is_written_when_it_is_back(seats: Seats, database: Database) -> None:
    database.away = True
    seats.show(sits("boris", "3002", "phone02"))
    await settle()
    database.away = False
    database.held.clear()
    seats.found()
    await settle()
    assert database.held == {"3001": "phone01", "3002": "phone02"}
