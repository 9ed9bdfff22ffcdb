"""Breaks: permissions, claims, orders, requests, violations, hands, outcomes, locked extensions; looks at numbers."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
OPEN = "ended IS NULL"


def text(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text(), nullable=null) for name in names]


def times(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, TIME, nullable=null) for name in names]


def table(name: str, *columns: sa.Column[Any]) -> None:
    key = sa.PrimaryKeyConstraint("id", name=f"pk_{name}")
    op.create_table(name, *columns, key, sqlite_with_rowid=False)


def note(name: str, *columns: sa.Column[Any]) -> None:
    """A table whose rows are named by the place of their fact."""
    op.create_table(
        name,
        sa.Column("seq", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("n", sa.Integer(), nullable=False, autoincrement=False),
        *columns,
        sa.PrimaryKeyConstraint("seq", "n", name=f"pk_{name}"),
        sqlite_with_rowid=False,
    )


def index(table: str, what: str, *columns: str, only: str | None = None) -> None:
    where = None if only is None else sa.text(only)
    op.create_index(f"ix_{table}_{what}", table, list(columns), sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    op.add_column("operator_states", sa.Column("permission", sa.Text(), nullable=True))
    op.add_column("operator_states", sa.Column("how", sa.Text(), nullable=True))
    index("operator_states", "login", "login", "since")
    index("operator_states", "ended", "ended", only="how IS NOT NULL")
    index("denied_logins", "at", "at")
    make_permissions()
    make_claims()
    make_orders()
    make_violations()
    make_hands()
    make_notes()
    make_looks()


def make_permissions() -> None:
    table(
        "permissions",
        *text("id", "login", "kind"),
        *times("begins", "until"),
        *times("slot", null=True),
        *text("order_id", null=True),
        *text("reason"),
        *times("given"),
        *times("ended", null=True),
        *text("how", null=True),
        *times("reviewed", null=True),
        *text("reviewed_by", null=True),
        sa.Column("confirmed", sa.Boolean(), nullable=True),
    )
    index("permissions", "open", "id", only=OPEN)
    index("permissions", "ended", "ended", only="ended IS NOT NULL")
    index("permissions", "begins", "begins")


def make_claims() -> None:
    table("claims", *text("id", "login"), *times("slot", "made"), *times("ended", null=True), *text("how", null=True))
    index("claims", "open", "id", only=OPEN)


def make_orders() -> None:
    table(
        "break_orders",
        *text("id", "given_by", "logins"),
        *text("for_group", null=True),
        *times("begins", "until"),
        *text("why"),
        *times("given"),
        *times("withdrawn", null=True),
        *text("withdrawn_by", null=True),
    )
    index("break_orders", "until", "until")


def make_violations() -> None:
    table(
        "violations",
        *text("id", "login", "kind"),
        *text("call", null=True),
        *text("detail"),
        *times("seen"),
        *times("ended", null=True),
    )
    index("violations", "open", "id", only=OPEN)
    index("violations", "seen", "seen")


def make_hands() -> None:
    table(
        "hands",
        *text("id", "login", "call"),
        *times("raised"),
        *times("escalated", null=True),
        *text("escalated_to", null=True),
        *times("taken", null=True),
        *text("taken_by", "mode", null=True),
        *times("ended", null=True),
        *text("how", null=True),
    )
    index("hands", "open", "id", only=OPEN)
    index("hands", "raised", "raised")


def make_notes() -> None:
    note(
        "break_requests",
        *text("request", "login", "kind", "door", "verdict", "reason"),
        *text("permission", null=True),
        *times("next_slot", null=True),
        *times("at"),
    )
    index("break_requests", "at", "at")
    note("dispositions", *text("call", "login", "disposition"), *times("at"))
    index("dispositions", "call", "call")
    note("locked_logins", *text("extension", "phone"), *times("until", "at"))
    index("locked_logins", "until", "until")


def make_looks() -> None:
    op.create_table(
        "number_looks",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        *text("token", "who", "why"),
        sa.Column("found", sa.Boolean(), nullable=False),
        *times("at"),
        comment="Who has looked at the number behind a token, when and why.",
    )
