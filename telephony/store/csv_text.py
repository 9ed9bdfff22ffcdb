"""CSV as people make it: UTF-8 (with or without a mark at its beginning) or Windows-1251, commas or semicolons."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import msgspec


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
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1251")
    except UnicodeDecodeError as error:
        raise RosterError([Mistake(0, "the file is neither UTF-8 nor Windows-1251 text")]) from error


def rows_of(text: str) -> tuple[list[tuple[int, list[str]]], list[Mistake]]:
    """Lines that are not empty, each with the number of its last line in the file; and those that are no CSV.

    A quote that nobody closes swallows all that follows: it is read on from the line behind."""
    lines = list(io.StringIO(text, newline=""))
    delimiter = ";" if lines and ";" in lines[0] else ","
    rows: list[tuple[int, list[str]]] = []
    mistakes: list[Mistake] = []
    done = 0
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
    return rows, mistakes
