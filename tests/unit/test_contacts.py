"""Which phones can be reached: what is heard of them, and what looks at all of them show."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from telephony.pbx.ami_types import AmiConnectionLost
from telephony.pbx.contacts import Contacts

PHONES = ("phone01", "phone02", "phone03")
OLD, NEW = "sip:one@192.0.2.7:5060", "sip:one@192.0.2.7:5062"
"""Where a phone registered first, and where it registers again."""


class Ami:
    """Lists the contacts that are there. `on_asked` happens between the count and the answer."""

    def __init__(self) -> None:
        self.here = {(phone, OLD): "Reachable" for phone in PHONES}
        self.there = asyncio.Event()
        self.there.set()
        self.on_asked: Callable[[], None] = lambda: None

    async def ready(self) -> None:
        await self.there.wait()

    async def contacts(self) -> list[dict[str, str]]:
        if not self.there.is_set():
            raise AmiConnectionLost("away")
        rows = [{"Endpoint": phone, "Uri": uri, "Status": status} for (phone, uri), status in self.here.items()]
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
    del ami.here["phone02", OLD]
    ami.here["phone03", OLD] = "Unavail"
    await center.contacts.read()
    assert center.contacts.unreachable == ("phone02", "phone03")
    assert center.told == []


async def test_a_phone_that_comes_and_goes_is_told_once_each_time(ami: Ami, center: Center) -> None:
    await center.contacts.read()
    for status in ("Updated", "Unreachable", "Removed", "NonQualified", "Reachable"):
        center.contacts.heard("phone01", OLD, status)
    center.contacts.heard("trunk", OLD, "Unreachable")
    assert center.told == [("phone01", False), ("phone01", True)]


@pytest.mark.parametrize(
    "told",
    [
        [(NEW, "NonQualified"), (OLD, "Removed"), (NEW, "Reachable")],
        [(NEW, "NonQualified"), (NEW, "Reachable"), (OLD, "Removed")],
        [(NEW, "NonQualified"), (OLD, "Removed")],
        [(NEW, "NonQualified"), (OLD, "Reachable"), (NEW, "Reachable"), (OLD, "Removed")],
    ],
)
async def test_a_phone_that_registers_from_a_new_address_is_never_lost(
    center: Center, told: list[tuple[str, str]]
) -> None:
    await center.contacts.read()
    for contact, status in told:
        center.contacts.heard("phone01", contact, status)
    assert (False not in dict(center.told).values(), center.contacts.unreachable) == (True, ())
    center.contacts.heard("phone01", NEW, "Removed")
    assert center.told[-1] == ("phone01", False), "that was all it had"


async def test_a_phone_of_two_contacts_is_lost_with_the_second(ami: Ami, center: Center) -> None:
    ami.here["phone01", NEW] = "Reachable"
    await center.contacts.read()
    center.contacts.heard("phone01", OLD, "Unreachable")
    assert center.told == []
    center.contacts.heard("phone01", NEW, "Unreachable")
    assert center.told == [("phone01", False)]
    center.contacts.heard("phone01", OLD, "Removed")
    assert center.told == [("phone01", False)]
    center.contacts.heard("phone01", NEW, "Reachable")
    assert center.told == [("phone01", False), ("phone01", True)]


async def test_a_phone_whose_connection_a_ring_found_broken_is_told_to_be_back_with_a_new_one(center: Center) -> None:
    """The PBX never took its contact away: only the rules know of the ring."""
    await center.contacts.read()
    center.contacts.heard("phone01", NEW, "NonQualified")
    center.contacts.heard("phone01", OLD, "Removed")
    assert center.told == [("phone01", True)]


async def test_of_a_phone_with_two_contacts_each_is_as_it_was_last_heard_of(ami: Ami, center: Center) -> None:
    """It registers again while all are counted, before its turn or after it."""
    await center.contacts.read()

    def after_the_count() -> None:
        center.contacts.heard("phone01", NEW, "NonQualified")
        center.contacts.heard("phone01", OLD, "Removed")

    ami.on_asked = after_the_count
    await center.contacts.compare()
    assert (center.told, center.contacts.unreachable) == ([("phone01", True)], ())
    ami.on_asked = lambda: None
    ami.here["phone01", NEW] = ami.here.pop(("phone01", OLD))
    await center.contacts.compare()
    assert center.told == [("phone01", True)], "what differs was told already"
    center.contacts.heard("phone01", NEW, "Removed")
    assert center.contacts.unreachable == ("phone01",), "the old one is not in the way"


async def test_a_look_finds_what_was_not_heard(ami: Ami, center: Center) -> None:
    await center.contacts.read()
    del ami.here["phone02", OLD]
    await center.contacts.compare()
    await center.contacts.compare()
    assert center.told == [("phone02", False)]
    ami.here["phone02", NEW] = "NonQualified"
    await center.contacts.compare()
    await center.contacts.compare()
    assert center.told == [("phone02", False), ("phone02", True)]


async def test_what_is_heard_of_a_phone_is_newer_than_the_list_that_is_on_its_way(ami: Ami, center: Center) -> None:
    """One is lost and one comes back after they were counted."""
    ami.here["phone02", OLD] = "Unavail"
    await center.contacts.read()

    def after_the_count() -> None:
        center.contacts.heard("phone01", OLD, "Unreachable")
        center.contacts.heard("phone02", OLD, "Reachable")

    ami.on_asked = after_the_count
    await center.contacts.compare()
    assert center.contacts.unreachable == ("phone01",)
    assert center.told == [("phone01", False), ("phone02", True)]
    ami.on_asked = lambda: center.contacts.heard("phone03", OLD, "Unreachable")
    await center.contacts.read()
    assert "phone03" in center.contacts.unreachable, "also where a picture is to tell"


async def test_without_ami_all_are_taken_to_be_there_until_it_is(ami: Ami, center: Center) -> None:
    ami.there.clear()
    del ami.here["phone02", OLD]
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
