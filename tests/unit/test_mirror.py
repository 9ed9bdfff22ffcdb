"""The native queues' members: whose pause it is, and what is undone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest_asyncio

from telephony.core.effects import MirrorMember
from telephony.pbx.mirror import Foreign, Mirror

PHONE = "PJSIP/phone01"


class Queues:
    """AMI in memory: what is done here is told to the mirror, as the PBX's events would."""

    def __init__(self) -> None:
        self.members: dict[str, tuple[str, bool, str]] = {}
        self.intruders: list[Foreign] = []
        self.mirror = Mirror(self, self.intruders.append)
        self.tells = True

    async def queue_add(self, queue: str, interface: str, *, name: str, paused: bool, reason: str) -> None:
        self.members[queue] = (name, paused, reason)

    async def queue_remove(self, queue: str, interface: str) -> None:
        del self.members[queue]

    async def queue_pause(self, queue: str, interface: str, *, paused: bool, reason: str) -> None:
        self.somebody_pauses(queue, paused=paused, reason=reason)

    def somebody_pauses(self, queue: str, *, paused: bool, reason: str = "") -> None:
        self.members[queue] = (self.members[queue][0], paused, reason)
        if self.tells:
            self.mirror.heard(queue, PHONE, reason, paused=paused)

    async def queue_members(self) -> list[Mapping[str, str]]:
        return [
            {"Queue": queue, "Interface": PHONE, "MemberName": name, "Paused": str(int(paused)), "PausedReason": reason}
            for queue, (name, paused, reason) in self.members.items()
        ]

    def paused(self) -> list[bool]:
        return [paused for _, paused, _ in self.members.values()]

    async def show(self, *, paused: bool) -> None:
        self.mirror.show(
            MirrorMember(login="anna", phone="phone01", queues=("booking",), paused=paused, reason="break")
        )
        await settle()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest_asyncio.fixture
async def queues() -> AsyncIterator[Queues]:
    queues = Queues()
    running = asyncio.create_task(queues.mirror.run())
    await queues.mirror.found()
    await queues.show(paused=False)
    yield queues
    running.cancel()


async def test_our_own_pauses_are_no_news(queues: Queues) -> None:
    for paused in (True, False, True):
        await queues.show(paused=paused)
        assert queues.paused() == [paused]
    assert queues.intruders == []


async def test_somebody_elses_pause_is_told_and_undone(queues: Queues) -> None:
    queues.somebody_pauses("gudok-booking", paused=True, reason="tea")
    await settle()
    assert queues.paused() == [False]
    assert queues.intruders == [Foreign("gudok-booking", PHONE, True, "tea")]


async def test_somebody_elses_end_of_a_pause_is_told_and_undone(queues: Queues) -> None:
    await queues.show(paused=True)
    queues.somebody_pauses("gudok-booking", paused=False)
    await settle()
    assert queues.paused() == [True]
    assert [foreign.paused for foreign in queues.intruders] == [False]


async def test_a_repeat_without_a_change_is_nothing(queues: Queues) -> None:
    queues.somebody_pauses("gudok-booking", paused=False)
    await settle()
    assert queues.intruders == []


async def test_what_happened_while_ami_was_away_is_found(queues: Queues) -> None:
    queues.mirror.lost()
    queues.tells = False
    queues.somebody_pauses("gudok-booking", paused=True)
    queues.tells = True
    await queues.mirror.found()
    await settle()
    assert queues.paused() == [False]
    assert len(queues.intruders) == 1


async def test_a_new_router_tells_a_former_lifes_pause_from_somebody_elses() -> None:
    for reason, told in (("gudok break", 0), ("", 1)):
        queues = Queues()
        queues.members["gudok-booking"] = ("anna", True, reason)
        running = asyncio.create_task(queues.mirror.run())
        await queues.mirror.found()
        await settle()
        await queues.show(paused=False)
        assert queues.paused() == [False]
        assert len(queues.intruders) == told
        running.cancel()
