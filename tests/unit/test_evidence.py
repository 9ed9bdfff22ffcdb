"""What the phones can tell of a leg that was picked up while no router lived."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.evidence import is_undecided
from telephony.testing.phones.sip import PhoneCall

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OUTAGE = (NOON + timedelta(seconds=10), NOON + timedelta(seconds=11))


@pytest.mark.parametrize(
    ("answered", "ended", "undecided"),
    [
        (9.5, 11.5, False),  # picked up before
        (10.5, 10.8, True),  # over before anybody was back
        (10.5, 11.5, True),  # the next router may just have hung up what it found
        (10.5, 15.0, False),  # it talked on
        (11.5, 11.6, False),  # picked up after
    ],
)
def test_only_a_leg_that_soon_ended_leaves_a_doubt(answered: float, ended: float, undecided: bool) -> None:
    leg = PhoneCall(
        phone="101",
        sip_call_id="leg",
        direction="in",
        number="1300",
        invited=NOON,
        answered=NOON + timedelta(seconds=answered),
        ended=NOON + timedelta(seconds=ended),
    )
    assert is_undecided(leg, [OUTAGE]) is undecided
    assert is_undecided(leg, []) is False
