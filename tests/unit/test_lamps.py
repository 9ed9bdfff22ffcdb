"""Lamps leave one after the other, the newest wish last, and all again when the PBX is back."""

from __future__ import annotations

import asyncio
from typing import Any

from telephony.core.effects import LampState, SetLamp
from telephony.pbx.lamps import AT_ONCE, Lamps


class Board:
    """A PBX that answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self._open: list[asyncio.Future[Any]] = []
        self.lamps = Lamps(self.put)

    def put(self, device: str, state: str) -> asyncio.Future[Any]:
        self.asked.append((device, state))
        self._open.append(asyncio.get_running_loop().create_future())
        return self._open[-1]

    def show(self, name: str, state: LampState) -> None:
        self.lamps.show(SetLamp(name=name, state=state))

    async def answers(self, error: Exception | None = None) -> None:
        for future in self._open:
            if not future.done():
                future.set_exception(error) if error else future.set_result(None)
        await asyncio.sleep(0)


async def test_a_wish_waits_for_the_answer_to_the_one_before_and_only_the_newest_is_sent() -> None:
    board = Board()
    board.lamps.found()
    for state in ("on", "blinking", "off"):
        board.show("break-1", state)
    assert board.asked == [("Stasis:break-1", "INUSE")]
    await board.answers()
    assert board.asked[1:] == [("Stasis:break-1", "NOT_INUSE")]


async def test_what_is_wished_while_the_pbx_is_away_is_shown_when_it_is_back_with_all_the_rest() -> None:
    board = Board()
    board.lamps.found()
    board.show("login-1", "on")
    await board.answers()
    board.lamps.lost()
    board.show("login-2", "blinking")
    assert len(board.asked) == 1
    board.lamps.found()
    assert sorted(board.asked[1:]) == [("Stasis:login-1", "INUSE"), ("Stasis:login-2", "RINGING")]


async def test_hundreds_of_lamps_leave_room_for_calls() -> None:
    board = Board()
    for number in range(100):
        board.show(f"login-{number}", "off")
    board.lamps.found()
    assert len(board.asked) == AT_ONCE
    while len(board.asked) < 100:
        await board.answers()
    assert len(set(board.asked)) == 100


async def test_a_refusal_holds_nothing_up() -> None:
    board = Board()
    board.lamps.found()
    board.show("login-1", "on")
    board.show("login-1", "off")
    await board.answers(OSError("no"))
    assert board.asked[-1] == ("Stasis:login-1", "NOT_INUSE")
