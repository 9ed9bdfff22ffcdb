"""Three witnesses of one small day: every way in which one of them can be wrong is found and told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from telephony.core.events import CallRecorded
from telephony.testing.phones.sip import PhoneCall
from telephony.testing.reconcile import LoggedCall, LoggedTalk, Reconciliation, reconcile

MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return MORNING + timedelta(seconds=seconds)


class Day(msgspec.Struct):
    """What each witness says; equal at first. The call "talk" waits 5 s and talks 60 s at 101, after 102 rang in
    vain; "lost" gives up after 20 s."""

    phones: list[PhoneCall]
    call_ids: dict[str, str]
    recorded: list[CallRecorded]
    logged: list[LoggedCall]
    talks: list[LoggedTalk]

    def reconcile(self, **more: Any) -> Reconciliation:
        return reconcile(**{name: getattr(self, name) for name in self.__struct_fields__}, **more)

    def told(self) -> list[str]:
        return [f"{difference.call}: {difference.what}" for difference in self.reconcile().differences]


def phone_call(phone: str, sip_call_id: str, invited: float, ended: float | None, **more: Any) -> PhoneCall:
    values = {"direction": "in", "number": "1300", "ended": None if ended is None else at(ended)} | more
    return PhoneCall(phone=phone, sip_call_id=sip_call_id, invited=at(invited), **values)


@pytest.fixture
def day() -> Day:
    return Day(
        phones=[
            phone_call("79000000001", "sip-1", 0, 65, direction="out", answered=at(0.01)),
            phone_call("102", "leg-0", 1, 3, call="talk", code=486),
            phone_call("101", "leg-1", 3, 65, call="talk", answered=at(5)),
            phone_call("79000000002", "sip-2", 10, 30, direction="out", answered=at(10.01)),
        ],
        call_ids={"sip-1": "talk", "sip-2": "lost"},
        recorded=[
            CallRecorded(
                call="talk",
                number="1300",
                caller="t",
                arrived=at(0.1),
                answered=at(5.1),
                ended=at(65.1),
                answered_by="101",
            ),
            CallRecorded(call="lost", number="1300", caller="t", arrived=at(10.1), ended=at(30)),
        ],
        logged=[
            LoggedCall(call="talk", arrived=at(0.1), answered=at(5.1), ended=at(65.2), outcome="answered"),
            LoggedCall(call="lost", arrived=at(10.1), answered=None, ended=at(30.1), outcome="abandoned"),
        ],
        talks=[LoggedTalk(call="talk", phone="101", answered=at(5.1), ended=at(65.2))],
    )


def change(records: list[Any], n: int, **changes: Any) -> None:
    records[n] = msgspec.structs.replace(records[n], **changes)


def test_equal_witnesses_show_no_difference(day: Day) -> None:
    result = day.reconcile()
    assert result.equal
    assert result.calls["talk"]["phones"].answered is True
    assert result.calls["lost"]["phones"].answered is False, "music is no operator"
    assert "no difference" in result.table()
    assert [line.split() for line in result.table().splitlines()][1:3] == [
        ["calls", "2", "2", "2"],
        ["answered", "1", "1", "1"],
    ]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda day: day.logged.pop(1), "lost: missing in Gudok"),
        (lambda day: day.recorded.pop(1), "lost: missing in PBX"),
        (lambda day: day.phones.pop(3), "lost: missing in phones"),
        (lambda day: day.logged.append(day.logged[1]), "lost: 2 times in Gudok"),
        (lambda day: day.recorded.append(day.recorded[0]), "talk: 2 times in PBX"),
        (
            lambda day: change(day.logged, 1, outcome="answered"),
            "lost: outcome: phones not answered, PBX not answered, Gudok answered",
        ),
        (
            lambda day: change(day.logged, 0, outcome="abandoned"),
            "talk: outcome: phones answered, PBX answered, Gudok not answered",
        ),
        (
            lambda day: change(day.recorded, 0, answered=None),
            "talk: outcome: phones answered, PBX not answered, Gudok answered",
        ),
        (
            lambda day: change(day.logged, 1, ended=at(31.5)),
            "lost: duration: phones 20.00 s, PBX 19.90 s, Gudok 21.40 s",
        ),
        (
            lambda day: change(day.logged, 0, answered=at(3.5)),
            "talk: talk: phones 60.00 s, PBX 60.00 s, Gudok 61.70 s",
        ),
        (lambda day: change(day.logged, 1, ended=None), "lost: without an end in Gudok"),
        (lambda day: change(day.phones, 3, ended=None), "lost: without an end in phones"),
        (lambda day: day.call_ids.pop("sip-2"), "SIP sip-2: missing in PBX"),
        (lambda day: change(day.talks, 0, answered=at(9)), "talk: the log has no such talk at 101"),
        (lambda day: change(day.talks, 0, phone="103"), "talk: phone 103 knows nothing of this talk"),
        (lambda day: change(day.talks, 0, ended=at(50)), "talk: the log has no such talk at 101"),
        (
            lambda day: change(day.phones, 1, call="nobody's"),
            "nobody's: an operator's phone rang for a call that nobody else knows",
        ),
    ],
)  # fmt: skip
def test_each_kind_of_difference_is_told(day: Day, spoil: Callable[[Day], object], told: str) -> None:
    spoil(day)
    assert told in day.told()
    assert told in day.reconcile().table()
    assert not day.reconcile().equal


def test_a_second_within_tolerance_is_none(day: Day) -> None:
    change(day.logged, 0, ended=at(65.9))
    change(day.talks, 0, ended=at(65.9))
    assert day.told() == []


def test_an_answer_that_crossed_the_callers_end_counts_as_either(day: Day) -> None:
    day.phones.append(phone_call("101", "leg-2", 28, 30.1, call="lost", answered=at(29.99)))
    day.talks.append(LoggedTalk(call="lost", phone="101", answered=at(30), ended=at(30.1)))
    assert day.told() == []


@pytest.mark.parametrize(("ended", "told"), [(12.53, []), (12.6, ["talk: the log has no such talk at 101"])])
def test_an_answer_that_crossed_our_hanging_up_is_no_talk(day: Day, ended: float, told: list[str]) -> None:
    """The phone has said 200 twice before the PBX ended it."""
    day.phones.append(phone_call("101", "leg-2", 10, ended, call="talk", answered=at(12)))
    assert day.told() == told


def test_an_answer_well_before_the_callers_end_does_not(day: Day) -> None:
    day.phones.append(phone_call("101", "leg-2", 20, 30.1, call="lost", answered=at(22)))
    assert "lost: outcome: phones answered, PBX not answered, Gudok not answered" in day.told()


def test_what_the_phones_could_not_tell_is_counted(day: Day) -> None:
    assert ["could", "not", "tell", "0", "0", "0"] in rows(day)
    day.phones.append(phone_call("101", "leg-2", 28, 30.1, call="lost", answered=at(29.99)))
    day.talks.append(LoggedTalk(call="lost", phone="101", answered=at(30), ended=at(30.1)))
    assert ["could", "not", "tell", "1", "0", "0"] in rows(day)


def rows(day: Day) -> list[list[str]]:
    return [line.split() for line in day.reconcile().table().splitlines()]


def test_a_fifth_of_a_second_before_the_callers_end_is_an_answer(day: Day) -> None:
    day.phones.append(phone_call("101", "leg-2", 28, 30.1, call="lost", answered=at(29.8)))
    assert "lost: outcome: phones answered, PBX not answered, Gudok not answered" in day.told()


def test_a_call_that_the_pbx_never_saw_is_a_difference_while_somebody_served(day: Day) -> None:
    day.phones.append(phone_call("79000000003", "sip-3", 40, None, direction="out"))
    assert day.told() == ["SIP sip-3: never reached the PBX, dialed by 79000000003"]
    assert "1 calls never reached the PBX" in day.reconcile().table()
    assert not day.reconcile(outages=[(at(41), at(43))]).equal
    assert day.reconcile(outages=[(at(39), at(43))]).equal
    assert day.reconcile(outages=[(at(39), at(43))]).unreached == 1


def test_a_talk_of_another_call_is_not_taken_for_it(day: Day) -> None:
    change(day.talks, 0, call="lost")
    assert day.told() == ["talk: the log has no such talk at 101", "lost: phone 101 knows nothing of this talk"]


@pytest.mark.parametrize("ended", [9 * 3600, 67, None])
def test_a_talk_that_the_log_ends_later_is_told(day: Day, ended: float | None) -> None:
    change(day.talks, 0, ended=None if ended is None else at(ended))
    assert "talk: the log has no such talk at 101" in day.told()


def test_a_talk_that_the_log_does_not_have_is_told(day: Day) -> None:
    day.talks.clear()
    assert day.told() == ["talk: the log has no such talk at 101"]


def test_two_calls_of_one_phone_are_not_taken_for_each_other(day: Day) -> None:
    """Equal sums must not hide that two calls were mixed up."""
    change(day.logged, 0, call="lost")
    change(day.logged, 1, call="talk")
    told = day.told()
    assert any(line.startswith("talk: outcome") for line in told)
    assert any(line.startswith("lost: outcome") for line in told)
