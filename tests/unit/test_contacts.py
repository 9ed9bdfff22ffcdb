"""Which phones can be reached: what is heard of them, and what looks at all of them show."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from telephony.pbx.ami_types import AmiConnectionLost
from telephony.pbx.contacts import Contacts

PHONES = ("phone01", "phone02", "phone03")


class Ami:
    """Lists the contacts that are there. `on_asked` happens between the count and the answer."""

    def __init__(self) -> None:
        self.here = dict.fromkeys(PHONES, "Reachable")
        self.there = asyncio.Event()
        self.there.set()
        self.on_asked: Callable[[], None] = lambda: None

    async def ready(self) -> None:
        await self.there.wait()

    async def contacts(self) -> list[dict[str, str]]:
        if not self.there.is_set():
            raise AmiConnectionLost("away")
        rows = [{"Endpoint": phone, "Status": status} for phone, status in self.here.items()]
        self.on_asked()
        await asyncio.sleep(0)
        return rows


class Center:
    """What the phones' changes are told to."""

    def __init__(self, ami: Ami) -> None:
        self.told: list[tuple[str, bool]] = []
        self.contacts = Contacts(ami, PHONES, lambda phone, reachable: self.told.append((phone, reachable)))


@pytest.fixture
def ami() -> Ami:
    return Ami()


@pytest.fixture
def center(ami: Ami) -> Center:
    return Center(ami)


async def test_the_look_before_a_picture_tells_nobody(ami: Ami, center: Center) -> None:
    del ami.here["phone02"]
    ami.here["phone03"] = "Unavail"
    await center.contacts.read()
    assert center.contacts.unreachable == ("phone02", "phone03")
    assert center.told == []


async def test_a_phone_that_comes_and_goes_is_told_once_each_time(ami: Ami, center: Center) -> None:
    await center.contacts.read()
    for status in ("Updated", "Unreachable", "Removed", "NonQualified", "Reachable"):
        center.contacts.heard("phone01", status)
    center.contacts.heard("trunk", "Unreachable")
    assert center.told == [("phone01", False), ("phone01", True)]


async def test_what_is_heard_of_a_phone_is_newer_than_the_list_that_is_on_its_way(ami: Ami, center: Center) -> None:
    """One is lost and one comes back after they were counted."""
    ami.here["phone02"] = "Unavail"
    await center.contacts.read()

    def after_the_count() -> None:
        center.contacts.heard("phone01", "Unreachable")
        center.contacts.heard("phone02", "Reachable")

    ami.on_asked = after_the_count
    await center.contacts.compare()
    assert center.contacts.unreachable == ("phone01",)
    assert center.told == [("phone01", False), ("phone02", True)]
    ami.on_asked = lambda: center.contacts.heard("phone03", "Unreachable")
    await center.contacts.read()
    assert "phone03" in center.contacts.unreachable, "also where a picture is to tell"


async def test_without_ami_all_are_taken_to_be_there_until_it_is(ami: Ami, center: Center) -> None:
    ami.there.clear()
    del ami.here["phone02"]
    await center.contacts.read(patience=0.01)
    await center.contacts.compare()
    assert (list(center.contacts.unreachable), center.told) == ([], [])
    ami.there.set()
    await center.contacts.compare()
    assert list(center.contacts.unreachable) == ["phone02"]
    assert ("phone02", False) in center.told


async def test_a_phone_that_a_ring_found_lost_while_nothing_was_heard_is_told_to_be_back(
    ami: Ami, center: Center
) -> None:
    """The list before and after it is the same: only the rules know of the ring."""
    await center.contacts.read()
    center.contacts.lost()
    await center.contacts.compare()
    assert center.told == [(phone, True) for phone in PHONES]
    center.told.clear()
    await center.contacts.compare()
    assert center.told == [], "nothing was missed since"
