"""Real phones on a bare Asterisk: what baresip and SIPp can do, and that what they report is what happened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from telephony.core.events import CallRecorded
from telephony.pbx.cel import CelReader, sip_call_ids
from telephony.pbx.install import ensure
from telephony.pbx.programs.program import Program
from telephony.testing.patience import PATIENCE
from telephony.testing.phones.baresip import PhoneError
from telephony.testing.phones.load import CallerPlan, OperatorPlan, start_callers, start_operators
from telephony.testing.phones.marks import overlaps
from telephony.testing.phones.softphone import Softphone
from telephony.testing.reconcile import LoggedCall, reconcile
from tests.integration._switchboard import PASSWORD, Switchboard

pytestmark = pytest.mark.asterisk
TONES = {"101": 400, "102": 600, "103": 900}


@pytest.fixture(scope="module")
def programs() -> dict[str, Program]:
    return ensure("baresip", "sipp")


@pytest.fixture(scope="module")
def pbx() -> Iterator[Switchboard]:
    switchboard = Switchboard()
    try:
        yield switchboard.start()  # type: ignore[misc]
    finally:
        switchboard.stop()


@pytest.fixture
async def phones(pbx: Switchboard, programs: dict[str, Program]) -> AsyncIterator[list[Softphone]]:
    """101, 102 and 103, registered, each with a tone of its own."""
    async with AsyncExitStack() as stack:
        started = []
        for number, tone in TONES.items():
            phone = await Softphone.start(programs["baresip"], number, PASSWORD, pbx.server, tone=tone, lifetime=60)
            started.append(await stack.enter_async_context(phone))
            await phone.register()
        yield started


async def talking(caller: Softphone, callee: Softphone) -> None:
    """They hear each other: until then the PBX has answered both but may not have joined them."""
    await caller.dial(callee.number)
    await callee.answer()
    await caller.established()
    await asyncio.gather(caller.hears_tone(TONES[callee.number]), callee.hears_tone(TONES[caller.number]))


# --- one phone at a time ---------------------------------------------------------------------------------------


async def test_two_phones_talk_and_each_reports_the_call(phones: list[Softphone]) -> None:
    anna, boris, _ = phones
    await talking(anna, boris)
    await anna.hang_up()
    call = await boris.closed()
    assert (call.direction, call.number, call.ended_by, call.code) == ("in", "101", "peer", 200)
    assert call.call is not None
    assert call.call.startswith("gudok-")
    assert (anna.calls[0].direction, anna.calls[0].ended_by) == ("out", "phone")
    assert call.answered is not None
    assert call.rang is not None
    assert call.ended is not None
    assert call.invited <= call.rang <= call.answered < call.ended


async def test_who_is_on_hold_hears_music_and_then_the_other_again(phones: list[Softphone]) -> None:
    anna, boris, _ = phones
    await talking(anna, boris)
    await anna.hold()
    await anna.hears_silence()
    with pytest.raises(TimeoutError, match="400 Hz"):
        await boris.hears_tone(TONES["101"], within=1.5)
    await anna.resume()
    await boris.hears_tone(TONES["101"])
    await anna.hears_tone(TONES["102"])


async def test_digits_arrive_one_by_one(pbx: Switchboard, phones: list[Softphone]) -> None:
    anna = phones[0]
    await anna.dial("1401")
    await anna.established()
    await anna.send_digits("7711")
    await anna.closed()
    assert "DIALED=7711" in await pbx.rx("dialplan show globals")


async def test_a_rejected_call(phones: list[Softphone]) -> None:
    anna, boris, _ = phones
    await anna.dial("102")
    assert (await boris.reject()).code == 486
    with pytest.raises(PhoneError, match="486"):
        await anna.established()
    assert anna.calls[0].ended_by == "peer"


async def test_a_caller_who_gives_up_while_it_rings(phones: list[Softphone]) -> None:
    anna, boris, _ = phones
    call = await anna.dial("102")
    await boris.ringing()
    await anna.hang_up(call)
    missed = await boris.closed()
    assert (missed.answered, missed.ended_by) == (None, "peer")


async def test_a_phone_that_unregistered_is_not_reached(phones: list[Softphone]) -> None:
    anna, boris, _ = phones
    await boris.unregister()
    assert not boris.registered
    await anna.dial("102")
    with pytest.raises(PhoneError, match="refused"):
        await anna.established()
    await boris.register()
    await talking(anna, boris)


async def test_a_wrong_password_is_told(pbx: Switchboard, programs: dict[str, Program]) -> None:
    async with await Softphone.start(programs["baresip"], "104", "wrong", pbx.server, lifetime=30) as phone:
        with pytest.raises(PhoneError, match=r"refused with 40\d"):
            await phone.register()


async def test_a_blind_transfer(phones: list[Softphone]) -> None:
    anna, boris, vera = phones
    await talking(anna, boris)
    call = boris.dialogs[-1]
    assert await boris.transfer("103") == 202
    await vera.answer()
    assert await boris.transferred(call) == 200
    await boris.closed(call)
    await anna.hears_tone(TONES["103"])
    await vera.hears_tone(TONES["101"])
    assert anna.calls[0].ended is None, "the caller's own call never ended"
    assert vera.calls[0].call == boris.calls[0].call


async def test_a_blind_transfer_to_nobody_fails(phones: list[Softphone]) -> None:
    anna, boris, _ = phones
    await talking(anna, boris)
    call = boris.dialogs[-1]
    assert await boris.transfer("199") == 202
    assert await boris.transferred(call) >= 400


async def test_an_attended_transfer(phones: list[Softphone]) -> None:
    anna, boris, vera = phones
    await talking(anna, boris)
    call = boris.dialogs[-1]
    await boris.hold(call)
    assert call.held
    consultation = await boris.dial("103")
    await vera.answer()
    await boris.established(consultation)
    await vera.hears_tone(TONES["102"])
    assert await boris.transfer_to(consultation, call) == 202
    await asyncio.gather(boris.closed(call), boris.closed(consultation))
    await anna.hears_tone(TONES["103"])
    await vera.hears_tone(TONES["101"])


async def test_a_phone_leaves_nothing_behind(pbx: Switchboard, programs: dict[str, Program]) -> None:
    phone = await Softphone.start(programs["baresip"], "104", PASSWORD, pbx.server, lifetime=30)
    await phone.register()
    folder = phone.folder
    await phone.stop()
    assert not folder.exists()
    assert "sip:104" not in await pbx.rx("pjsip show contacts")
    with pytest.raises(PhoneError, match="not running"):
        await phone.dial("101")


# --- by the hundred --------------------------------------------------------------------------------------------


async def test_operators_answer_refuse_or_let_it_ring(pbx: Switchboard, programs: dict[str, Program]) -> None:
    sipp = programs["sipp"]
    crowd = [
        OperatorPlan(phone="105", password=PASSWORD, ring_ms=100, talk_ms=400),
        OperatorPlan(phone="106", password=PASSWORD, ring_ms=100, talk_ms=0),
        OperatorPlan(phone="107", password=PASSWORD, ring_ms=100, code=486),
        OperatorPlan(phone="109", password=PASSWORD, ring_ms=100, code=603),
        OperatorPlan(phone="110", password=PASSWORD, ring_ms=100, code=480),
    ]
    plans = [CallerPlan(number=f"790000000{plan.phone}", service=plan.phone, stay_ms=800) for plan in crowd]
    async with (
        await start_operators(sipp, crowd, pbx.server, seconds=30) as desk,
        await start_callers(sipp, plans, pbx.server, per_second=20, seconds=20) as callers,
    ):
        await callers.wait(20)
        await desk.idle(PATIENCE)
        heard = {call.number: call for call in callers.calls()}
        seen = {call.phone: call for call in desk.calls()}
        assert callers.complaints() == desk.complaints() == ""
    assert {phone: call.code for phone, call in seen.items()} == {
        "105": 200,
        "106": 200,
        "107": 486,
        "109": 603,
        "110": 480,
    }
    assert (seen["105"].ended_by, heard["105"].ended_by) == ("phone", "peer")
    assert (seen["106"].ended_by, heard["106"].ended_by) == ("peer", "phone")
    assert all(call.call and call.call.startswith("gudok-") for call in seen.values())
    assert [heard[phone].answered is not None for phone in ("105", "106", "107", "109", "110")] == [True] * 2 + [
        False
    ] * 3


async def test_an_operator_who_never_answers_is_cancelled(pbx: Switchboard, programs: dict[str, Program]) -> None:
    crowd = [OperatorPlan(phone="111", password=PASSWORD, code=0)]
    async with (
        await start_operators(programs["sipp"], crowd, pbx.server, seconds=30) as desk,
        await Softphone.start(programs["baresip"], "101", PASSWORD, pbx.server, lifetime=30) as anna,
    ):
        await anna.register()
        call = await anna.dial("111")
        await anna.rings(call)
        await anna.hang_up(call)
        await desk.idle(PATIENCE)
        [missed] = desk.calls()
        assert (missed.answered, missed.ended_by, missed.code) == (None, "peer", 487)


async def test_phones_and_the_pbx_record_agree_on_every_queued_call(
    pbx: Switchboard, programs: dict[str, Program], tmp_path: Path
) -> None:
    """Twelve callers at four operators of a native queue; some give up. The record stands in for Gudok's log here."""
    sipp = programs["sipp"]
    crowd = [OperatorPlan(phone=str(phone), password=PASSWORD, talk_ms=900 + phone) for phone in range(105, 109)]
    plans = [CallerPlan(number=f"79000000{n:03}", service="1300", stay_ms=300 if n % 4 == 3 else 0) for n in range(12)]
    reader = CelReader(pbx.cel_file, token=str, is_phone=lambda endpoint: endpoint.isdigit(), position=None)
    old = {call.call for call in reader.read(1 << 24)}
    async with await start_operators(sipp, crowd, pbx.server, seconds=40) as desk:
        async with await start_callers(sipp, plans, pbx.server, per_second=6, seconds=40) as callers:
            await callers.wait(40)
            await desk.idle(PATIENCE)
            seen = [*callers.calls(), *desk.calls()]
        gaps = desk.gaps()
    recorded: list[CallRecorded] = []
    async with asyncio.timeout(PATIENCE):
        while len(recorded) < len(plans):
            recorded += reader.read()
            await asyncio.sleep(0.05)
    reader.close()
    assert not old & {call.call for call in recorded}
    assert all(call.via_fallback for call in recorded)
    result = reconcile(
        phones=seen,
        call_ids=sip_call_ids(pbx.cel_file),
        recorded=recorded,
        logged=[
            LoggedCall(
                call=call.call,
                arrived=call.arrived,
                answered=call.answered,
                ended=call.ended,
                outcome="answered" if call.answered else "abandoned",
            )
            for call in recorded
        ],
    )
    assert result.equal, result.table()
    assert len(result.calls) == len(plans)
    assert sum(views["phones"].answered is True for views in result.calls.values()) >= 9
    assert overlaps(call for call in seen if call.direction == "in") == []
    assert len(gaps) >= 4
    assert min(gaps) > 0
