"""The spool file: what it holds survives everything but a torn end."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from telephony.store.calllog import Line
from telephony.store.spool import Spool

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def line(seq: int, size: int = 10) -> Line:
    return Line(seq, NOON, "PbxLost", "x" * size, "[]")


def opened(path: Path, limit: int = 100_000) -> Spool:
    spool = Spool(path, limit)
    spool.open()
    return spool


def everything(spool: Spool) -> list[Line]:
    found: list[Line] = []
    offset = spool.start
    while offset < spool.end:
        lines, offset = spool.read(offset, 3)
        found += lines
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.spool"


def test_a_new_spool_is_empty_private_and_has_its_room(path: Path) -> None:
    spool = opened(path)
    assert spool.empty
    assert spool.last_seq == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_blocks * 512 >= 100_000


def test_entries_are_there_after_a_restart(path: Path) -> None:
    lines = [line(seq) for seq in range(1, 11)]
    spool = opened(path)
    assert spool.append(lines[:4]) == 4
    assert spool.append(lines[4:]) == 6
    spool.close()
    again = opened(path)
    assert (again.last_seq, again.entries) == (10, 10)
    assert everything(again) == lines
    assert again.append([line(11)]) == 1
    again.close()
    assert [one.seq for one in everything(opened(path))] == list(range(1, 12))


def test_an_entry_larger_than_a_reading(path: Path) -> None:
    spool = opened(path, 8_000_000)
    lines = [line(1), line(2, 3_000_000), line(3)]
    spool.append(lines)
    spool.close()
    assert everything(opened(path, 8_000_000)) == lines


@pytest.mark.parametrize("cut", [1, 7, 30])
def test_a_torn_end_costs_the_torn_entry_only(path: Path, cut: int) -> None:
    spool = opened(path)
    spool.append([line(seq) for seq in range(1, 4)])
    end = spool.end
    spool.close()
    with path.open("r+b") as file:
        file.seek(end - cut)
        file.write(bytes(cut))
    again = opened(path)
    assert [one.seq for one in everything(again)] == [1, 2]
    again.append([line(3)])
    assert [one.seq for one in everything(again)] == [1, 2, 3]


def test_entries_of_an_earlier_outage_do_not_come_back(path: Path) -> None:
    """The later entries are as long as the earlier ones, so that old frames lie exactly behind the new ones."""
    spool = opened(path)
    spool.append([line(seq) for seq in range(1, 9)])
    spool.clear()
    assert spool.empty
    spool.append([line(9)])
    spool.close()
    assert [one.seq for one in everything(opened(path))] == [9]


def test_what_does_not_fit_is_left_out(path: Path) -> None:
    spool = opened(path, 500)
    taken = spool.append([line(seq) for seq in range(1, 50)])
    assert 0 < taken < 49
    assert spool.append([line(50)]) == 0
    assert [one.seq for one in everything(spool)] == list(range(1, taken + 1))
    assert path.stat().st_size <= 500


def test_a_failed_write_leaves_the_spool_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = opened(path)
    spool.append([line(1)])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", full)
        with pytest.raises(OSError, match="No space"):
            spool.append([line(2, 500)])
    assert spool.last_seq == 1
    spool.append([line(2)])
    spool.close()
    assert everything(opened(path)) == [line(1), line(2)]


def test_a_foreign_file_is_taken_over_empty(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"something else altogether, and rather long")
    spool = opened(path)
    assert spool.empty
    spool.append([line(1)])
    spool.close()
    assert everything(opened(path)) == [line(1)]
