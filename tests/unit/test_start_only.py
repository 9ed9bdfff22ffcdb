"""What a PBX that runs does not take from a reload is known by what it read at its start."""

from __future__ import annotations

from pathlib import Path

import pytest

from telephony.pbx import start_only
from telephony.pbx.render import render
from telephony.resources import default_folder
from telephony.settings import load


@pytest.fixture
def noted(tmp_path: Path) -> Path:
    """Of a PBX that has started with the default configuration, in `etc` beside it."""
    write(tmp_path)
    start_only.keep(tmp_path / "etc", tmp_path / "noted.json")
    return tmp_path / "noted.json"


def write(home: Path, **changes: str) -> None:
    render(load(default_folder("config"), {"GUDOK_STATE_DIR": str(home / "state"), **changes}), home / "etc")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"GUDOK_SIP_PORT": "5999"}, ["pjsip.conf"]),
        ({"GUDOK_SIP_BIND": "127.0.0.9"}, ["pjsip.conf"]),
        ({"GUDOK_HTTP_PORT": "8999", "GUDOK_AMI_PORT": "5998", "GUDOK_RTP_FROM": "12000"}, []),
    ],
)
def test_where_sip_listens_is_changed_by_a_start_alone(noted: Path, changes: dict[str, str], told: list[str]) -> None:
    write(noted.parent, **changes)
    assert start_only.changed(noted.parent / "etc", noted) == told
    write(noted.parent)
    assert start_only.changed(noted.parent / "etc", noted) == [], "changed back"


@pytest.mark.parametrize("name", ["asterisk.conf", "modules.conf", "stasis.conf"])
def test_some_files_are_read_at_a_start_alone(noted: Path, name: str) -> None:
    file = noted.parent / "etc" / name
    file.write_text(file.read_text() + "; a comment\n")
    assert start_only.changed(file.parent, noted) == []
    file.write_text(file.read_text() + "more = yes\n")
    assert start_only.changed(file.parent, noted) == [name]


def test_of_a_pbx_that_noted_nothing_nothing_is_told(noted: Path) -> None:
    noted.unlink()
    write(noted.parent, GUDOK_SIP_PORT="5999")
    assert start_only.changed(noted.parent / "etc", noted) == []
