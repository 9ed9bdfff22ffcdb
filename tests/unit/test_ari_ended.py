"""A client whom Asterisk will not have any more says so, wherever its user looks; nothing of it is left to asyncio."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from telephony.pbx.ari import (
    ApplicationTaken,
    AriClient,
    CannotConnect,
    Connected,
    Disconnected,
    Ended,
    EventStream,
    Message,
    RequestFailed,
    WrongPassword,
    unheeded,
)
from telephony.testing.patience import PATIENCE
from telephony.testing.ports import free_port
from tests.unit._scripted_asterisk import LivingAsterisk, event, living_asterisk


def client(url: str, stream: EventStream) -> AriClient:
    return AriClient(url, "gudok", "secret", "gudok", on_message=stream.put, backoff=(0.01, 0.05))


def changes_its_password(asterisk: LivingAsterisk) -> None:
    """And is restarted for it."""
    asterisk.locked = True
    assert asterisk.transport is not None
    asterisk.transport.disconnect(graceful=False)


def serves_another(asterisk: LivingAsterisk) -> None:
    asterisk.say(event("ApplicationReplaced"))


def restarts_into_the_hands_of_a_successor(asterisk: LivingAsterisk) -> None:
    asterisk.successor = True
    assert asterisk.transport is not None
    asterisk.transport.disconnect(graceful=False)


@contextmanager
def nothing_left_over() -> Iterator[None]:
    """asyncio has nothing to complain of, as it does when an exception is forgotten."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    yield
    gc.collect()
    assert complaints == []


@pytest.mark.parametrize(
    ("happens", "error", "told"),
    [(changes_its_password, WrongPassword, [Connected, Disconnected]), (serves_another, ApplicationTaken, [Connected])],
)
async def test_a_reader_is_told_that_the_client_has_ended(happens: Any, error: type[Exception], told: Any) -> None:
    async with living_asterisk() as (asterisk, url), asyncio.timeout(PATIENCE):
        stream, read = EventStream(), []

        async def reader() -> None:
            async with client(url, stream):
                async for message in stream:
                    read.append(type(message))
                    if read == [Connected]:
                        happens(asterisk)

        with nothing_left_over(), pytest.raises(error, match="gudok"):
            await reader()
        assert read == told


async def test_an_application_taken_before_the_filter_is_in_force_is_left_to_who_took_it() -> None:
    async with living_asterisk() as (asterisk, url), asyncio.timeout(PATIENCE):
        heard: list[Message] = []
        ari = AriClient(url, "gudok", "secret", "gudok", on_message=heard.append, backoff=(0.01, 0.05))
        with nothing_left_over():
            async with ari:
                restarts_into_the_hands_of_a_successor(asterisk)
                with pytest.raises(ApplicationTaken) as ended:
                    await ari.wait()
        assert [type(message) for message in heard] == [Connected, Disconnected, Ended]
        assert heard[-1] == Ended(ended.value)


async def test_a_first_attempt_whose_application_is_taken_says_so() -> None:
    async with living_asterisk() as (asterisk, url), asyncio.timeout(PATIENCE):
        asterisk.successor = True
        with nothing_left_over(), pytest.raises(ApplicationTaken):
            await client(url, EventStream()).start()


async def test_who_waits_for_the_end_is_told_of_it_too_and_a_callback_hears_it_last() -> None:
    async with living_asterisk() as (asterisk, url), asyncio.timeout(PATIENCE):
        heard: list[Message] = []
        ari = AriClient(url, "gudok", "secret", "gudok", on_message=heard.append, backoff=(0.01, 0.05))
        async with ari:
            changes_its_password(asterisk)
            with pytest.raises(WrongPassword) as ended:
                await ari.wait()
        assert heard[-1] == Ended(ended.value)


async def test_a_first_attempt_that_failed_can_be_made_again() -> None:
    """It is told by `start` alone: what is read afterwards has no end in it."""
    async with living_asterisk() as (asterisk, url), asyncio.timeout(PATIENCE):
        stream = EventStream()
        ari = client(url, stream)
        asterisk.locked = True
        with nothing_left_over(), pytest.raises(WrongPassword):
            await ari.start()
        asterisk.locked = False
        async with ari:
            assert isinstance(await anext(stream), Connected)
            with pytest.raises(RuntimeError, match="already started"):
                await ari.start()
        with pytest.raises(RuntimeError, match="closed: make a new one"):
            await ari.start()


async def test_an_absent_asterisk_can_be_tried_again() -> None:
    ari = client(f"http://127.0.0.1:{free_port()}", EventStream())
    for _ in range(2):
        with pytest.raises(CannotConnect, match="connection refused"):
            await ari.start()


async def test_a_request_whose_answer_is_unheeded_may_fail() -> None:
    async with living_asterisk() as (asterisk, url), asyncio.timeout(PATIENCE):
        asterisk.refused.add("channels/gone/answer")
        with nothing_left_over():
            async with client(url, EventStream()) as ari:
                ari.channels.answer("gone").add_done_callback(unheeded)
                with pytest.raises(RequestFailed):
                    await ari.channels.answer("gone")
                cancelled = ari.channels.answer("gone")
                cancelled.add_done_callback(unheeded)
                cancelled.cancel()
