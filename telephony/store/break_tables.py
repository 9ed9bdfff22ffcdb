"""The tables about pauses, hands and outcomes; they are part of the call log, and made again with it."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from telephony.store.columns import place, text, time

OPEN = "ended IS NULL"
BREAK_INDEXES: tuple[tuple[str, tuple[str, ...], str | None], ...] = (
    ("permissions", ("id",), OPEN),
    ("permissions", ("ended",), "ended IS NOT NULL"),
    ("permissions", ("begins",), None),
    ("permissions", ("reviewed", "begins"), "kind = 'emergency' AND reviewed IS NULL"),
    ("claims", ("id",), OPEN),
    ("break_orders", ("until",), None),
    ("violations", ("id",), OPEN),
    ("violations", ("seen",), None),
    ("hands", ("id",), OPEN),
    ("hands", ("raised",), None),
    ("break_requests", ("at",), None),
    ("dispositions", ("call",), None),
    ("locked_logins", ("until",), None),
)
"""Table, columns, and the rows it is limited to."""


def add_break_tables(table: Callable[..., sa.Table]) -> None:
    """`table` makes one, of a name, the columns of its key, and its columns."""
    table(
        "permissions",
        "id",
        *(text("id"), text("login"), text("kind"), time("begins"), time("until"), time("slot", null=True)),
        *(text("order_id", null=True), text("reason"), time("given")),
        *(time("ended", null=True), text("how", null=True)),
        *(time("reviewed", null=True), text("reviewed_by", null=True), sa.Column("confirmed", sa.Boolean)),
    )
    table(
        "claims",
        "id",
        *(text("id"), text("login"), time("slot"), time("made"), time("ended", null=True), text("how", null=True)),
    )
    table(
        "break_orders",
        "id",
        *(text("id"), text("given_by"), text("logins"), text("for_group", null=True)),
        *(time("begins"), time("until"), text("why"), time("given")),
        *(time("withdrawn", null=True), text("withdrawn_by", null=True), sa.Column("at_once", sa.Boolean)),
    )
    table(
        "violations",
        "id",
        *(text("id"), text("login"), text("kind"), text("call", null=True), text("detail")),
        *(time("seen"), time("ended", null=True)),
    )
    table(
        "hands",
        "id",
        *(text("id"), text("login"), text("call"), time("raised")),
        *(time("escalated", null=True), text("escalated_to", null=True)),
        *(time("taken", null=True), text("taken_by", null=True), text("mode", null=True)),
        *(time("ended", null=True), text("how", null=True)),
    )
    table(
        "break_requests",
        "seq n",
        *(*place(), text("request"), text("login"), text("kind"), text("door"), text("verdict"), text("reason")),
        *(text("permission", null=True), time("next_slot", null=True), time("at"), text("phone", null=True)),
    )
    table("dispositions", "seq n", *place(), text("call"), text("login"), text("disposition"), time("at"))
    table("locked_logins", "seq n", *place(), text("extension"), text("phone"), time("until"), time("at"))
