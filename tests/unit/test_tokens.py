"""Tokens stand for phone numbers: always the same, telling nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.tokens import LENGTH, LONGEST, Tokens, normalise

KEY = "a key for tests"


@pytest.mark.parametrize(
    "written", ["+79000000001", "89000000001", "79000000001", "9000000001", "+7 (900) 000-00-01", "8-900-000-00-01"]
)
def test_a_russian_number_is_one_number_however_it_is_written(written: str) -> None:
    assert normalise(written) == "79000000001"


def test_other_numbers_stay_apart() -> None:
    assert normalise("1300") == "1300"
    assert normalise("+81 3 0000 0000") == "81300000000"
    assert normalise("810 81 3 0000 0000") == "81300000000"


def test_what_is_too_long_for_any_number_is_cut() -> None:
    """Whoever dials may send as many digits as they like; each is kept."""
    assert normalise("9" * 300) == "9" * LONGEST


def test_a_token_is_the_same_after_a_restart_and_another_with_another_key() -> None:
    token = Tokens(KEY).token("+79000000001")
    assert token == Tokens(KEY).token("89000000001")
    assert token != Tokens("another").token("+79000000001")
    assert len(token) == LENGTH
    assert token.isalnum()


def test_each_new_pair_is_handed_over_once() -> None:
    kept: list[tuple[str, str]] = []
    tokens = Tokens(KEY, lambda token, number: kept.append((token, number)))
    token = tokens.token("+79000000001")
    tokens.token("89000000001")
    assert kept == [(token, "79000000001")]
    assert tokens.number(token) == "79000000001"


@pytest.mark.parametrize("shown", ["", "anonymous", "Unavailable", "неизвестен"])
def test_a_withheld_number_has_no_token(shown: str) -> None:
    """All who withhold theirs would be one caller else."""
    kept: list[tuple[str, str]] = []
    assert Tokens(KEY, lambda token, number: kept.append((token, number))).token(shown) == ""
    assert kept == []


def test_the_memory_is_bounded_and_keeps_the_newest() -> None:
    tokens = Tokens(KEY, remember=2)
    first, second, third = (tokens.token(f"+7900000000{n}") for n in range(3))
    assert tokens.number(first) is None
    assert tokens.number(second) == "79000000001"
    assert tokens.number(third) == "79000000002"
    assert tokens.token("+79000000000") == first


@given(st.integers(min_value=70_000_000_000, max_value=79_999_999_999))
def test_no_digit_run_of_the_number_stands_in_the_token(number: int) -> None:
    assert str(number)[-7:] not in Tokens(KEY).token(str(number))
