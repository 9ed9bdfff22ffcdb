"""Who waits for which journal entry to be durable, and which entries never will be."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable


class Durability:
    """`seq` is the last durable entry. Counts `lost` entries and waiters in vain (`not_durable`) in `counters`."""

    def __init__(self, counters: Counter[str]) -> None:
        self.seq = 0
        self._counters = counters
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._lost = range(0)

    def wait(self, seq: int, then: Callable[[], None]) -> bool:
        """Call `then` on the loop once entry `seq` and all before are durable; never, when `seq` gets lost.

        To be called in the order of `seq`. True: it is not durable yet.
        """
        if seq in self._lost:
            self._counters["not_durable"] += 1
        elif seq <= self.seq:
            asyncio.get_running_loop().call_soon(then)
        else:
            self._waiting.append((seq, then))
            return True
        return False

    def reach(self, seq: int) -> None:
        """Entry `seq` and all before are durable."""
        self.seq = seq
        loop = asyncio.get_running_loop()
        while self._waiting and self._waiting[0][0] <= seq:
            loop.call_soon(self._waiting.popleft()[1])

    def lose(self, seqs: range) -> None:
        """These entries will never be durable."""
        adjoining = self._lost and seqs.start == self._lost.stop
        self._lost = range(self._lost.start if adjoining else seqs.start, seqs.stop)
        waiting = deque(waiter for waiter in self._waiting if waiter[0] not in seqs)
        self._counters["not_durable"] += len(self._waiting) - len(waiting)
        self._counters["lost"] += len(seqs)
        self._waiting = waiting
