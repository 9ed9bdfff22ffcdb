"""Counters and latency histograms, cheap enough for every event."""

from __future__ import annotations

from math import log2

_STEPS = 4
"""Buckets per doubling: a quantile is right within 19 %."""
_BUCKETS = 34 * _STEPS
"""Up to nearly five hours; the last holds what is longer."""
_TOGETHER = 256
"""So many are sorted in one go: one by one costs three times as much."""


class Histogram:
    """Durations in seconds, from a microsecond up, in logarithmic buckets."""

    def __init__(self) -> None:
        self._buckets = [0] * _BUCKETS
        self._sorted = 0
        self._max = 0.0
        self._new: list[float] = []

    def add(self, seconds: float) -> None:
        self._new.append(seconds)
        if len(self._new) >= _TOGETHER:
            self._sort()

    def _sort(self) -> None:
        """Put what has come into the buckets."""
        for seconds in self._new:
            self._buckets[min(int(log2(seconds * 1e6) * _STEPS), _BUCKETS - 1) if seconds > 1e-6 else 0] += 1
        self._max = max(self._max, *self._new) if self._new else self._max
        self._sorted += len(self._new)
        self._new.clear()

    @property
    def count(self) -> int:
        return self._sorted + len(self._new)

    @property
    def max(self) -> float:
        """The longest, in seconds."""
        self._sort()
        return self._max

    def quantile(self, share: float) -> float:
        """Seconds that `share` (0..1) of the durations do not exceed; 0 when there are none."""
        self._sort()
        rest = share * self.count
        for bucket, count in enumerate(self._buckets):
            rest -= count
            if rest <= 0:
                return min(self.max, 2 ** ((bucket + 1) / _STEPS) / 1e6)
        return self.max

    def summary_ms(self) -> dict[str, float]:
        """`count`, and p50, p99 and max in milliseconds."""
        return {
            "count": self.count,
            "p50": round(self.quantile(0.5) * 1e3, 3),
            "p99": round(self.quantile(0.99) * 1e3, 3),
            "max": round(self.max * 1e3, 3),
        }
