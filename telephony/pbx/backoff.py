"""Waiting before another attempt: exponential backoff, with full jitter so that clients do not come back at once."""

from __future__ import annotations

import asyncio
import random


async def pause(closing: asyncio.Event, attempt: int, first: float, longest: float) -> None:
    """Wait up to `first` seconds before attempt 0, twice that before the next, at most `longest`; `closing` ends it."""
    delay = random.uniform(0, min(longest, first * 2 ** min(attempt, 30)))
    try:
        async with asyncio.timeout(delay):
            await closing.wait()
    except TimeoutError:
        return
