"""Waiting for what gives no event: files, processes, somebody else's database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def until(look: Callable[[], T | None], what: str, *, within: float, every: float = 0.05) -> T:
    """The first that `look` finds, asked again `every` so many seconds. Raises TimeoutError with `what` after
    `within` seconds."""
    deadline = time.monotonic() + within
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within:.0f} s")
        await asyncio.sleep(every)
    return found
