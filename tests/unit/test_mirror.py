"""The native queues' members: whose doing it is, what is undone, and what a refusal costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from telephony.core.effects import MirrorMember
from telephony.pbx.ami_types import ActionFailed, AmiConnectionLost
from telephony.pbx.membership import Foreign, Member
from telephony.pbx.mirror import TRIES, Mirror

PHONE = "PJSIP/phone01"
BOOKING = "gudok-booking"
SINCE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When the operator came into the state that is shown."""


@dataclass
class Row:
    name: str
    paused: bool
    reason: str = ""
    last_pause: int = 0
    ring_in_use: bool = False
    penalty: int = 0


class Queues:
    """AMI in memory: what is done here is told to the mirror, as the PBX's events would."""

    def __init__(self) -> None:
        self.members: dict[Member, Row] = {}
        self.intruders: list[Foreign] = []
        self.mirror = Mirror(self, self.intruders.append)
        self.tells = True
        self.now = SINCE + timedelta(minutes=5)
        self.asked = 0
        self.refuses: list[OSError] = []
        """What the next actions meet."""

    async def queue_add(self, queue: str, interface: str, *, name: str, paused: bool, reason: str) -> None:
        self._meet()
        if Member(queue, interface) in self.members:
            raise ActionFailed("QueueAdd", "Unable to add interface: Already there")
        self.somebody_adds(queue, interface, Row(name, paused, reason, int(self.now.timestamp()) * paused))

    async def queue_remove(self, queue: str, interface: str) -> None:
        self._meet()
        self.somebody_removes(queue, interface)

    async def queue_pause(self, queue: str, interface: str, *, paused: bool, reason: str) -> None:
        self._meet()
        if Member(queue, interface) not in self.members:
            raise ActionFailed("QueuePause", "Interface not found")
        self.somebody_pauses(queue, interface, paused=paused, reason=reason)

    async def queue_ring_in_use(self, queue: str, interface: str, *, on: bool) -> None:
        self._meet()
        self.somebody_lets_ring_in_use(queue, interface, on=on)

    async def queue_penalty(self, queue: str, interface: str, *, penalty: int) -> None:
        self._meet()
        self.somebody_sets_penalty(queue, interface, penalty=penalty)

    def _meet(self) -> None:
        self.asked += 1
        if self.refuses:
            raise self.refuses.pop(0)

    def somebody_adds(self, queue: str, interface: str, row: Row) -> None:
        self.members[Member(queue, interface)] = row
        if self.tells:
            self.mirror.heard_added(queue, interface, row.name, paused=row.paused, penalty=row.penalty)

    def somebody_removes(self, queue: str = BOOKING, interface: str = PHONE) -> None:
        del self.members[Member(queue, interface)]
        if self.tells:
            self.mirror.heard_removed(queue, interface)

    def somebody_pauses(self, queue: str = BOOKING, interface: str = PHONE, *, paused: bool, reason: str = "") -> None:
        row = self.members[Member(queue, interface)]
        row.paused, row.reason = paused, reason if paused else ""
        if paused:
            row.last_pause = int(self.now.timestamp())
        if self.tells:
            self.mirror.heard(queue, interface, reason, paused=paused)

    def somebody_lets_ring_in_use(self, queue: str = BOOKING, interface: str = PHONE, *, on: bool) -> None:
        self.members[Member(queue, interface)].ring_in_use = on
        self.mirror.heard_altered(queue, interface, "ring_in_use", on=on)

    def somebody_sets_penalty(self, queue: str = BOOKING, interface: str = PHONE, *, penalty: int) -> None:
        self.members[Member(queue, interface)].penalty = penalty
        if self.tells:
            self.mirror.heard_altered(queue, interface, "penalty", on=penalty > 0)

    async def queue_members(self) -> list[Mapping[str, str]]:
        return [
            {
                "Queue": member.queue, "Interface": member.interface, "MemberName": row.name,
                "Paused": str(int(row.paused)), "PausedReason": row.reason, "LastPause": str(row.last_pause),
                "Penalty": str(row.penalty),
            }
            for member, row in self.members.items()
        ]  # fmt: skip

    def paused(self) -> list[bool]:
        return [row.paused for row in self.members.values()]

    def penalties(self) -> list[int]:
        return [row.penalty for row in self.members.values()]

    def acts(self) -> list[str]:
        return [foreign.act for foreign in self.intruders]

    def wish(
        self,
        *,
        paused: bool,
        reason: str = "break",
        queues: tuple[str, ...] = ("booking",),
        seen_until: datetime | None = None,
    ) -> None:
        self.mirror.show(
            MirrorMember(
                login="anna", phone="phone01", queues=queues, paused=paused, reason=reason, since=SINCE,
                seen_until=seen_until,
            )
        )  # fmt: skip

    async def show(self, *, paused: bool) -> None:
        self.wish(paused=paused)
        await settle()


async def settle() -> None:
    for _ in range(30):
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


async def test_a_pause_says_what_it_is_for_now(queues: Queues) -> None:
    for reason in ("phone_lost", "technical"):
        queues.wish(paused=True, reason=reason)
        await settle()
        assert queues.members[Member(BOOKING, PHONE)].reason == f"gudok {reason}"


@pytest.mark.parametrize("reason", ["tea", "gudok break"], ids=["their own", "one like ours"])
async def test_somebody_elses_pause_is_told_and_undone_whatever_its_reason(queues: Queues, reason: str) -> None:
    queues.somebody_pauses(paused=True, reason=reason)
    await settle()
    assert queues.paused() == [False]
    assert queues.intruders == [Foreign(BOOKING, PHONE, "paused", reason)]


async def test_somebody_elses_end_of_a_pause_is_told_and_undone(queues: Queues) -> None:
    await queues.show(paused=True)
    queues.somebody_pauses(paused=False)
    await settle()
    assert queues.paused() == [True]
    assert queues.acts() == ["unpaused"]


async def test_a_repeat_without_a_change_is_nothing(queues: Queues) -> None:
    queues.somebody_pauses(paused=False)
    await settle()
    assert queues.intruders == []


async def test_who_is_removed_is_added_again(queues: Queues) -> None:
    queues.somebody_removes()
    await settle()
    assert queues.paused() == [False]
    assert queues.acts() == ["removed"]


async def test_who_is_added_is_removed_again(queues: Queues) -> None:
    queues.somebody_adds("gudok-children", PHONE, Row("", paused=False))
    queues.somebody_adds("other", PHONE, Row("", paused=False))
    await settle()
    assert Member("gudok-children", PHONE) not in queues.members
    assert Member("other", PHONE) in queues.members, "no queue of ours"
    assert queues.intruders == [Foreign("gudok-children", PHONE, "added")]


async def test_nobody_is_rung_in_a_call(queues: Queues) -> None:
    queues.somebody_lets_ring_in_use(on=True)
    await settle()
    assert not queues.members[Member(BOOKING, PHONE)].ring_in_use
    assert queues.acts() == ["ring_in_use"]


async def test_nobody_is_put_behind_the_others(queues: Queues) -> None:
    """Who has a penalty is not rung as long as somebody without one is free: a pause in all but name."""
    queues.somebody_sets_penalty(penalty=1000)
    await settle()
    assert queues.penalties() == [0]
    assert queues.acts() == ["penalty"]
    queues.somebody_sets_penalty(penalty=0)
    await settle()
    assert queues.acts() == ["penalty"]


async def test_who_is_taken_out_and_put_back_behind_the_others_is_set_right(queues: Queues) -> None:
    queues.somebody_removes()
    queues.somebody_adds(BOOKING, PHONE, Row("anna", paused=False, penalty=1000))
    await settle()
    assert queues.penalties() == [0]
    assert queues.acts() == ["removed", "penalty"]


async def test_who_is_paused_may_not_be_put_behind_the_others_either(queues: Queues) -> None:
    await queues.show(paused=True)
    queues.somebody_sets_penalty(penalty=1)
    await settle()
    assert (queues.paused(), queues.penalties()) == ([True], [0])
    assert queues.acts() == ["penalty"]


async def test_what_no_event_told_is_found_by_the_audit(queues: Queues) -> None:
    queues.tells = False
    queues.somebody_pauses(paused=True)
    queues.somebody_sets_penalty(penalty=5)
    queues.somebody_adds("gudok-children", PHONE, Row("", paused=False))
    queues.tells = True
    await queues.mirror.audit()
    await settle()
    assert [*queues.members] == [Member(BOOKING, PHONE)]
    assert (queues.paused(), queues.penalties()) == ([False], [0])
    assert sorted(queues.acts()) == ["added", "paused", "penalty"]
    await queues.mirror.audit()
    await settle()
    assert len(queues.intruders) == 3


# -- refusals


async def test_a_refused_action_costs_nothing_but_itself(queues: Queues) -> None:
    queues.tells = False
    queues.somebody_removes()  # and we have not heard of it: "Interface not found"
    queues.tells = True
    await queues.show(paused=True)
    assert queues.paused() == [True], "looked again, and added"
    await queues.show(paused=False)
    assert queues.paused() == [False]


async def test_who_is_there_already_is_not_added_again(queues: Queues) -> None:
    queues.tells = False
    queues.somebody_adds("gudok-children", PHONE, Row("anna", paused=True))
    queues.tells = True
    queues.wish(paused=False, queues=("booking", "children"))
    await settle()
    assert queues.paused() == [False, False]


async def test_what_is_refused_again_and_again_waits_for_the_audit_and_the_others_go_on(queues: Queues) -> None:
    queues.refuses = [ActionFailed("QueueAdd", "No such queue")] * TRIES
    before = queues.asked
    queues.wish(paused=False, queues=("booking", "children"))
    await settle()
    assert queues.asked == before + TRIES
    await queues.show(paused=True)
    assert queues.members[Member(BOOKING, PHONE)].paused
    queues.refuses = [ActionFailed("QueueAdd", "No such queue")] * TRIES
    queues.wish(paused=False, queues=("booking", "children"))
    await settle()
    await queues.mirror.audit()
    await settle()
    assert Member("gudok-children", PHONE) in queues.members


async def test_a_lost_line_is_waited_for(queues: Queues) -> None:
    queues.refuses = [AmiConnectionLost("gone")]
    await queues.show(paused=True)
    assert queues.paused() == [False]
    await queues.mirror.found()
    await settle()
    assert queues.paused() == [True]
    assert queues.intruders == [], "what was under way has failed: nobody is blamed"


REFUSED = ActionFailed("QueuePenalty", "Invalid penalty")


async def test_what_cannot_be_undone_is_told_once_and_tried_at_every_audit(queues: Queues) -> None:
    queues.refuses = [REFUSED] * (3 * TRIES)
    queues.somebody_sets_penalty(penalty=5)
    await settle()
    for _ in range(3):
        assert queues.penalties() == [5]
        await queues.mirror.audit()
        await settle()
    assert queues.penalties() == [0]
    assert queues.acts() == ["penalty"]
    queues.somebody_sets_penalty(penalty=5)
    await settle()
    assert queues.acts() == ["penalty", "penalty"], "done again"


async def test_what_no_listing_shows_is_undone_after_a_refusal_too(queues: Queues) -> None:
    queues.refuses = [ActionFailed("QueueMemberRingInUse", "Member not found")]
    queues.somebody_lets_ring_in_use(on=True)
    await settle()
    assert not queues.members[Member(BOOKING, PHONE)].ring_in_use
    assert queues.acts() == ["ring_in_use"]


async def test_a_line_that_is_lost_while_it_is_undone_tells_nothing_anew(queues: Queues) -> None:
    queues.refuses = [AmiConnectionLost("gone")]
    queues.somebody_sets_penalty(penalty=5)
    await settle()
    await queues.mirror.found()
    await settle()
    assert queues.penalties() == [0]
    assert queues.acts() == ["penalty"]


async def test_who_sits_down_at_a_phone_whose_member_cannot_be_removed_is_told_of_once(queues: Queues) -> None:
    queues.refuses = [ActionFailed("QueueRemove", "Unable to remove interface")] * (2 * TRIES)
    queues.tells = False
    queues.somebody_removes()
    queues.somebody_adds(BOOKING, PHONE, Row("boris", paused=False, penalty=5))
    queues.tells = True
    queues.mirror.lost(queues.now)
    await queues.mirror.found()
    await settle()
    await queues.mirror.audit()
    await settle()
    assert queues.acts() == ["penalty"]


# -- while nobody looked


async def test_what_happened_while_ami_was_away_is_found(queues: Queues) -> None:
    queues.mirror.lost(queues.now)
    queues.tells = False
    queues.now += timedelta(seconds=30)
    began = queues.now
    queues.somebody_pauses(paused=True)
    queues.tells = True
    queues.now += timedelta(minutes=5)
    await queues.mirror.found()
    await settle()
    assert queues.paused() == [False]
    assert queues.intruders == [Foreign(BOOKING, PHONE, "paused", at=began, stands=True)]
    queues.somebody_pauses(paused=True)
    await settle()
    assert queues.intruders[1:] == [Foreign(BOOKING, PHONE, "paused")], "this one was seen as it came"


async def test_a_pause_that_came_and_went_while_ami_was_away_is_told_once(queues: Queues) -> None:
    queues.mirror.lost(queues.now)
    queues.tells = False
    queues.now += timedelta(seconds=30)
    began = queues.now
    queues.somebody_pauses(paused=True)
    queues.somebody_pauses(paused=False)
    queues.tells = True
    await queues.mirror.found()
    await settle()
    assert queues.intruders == [Foreign(BOOKING, PHONE, "paused", at=began)]
    queues.mirror.lost(queues.now + timedelta(seconds=30))
    await queues.mirror.found()
    assert len(queues.intruders) == 1
    assert queues.paused() == [False]


async def test_a_penalty_set_while_ami_was_away_is_found(queues: Queues) -> None:
    queues.mirror.lost(queues.now)
    queues.tells = False
    queues.somebody_sets_penalty(penalty=1000)
    queues.tells = True
    await queues.mirror.found()
    await settle()
    assert queues.penalties() == [0]
    assert queues.acts() == ["penalty"]


async def test_a_new_router_finds_a_penalty_and_blames_only_who_is_at_the_phone() -> None:
    queues = Queues()
    queues.members[Member(BOOKING, PHONE)] = Row("anna", paused=False, penalty=1000)
    queues.members[Member(BOOKING, "PJSIP/phone02")] = Row("boris", paused=False, penalty=1000)
    running = asyncio.create_task(queues.mirror.run())
    queues.wish(paused=False)
    await queues.mirror.found()
    await settle()
    assert queues.intruders == [Foreign(BOOKING, PHONE, "penalty")]
    assert queues.penalties() == [0], "boris is not at work, and no member any more"
    running.cancel()


@pytest.mark.parametrize(("last_pause", "told"), [(30, ["paused"]), (-30, [])], ids=["after", "before"])
async def test_a_new_router_finds_a_pause_that_came_and_went_after_the_last_one_was_gone(
    last_pause: int, told: list[str]
) -> None:
    queues = Queues()
    gone = SINCE + timedelta(minutes=5)
    row = Row("anna", paused=False, last_pause=int(gone.timestamp()) + last_pause)
    queues.members[Member(BOOKING, PHONE)] = row
    queues.wish(paused=False, seen_until=gone)
    queues.wish(paused=False)  # a change before the first look
    await queues.mirror.found()
    assert queues.acts() == told


BEFORE, AFTER = (int((SINCE + timedelta(seconds=seconds)).timestamp()) for seconds in (-60, 60))


@pytest.mark.parametrize(
    ("on_record", "stands", "last_pause", "told"),
    [
        (False, True, AFTER, ["paused"]),  # paused since the operator is free, whatever it calls itself
        (False, True, BEFORE, []),  # our own, and its end did not reach the PBX any more
        (True, False, AFTER, ["unpaused"]),  # our pause was set, and somebody has ended it
        (True, False, BEFORE, []),  # it did not reach the PBX any more
        (True, True, AFTER, []),
        (False, False, BEFORE, []),
    ],
)
async def test_a_new_router_compares_with_what_is_on_record(
    on_record: bool, stands: bool, last_pause: int, told: list[str]
) -> None:
    queues = Queues()
    queues.members[Member(BOOKING, PHONE)] = Row("anna", stands, "gudok break" if stands else "", last_pause)
    running = asyncio.create_task(queues.mirror.run())
    await queues.show(paused=on_record)
    await queues.mirror.found()
    await settle()
    assert queues.paused() == [on_record]
    assert queues.acts() == told
    running.cancel()


async def test_members_of_a_former_life_whom_nobody_wants_are_removed() -> None:
    queues = Queues()
    queues.members[Member(BOOKING, PHONE)] = Row("anna", paused=False)
    running = asyncio.create_task(queues.mirror.run())
    await queues.mirror.found()
    await settle()
    assert queues.members == {}
    assert queues.intruders == []
    running.cancel()
