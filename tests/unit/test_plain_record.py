"""The record that a real PBX wrote, read twice: by the product, and plainly."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from benchmarks.plain_record import disagreements, read
from telephony.core.events import CallRecorded
from telephony.pbx.cel import CelReader

RECORDS = Path(__file__).parents[1] / "fixtures" / "cel"
PHONES = {"101", "102", "103", "104", "105", "106"}


@pytest.fixture
def stasis(tmp_path: Path) -> Path:
    """Without the arrival that the dialplan hands over: in the fixture it is invented."""
    file = tmp_path / "stasis.csv"
    file.write_text((RECORDS / "stasis.csv").read_text().replace("1700000000.123", ""))
    return file


def by_product(file: Path) -> list[CallRecorded]:
    reader = CelReader(file, token=str, is_phone=PHONES.__contains__)
    found: list[CallRecorded] = []
    while True:
        found += reader.read()
        if reader.caught_up:
            reader.close()
            return found


@pytest.mark.parametrize("name", ["queue", "transfers"])
def test_both_readings_of_a_record_agree(name: str) -> None:
    agree(RECORDS / f"{name}.csv")


def test_both_readings_of_our_own_application_agree_even_when_a_line_was_torn(stasis: Path) -> None:
    with stasis.open("a") as record:
        record.write('"CHAN_START","17953044')
    agree(stasis)


def agree(file: Path) -> None:
    plain = read(file, PHONES)
    assert any(call.answered for call in plain.values())
    assert list(disagreements(plain, by_product(file), PHONES)) == []


def test_a_mistake_of_the_products_reading_is_told(stasis: Path) -> None:
    right = by_product(stasis)
    n, talk = next((n, record) for n, record in enumerate(right) if record.answered and not record.phone)
    others = right[:n] + right[n + 1 :]

    def told(*records: CallRecorded) -> list[str]:
        return [what for _, what in disagreements(read(stasis, PHONES), [*others, *records], PHONES)]

    def spoiled(**changes: object) -> CallRecorded:
        return msgspec.structs.replace(talk, **changes)

    assert told() == ["only the plain reading of the PBX's record has it"]
    assert "the plain reading of the PBX's record does not have it" in told(talk, spoiled(call="nobody's"))
    assert told(spoiled(answered=None))[0].startswith("answer in the PBX's record")
    assert told(spoiled(ended=talk.ended + timedelta(seconds=5)))[0].startswith("end in the PBX's record")
    assert told(spoiled(arrived=talk.arrived - timedelta(seconds=5)))[0].startswith("arrival in the PBX's record")
