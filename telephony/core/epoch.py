"""Times as the dialplan writes them into variables and arguments: seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(seconds: str) -> datetime | None:
    """As aware UTC; None where the text is no such time."""
    try:
        return datetime.fromtimestamp(float(seconds), tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
