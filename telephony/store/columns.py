"""What tables are made of: texts, numbers, and times that both databases keep alike."""

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
