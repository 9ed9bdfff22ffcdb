"""A database with a long past, made quickly: for measuring that a start does not grow with it.

    python -m telephony.testing.big_database state/gudok.db 1000000

The file must hold an empty SQLite database of the current shape (`gudok run` and `gudok operators import` make
one). The past is what the center would have written: for each call one journal entry with all its facts, and the
rows folded from them. One call in ten is abandoned; all calls are over and nobody is logged in at the end.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from telephony.core import facts as that
from telephony.core.events import Continued

OPERATORS = 65
CALLERS = 300_000
SECONDS_BETWEEN = 7
BATCH = 10_000
Tables = dict[str, list[tuple[Any, ...]]]

_EVENT = msgspec.json.encode(Continued(work="past", items=())).decode()


def fill(path: Path, calls: int, end: datetime) -> None:
    """Add `calls` calls, the last one some minutes before `end`. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous=OFF")
        begin = end - timedelta(seconds=SECONDS_BETWEEN * calls + 600)
        past = (past_call(number, begin + timedelta(seconds=SECONDS_BETWEEN * number)) for number in range(calls))
        connection.execute("BEGIN")
        for tables in _batches(past):
            for table, rows in tables.items():
                marks = ",".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        connection.execute("COMMIT")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def past_call(number: int, arrived: datetime) -> Tables:
    """The journal entry `number + 1` and the rows of one call."""
    call, caller = f"gudok-{int(arrived.timestamp())}.{number}", f"caller{number * 7919 % CALLERS:08}"
    login, phone, leg = f"operator{number % OPERATORS:02}", f"phone{number % OPERATORS:02}", f"{call}-past-1"
    made, answered, ended = (arrived + timedelta(seconds=seconds) for seconds in (20, 24, 204))
    answers = number % 10 != 9
    facts: list[that.AnyFact] = [
        that.CallOpened(call=call, kind=that.CallKind.INBOUND, number="1300", caller=caller, arrived=arrived),
        that.CallQueued(call=call, queue="registry", priority=0, why="arrival", at=arrived),
    ]
    if answers:
        facts += [
            that.AttemptMade(
                call=call, n=1, channel=leg, why="queue", operator=login, phone=phone, queue="registry", at=made
            ),
            that.AttemptAnswered(call=call, n=1, at=answered),
            that.CallBridged(call=call, operator=login, at=answered),
            that.OperatorChanged(login=login, state="talking", phone=phone, call=call, at=answered),
            that.AttemptEnded(call=call, n=1, result=that.AttemptResult.ANSWERED, at=ended),
            that.OperatorChanged(login=login, state="offline", at=ended),
        ]
    outcome = that.Outcome.ANSWERED if answers else that.Outcome.ABANDONED
    facts.append(that.CallEnded(call=call, outcome=outcome, by="caller", at=ended))
    seq, who, talk = number + 1, login if answers else None, _iso(answered) if answers else None
    effects = msgspec.json.encode(facts).decode()
    since, over = _iso(arrived), _iso(ended)
    tables: Tables = {
        "journal": [(seq, over, "Continued", _EVENT, effects)],
        "calls": [
            (
                *(call, "inbound", "1300", caller, None, since, 0, "registry", "registry", since, 0, talk, who, who),
                *(int(answers), 0, over, outcome.value, "caller"),
            )
        ],
    }
    if answers:
        tables["attempts"] = [
            (call, 1, leg, "queue", login, phone, None, "registry", _iso(made), talk, over, "answered")
        ]
        tables["operator_states"] = [(seq, 5, login, "talking", phone, "", call, talk, None, None, over, None, None)]
    return tables


def _batches(past: Iterator[Tables]) -> Iterator[Tables]:
    batch: Tables = {}
    for count, tables in enumerate(past, 1):
        for table, rows in tables.items():
            batch.setdefault(table, []).extend(rows)
        if count % BATCH == 0:
            yield batch
            batch = {}
    if batch:
        yield batch


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]), datetime.now(UTC))
