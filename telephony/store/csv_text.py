"""CSV as people make it: UTF-8 (with or without a mark at its beginning) or Windows-1251, commas or semicolons."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

import msgspec

_RARE = re.compile(r"[^\x00-\x7f\xa0А-яЁё«»„“”’–—…№·°]")
"""A letter or sign that is rare in Russian texts. What office programs save "for MS-DOS" (cp866) decodes as
Windows-1251, but to words full of them: to at least one for three Russian letters."""
_FOREIGN = re.compile(rf"""[^\s,;"]*{_RARE.pattern}[^\s,;"]*""")
"""A word with one of them."""
_RUSSIAN = re.compile(r"[А-яЁё]")
_SEPARATOR = re.compile(r"""(["']?)sep=([;,\t|])\1\2*\s*""", re.IGNORECASE)
"""A first line by which Excel is told what separates the cells."""
_SAVE_AS = "save it as 'CSV UTF-8'"


class Mistake(msgspec.Struct, frozen=True):
    """Something wrong in line `line` of the file (0: in the file as a whole)."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


class RosterError(ValueError):
    """All that is wrong with the file. Nothing of it was taken."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: mistake.line))
        super().__init__("\n".join(map(str, self.mistakes)))


def decoded(data: bytes) -> str:
    """Raises RosterError where the encoding is another. (UTF-16 would pass for either, but for its zeros.)"""
    for encoding in ("utf-8-sig", "cp1251"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            continue
        if encoding == "cp1251":
            _check_russian(text)
        return text
    raise RosterError([Mistake(0, f"the file is neither UTF-8 nor Windows-1251 text; {_SAVE_AS}")])


def _check_russian(text: str) -> None:
    """Raises RosterError, at the first line that shows it, where the text was not written in Windows-1251."""
    if 3 * len(_RARE.findall(text)) <= len(_RUSSIAN.findall(text)):
        return
    for number, line in enumerate(_lines(text), 1):
        if found := _FOREIGN.search(line):
            raise RosterError([Mistake(number, f"{found[0]!r} is no Russian in Windows-1251; {_SAVE_AS}")])


def _lines(text: str) -> list[str]:
    return list(io.StringIO(text, newline=""))


def rows_of(text: str) -> tuple[list[tuple[int, list[str]]], list[Mistake]]:
    """Lines that are not empty, each with the number of its last line in the file; and those that are no CSV. Empty
    cells behind the last column that the first of them names are left out.

    A quote that nobody closes swallows all that follows: it is read on from the line behind."""
    lines = _lines(text)
    separator = _SEPARATOR.fullmatch(lines[0]) if lines else None
    delimiter = separator[2] if separator else ";" if lines and ";" in lines[0] else ","
    rows: list[tuple[int, list[str]]] = []
    mistakes: list[Mistake] = []
    done = 1 if separator else 0
    while done < len(lines):
        first = done
        reader = csv.reader(lines[first:], delimiter=delimiter, strict=True)
        try:
            for row in reader:
                done = first + reader.line_num
                if any(cell.strip() for cell in row):
                    rows.append((done, row))
        except csv.Error as error:
            done += 1
            mistakes.append(Mistake(done, f"not CSV ({error}); close each quote at the end of its cell"))
    columns = len(_trimmed(rows[0][1], 0)) if rows else 0
    return [(line, _trimmed(row, columns)) for line, row in rows], mistakes


def _trimmed(row: list[str], least: int) -> list[str]:
    """Without the empty cells at its end, as long as `least` cells stay."""
    length = len(row)
    while length > least and not row[length - 1].strip():
        length -= 1
    return row[:length]
