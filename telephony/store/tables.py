"""The shape of the database, for SQLite and PostgreSQL alike.

Times are `timestamptz` in PostgreSQL and ISO 8601 text of constant width in SQLite, so that text order
is time order. Rows that are open (a call without an end) have partial indexes of their own: a start reads
only those, however long the history.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine


@lru_cache(4096)
def to_iso(at: datetime) -> str:
    """ISO 8601 with microseconds in UTC, always 32 characters. Raises ValueError for a naive time."""
    if at.tzinfo is not UTC:
        if at.tzinfo is None:
            raise ValueError("a time without zone")
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")


def to_utc(stored: str | datetime) -> datetime:
    """A time as a driver gives it."""
    at = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return at if at.tzinfo is UTC else at.astimezone(UTC)


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kind: TypeEngine[Any] = sa.DateTime(timezone=True) if dialect.name == "postgresql" else sa.Text()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else to_iso(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else to_utc(value)


metadata = sa.MetaData()


def text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def time(name: str, *, null: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, UtcTime, nullable=null)


def place() -> tuple[sa.Column[int], sa.Column[int]]:
    """Names a row by the place of its fact in the journal."""
    return (
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("n", sa.Integer, nullable=False, autoincrement=False),
    )


journal = sa.Table(
    "journal",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    time("at"),
    text("type"),
    text("event"),
    text("effects"),
)


OPEN = "ended IS NULL"
INDEXES: tuple[tuple[str, tuple[str, ...], str | None], ...] = (
    ("calls", ("arrived",), None),
    ("calls", ("id",), OPEN),
    ("calls", ("ended", "caller", "last_operator"), "last_operator IS NOT NULL AND ended IS NOT NULL"),
    ("attempts", ("made",), None),
    ("attempts", ("call",), OPEN),
    ("operator_states", ("since",), None),
    ("operator_states", ("login",), OPEN),
    ("transfers", ("call",), None),
)
"""Of the call log: table, columns, and the rows it is limited to."""


class CallLogTables:
    """The tables that the fold fills. While a rebuild runs there are two sets.

    `suffix` stands behind the names of the tables, `generation` (from 2 on) behind those of their indexes,
    which keep their names when the tables are renamed.
    """

    def __init__(self, into: sa.MetaData, suffix: str = "", generation: int = 1) -> None:
        tail = self._tail = "" if generation == 1 else f"_{generation}"

        def table(name: str, key: str, *items: sa.schema.SchemaItem) -> sa.Table:
            primary = sa.PrimaryKeyConstraint(*key.split(), name=f"pk_{name}{tail}")
            return sa.Table(name + suffix, into, *items, primary, sqlite_with_rowid=False)

        self.calls = table(
            "calls",
            "id",
            text("id"),
            text("kind"),
            text("number"),
            text("caller"),
            text("operator", null=True),
            time("arrived"),
            sa.Column("via_fallback", sa.Boolean, nullable=False),
            text("first_queue", null=True),
            text("queue", null=True),
            time("queued", null=True),
            number("priority"),
            time("answered", null=True),
            text("answered_by", null=True),
            text("last_operator", null=True),
            number("attempts"),
            number("transfers"),
            time("ended", null=True),
            text("outcome", null=True),
            text("ended_by", null=True),
        )
        self.attempts = table(
            "attempts",
            "call n",
            text("call"),
            sa.Column("n", sa.Integer, nullable=False, autoincrement=False),
            text("channel"),
            text("why"),
            text("operator", null=True),
            text("phone", null=True),
            text("number", null=True),
            text("queue", null=True),
            time("made"),
            time("answered", null=True),
            time("ended", null=True),
            text("result", null=True),
        )
        self.operator_states = table(
            "operator_states",
            "seq n",
            *place(),
            text("login"),
            text("state"),
            text("phone", null=True),
            text("reason"),
            text("call", null=True),
            time("since"),
            time("idle_since", null=True),
            time("until", null=True),
            time("ended", null=True),
        )
        self.transfers = table(
            "transfers",
            "seq n",
            *place(),
            text("call"),
            text("operator", null=True),
            text("kind"),
            text("target"),
            text("result"),
            time("at"),
        )
        self.denied_logins = table(
            "denied_logins", "seq n", *place(), text("extension"), text("phone"), text("reason"), time("at")
        )
        self.repairs = table("repairs", "seq n", *place(), text("what"), text("subject"), time("at"))

    def add_indexes(self) -> None:
        """For who makes or compares tables. Not at import: this loads both dialects, 50 ms that no start needs."""
        for name, columns, only in INDEXES:
            table: sa.Table = getattr(self, name)
            where = None if only is None else sa.text(only)
            what = "open" if only == OPEN else columns[0]
            sa.Index(
                f"ix_{name}_{what}{self._tail}",
                *(table.c[column] for column in columns),
                sqlite_where=where,
                postgresql_where=where,
            )

    def all(self) -> tuple[sa.Table, ...]:
        return (
            self.calls,
            self.attempts,
            self.operator_states,
            self.transfers,
            self.denied_logins,
            self.repairs,
        )


call_log = CallLogTables(metadata)

call_log_state = sa.Table(
    "call_log_state",
    metadata,
    sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1", name="one_row"), primary_key=True),
    number("generation"),
    comment="One row. The generation counts the rebuilds that were swapped in, from 1.",
)

phone_numbers = sa.Table(
    "phone_numbers",
    metadata,
    sa.Column("token", sa.Text, primary_key=True),
    text("number"),
    comment="The only place with phone numbers of people: deleting a row here forgets the number.",
)

operators = sa.Table(
    "operators",
    metadata,
    sa.Column("login", sa.Text, primary_key=True),
    text("name"),
    sa.Column("extension", sa.Text, nullable=False),
    sa.Column("skills", sa.JSON, nullable=False),
    text("pin_hash"),
    sa.Column("enabled", sa.Boolean, nullable=False),
    time("changed_at"),
    sa.UniqueConstraint("extension", name="uq_operators_extension"),
)

roster_entries = sa.Table(
    "roster_entries",
    metadata,
    sa.Column("version", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    text("kind"),
    text("login"),
    text("day"),
    time("begins", null=True),
    time("ends", null=True),
    text("slots"),
    text("instead_of", null=True),
    time("at"),
    text("by"),
    text("why"),
    comment="What was ever planned, in versions: rows are added only. Of the same day the latest counts.",
)
"""`day`: local, YYYY-MM-DD. `slots`: JSON."""

cel_position = sa.Table(
    "cel_position",
    metadata,
    sa.Column("file", sa.Text, primary_key=True),
    sa.Column("inode", sa.BigInteger, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    comment="How far the PBX's own record has been read.",
)


def whole_metadata() -> sa.MetaData:
    """The tables with their indexes: what the migrations must arrive at."""
    whole = sa.MetaData()
    CallLogTables(whole).add_indexes()
    for table in metadata.tables.values():
        if table.name not in whole.tables:
            table.to_metadata(whole)
    sa.Index("ix_roster_entries_day", whole.tables["roster_entries"].c.day)
    return whole
