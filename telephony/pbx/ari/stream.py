"""A bounded place between the client and somebody who reads at their own pace."""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

from telephony.pbx.ari.events import Event
from telephony.pbx.ari.states import Ended, Message


class Overflow(msgspec.Struct, frozen=True):
    """The reader was too slow: `lost` events were dropped, so what is known is wrong. Take a new snapshot."""

    lost: int


class EventStream:
    """Give `put` to `AriClient(on_message=…)`, then `async for message in stream`.

    Holds at most `limit` events. When one more comes, all of them are dropped and the next thing read is an
    `Overflow`; states (Connected, Disconnected) are never dropped. One reader, whose loop ends by raising the error of
    `Ended` when the client has ended.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._waiting: deque[Message] = deque()
        self._events = 0
        self._lost = 0
        self._ready = asyncio.Event()
        self._closed = False

    def put(self, message: Message) -> None:
        """Take a message in; never waits."""
        if isinstance(message, Event):
            if self._events >= self._limit:
                self._waiting = deque(m for m in self._waiting if not isinstance(m, Event))
                self._lost += self._events
                self._events = 0
            self._events += 1
        self._waiting.append(message)
        self._ready.set()

    def close(self) -> None:
        """No more will come; the reader's loop ends when it has read what is there."""
        self._closed = True
        self._ready.set()

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Message | Overflow:
        while True:
            if self._lost:
                lost, self._lost = self._lost, 0
                return Overflow(lost)
            if self._waiting:
                message = self._waiting.popleft()
                self._events -= isinstance(message, Event)
                if isinstance(message, Ended):
                    raise message.error
                return message
            if self._closed:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
