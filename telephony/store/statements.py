"""SQL statements compiled once and run with plain tuples: the hot path of the store."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect


class Statement:
    """An SQL statement in the words and with the parameter order of one driver."""

    def __init__(self, clause: sa.ClauseElement, dialect: Dialect) -> None:
        compiled = clause.compile(dialect=dialect)
        self.sql = str(compiled)
        self.order: tuple[str, ...] = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]


def write(connection: Connection, statement: Statement, values: list[tuple[Any, ...]]) -> None:
    """On the driver's cursor: SQLAlchemy's own way around it costs more than the statement."""
    with closing(connection.connection.cursor()) as cursor:
        cursor.executemany(statement.sql, values)


def query(connection: Connection, statement: Statement, *values: object) -> list[Any]:
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(statement.sql, values)
        return list(cursor.fetchall())
