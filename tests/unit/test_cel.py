"""The PBX's own record, as real Asterisks wrote it (tests/fixtures/cel), read under all that befalls a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from telephony.core.events import CallRecorded
from telephony.pbx.cel import COLUMNS, LATE, CelReader, sip_call_ids
from telephony.pbx.tail import LONGEST_LINE, Position

RECORDED = Path(__file__).parents[1] / "fixtures" / "cel"


_opened: list[CelReader] = []


@pytest.fixture(autouse=True)
def close_readers() -> Iterator[None]:
    yield
    while _opened:
        _opened.pop().close()


def reader(file: Path, position: Position | None = None, most_open: int = 100) -> CelReader:
    cel = CelReader(
        file,
        token=lambda number: f"token of {number}",
        is_phone=lambda endpoint: endpoint.isdigit(),
        dialed=lambda number: number if len(number) < 5 else f"token of {number}",
        position=position,
        most_open=most_open,
    )
    _opened.append(cel)
    return cel


def read_all(cel: CelReader, limit: int = 65536) -> list[CallRecorded]:
    calls = cel.read(limit)
    while not cel.caught_up:
        calls += cel.read(limit)
    return calls


def recorded(name: str) -> dict[str, CallRecorded]:
    """The calls of one recorded session by the last part of their ids."""
    return {call.call.rpartition(".")[2]: call for call in read_all(reader(RECORDED / name))}


def seconds(call: CallRecorded) -> tuple[float | None, float]:
    """From arrival to the answer, and to the end."""
    answered = None if call.answered is None else (call.answered - call.arrived).total_seconds()
    return answered, (call.ended - call.arrived).total_seconds()


def row(kind: str, channel: str, linked: str = "gudok-1.1", at: float = 1.0, **columns: str) -> bytes:
    name = columns.get("name", "PJSIP/trunk-0000000a")
    values = (
        *(kind, f"{at:.6f}", channel, linked, name, columns.get("caller", "79000000001"), columns.get("exten", "1300")),
        *("gudok-trunk", columns.get("app", ""), columns.get("data", ""), "", columns.get("sip", ""), ""),
    )
    assert len(values) == COLUMNS
    return b",".join(b'"%b"' % value.encode() for value in values) + b"\n"


def whole_call(id_: str, at: float = 1.0) -> bytes:
    """The lines of a call that nobody answered."""
    kinds = ("CHAN_START", "HANGUP", "CHAN_END", "LINKEDID_END")
    return b"".join(row(kind, id_, id_, at + n) for n, kind in enumerate(kinds))


# --- what the lines mean -------------------------------------------------------------------------------------


def test_each_leg_is_told_with_its_times_also_while_the_call_goes_on(tmp_path: Path) -> None:
    lines = (RECORDED / "stasis.csv").read_bytes().splitlines(keepends=True)
    file = tmp_path / "cel.csv"
    file.write_bytes(b"".join(lines[:12]))  # the first caller talks, the second has come
    cel = reader(file)
    assert read_all(cel) == []
    [talking] = cel.so_far()
    assert talking.answered_by == "105"
    [leg] = talking.legs
    assert leg.phone == "105"
    assert leg.answered is not None
    assert talking.answered is not None
    assert timedelta() < talking.answered - leg.answered < timedelta(milliseconds=5)
    assert leg.ended is None
    with file.open("ab") as more:
        more.writelines(lines[12:])
    [over] = [call for call in read_all(cel) if call.call == talking.call]
    [leg] = over.legs
    assert leg.ended is not None
    assert timedelta() < over.ended - leg.ended < timedelta(milliseconds=5)
    assert cel.so_far() == ()


def test_a_call_through_stasis_is_answered_when_the_operators_leg_is_in_the_callers_bridge() -> None:
    calls = list(recorded("stasis.csv").values())
    abandoned, answered = calls
    assert (answered.number, answered.caller) == ("1500", "token of 79000000001")
    assert answered.answered_by == "105"
    assert answered.answered is not None
    assert timedelta(seconds=0.7) < answered.ended - answered.answered < timedelta(seconds=0.9)
    assert abandoned.answered is None, "music in the holding bridge is no answer"
    assert not answered.via_fallback


@pytest.mark.parametrize(("dialed", "number"), [("1399", "1399"), ("79000000002", "token of 79000000002")])
def test_what_a_caller_dialed_stands_for_itself_only_where_it_is_no_telephone_number(
    tmp_path: Path, dialed: str, number: str
) -> None:
    file = tmp_path / "cel.csv"
    kinds = ("CHAN_START", "HANGUP", "CHAN_END", "LINKEDID_END")
    file.write_bytes(b"".join(row(kind, "gudok-1.1", at=n, exten=dialed) for n, kind in enumerate(kinds, start=1)))
    [call] = read_all(reader(file))
    assert call.number == number


def test_the_arrival_is_what_the_dialplan_told_stasis() -> None:
    for call in recorded("stasis.csv").values():
        assert call.arrived == datetime(2023, 11, 14, 22, 13, 20, 123000, UTC)


def test_a_call_through_the_native_queue_went_via_the_fallback() -> None:
    by_caller = {call.caller[-1]: call for call in recorded("queue.csv").values()}
    answered, abandoned = by_caller["5"], by_caller["6"]
    assert answered.via_fallback
    assert answered.answered_by == "105"
    assert abandoned.via_fallback
    assert abandoned.answered is None
    assert seconds(abandoned)[1] == pytest.approx(0.71, abs=0.02)


def test_the_record_tells_at_which_channel_somebody_hung_up() -> None:
    """The caller's own, or the leg of whoever they talked with, through Stasis and through the native queue."""
    abandoned, talked = recorded("stasis.csv").values()
    [leg] = talked.legs
    assert (abandoned.hung_up, talked.hung_up) == (abandoned.call, leg.channel)
    by_caller = {call.caller[-1]: call for call in recorded("queue.csv").values()}
    [last] = [leg for leg in by_caller["5"].legs if leg.answered is not None]
    assert by_caller["5"].hung_up == last.channel
    assert by_caller["2"].hung_up == by_caller["2"].call


def test_a_refused_ring_answers_nothing() -> None:
    by_number = {call.number: call for call in recorded("queue.csv").values()}
    assert by_number["107"].answered is None
    assert by_number["109"].answered is None


def test_a_blind_transfer_keeps_one_record_with_the_first_answer() -> None:
    first, *_ = sorted(recorded("transfers.csv").values(), key=lambda call: call.arrived)
    assert (first.phone, first.number, first.answered_by) == ("101", "102", "102")
    assert seconds(first)[1] > 1.0, "it ended with the talk after the transfer"


def test_an_attended_transfer_leaves_the_call_and_the_consultation() -> None:
    _, call, consultation = sorted(recorded("transfers.csv").values(), key=lambda call: call.arrived)
    assert (call.phone, call.number, call.answered_by) == ("101", "102", "102")
    assert (consultation.phone, consultation.number, consultation.answered_by) == ("102", "103", "103")
    assert consultation.ended < call.ended


OLDER, CALL = "gudok-1.1", "gudok-5.5"


def merged(*rest: bytes, own: bool = False) -> bytes:
    """A call gets the linked id of an older one, in a bridge with its far end; then what is in `rest`."""
    name = "PJSIP/101-0000000b" if own else "PJSIP/trunk-0000000a"
    app = "gudok,own,101,1300" if own else "gudok,inbound,1300,5.000000"
    rows = (
        row("CHAN_START", OLDER, OLDER, 1.0, name="PJSIP/102-00000001", caller="102", exten="201"),
        row("CHAN_START", f"{OLDER}-r1-1", OLDER, 1.1, name="PJSIP/201-00000002"),
        row("CHAN_START", CALL, CALL, 5.0, name=name),
        row("APP_START", CALL, CALL, 5.1, name=name, app="Stasis", data=app),
        row("CHAN_START", f"{CALL}-r1-1", CALL, 5.2, name="PJSIP/102-00000003"),
        row("LINKEDID_END", CALL, CALL, 9.0, name=name),
        *rest,
    )
    return b"".join(rows)


def end(channel: str, at: float, *, last: bool = False, linked: str = OLDER) -> bytes:
    kinds = ("HANGUP", "CHAN_END", "LINKEDID_END")[: 3 if last else 2]
    return b"".join(row(kind, channel, linked, at) for kind in kinds)


def test_a_call_lives_on_whose_linked_id_was_only_merged_into_an_older_one(tmp_path: Path) -> None:
    """The transferring phone leaves, and much later the caller, while the far end still holds on."""
    file = tmp_path / "cel.csv"
    file.write_bytes(merged(end(OLDER, 9.1), end(f"{CALL}-r1-1", 9.2)))
    cel = reader(file)
    assert read_all(cel) == []
    assert CALL in [call.call for call in cel.so_far()]
    restarted = reader(file, cel.position)
    with file.open("ab") as more:
        more.write(end(CALL, 80.0))
    for one in (cel, restarted):
        [call] = read_all(one)
        assert (call.call, call.number, seconds(call)) == (CALL, "1300", (None, 75.0))
    with file.open("ab") as more:
        more.write(end(f"{OLDER}-r1-1", 80.1, last=True))
    read_all(cel)
    assert cel.so_far() == ()


def test_an_own_call_that_was_merged_ends_with_the_phone_that_dialed(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.write_bytes(merged(end(CALL, 9.1), own=True))
    [call] = read_all(reader(file))
    assert (call.call, call.phone) == (CALL, "101")
    assert seconds(call)[1] == pytest.approx(4.1)


def test_a_caller_who_leaves_the_older_call_before_their_own_linked_id_ends_is_on_record(tmp_path: Path) -> None:
    """The transferring phone outlives them: until it ends it has the linked id that was theirs."""
    file = tmp_path / "cel.csv"
    lines = merged().splitlines(keepends=True)[:-1]
    leg = f"{CALL}-r1-1"
    file.write_bytes(b"".join(lines) + end(CALL, 9.0) + end(leg, 9.5, last=True, linked=CALL))
    cel = reader(file)
    [call] = read_all(cel)
    assert (call.call, seconds(call)) == (CALL, (None, 4.0))
    assert [leg.ended is None for leg in call.legs] == [False]


def test_an_operators_call_to_the_world_outside_shows_no_number(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    phone: dict[str, Any] = {"name": "PJSIP/101-00000001", "caller": "101", "exten": "79000000007"}
    file.write_bytes(
        row("CHAN_START", "gudok-1.1", **phone)
        + row("APP_START", "gudok-1.1", app="Dial", data="PJSIP/79000000007@trunk", **phone)
        + row("CHAN_END", "gudok-1.1", at=3.0, **phone)
        + row("LINKEDID_END", "gudok-1.1", at=3.0, **phone)
    )
    [call] = read_all(reader(file))
    assert (call.phone, call.number, call.caller, call.answered) == ("101", "token of 79000000007", "", None)


def test_a_feature_code_is_no_call(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    phone: dict[str, Any] = {"name": "PJSIP/101-00000001", "caller": "101", "exten": "*11"}
    kinds = ("CHAN_START", "HANGUP", "CHAN_END", "LINKEDID_END")
    file.write_bytes(b"".join(row(kind, "gudok-1.1", **phone) for kind in kinds))
    cel = reader(file)
    assert read_all(cel) == []
    assert cel.position is not None
    assert cel.position.offset == file.stat().st_size, "nothing of it is awaited"


def test_a_leg_that_lost_its_call_is_no_call(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.write_bytes(whole_call("gudok-1.1-run-3"))
    assert read_all(reader(file)) == []


def test_the_callers_sip_call_id_leads_to_the_call() -> None:
    ids = sip_call_ids(RECORDED / "stasis.csv")
    assert len(ids) == 2
    assert set(ids.values()) == {call.call for call in recorded("stasis.csv").values()}


# --- the file --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 7, 100, 65536])
def test_however_the_bytes_are_cut_the_calls_are_the_same(limit: int) -> None:
    for name in ("stasis.csv", "queue.csv", "transfers.csv"):
        assert read_all(reader(RECORDED / name), limit) == list(recorded(name).values())


def test_a_restart_at_any_line_loses_no_call(tmp_path: Path) -> None:
    lines = (RECORDED / "queue.csv").read_bytes().splitlines(keepends=True)
    expected = {call.call: call for call in recorded("queue.csv").values()}
    file = tmp_path / "cel.csv"
    for cut in range(len(lines) + 1):
        file.write_bytes(b"".join(lines[:cut]))
        first = reader(file)
        before = {call.call: call for call in read_all(first)}
        with file.open("ab") as more:
            more.write(b"".join(lines[cut:]))
        after = {call.call: call for call in read_all(reader(file, first.position))}
        assert before | after == expected


def test_a_half_written_line_waits_for_its_rest(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    text = whole_call("gudok-1.1")
    file.write_bytes(text[:-20])
    cel = reader(file)
    assert read_all(cel) == []
    with file.open("ab") as more:
        more.write(text[-20:])
    assert [call.call for call in read_all(cel)] == ["gudok-1.1"]
    assert cel.garbage == 0


def test_rotation_in_the_middle_of_a_call_splits_nothing(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    text = whole_call("gudok-1.1")
    lines = text.splitlines(keepends=True)
    file.write_bytes(lines[0])
    cel = reader(file)
    assert read_all(cel) == []
    with file.open("ab") as more:
        more.write(lines[1])
    file.rename(tmp_path / "cel.csv.1")
    assert read_all(cel) == [], "the renamed file is read to its end while there is no new one"
    file.write_bytes(b"".join(lines[2:]) + whole_call("gudok-1.2"))
    assert [call.call for call in read_all(cel)] == ["gudok-1.1", "gudok-1.2"]


def test_two_rotations_while_nobody_looked(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.write_bytes(whole_call("gudok-1.1"))
    cel = reader(file)
    read_all(cel)
    file.rename(tmp_path / "cel.csv.2")
    file.write_bytes(whole_call("gudok-1.2"))
    file.rename(tmp_path / "cel.csv.1")
    file.write_bytes(whole_call("gudok-1.3"))
    assert [call.call for call in read_all(cel)] == ["gudok-1.2", "gudok-1.3"]


def test_a_restart_after_a_rotation_finishes_the_renamed_file_first(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.write_bytes(whole_call("gudok-1.1") + row("CHAN_START", "gudok-1.2", "gudok-1.2"))
    before = reader(file)
    assert [call.call for call in read_all(before)] == ["gudok-1.1"]
    file.rename(tmp_path / "cel.csv.1")
    rest = ("HANGUP", "CHAN_END", "LINKEDID_END")
    file.write_bytes(b"".join(row(kind, "gudok-1.2", "gudok-1.2", 5.0) for kind in rest))
    [call] = read_all(reader(file, before.position))
    assert call.call == "gudok-1.2"
    assert seconds(call) == (None, 4.0)


def test_a_file_that_became_shorter_is_read_from_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.write_bytes(whole_call("gudok-1.1") * 2)
    cel = reader(file)
    read_all(cel)
    file.write_bytes(whole_call("gudok-1.2"))
    assert [call.call for call in read_all(cel)] == ["gudok-1.2"]
    assert cel.tail.truncations == 1


def test_a_file_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "later" / "cel.csv"
    cel = reader(file)
    assert read_all(cel) == []
    assert cel.position is None
    file.parent.mkdir()
    file.write_bytes(whole_call("gudok-1.1"))
    assert [call.call for call in read_all(cel)] == ["gudok-1.1"]


class Refusing:
    """A file that is there and cannot be read."""

    def __init__(self, file: Path, kind: str) -> None:
        self._file = file
        if kind == "not to be opened":
            file.mkdir()
        else:
            file.symlink_to("/proc/self/mem")  # nothing is mapped at its beginning: an input/output error

    def over(self) -> None:
        self._file.rmdir() if self._file.is_dir() else self._file.unlink()


refusing = pytest.mark.parametrize("kind", ["not to be opened", "not to be read"])


@refusing
def test_a_file_that_refuses_to_be_read_is_waited_for(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "cel.csv"
    refused = Refusing(file, kind)
    cel = reader(file)
    assert read_all(cel) == read_all(cel) == []
    assert cel.trouble
    refused.over()
    file.write_bytes(whole_call("gudok-1.1"))
    assert [call.call for call in read_all(cel)] == ["gudok-1.1"]
    assert not cel.trouble
    assert cel.problems == {"unreadable": 1}


@refusing
def test_a_new_file_that_refuses_to_be_read_costs_nothing_of_the_one_before(tmp_path: Path, kind: str) -> None:
    """As when the rotation makes it without the right for us."""
    file = tmp_path / "cel.csv"
    file.write_bytes(whole_call("gudok-1.1"))
    cel = reader(file)
    assert len(read_all(cel)) == 1
    with file.open("ab") as more:
        more.write(whole_call("gudok-1.2"))
    file.rename(tmp_path / "cel.csv.1")
    refused = Refusing(file, kind)
    assert [call.call for call in read_all(cel)] == ["gudok-1.2"]
    assert read_all(cel) == []
    again = reader(file, cel.position)
    assert read_all(again) == []
    refused.over()
    file.write_bytes(whole_call("gudok-1.3"))
    for one in (cel, again):
        assert [call.call for call in read_all(one)] == ["gudok-1.3"]
        assert one.problems == {"unreadable": 1}


def test_a_position_in_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.write_bytes(whole_call("gudok-1.1"))
    cel = reader(file, Position(file=1, offset=500))
    assert [call.call for call in read_all(cel)] == ["gudok-1.1"]
    assert cel.problems == {"lost_files": 1}


def test_a_new_file_with_the_inode_of_the_one_that_was_read_is_read_from_its_beginning(tmp_path: Path) -> None:
    """The record was deleted, as somebody had no room, and the file system gave its inode away again."""
    file = tmp_path / "cel.csv"
    file.write_bytes(whole_call("gudok-1.1"))
    before = reader(file)
    assert [call.call for call in read_all(before)] == ["gudok-1.1"]
    file.write_bytes(whole_call("gudok-1.2") + whole_call("gudok-1.3"))
    cel = reader(file, before.position)
    assert [call.call for call in read_all(cel)] == ["gudok-1.2", "gudok-1.3"]
    assert cel.problems == {"lost_files": 1}


def test_a_position_by_inode_alone_counts(tmp_path: Path) -> None:
    """As it was stored before the first line counted."""
    file = tmp_path / "cel.csv"
    first = whole_call("gudok-1.1")
    file.write_bytes(first + whole_call("gudok-1.2"))
    cel = reader(file, Position(file.stat().st_ino, len(first)))
    assert [call.call for call in read_all(cel)] == ["gudok-1.2"]


def test_a_position_in_a_file_that_was_empty_is_found_again(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.touch()
    cel = reader(file)
    assert read_all(cel) == []
    empty = cel.position
    file.write_bytes(whole_call("gudok-1.1"))
    assert [call.call for call in read_all(cel)] == ["gudok-1.1"]
    for known, calls in ((empty, ["gudok-1.1"]), (cel.position, [])):
        assert [call.call for call in read_all(reader(file, known))] == calls


@pytest.mark.parametrize(
    ("number", "read"),
    [
        (b"7\n900", "7\n900"),
        (b"\n\n", "\n\n"),
        (b'7\n""CHAN_START"",""1.0"",""x"",""y"",', '7\n"CHAN_START","1.0","x","y",'),
        (b"7\r900", "7\r900"),
        (b"7\xe9900", "7\ufffd900"),
    ],
    ids=["newline", "newlines only", "a forged event", "carriage return", "not UTF-8"],
)
@pytest.mark.parametrize("limit", [1, 65536])
def test_whatever_callers_send_as_their_number_their_call_is_on_record(
    tmp_path: Path, number: bytes, read: str, limit: int
) -> None:
    file = tmp_path / "cel.csv"
    file.write_bytes(whole_call("gudok-1.1").replace(b"79000000001", number) + whole_call("gudok-1.2"))
    cel = reader(file)
    odd, plain = read_all(cel, limit)
    assert (odd.call, odd.caller, seconds(odd)) == ("gudok-1.1", f"token of {read}", (None, 1.0))
    assert plain.call == "gudok-1.2"
    assert cel.problems == {}


def test_a_restart_between_the_lines_of_an_event_loses_no_call(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    call = whole_call("gudok-1.1").replace(b"79000000001", b"7\n900")
    lines = call.splitlines(keepends=True)
    for cut in range(len(lines)):
        file.write_bytes(b"".join(lines[:cut]))
        first = reader(file)
        assert read_all(first) == []
        with file.open("ab") as more:
            more.write(b"".join(lines[cut:]))
        for cel in (first, reader(file, first.position)):
            assert [call.call for call in read_all(cel)] == ["gudok-1.1"]
            assert cel.problems == {}


def test_an_event_that_the_death_of_the_pbx_cut_off_costs_itself_only(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    cut_off = row("CHAN_START", "gudok-1.1", "gudok-1.1").partition(b"00000001")[0] + b"\n"
    file.write_bytes(cut_off + whole_call("gudok-1.2"))
    cel = reader(file)
    assert [call.call for call in read_all(cel)] == ["gudok-1.2"]
    cel.cut_off(datetime.fromtimestamp(20.0, UTC))
    assert cel.problems == {"garbage": 1}


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"\x00\xff\xfe\n",
        b'"CHAN_START","soon"\n',
        b'"unclosed,' + b"x," * 20 + b"\n",
        b",".join([b"inf"] * 13) + b"\n",
    ],
    ids=["empty", "binary", "short", "unclosed quote", "no time"],
)
def test_garbage_costs_one_counted_line(tmp_path: Path, garbage: bytes) -> None:
    file = tmp_path / "cel.csv"
    lines = whole_call("gudok-1.1").splitlines(keepends=True)
    file.write_bytes(lines[0] + garbage + b"".join(lines[1:]))
    cel = reader(file)
    assert [call.call for call in read_all(cel)] == ["gudok-1.1"]
    assert cel.problems == {"garbage": 1}


def test_a_line_without_an_end_is_skipped_and_what_follows_is_read(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.write_bytes(b"x" * (3 * LONGEST_LINE) + b"\n" + whole_call("gudok-1.1"))
    cel = reader(file)
    assert [call.call for call in read_all(cel)] == ["gudok-1.1"]
    assert cel.tail.overlong == 1


# --- memory, and the death of the PBX --------------------------------------------------------------------------


def test_only_so_many_unfinished_calls_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    rows = [row("CHAN_START", f"gudok-1.{n}", f"gudok-1.{n}") for n in range(15)]
    file.write_bytes(b"".join(rows))
    cel = reader(file, most_open=10)
    read_all(cel)
    assert cel.position is not None
    assert (cel.position.offset, cel.dropped) == (len(b"".join(rows[:5])), 5)


def test_what_a_dead_pbx_left_unfinished_ended_with_it(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    old = row("CHAN_START", "gudok-1.1", at=10.0) + row("APP_START", "gudok-1.1", at=12.0, app="Queue")
    file.write_bytes(old + row("CHAN_START", "gudok-2.1", "gudok-2.1", at=30.0))
    cel = reader(file)
    assert read_all(cel) == []
    [call] = cel.cut_off(datetime.fromtimestamp(20.0, UTC))
    assert (call.call, call.via_fallback, call.ended) == ("gudok-1.1", True, datetime.fromtimestamp(12.0, UTC))
    assert cel.position is not None
    assert cel.position.offset == len(old), "the new PBX's call goes on"


# --- ends that the PBX could not write ---------------------------------------------------------------------------


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def test_a_talk_whose_end_no_disk_took_ended_when_it_was_last_heard_of(tmp_path: Path) -> None:
    """As real Asterisk wrote it: what it had to say from the answer on, until the next caller came, is not there."""
    lines = (RECORDED / "stasis.csv").read_bytes().splitlines(keepends=True)
    [first, second] = dict.fromkeys(line.split(b",")[3].strip(b'"') for line in lines)
    answered = next(n for n, line in enumerate(lines) if b"simple_bridge" in line and first in line) + 2
    there = [line for n, line in enumerate(lines) if n < answered or second in line]
    last = float(there[answered - 1].split(b",")[1].strip(b'"'))
    file = tmp_path / "cel.csv"
    file.write_bytes(b"".join(there))
    cel = reader(file)
    assert [call.call for call in read_all(cel)] == [second.decode()]
    with file.open("ab") as more:
        more.write(whole_call("gudok-9.9", at=last + 70.0))
    assert cel.seen(set(), moment(last + 30.0)) == []
    read_all(cel)
    assert cel.position is not None
    assert cel.position.offset == 0
    [call] = cel.seen(set(), moment(last + 60.0))
    assert (call.call, call.answered is not None, call.ended) == (first.decode(), True, moment(last))
    assert (cel.position.offset, cel.problems) == (file.stat().st_size, {"lost_ends": 1})


TALK = row("CHAN_START", "gudok-1.1", at=1.0) + row("CHAN_START", "gudok-1.1-r1-1", at=1.1)


@pytest.mark.parametrize(
    ("first", "second"),
    [({"gudok-1.1"}, set()), (set(), {"gudok-1.1"}), (set(), {"gudok-1.1-r1-1"}), ({"gudok-1.1-r1-1"}, {"gudok-2.1"})],
)
def test_a_call_is_over_only_if_no_channel_of_it_is_there_twice_running(
    tmp_path: Path, first: set[str], second: set[str]
) -> None:
    file = tmp_path / "cel.csv"
    file.write_bytes(TALK + whole_call("gudok-1.2", at=95.0))
    cel = reader(file)
    read_all(cel)
    assert cel.seen(first, moment(60.0)) == []
    assert cel.seen(second, moment(90.0)) == []
    assert cel.position is not None
    assert cel.position.offset == 0


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (b"", 0),
        (whole_call("gudok-1.2", at=60.0 + LATE - 5.0), 0),
        (whole_call("gudok-1.2", at=60.0 + LATE + 5.0), 1),
        (row("HOLD", "gudok-1.1", at=50.0) + whole_call("gudok-1.2", at=60.0 + LATE + 5.0), 0),
    ],
    ids=["nothing was written since", "the PBX may be late", "it has gone on", "the call has, too"],
)
def test_an_end_that_may_yet_be_written_is_waited_for(tmp_path: Path, later: bytes, told: int) -> None:
    """The PBX writes when it gets round to it: in order, and at once unless its disk hangs."""
    file = tmp_path / "cel.csv"
    file.write_bytes(TALK + row("APP_START", "gudok-1.1", at=2.0, app="Queue"))
    cel = reader(file)
    read_all(cel)
    assert cel.seen(set(), moment(60.0)) == []
    with file.open("ab") as more:
        more.write(later)
    read_all(cel)
    assert len(cel.seen(set(), moment(90.0))) == told
    with file.open("ab") as more:
        more.write(end("gudok-1.1", 55.0, last=True))
    assert [call.ended for call in read_all(cel)] == [moment(55.0)] * (1 - told)


def test_a_call_so_young_that_the_look_may_be_older_is_not_missing(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.write_bytes(row("CHAN_START", "gudok-1.1", at=60.0 - LATE / 2) + whole_call("gudok-1.2", at=80.0))
    cel = reader(file)
    read_all(cel)
    cel.seen(set(), moment(60.0))
    cel.seen(set(), moment(90.0))
    assert cel.problems == {}
