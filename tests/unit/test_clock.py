"""The router's clock, on a wall clock and a steady one that the test turns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from telephony.clock import Clock

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Hands:
    def __init__(self) -> None:
        self.wall = NOON.timestamp()
        self.steady = 1000.0
        self.clock = Clock(lambda: self.wall, lambda: self.steady)

    def turn(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def after_noon(self) -> float:
        return (self.clock.now() - NOON).total_seconds()


@pytest.fixture
def hands() -> Hands:
    return Hands()


def test_it_follows_the_wall_clock(hands: Hands) -> None:
    hands.turn(10)
    assert hands.after_noon() == 10


def test_set_back_it_goes_on_at_half_speed_until_the_wall_has_caught_up(hands: Hands) -> None:
    hands.wall -= 60
    hands.turn(10)
    assert hands.after_noon() == 5
    hands.turn(110)
    assert hands.after_noon() == 60
    hands.turn(10)
    assert hands.after_noon() == 70


def test_a_timer_that_ran_off_alone_does_not_set_it_forward(hands: Hands) -> None:
    """Nothing had asked for the time while the timer ran: those seconds must not count a second time."""
    hands.turn(10)
    hands.clock.reached(NOON + timedelta(seconds=10))
    assert hands.after_noon() == 10


def test_a_timer_that_ran_off_a_little_early_is_not_before_its_time(hands: Hands) -> None:
    hands.turn(9.999)
    hands.clock.reached(NOON + timedelta(seconds=10))
    assert hands.after_noon() == 10


def test_a_timer_that_ran_off_while_the_wall_was_set_back_is_not_before_its_time(hands: Hands) -> None:
    hands.wall -= 3600
    hands.turn(10)
    hands.clock.reached(NOON + timedelta(seconds=10))
    assert hands.after_noon() == 10
