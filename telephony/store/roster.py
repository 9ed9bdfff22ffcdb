"""A list of operators as a CSV file: read whole, all mistakes told at once with their lines.

    login,name,extension,skills,pin
    ivanova,Иванова Анна,101,terapia:3;senior:1,4821

Separated by commas or (as office programs save it here) by semicolons; skills may then also be separated by
spaces. Encoded in UTF-8 or in Windows-1251. An empty `pin` keeps the one an operator already has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from telephony.core.staff import Operator
from telephony.store.csv_text import Mistake, RosterError, decoded, rows_of

COLUMNS = ("login", "name", "extension", "skills", "pin")
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_EXTENSION = re.compile(r"[0-9]{2,10}")
_PIN = re.compile(r"[0-9]{4,8}")
_SKILL = re.compile(r"([\w-]+):([1-9])")


class RosterLine(msgspec.Struct, frozen=True):
    """A line of the file. `pin` is empty where the operator keeps theirs."""

    line: int
    operator: Operator
    pin: str


def parse_roster(data: bytes) -> tuple[list[RosterLine], list[Mistake]]:
    """The lines that can be read, and all that is wrong. Raises RosterError where the file cannot be read at all."""
    rows, mistakes = rows_of(decoded(data))
    head = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    missing = [column for column in COLUMNS if column not in head]
    if missing:
        what = f"the first line must name the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}"
        raise RosterError([*mistakes, Mistake(rows[0][0] if rows else 1, what)])
    entries = []
    for line, cells in rows[1:]:
        if len(cells) != len(head):
            mistakes.append(Mistake(line, f"{len(cells)} columns instead of {len(head)}"))
            continue
        entries.append(_entry(line, {name: cell.strip() for name, cell in zip(head, cells, strict=True)}, mistakes))
    return entries, mistakes + _repeated(entries)


def check_login(login: str) -> str | None:
    """What is wrong with it, if anything."""
    return None if _LOGIN.fullmatch(login) else f"login {login!r}: 1 to 32 Latin letters, digits, '.', '_' or '-'"


def check_extension(extension: str) -> str | None:
    return None if _EXTENSION.fullmatch(extension) else f"extension {extension!r}: 2 to 10 digits"


def check_pin(pin: str) -> str | None:
    return None if _PIN.fullmatch(pin) else "the PIN must have 4 to 8 digits"


def parse_name(text: str) -> str:
    """As it is shown, in one line: no newline, no sequence that a terminal obeys. Raises ValueError with what is
    wrong."""
    name = " ".join(text.split())
    if not name:
        raise ValueError("the name is missing")
    if not name.isprintable():
        raise ValueError(f"name {name!r}: it holds characters that cannot be printed")
    return name


def parse_skills(text: str) -> dict[str, int]:
    """`terapia:3;senior:1` -> {"terapia": 3, "senior": 1}. Raises ValueError with what is wrong."""
    skills: dict[str, int] = {}
    for item in re.split(r"[;,\s]+", text.strip(" ;,")):
        if not item:
            continue
        found = _SKILL.fullmatch(item)
        if found is None:
            raise ValueError(f"skill {item!r}: expected NAME:LEVEL with a level from 1 to 9")
        if found[1] in skills:
            raise ValueError(f"skill {found[1]!r} is there twice")
        skills[found[1]] = int(found[2])
    return skills


def _entry(line: int, cells: Mapping[str, str], mistakes: list[Mistake]) -> RosterLine:
    found = [check_login(cells["login"]), check_extension(cells["extension"])]
    name = ""
    try:
        name = parse_name(cells["name"])
    except ValueError as error:
        found.append(str(error))
    if cells["pin"]:
        found.append(check_pin(cells["pin"]))
    skills: dict[str, int] = {}
    try:
        skills = parse_skills(cells["skills"])
    except ValueError as error:
        found.append(str(error))
    mistakes += [Mistake(line, text) for text in found if text]
    operator = Operator(login=cells["login"], name=name, extension=cells["extension"], skills=skills)
    return RosterLine(line, operator, cells["pin"])


def _repeated(entries: Sequence[RosterLine]) -> list[Mistake]:
    mistakes = []
    first: dict[tuple[str, str], int] = {}
    for entry in entries:
        for column in ("login", "extension"):
            value = getattr(entry.operator, column)
            before = first.setdefault((column, value), entry.line)
            if before != entry.line and value:
                mistakes.append(Mistake(entry.line, f"{column} {value!r} is already in line {before}"))
    return mistakes
