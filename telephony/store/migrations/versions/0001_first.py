"""The first shape: journal, call log, operators, phone numbers, position in the PBX's record."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
SEQ = sa.BigInteger()


def text(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text(), nullable=null) for name in names]


def times(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, TIME, nullable=null) for name in names]


def place() -> list[sa.Column[Any]]:
    return [
        sa.Column("seq", SEQ, nullable=False, autoincrement=False),
        sa.Column("n", sa.Integer(), nullable=False, autoincrement=False),
    ]


def index(table: str, name: str, *columns: str, only: str | None = None) -> None:
    where = None if only is None else sa.text(only)
    op.create_index(f"ix_{name}", table, list(columns), sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    make_journal()
    make_calls()
    make_attempts()
    make_operator_states()
    make_notes()
    make_people()


def make_journal() -> None:
    op.create_table(
        "journal",
        sa.Column("seq", SEQ.with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
        *times("at"),
        *text("type", "event", "effects"),
    )
    op.create_table(
        "call_log_state",
        sa.Column("id", sa.Integer(), sa.CheckConstraint("id = 1", name="one_row"), primary_key=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        comment="One row. The generation counts the rebuilds that were swapped in, from 1.",
    )
    op.execute("INSERT INTO call_log_state (id, generation) VALUES (1, 1)")
    op.create_table(
        "cel_position",
        sa.Column("file", sa.Text(), primary_key=True),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        comment="How far the PBX's own record has been read.",
    )


def make_calls() -> None:
    op.create_table(
        "calls",
        *text("id", "kind", "number", "caller"),
        *text("operator", null=True),
        *times("arrived"),
        sa.Column("via_fallback", sa.Boolean(), nullable=False),
        *text("first_queue", "queue", null=True),
        *times("queued", null=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        *times("answered", null=True),
        *text("answered_by", "last_operator", null=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("transfers", sa.Integer(), nullable=False),
        *times("ended", null=True),
        *text("outcome", "ended_by", null=True),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
        sqlite_with_rowid=False,
    )
    index("calls", "calls_arrived", "arrived")
    index("calls", "calls_open", "id", only="ended IS NULL")
    talked = "last_operator IS NOT NULL AND ended IS NOT NULL"
    index("calls", "calls_ended", "ended", "caller", "last_operator", only=talked)


def make_attempts() -> None:
    op.create_table(
        "attempts",
        *text("call"),
        sa.Column("n", sa.Integer(), nullable=False, autoincrement=False),
        *text("channel", "why"),
        *text("operator", "phone", "number", "queue", null=True),
        *times("made"),
        *times("answered", "ended", null=True),
        *text("result", null=True),
        sa.PrimaryKeyConstraint("call", "n", name="pk_attempts"),
        sqlite_with_rowid=False,
    )
    index("attempts", "attempts_made", "made")
    index("attempts", "attempts_open", "call", only="ended IS NULL")


def make_operator_states() -> None:
    op.create_table(
        "operator_states",
        *place(),
        *text("login", "state"),
        *text("phone", null=True),
        *text("reason"),
        *text("call", null=True),
        *times("since"),
        *times("idle_since", "until", "ended", null=True),
        sa.PrimaryKeyConstraint("seq", "n", name="pk_operator_states"),
        sqlite_with_rowid=False,
    )
    index("operator_states", "operator_states_since", "since")
    index("operator_states", "operator_states_open", "login", only="ended IS NULL")


def make_notes() -> None:
    op.create_table(
        "transfers",
        *place(),
        *text("call"),
        *text("operator", null=True),
        *text("kind", "target", "result"),
        *times("at"),
        sa.PrimaryKeyConstraint("seq", "n", name="pk_transfers"),
        sqlite_with_rowid=False,
    )
    index("transfers", "transfers_call", "call")
    op.create_table(
        "denied_logins",
        *place(),
        *text("extension", "phone", "reason"),
        *times("at"),
        sa.PrimaryKeyConstraint("seq", "n", name="pk_denied_logins"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "repairs",
        *place(),
        *text("what", "subject"),
        *times("at"),
        sa.PrimaryKeyConstraint("seq", "n", name="pk_repairs"),
        sqlite_with_rowid=False,
    )


def make_people() -> None:
    op.create_table(
        "phone_numbers",
        sa.Column("token", sa.Text(), primary_key=True),
        *text("number"),
        comment="The only place with phone numbers of people: deleting a row here forgets the number.",
    )
    op.create_table(
        "operators",
        sa.Column("login", sa.Text(), primary_key=True),
        *text("name", "extension"),
        sa.Column("skills", sa.JSON(), nullable=False),
        *text("pin_hash"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        *times("changed_at"),
        sa.UniqueConstraint("extension", name="uq_operators_extension"),
    )
