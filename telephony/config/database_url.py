"""Which databases can be named: SQLite by its file, PostgreSQL by its server.

Apart from the store, so that a configuration is checked without loading SQLAlchemy.
"""

from __future__ import annotations

import re

_URL = re.compile(r"(?P<backend>[a-z]+)(\+[a-z0-9_]+)?://(?:[^@]*@)?(?P<rest>.*)")
_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^][/?:]*)(:[0-9]+)?([/?].*)?")


def wrong_with(url: str) -> str | None:
    """What is wrong with the URL, if anything. A password in it is not told."""
    found = _URL.fullmatch(url)
    if found is None:
        return "not a database URL; expected sqlite:///FILE or postgresql://…"
    backend, rest = found["backend"], found["rest"]
    if backend == "sqlite":
        file = rest.partition("?")[0].removeprefix("/")
        return "SQLite needs a file: sqlite:///FILE" if file in ("", ":memory:") else None
    if backend not in ("postgresql", "postgres"):
        return f"{backend}: only sqlite and postgresql are possible"
    return (
        None
        if _SERVER.fullmatch(rest)
        else "no server can have this address; expected postgresql://USER@HOST:PORT/NAME"
    )
