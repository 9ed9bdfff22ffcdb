"""The measurement of the policy measures decisions of every kind."""

from __future__ import annotations

from benchmarks import policy


def test_a_small_center_is_measured_like_the_large_one() -> None:
    found = policy.measure(operators=60, queues=4, decisions=3_000)
    assert found["granted_or_deferred"] > 10
    assert found["refused"] > 10
    assert found["decisions_per_second"] > policy.TARGET / 4  # a shared machine may be slow, not that slow


def test_those_who_wait_for_a_place_hold_up_nobody() -> None:
    found = policy.measure_waiting(200, operators=600, queues=4)
    assert found["decisions_per_second"] > policy.TARGET / 4
    assert found["other_event_ms"] < policy.OTHER_EVENT_MS * 4
