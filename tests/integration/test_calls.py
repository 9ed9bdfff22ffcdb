"""Calls end to end: a real Asterisk, a real `gudok run`, real phones. One center serves all stories of this file."""

from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from benchmarks.world import World
from telephony.router.record import LOOK_SECONDS
from telephony.store.rows import CallRow
from telephony.testing.phones.baresip import PhoneError
from telephony.testing.phones.sip import Dialog
from telephony.testing.phones.softphone import Softphone
from telephony.tokens import LENGTH
from tests.integration._gudok_pbx import CENTER

OPERATORS = """login,name,extension,skills,pin
anna,Анна,3001,booking:3,1234
boris,Борис,3002,children:2,2345
"""
BUSY = ("talking", "ringing", "on_hold")

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    async with World.of(CENTER, OPERATORS) as world:
        yield world


async def _lent(world: World, phone: Softphone) -> AsyncIterator[Softphone]:
    """For one story."""
    yield phone
    await phone.stop()
    world.phones.remove(phone)


async def _at_work(world: World, login: str, name: str) -> AsyncIterator[Softphone]:
    phone = await world.phone(name)
    reply = await world.log_in(login, name)
    assert reply.ok, reply.code
    await world.operator(login, "ready")
    yield phone
    await phone.stop()
    world.phones.remove(phone)
    await world.until(lambda center: not any(row.login == login and row.state in BUSY for row in center.operators))
    await world.log_out(login)


@pytest_asyncio.fixture(loop_scope="module")
async def anna(world: World) -> AsyncIterator[Softphone]:
    """She takes bookings."""
    async for phone in _at_work(world, "anna", "phone01"):
        yield phone


@pytest_asyncio.fixture(loop_scope="module")
async def boris(world: World) -> AsyncIterator[Softphone]:
    """He serves the children's clinic."""
    async for phone in _at_work(world, "boris", "phone02"):
        yield phone


@pytest_asyncio.fixture(loop_scope="module")
async def caller(world: World) -> AsyncIterator[Softphone]:
    async for phone in _lent(world, await world.caller("79000000101")):
        yield phone


async def in_conversation(world: World, talks: int = 1) -> None:
    """The PBX has confirmed that the two hear each other: a REFER before that is refused."""
    await world.until(lambda center: center.totals.talking == talks, "a conversation")


async def finished(world: World) -> CallRow:
    """The row of the last call from outside, once all calls have ended."""
    await world.until(lambda center: center.totals.calls == 0, "all calls over")
    return [row for row in await world.calls() if row.kind == "inbound"][-1]


async def test_a_caller_reaches_the_operator_and_the_call_is_on_record(
    world: World, anna: Softphone, caller: Softphone
) -> None:
    call = await caller.dial("1300")
    await anna.answer()
    await world.operator("anna", "talking")
    record = await caller.hang_up(call)
    await anna.closed()
    await world.operator("anna", "wrap_up")
    row = await finished(world)
    assert (row.number, row.queue, row.outcome, row.answered_by) == ("1300", "booking", "answered", "anna")
    assert row.ended is not None
    assert record.ended is not None
    assert abs((row.ended - record.ended).total_seconds()) < 1


async def test_who_hangs_up_before_an_answer_has_abandoned(world: World, caller: Softphone) -> None:
    call = await caller.dial("1300")
    await caller.established(call)  # answered by the center, which plays the greeting
    await world.until(lambda center: center.totals.waiting == 1)
    await caller.hang_up(call)
    row = await finished(world)
    assert (row.outcome, row.answered, row.attempts) == ("abandoned", None, 0)


async def test_everybody_who_waits_hears_music_also_after_the_room_was_empty(world: World, caller: Softphone) -> None:
    for _ in range(2):
        await caller.dial("1301")  # it has no greeting
        await caller.established()
        await world.until(lambda center: center.totals.waiting == 1, "a caller waits")
        await caller.hears_sound()
        await caller.hang_up()
        await finished(world)


async def test_a_rejected_ring_sends_the_caller_on_and_the_operator_is_not_rung_again(
    world: World, anna: Softphone, caller: Softphone
) -> None:
    call = await caller.dial("1300")
    await anna.reject()
    row = await world.operator("anna", "unreachable")
    assert row.reason == "busy"  # 486 is all that this phone can say
    await world.until(lambda center: center.totals.waiting == 1)
    with pytest.raises(TimeoutError):
        await anna.ringing(within=1.0)
    await anna.dial("*13")  # I am back
    await anna.closed()
    await anna.answer()
    await caller.hang_up(call)
    assert (await finished(world)).attempts == 2


async def test_a_ring_without_answer_ends_after_the_rings_time(
    world: World, anna: Softphone, caller: Softphone
) -> None:
    call = await caller.dial("1300")
    ring = await anna.ringing()
    record = await anna.closed(ring)
    assert record.answered is None
    row = await world.operator("anna", "unreachable")
    assert row.reason == "no_answer"
    await caller.hang_up(call)
    attempts = [one for one in await world.attempts() if one.call == (await finished(world)).id]
    assert [one.result for one in attempts] == ["no_answer"]


async def test_an_operator_logs_in_and_out_with_codes(world: World) -> None:
    phone = await world.phone("phone03")
    await _dial_login(phone, "3001", "1234")
    row = await world.operator("anna", "ready")
    assert row.phone == "phone03"
    call = await phone.dial("*12")
    await phone.closed(call)
    await world.until(lambda center: all(row.login != "anna" for row in center.operators))
    await _dial_login(phone, "3001", "9999")
    await world.until(lambda center: all(row.login != "anna" for row in center.operators))
    heard = phone.recordings()[-1]
    assert len(heard.samples) > 8000, "the refusal is spoken"


async def _dial_login(phone: Softphone, extension: str, pin: str) -> None:
    call = await phone.dial("*11")
    await phone.established(call)
    await phone.send_digits(f"{extension}#", call)
    await phone.send_digits(f"{pin}#", call)
    await phone.closed(call)


async def test_a_blind_transfer_keeps_one_record(
    world: World, anna: Softphone, boris: Softphone, caller: Softphone
) -> None:
    call = await caller.dial("1300")
    talk = await anna.answer()
    await in_conversation(world)
    await anna.transfer("3002", talk)
    await boris.answer()
    assert await anna.transferred(talk) == 200
    await world.operator("boris", "talking")
    await caller.hang_up(call)
    row = await finished(world)
    assert (row.outcome, row.answered_by, row.last_operator, row.transfers) == ("answered", "anna", "boris", 1)
    assert len([one for one in await world.calls() if one.id == row.id]) == 1


async def test_a_failed_transfer_brings_the_caller_back(
    world: World, anna: Softphone, boris: Softphone, caller: Softphone
) -> None:
    call = await caller.dial("1300")
    talk = await anna.answer()
    await in_conversation(world)
    await anna.transfer("3002", talk)
    await boris.reject()
    assert await anna.transferred(talk) >= 400
    await anna.closed(talk)  # this phone hangs up when its transfer fails: the caller must not pay for that
    await anna.answer()  # who hung up first is not always known: then the caller waits two seconds more
    assert call.live
    await caller.hang_up(call)
    row = await finished(world)
    assert (row.last_operator, row.attempts) == ("anna", 3)


@pytest.mark.parametrize("number", ["777", "3002"], ids=["a number that nobody has", "a colleague at home"])
async def test_a_transfer_refused_at_once_brings_the_caller_back(
    world: World, anna: Softphone, caller: Softphone, number: str
) -> None:
    call = await caller.dial("1300")
    talk = await anna.answer()
    await in_conversation(world)
    await anna.transfer(number, talk)
    assert await anna.transferred(talk) >= 400
    await anna.closed(talk)
    await anna.answer()  # who hung up first is not always known: then the caller waits two seconds more
    assert call.live
    await caller.hang_up(call)
    assert (await finished(world)).outcome == "answered"


async def test_an_attended_transfer_joins_the_caller_to_the_colleague(
    world: World, anna: Softphone, boris: Softphone, caller: Softphone
) -> None:
    call = await caller.dial("1300")
    talk = await anna.answer()
    await in_conversation(world)
    await anna.hold(talk)
    await world.operator("anna", "on_hold")
    consultation = await anna.dial("3002")
    await boris.answer()
    await anna.established(consultation)
    await in_conversation(world, talks=2)
    assert await anna.transfer_to(consultation, talk) == 202
    assert await anna.transferred(talk) == 200
    await anna.closed(talk)
    await world.operator("boris", "talking")
    assert call.live
    await caller.hang_up(call)
    row = await finished(world)
    assert (row.last_operator, row.transfers) == ("boris", 1)


async def test_a_transfer_to_a_queue_keeps_the_arrival(
    world: World, anna: Softphone, boris: Softphone, caller: Softphone
) -> None:
    call = await caller.dial("1300")
    talk = await anna.answer()
    await in_conversation(world)
    await anna.transfer("802", talk)
    await boris.answer()
    await world.operator("boris", "talking")
    await caller.hang_up(call)
    row = await finished(world)
    assert (row.queue, row.last_operator, row.transfers) == ("children", "boris", 1)


@pytest_asyncio.fixture(loop_scope="module")
async def doctor(world: World) -> AsyncIterator[Softphone]:
    """A specialist: nobody logs in on this phone."""
    async for phone in _lent(world, await world.phone("doctor01")):
        yield phone


async def test_a_specialist_hands_the_caller_on_and_whoever_takes_them_is_busy(
    world: World, anna: Softphone, boris: Softphone, doctor: Softphone, caller: Softphone
) -> None:
    call = await caller.dial("1300")
    talk = await anna.answer()
    await in_conversation(world)
    await anna.transfer("201", talk)
    consultation = await doctor.answer()
    assert await anna.transferred(talk) == 200
    await world.operator("anna", "wrap_up")
    await in_conversation(world)
    await doctor.transfer("802", consultation)
    await boris.answer()
    assert await doctor.transferred(consultation) == 200
    await world.operator("boris", "talking")
    assert call.live
    assert sum(one.ended is None for one in boris.calls) == 1
    await caller.hang_up(call)
    row = await finished(world)
    assert (row.outcome, row.queue, row.last_operator, row.transfers) == ("answered", "children", "boris", 2)
    assert (await world.status()).counters.get("ari.callback", 0) == 0


async def test_a_specialist_hands_an_operators_own_call_on(
    world: World, anna: Softphone, boris: Softphone, doctor: Softphone
) -> None:
    call = await anna.dial("201")
    consultation = await doctor.answer()
    await anna.established(call)
    await in_conversation(world)
    await doctor.transfer("3002", consultation)
    await boris.answer()
    assert await doctor.transferred(consultation) == 200
    await world.operator("boris", "talking")
    await world.operator("anna", "talking")
    await anna.hang_up(call)
    await world.operator("anna", "ready")
    await world.operator("boris", "ready")
    row = [one for one in await world.calls() if one.kind == "own"][-1]
    assert (row.number, row.operator, row.outcome, row.transfers) == ("201", "anna", "answered", 1)


async def test_operators_call_each_other_and_the_call_is_on_record(
    world: World, anna: Softphone, boris: Softphone
) -> None:
    call = await anna.dial("3002")
    await boris.answer()
    await anna.established(call)
    await world.operator("anna", "talking")
    await world.operator("boris", "talking")
    await anna.hang_up(call)
    await world.operator("boris", "ready")
    await world.operator("anna", "ready")
    row = [one for one in await world.calls() if one.kind == "own"][-1]
    assert (row.number, row.operator, row.outcome) == ("3002", "anna", "answered")


async def test_a_number_nobody_serves_is_told_so_and_logged(world: World, caller: Softphone) -> None:
    call = await caller.dial("1399")
    await caller.closed(call)
    row = await finished(world)
    assert (row.number, row.outcome) == ("1399", "unknown_number")


async def test_a_whole_telephone_number_that_nobody_serves_stands_as_its_token(world: World, caller: Softphone) -> None:
    """Whose it is we cannot know."""
    call = await caller.dial("74240000000" + "0" * 300)
    await caller.closed(call)
    row = await finished(world)
    assert row.outcome == "unknown_number"
    assert re.fullmatch(f"[a-z2-7]{{{LENGTH}}}", row.number)


async def test_a_name_dialed_instead_of_a_number_is_told_so_and_logged(world: World, caller: Softphone) -> None:
    call = await caller.dial("operator")
    await caller.closed(call)
    row = await finished(world)
    assert (row.number, row.outcome) == ("s", "unknown_number")


async def test_nobody_logged_in_is_said_where_the_queue_says_so(world: World, caller: Softphone) -> None:
    call = await caller.dial("1305")
    await caller.closed(call)
    assert (await finished(world)).outcome == "sent_away"


async def test_a_killed_router_loses_nobody(world: World, anna: Softphone, caller: Softphone) -> None:
    talking = await caller.dial("1300")
    talk = await anna.answer()
    await world.operator("anna", "talking")
    second = await world.caller("79000000102")
    waits = await second.dial("1300")
    await world.until(lambda center: center.totals.waiting == 1)
    before = await world.kill_router(signal.SIGKILL)
    await world.until(lambda center: center.totals.talking == 1 and center.totals.waiting == 1)
    assert (await world.status()).pid != before
    assert all(one.live for one in (talk, talking, waits))
    await caller.hang_up(talking)
    await anna.answer()  # the caller who waited
    await in_conversation(world)
    await second.hang_up(waits)
    await world.until(lambda center: center.totals.calls == 0)
    rows = [row for row in await world.calls() if row.kind == "inbound"][-2:]
    assert [row.outcome for row in rows] == ["answered", "answered"]


async def test_a_transfer_picked_up_while_the_router_hangs_is_carried_out_by_the_next(
    world: World, anna: Softphone, boris: Softphone, caller: Softphone
) -> None:
    call = await caller.dial("1300")
    talk = await anna.answer()
    await in_conversation(world)
    await anna.transfer("3002", talk)
    await boris.ringing()
    await world.operator("boris", "ringing")
    before = await world.kill_router(signal.SIGSTOP)
    await boris.answer()
    assert await anna.transferred(talk) == 200
    await world.operator("boris", "talking")
    assert (await world.status()).pid != before
    await in_conversation(world)
    await caller.hang_up(call)
    row = await finished(world)
    assert (row.outcome, row.answered_by, row.last_operator, row.transfers) == ("answered", "anna", "boris", 1)


async def test_holds_that_nobody_saw_are_seen_by_the_next_router(
    world: World, anna: Softphone, caller: Softphone
) -> None:
    call = await caller.dial("1300")
    talk = await anna.answer()
    await world.operator("anna", "talking")
    await anna.hold(talk)
    await world.operator("anna", "on_hold")
    await world.stop_service()
    await anna.resume(talk)
    await world.start_service()
    await world.operator("anna", "talking")
    await world.stop_service()
    await anna.hold(talk)
    await world.start_service()
    await world.operator("anna", "on_hold")
    await caller.hang_up(call)
    assert (await finished(world)).outcome == "answered"


async def test_without_the_service_the_native_queue_answers(world: World, anna: Softphone, caller: Softphone) -> None:
    await world.committed()
    await world.stop_service()
    call = await caller.dial("1300")
    await anna.answer(within=30)
    await world.start_service()
    await world.operator("anna", "talking")
    await caller.hang_up(call)
    await world.operator("anna", "ready")
    row = await finished_by_record(world)
    assert (row.outcome, row.answered_by, row.via_fallback) == ("answered", "anna", True)


async def finished_by_record(world: World) -> CallRow:
    """Like `finished`, for a call that only the PBX's own record tells of."""
    before = len(await world.calls())
    for _ in range(100):
        rows = await world.calls()
        if len(rows) > before or (rows and rows[-1].via_fallback):
            return rows[-1]
    raise AssertionError("the call did not come into the log")


async def test_without_the_service_colleagues_dial_each_other(world: World, anna: Softphone, boris: Softphone) -> None:
    """They have logged in by the console, not by a code."""
    await world.stop_service()
    call = await boris.dial("3001")
    await anna.answer()
    await boris.established(call)
    await boris.hang_up(call)
    await world.start_service()
    await world.operator("boris", "ready")
    await world.operator("anna", "ready")


async def native_talk(world: World, anna: Softphone, caller: Softphone) -> tuple[Dialog, Dialog]:
    """It began while Gudok was away, which is back now; the caller's side of it, and anna's."""
    await world.committed()
    await world.stop_service()
    call = await caller.dial("1300")
    talk = await anna.answer(within=30)
    await caller.hears_sound()
    await world.start_service()
    await world.operator("anna", "talking")
    return call, talk


@pytest.mark.parametrize("to", ["802", "3002"], ids=["to a queue", "to a colleague"])
async def test_a_native_talk_that_is_transferred_rings_nobody_past_us(
    world: World, anna: Softphone, boris: Softphone, caller: Softphone, to: str
) -> None:
    call, talk = await native_talk(world, anna, caller)
    await anna.transfer(to, talk)
    await boris.answer()
    await world.operator("boris", "talking")
    await world.operator("anna", "ready")
    assert call.live
    another = await world.caller("79000000103")
    await another.dial("1301")
    await world.until(lambda center: center.totals.waiting == 1, "boris is not rung")
    assert sum(one.ended is None for one in boris.calls) == 1
    await another.hang_up()
    await caller.hang_up(call)
    await world.operator("boris", "ready")
    row = [one for one in await world.calls() if one.number == "1300"][-1]
    assert (row.outcome, row.answered_by, row.last_operator) == ("answered", "anna", "boris")
    assert (row.transfers, row.via_fallback) == (1, True)


async def test_a_specialist_to_whom_a_native_talk_is_transferred_is_rung_by_us(
    world: World, anna: Softphone, doctor: Softphone, caller: Softphone
) -> None:
    call, talk = await native_talk(world, anna, caller)
    await anna.transfer("201", talk)
    await doctor.reject()
    await anna.answer()  # they wait in the queue that they came from
    await world.operator("anna", "talking")
    assert call.live
    await caller.hang_up(call)
    row = await finished(world)
    assert (row.queue, row.outcome, row.last_operator) == ("booking", "answered", "anna")


async def test_who_logs_in_on_a_phone_in_a_native_call_is_not_rung_during_it(
    world: World, boris: Softphone, doctor: Softphone, caller: Softphone
) -> None:
    """And a specialist who transfers that call has Gudok ring the colleague."""
    phone = await world.phone("phone01")
    await world.stop_service()
    call = await phone.dial("201")
    talk = await doctor.answer()
    await phone.hears_sound()
    await world.start_service()
    assert (await world.log_in("anna", "phone01")).ok
    waits = await caller.dial("1300")
    await world.until(lambda center: center.totals.waiting == 1, "anna is not rung")
    assert sum(one.ended is None for one in phone.calls) == 1
    await doctor.transfer("3002", talk)
    await boris.answer()
    await world.operator("boris", "talking")
    await world.operator("anna", "talking")
    assert sum(one.ended is None for one in phone.calls) == 1
    await phone.hang_up(call)
    await world.operator("boris", "ready")
    await phone.answer()  # the caller who waits
    await in_conversation(world)
    await caller.hang_up(waits)
    await world.until(lambda center: center.totals.calls == 0)
    row = [one for one in await world.calls() if one.kind == "own" and one.number == "3002"][-1]
    assert (row.operator, row.outcome) == ("anna", "answered")
    await phone.stop()
    world.phones.remove(phone)
    await world.until(lambda center: not any(row.login == "anna" and row.state in BUSY for row in center.operators))
    await world.log_out("anna")


async def test_a_refused_number_is_told_to_the_phone(world: World, anna: Softphone) -> None:
    call = await anna.dial("3002")  # boris is at home
    with pytest.raises(PhoneError, match="486"):
        await anna.established(call)


@pytest_asyncio.fixture(loop_scope="module")
async def laboratory(world: World) -> AsyncIterator[Softphone]:
    """Another specialist's phone of the directory: 202."""
    async for phone in _lent(world, await world.phone("doctor02")):
        yield phone


async def test_a_caller_stays_in_a_call_that_was_there_before_theirs(
    world: World, anna: Softphone, doctor: Softphone, laboratory: Softphone, caller: Softphone
) -> None:
    """The PBX gives the caller the older call's linked id: theirs ends while they talk, as far as its record tells."""
    before = await doctor.dial("202")
    colleague = await laboratory.answer()
    await doctor.established(before)
    await in_conversation(world)
    await doctor.hold(before)
    call = await caller.dial("1300")
    talk = await anna.answer()
    await in_conversation(world, talks=2)
    await anna.transfer("201", talk)
    handed_over = await doctor.answer()
    assert await anna.transferred(talk) == 200
    await world.operator("anna", "wrap_up")
    await doctor.hold(handed_over)
    assert await doctor.transfer_to(before, handed_over) == 202
    assert await doctor.transferred(handed_over) == 200
    await doctor.closed(before)
    with pytest.raises(TimeoutError):  # while the record is read
        await laboratory.closed(colleague, within=5 * LOOK_SECONDS)
    assert call.live
    record = await caller.hang_up(call)
    await laboratory.closed(colleague)
    row = await finished(world)
    assert (row.outcome, row.transfers) == ("answered", 2)
    assert row.ended is not None
    assert record.ended is not None
    assert abs((row.ended - record.ended).total_seconds()) < 1


@pytest.mark.parametrize("on_consultation", [False, True])
async def test_a_phone_may_ask_for_the_transfer_on_either_of_its_calls(
    world: World, anna: Softphone, boris: Softphone, caller: Softphone, on_consultation: bool
) -> None:
    call = await caller.dial("1300")
    talk = await anna.answer()
    await in_conversation(world)
    await anna.hold(talk)
    consultation = await anna.dial("3002")
    await boris.answer()
    await anna.established(consultation)
    await in_conversation(world, talks=2)
    replaced, asks = (talk, consultation) if on_consultation else (consultation, talk)
    assert await anna.transfer_to(replaced, asks) == 202
    assert await anna.transferred(asks) == 200
    await anna.closed(talk)
    await anna.closed(consultation)
    await in_conversation(world)
    assert call.live
    await caller.hang_up(call)
    row = await finished(world)
    assert (row.outcome, row.last_operator, row.transfers) == ("answered", "boris", 1)


async def test_all_of_this_replays_to_the_same_decisions(world: World) -> None:
    """The journal of every story above, through several lives of the router."""
    await world.committed()
    recorded = world.folder / "journal.jsonl"
    assert await world.gudok("journal", "export", str(recorded)) == 0
    assert await world.gudok("replay", "--quiet", str(recorded)) == 0
