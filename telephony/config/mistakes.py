"""Mistakes in the configuration: where, what is wrong, what would be right. All are told at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Place(NamedTuple):
    """A line of a config file; `line` 0 stands for the whole `file`, or for an environment variable."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Mistake(NamedTuple):
    place: Place
    what: str
    right: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.what}" + (f"; {self.right}" if self.right else "")


class ConfigErrors(Exception):  # noqa: N818 - it is all of them, not one
    """The configuration cannot be used. `mistakes` in the order of files and lines; str() has one a line.

    `socket` is where a service that started before the mistakes were made can be asked, as far as can be told."""

    def __init__(self, mistakes: Iterable[Mistake], socket: Path | None = None) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        self.socket = socket
        super().__init__("\n".join(map(str, self.mistakes)))


def suggest(word: str, known: Iterable[str]) -> str:
    """What would be right in place of `word`: the nearest of `known`, else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    if not names:
        return "none is configured"
    listed = ", ".join(names[:12])
    return f"known: {listed}" + (", ..." if len(names) > 12 else "")
