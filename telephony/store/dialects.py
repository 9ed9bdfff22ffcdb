"""Where SQLite and PostgreSQL say the same thing in different words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

if TYPE_CHECKING:
    from sqlalchemy.dialects.sqlite import Insert


def is_postgres(dialect: Dialect) -> bool:
    return dialect.name == "postgresql"


def insert(table: sa.Table, dialect: Dialect) -> Insert:
    """An INSERT with `on_conflict_do_update` and `on_conflict_do_nothing`, which both dialects spell alike."""
    if is_postgres(dialect):
        from sqlalchemy.dialects.postgresql import insert as pg_insert

        return pg_insert(table)  # type: ignore[return-value]  # the same methods by another class
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(table)


def is_any_of(column: sa.Column[str], parameter: str, dialect: Dialect) -> sa.ColumnElement[bool]:
    """`column` is one of the keys in one parameter: a list (PostgreSQL) or a JSON array as text (SQLite).

    One statement serves any number of keys, so the driver prepares it once.
    """
    if is_postgres(dialect):
        from sqlalchemy.dialects.postgresql import ARRAY

        return column == sa.any_(sa.bindparam(parameter, type_=ARRAY(sa.Text)))
    keys = sa.func.json_each(sa.bindparam(parameter, type_=sa.Text)).table_valued("value")
    return column.in_(sa.select(keys.c.value))
