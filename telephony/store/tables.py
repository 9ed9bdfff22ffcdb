"""The shape of the database, for SQLite and PostgreSQL alike.

Times are `timestamptz` in PostgreSQL and ISO 8601 text of constant width in SQLite, so that text order
is time order. Rows that are open (a call without an end) have partial indexes of their own: a start reads
only those, however long the history.
"""

from __future__ import annotations

import sqlalchemy as sa

from telephony.store.break_tables import BREAK_INDEXES, OPEN, add_break_tables
from telephony.store.columns import number, place, text, time
from telephony.store.columns import to_iso as to_iso
from telephony.store.columns import to_utc as to_utc

metadata = sa.MetaData()

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    time("at"),
    text("type"),
    text("event"),
    text("effects"),
)


INDEXES: tuple[tuple[str, tuple[str, ...], str | None], ...] = (
    ("calls", ("arrived",), None),
    ("calls", ("id",), OPEN),
    ("calls", ("ended", "caller", "last_operator"), "last_operator IS NOT NULL AND ended IS NOT NULL"),
    ("attempts", ("made",), None),
    ("attempts", ("call",), OPEN),
    ("operator_states", ("since",), None),
    ("operator_states", ("login",), OPEN),
    ("operator_states", ("login", "since"), None),
    ("operator_states", ("ended",), "how IS NOT NULL"),
    ("transfers", ("call",), None),
    ("denied_logins", ("at",), None),
    *BREAK_INDEXES,
)
"""Of the call log: table, columns, and the rows it is limited to."""


class CallLogTables:
    """The tables that the fold fills. While a rebuild runs there are two sets.

    `suffix` stands behind the names of the tables, `generation` (from 2 on) behind those of their indexes,
    which keep their names when the tables are renamed.
    """

    def __init__(self, into: sa.MetaData, suffix: str = "", generation: int = 1) -> None:
        tail = self._tail = "" if generation == 1 else f"_{generation}"
        self.by_name: dict[str, sa.Table] = {}
        """All of them, in order, by the name without suffix."""

        def table(name: str, key: str, *items: sa.schema.SchemaItem) -> sa.Table:
            primary = sa.PrimaryKeyConstraint(*key.split(), name=f"pk_{name}{tail}")
            made = self.by_name[name] = sa.Table(name + suffix, into, *items, primary, sqlite_with_rowid=False)
            return made

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
            text("permission", null=True),
            text("how", null=True),
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
        add_break_tables(table)

    def add_indexes(self) -> None:
        """For who makes or compares tables. Not at import: this loads both dialects, 50 ms that no start needs."""
        for name, columns, only in INDEXES:
            table = self.by_name[name]
            where = None if only is None else sa.text(only)
            what = "open" if only == OPEN else columns[0]
            sa.Index(
                f"ix_{name}_{what}{self._tail}",
                *(table.c[column] for column in columns),
                sqlite_where=where,
                postgresql_where=where,
            )

    def all(self) -> tuple[sa.Table, ...]:
        return tuple(self.by_name.values())


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

number_looks = sa.Table(
    "number_looks",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    text("token"),
    text("who"),
    text("why"),
    sa.Column("found", sa.Boolean, nullable=False),
    time("at"),
    comment="Who has looked at the number behind a token, when and why.",
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
