"""Counters and latency histograms, cheap enough for every event."""

from __future__ import annotations

import math
from collections import Counter

_STEPS = 4
"""Buckets per doubling: a quantile is right within 19 %."""


class Histogram:
    """Durations in seconds, from a microsecond up, in logarithmic buckets."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self.max = 0.0

    def add(self, seconds: float) -> None:
        self._buckets[int(math.log2(seconds * 1e6) * _STEPS) if seconds > 1e-6 else 0] += 1
        self.count += 1
        if seconds > self.max:
            self.max = seconds

    def quantile(self, share: float) -> float:
        """Seconds that `share` (0..1) of the durations do not exceed; 0 when there are none."""
        rest = share * self.count
        for bucket in sorted(self._buckets):
            rest -= self._buckets[bucket]
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
