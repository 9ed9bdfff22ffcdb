"""What a new Asterisk version changed in ARI is said line by line."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from telephony.pbx.ari import WrongVersion, check_version
from telephony.pbx.ari.listing import changes, check_summary

KEPT = Path(__file__).parent.parent / "fixtures" / "ari-22.10.json"


@pytest.fixture
def kept() -> dict[str, dict[str, str]]:
    """The summary of ARI in Asterisk 22.10."""
    return msgspec.json.decode(KEPT.read_bytes(), type=dict[str, dict[str, str]])


def test_the_client_fits_the_asterisk_it_was_written_for(kept: dict[str, dict[str, str]]) -> None:
    assert check_summary(kept) == []


@pytest.mark.parametrize(
    ("where", "what", "becomes", "complaint"),
    [
        ("POST /channels/create", None, None, "POST /channels/create: no such operation"),
        ("POST /channels/create", "originator", None, "POST /channels/create: no query parameter originator"),
        ("POST /channels/create", "fee", "query int*", "POST /channels/create: parameter fee is required"),
        ("POST /channels/create", "variables", None, "POST /channels/create: no body variables"),
        ("model ChannelDestroyed", "cause", None, "ChannelDestroyed: no field cause"),
        ("model ChannelDestroyed", "cause", "string*", "ChannelDestroyed: field cause is string"),
        ("model ChannelDestroyed", "cause", "int", "ChannelDestroyed: field cause may be missing"),
        ("model StasisStart", "args", "List[int]*", "StasisStart: field args is List[int]"),
        ("model Dial", None, None, "Dial: no such model"),
        ("model Event", "timestamp", "long*", "timestamp is long"),
    ],
)
def test_whatever_the_client_needs_and_misses_is_named(
    kept: dict[str, dict[str, str]], where: str, what: str | None, becomes: str | None, complaint: str
) -> None:
    new: Any = copy.deepcopy(kept)
    if what is None:
        del new[where]
    elif becomes is None:
        del new[where][what]
    else:
        new[where][what] = becomes

    assert any(complaint in line for line in check_summary(new))


def test_all_differences_of_two_versions_are_told() -> None:
    old = {"model Dial": {"peer": "Channel*", "forward": "string"}, "GET /old": {}}
    new = {"model Dial": {"peer": "Channel", "reason": "string"}, "GET /new": {}}

    assert changes(old, new) == [
        "+ GET /new",
        "- GET /old",
        "- model Dial: forward",
        "~ model Dial: peer was Channel*, is Channel",
        "+ model Dial: reason (string)",
    ]


@pytest.mark.parametrize("version", ["20.14.0", "21.9.1", "22.4.0", "22.10.1+dfsg+~cs6.17", "23.0.0", "GIT-master"])
def test_versions_with_rest_over_websocket_pass(version: str) -> None:
    check_version(version)


@pytest.mark.parametrize("version", ["16.28.0", "18.26.4", "20.13.9", "21.8.0", "22.3.1", "certified-20.7-cert5"])
def test_older_versions_are_refused_with_what_is_needed(version: str) -> None:
    with pytest.raises(WrongVersion, match=r"20\.14, 21\.9, 22\.4 or newer"):
        check_version(version)
