"""What happened today before the router's start, counted from the call log of both databases."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from structlog.testing import capture_logs

from telephony.control.board import Board
from telephony.control.board_rows import Tally
from telephony.core import facts as that
from telephony.core.events import PbxLost
from telephony.core.plan import Plan, Queue, ServiceLevel
from telephony.router.today import add_earlier, read_today
from tests.integration._store import Store, at, opened

PLAN = Plan(
    timezone="Europe/Moscow",
    queues=(
        Queue(name="booking", label="Запись", service_level=ServiceLevel(seconds=20)),
        Queue(name="children", label="Детская"),
    ),
)


def caller(
    store: Store, call: str, start: float, *, answered: float | None = None, ended: float | None = None, outcome: str
) -> None:
    arrived = at(start)
    facts: list[that.AnyFact] = [
        that.CallOpened(call=call, kind=that.CallKind.INBOUND, number="1300", arrived=arrived),
        that.CallQueued(call=call, queue="booking", priority=0, why="arrival", at=arrived),
    ]
    if answered is not None:
        facts.append(that.CallBridged(call=call, operator="anna", at=arrived + timedelta(seconds=answered)))
    if ended is not None:
        end = arrived + timedelta(seconds=ended)
        facts.append(that.CallEnded(call=call, outcome=that.Outcome(outcome), by="caller", at=end))
    store.append(PbxLost(reason="any"), facts)


async def test_the_day_so_far_by_queue(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        caller(store, "quick", 0, answered=20, ended=60, outcome="answered")
        caller(store, "slow", 10, answered=21, ended=60, outcome="answered")
        caller(store, "still talking", 20, answered=5, outcome="answered")
        caller(store, "gone", 30, ended=40, outcome="abandoned")
        caller(store, "sent away", 40, ended=50, outcome="sent_away")
        caller(store, "waiting", 50, outcome="")
        caller(store, "answered after the start", 60, answered=300, ended=400, outcome="answered")
        caller(store, "after the start", 250, ended=260, outcome="abandoned")
        caller(store, "yesterday", -86_400, ended=10, outcome="abandoned")
        await store.durable()
        tallies = await read_today(store.database, PLAN, before=at(200))
    assert tallies == {
        "booking": Tally(answered=3, in_level=2, abandoned=1, sent_away=1),
        "children": Tally(),
    }


async def test_a_row_that_cannot_be_understood_is_told_and_no_more(tmp_path: Path) -> None:
    """Not all that reading raises is the database's own."""
    board = Board(at(200).timestamp())
    async with opened(f"sqlite:///{tmp_path}/gudok.db", tmp_path) as store:
        caller(store, "damaged", 0, answered=20, ended=60, outcome="answered")
        await store.durable()
        async with store.database.engine.begin() as connection:
            await connection.exec_driver_sql("UPDATE calls SET answered = 'nonsense'")
        with capture_logs() as told:
            await add_earlier(board, store.database, PLAN)
    assert [line["event"] for line in told] == ["today's earlier calls not counted"]
