"""Which callers are handed over when no router lives, as AMI shows the channels."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from telephony.parent.guard import LEFT, Channel, calls_in_vain, hand_over, rings_in_vain, talks, waits


def channel(
    data: str, bridge: str = "", application: str = "Stasis", name: str = "PJSIP/t-1", linked: str = ""
) -> Channel:
    return {
        "Channel": name,
        "Uniqueid": f"gudok-{name}",
        "Linkedid": linked or f"gudok-{name}",
        "Application": application,
        "ApplicationData": data,
        "BridgeId": bridge,
    }


@pytest.mark.parametrize(
    "row",
    [
        channel("gudok,inbound,1300,1700000000.5"),
        channel("gudok,inbound,1300,1700000000.5", "gudok-hold-default"),
        channel("gudok,back,1300,1700000000.5,booking", "gudok-hold-classic"),
    ],
)
def test_callers_on_hold_or_swallowed_unseen_wait(row: Channel) -> None:
    assert waits(row)
    assert not rings_in_vain(row)


@pytest.mark.parametrize(
    "row",
    [
        channel("gudok,inbound,1300,1700000000.5", "gudok-1.1-r1-b1"),
        channel("gudok,own,101,102", "gudok-1.2-r1-b1"),
        channel("gudok,leg", "gudok-1.1-r1-b1"),
        channel("other,inbound,1300,1"),
        channel("gudok-booking,,,,", application="Queue"),
        channel("", application=""),
    ],
)
def test_who_talks_and_strangers_are_left_alone(row: Channel) -> None:
    assert not waits(row)
    assert not rings_in_vain(row)
    assert not calls_in_vain(row)


NOBODY_BEATS = ("set", "GUDOK_BEAT", "0")


class Switchboard:
    """A PBX with these channels; `gone` hangs up right after they were listed, `refuses` is there and refuses."""

    def __init__(self, rows: Sequence[Channel], queues: dict[str, str], gone: str = "", refuses: str = "") -> None:
        self.rows, self.queues, self.gone, self.refuses = rows, queues, gone, refuses
        self.done: list[tuple[str, ...]] = []

    async def channels(self) -> Sequence[Channel]:
        rows, self.rows = self.rows, [row for row in self.rows if row["Channel"] != self.gone]
        return rows

    async def get_variable(self, channel: str, name: str) -> str:
        assert name == "GUDOK_QUEUE"
        return self.queues.get(channel, "")

    async def set_variable(self, name: str, value: str, channel: str | None = None) -> None:
        if channel and channel in (self.gone, self.refuses):
            raise OSError("Channel does not exist")
        self.done.append(("set", name, value, *([channel] if channel else [])))

    async def redirect(self, channel: str, context: str, exten: str) -> None:
        if channel == self.gone:
            raise OSError("Channel does not exist")
        self.done.append(("redirect", channel, context, exten))

    async def hang_up(self, channel: str) -> None:
        self.done.append(("hang up", channel))


async def test_each_caller_goes_to_the_fallback_of_their_queue_and_idle_legs_end() -> None:
    pbx = Switchboard(
        [
            channel("gudok,inbound,1300,1.5", "gudok-hold-default", name="PJSIP/t-1"),
            channel("gudok,inbound,1301,2.5", name="PJSIP/t-2"),
            channel("gudok,inbound,1300,3.5", name="PJSIP/t-3"),
            channel("gudok,leg", name="PJSIP/101-4"),
        ],
        queues={"PJSIP/t-1": "children", "PJSIP/t-2": "booking", "PJSIP/t-3": "children"},
        gone="PJSIP/t-3",
    )
    assert await hand_over(pbx) == 2
    assert pbx.done == [
        NOBODY_BEATS,
        ("redirect", "PJSIP/t-1", "gudok-fallback", "children"),
        ("redirect", "PJSIP/t-2", "gudok-fallback", "booking"),
        ("hang up", "PJSIP/101-4"),
    ]


async def test_a_caller_whose_number_nobody_serves_rings_no_operator() -> None:
    """The router died while they were told so: there is no queue that would be theirs."""
    pbx = Switchboard([channel("gudok,inbound,9999,1.5", name="PJSIP/t-1")], queues={})
    assert await hand_over(pbx) == 1
    assert pbx.done == [NOBODY_BEATS, ("redirect", "PJSIP/t-1", "gudok-nobody", "s")]


async def test_operators_who_have_reached_nobody_are_hung_up() -> None:
    """Whoever they wait for in a queue, or ring, will not be connected with them."""
    pbx = Switchboard(
        [
            channel("gudok,own,101,802", "gudok-hold-default", name="PJSIP/101-1"),
            channel("gudok,own,102,103", name="PJSIP/102-2", linked="gudok-1.2"),
            channel("gudok,leg", name="PJSIP/103-3", linked="gudok-1.2"),
        ],
        queues={"PJSIP/101-1": "children"},
    )
    assert await hand_over(pbx) == 0
    assert pbx.done == [NOBODY_BEATS, *(("hang up", f"PJSIP/{name}") for name in ("101-1", "102-2", "103-3"))]


async def test_a_talk_is_to_end_for_both_and_who_is_alone_already_is_hung_up() -> None:
    pbx = Switchboard(
        [
            channel("gudok,inbound,1300,1.5", "gudok-1.1-r1-b1", name="PJSIP/t-1"),
            channel("gudok,leg", "gudok-1.1-r1-b1", name="PJSIP/101-2"),
            channel("gudok,inbound,1300,2.5", "gudok-1.2-r1-b1", name="PJSIP/t-3"),
            channel("gudok,inbound,1300,3.5", "gudok-1.3-r1-b1", name="PJSIP/t-4"),
            channel("gudok,leg", "gudok-1.3-r1-b1", name="PJSIP/102-5"),
        ],
        queues={},
        gone="PJSIP/102-5",
    )
    assert await hand_over(pbx) == 0
    assert pbx.done == [
        NOBODY_BEATS,
        ("hang up", "PJSIP/t-3"),
        ("set", "GUDOK_PEER", "PJSIP/101-2", "PJSIP/t-1"),
        ("set", "CHANNEL(hangup_handler_wipe)", LEFT, "PJSIP/t-1"),
        ("set", "GUDOK_PEER", "PJSIP/t-1", "PJSIP/101-2"),
        ("set", "CHANNEL(hangup_handler_wipe)", LEFT, "PJSIP/101-2"),
        ("set", "GUDOK_PEER", "PJSIP/102-5", "PJSIP/t-4"),
        ("set", "CHANNEL(hangup_handler_wipe)", LEFT, "PJSIP/t-4"),
        ("hang up", "PJSIP/t-4"),
    ]


async def test_nobody_is_cut_off_because_the_other_one_of_a_talk_could_not_be_marked() -> None:
    rows = [
        channel("gudok,inbound,1300,1.5", "gudok-1.1-r1-b1", name="PJSIP/t-1"),
        channel("gudok,leg", "gudok-1.1-r1-b1", name="PJSIP/101-2"),
    ]
    pbx = Switchboard(rows, queues={}, refuses="PJSIP/101-2")
    assert await hand_over(pbx) == 0
    assert not [done for done in pbx.done if done[0] == "hang up"]


async def test_a_caller_whose_talk_had_no_time_to_begin_goes_to_the_fallback() -> None:
    """The router died between putting the caller and the operator into the bridge."""
    pbx = Switchboard(
        [
            channel("gudok,inbound,1300,1.5", "gudok-1.1-r1-b1", name="PJSIP/t-1", linked="gudok-1.1"),
            channel("gudok,leg", name="PJSIP/101-2", linked="gudok-1.1"),
        ],
        queues={"PJSIP/t-1": "booking"},
    )
    assert await hand_over(pbx) == 1
    assert pbx.done == [
        NOBODY_BEATS,
        ("redirect", "PJSIP/t-1", "gudok-fallback", "booking"),
        ("hang up", "PJSIP/101-2"),
    ]


def test_neither_the_native_queues_talks_nor_those_who_wait_are_talks_of_ours() -> None:
    rows = [
        channel("gudok-booking,,,,", "2f1c", application="Queue", name="PJSIP/t-1"),
        channel("", "2f1c", application="AppQueue", name="PJSIP/101-2"),
        channel("gudok,inbound,1300,1.5", "gudok-hold-default", name="PJSIP/t-3"),
        channel("gudok,inbound,1300,1.5", name="PJSIP/t-4"),
    ]
    assert talks(rows) == []
