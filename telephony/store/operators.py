"""The people who answer: imported, listed, changed, disabled, and recognised by extension and PIN.

PINs are kept as argon2 hashes. Hashing one takes some 30 ms of a processor, so it always runs in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from telephony.core.staff import Operator
from telephony.store import queries
from telephony.store.csv_text import Mistake, RosterError
from telephony.store.database import Database
from telephony.store.roster import RosterLine, check_extension, check_pin, parse_name, parse_roster
from telephony.store.tables import operators

if TYPE_CHECKING:
    from argon2 import PasswordHasher

Denied = Literal["wrong_pin", "unknown", "disabled"]


class OperatorError(ValueError):
    """The change cannot be made; the message says why."""


class Imported(msgspec.Struct, frozen=True):
    """What an import did, by login."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]


async def list_operators(database: Database) -> list[Operator]:
    """All operators, disabled ones too, by login."""
    return list(await queries.operators(database.engine))


async def import_roster(
    database: Database, data: bytes, taken: Callable[[str], str | None] = lambda extension: None
) -> Imported:
    """Add and change the operators of a CSV file (see `roster`); others stay as they are.

    `taken` tells why nobody can have an extension: it belongs to something else of the installation. An operator in
    the file is enabled. Raises RosterError with all mistakes; nothing is then imported.
    """
    entries, mistakes = parse_roster(data)
    for entry in entries:
        if wrong := taken(entry.operator.extension):
            mistakes.append(Mistake(entry.line, wrong))
    async with database.engine.connect() as connection:
        mistakes += await connection.run_sync(_against_database, entries)
    if mistakes:
        raise RosterError(mistakes)
    hashes = await _hash_all([entry.pin for entry in entries])
    return await database.transact(lambda connection: _import(connection, entries, hashes))


async def change_operator(
    database: Database,
    login: str,
    *,
    name: str | None = None,
    extension: str | None = None,
    skills: Mapping[str, int] | None = None,
    pin: str | None = None,
    enabled: bool | None = None,
) -> Operator:
    """Change what is given; answers the operator as they are now. Raises OperatorError."""
    wrong = check_extension(extension) if extension is not None else None
    wrong = wrong or (check_pin(pin) if pin is not None else None)
    if wrong:
        raise OperatorError(wrong)
    try:
        name = None if name is None else parse_name(name)
    except ValueError as error:
        raise OperatorError(str(error)) from error
    given = {"name": name, "extension": extension, "skills": skills, "enabled": enabled}
    changes: dict[str, Any] = {column: value for column, value in given.items() if value is not None}
    if pin is not None:
        changes["pin_hash"] = (await _hash_all([pin]))[0]
    await database.transact(lambda connection: _change(connection, login, changes))
    return next(operator for operator in await queries.operators(database.engine) if operator.login == login)


async def verify_pin(database: Database, extension: str, pin: str) -> Operator | Denied:
    """Who has this extension and this PIN, or why not.

    An unknown extension costs the same work as a known one, so that the time to the answer tells nothing.
    """
    people = operators.c
    query = sa.select(
        people.login, people.name, people.extension, people.skills, people.enabled, people.pin_hash
    ).where(people.extension == extension)
    async with database.engine.connect() as connection:
        found = (await connection.execute(query)).mappings().first()
    pin_hash = None if found is None else found["pin_hash"]
    right = await asyncio.get_running_loop().run_in_executor(_threads(), _verify, pin_hash, pin)
    if found is None:
        return "unknown"
    if not right:
        return "wrong_pin"
    operator = Operator(**{name: found[name] for name in Operator.__struct_fields__})
    return operator if operator.enabled else "disabled"


# --- hashes ------------------------------------------------------------------------------------------------


@lru_cache(1)
def _threads() -> ThreadPoolExecutor:
    """One thread: hashing never takes more than one processor from the calls."""
    return ThreadPoolExecutor(1, "pin")


@lru_cache(1)
def _hasher() -> PasswordHasher:
    """The least that OWASP's Password Storage Cheat Sheet asks of Argon2id (19 MiB, two passes, one lane), some 30 ms:
    when a shift begins, dozens log in at once and each is to hear the answer within two seconds."""
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@lru_cache(1)
def _nobodys_hash() -> str:
    return _hasher().hash("nobody")


def _verify(pin_hash: str | None, pin: str) -> bool:
    from argon2.exceptions import VerificationError

    nobodys = _nobodys_hash()
    try:
        _hasher().verify(pin_hash or nobodys, pin)
    except VerificationError:
        return False
    return True


async def _hash_all(pins: Sequence[str]) -> list[str]:
    """Empty ones stay empty."""
    return await asyncio.get_running_loop().run_in_executor(
        _threads(), lambda: [_hasher().hash(pin) if pin else "" for pin in pins]
    )


# --- work in a transaction ---------------------------------------------------------------------------------


def _import(connection: Connection, entries: Sequence[RosterLine], hashes: Sequence[str]) -> Imported:
    mistakes = _against_database(connection, entries)
    if mistakes:
        raise RosterError(mistakes)
    before = _by_login(connection)
    added, changed, unchanged = [], [], []
    moved: list[dict[str, Any]] = []
    for entry, pin_hash in zip(entries, hashes, strict=True):
        known = before.get(entry.operator.login)
        row = msgspec.structs.asdict(entry.operator)
        row["pin_hash"] = pin_hash or (known or {}).get("pin_hash", "")
        if known is None:
            added.append(entry.operator.login)
        elif pin_hash or any(row[column] != known[column] for column in row):
            changed.append(entry.operator.login)
        else:
            unchanged.append(entry.operator.login)
            continue
        moved.append(row | {"changed_at": datetime.now(UTC)})
    if moved:
        # All at once: two operators may exchange their extensions.
        connection.execute(sa.delete(operators).where(operators.c.login.in_([row["login"] for row in moved])))
        connection.execute(sa.insert(operators), moved)
    return Imported(tuple(added), tuple(changed), tuple(unchanged))


def _by_login(connection: Connection) -> dict[str, dict[str, Any]]:
    return {row["login"]: dict(row) for row in connection.execute(sa.select(operators)).mappings()}


def _against_database(connection: Connection, entries: Sequence[RosterLine]) -> list[Mistake]:
    """What is wrong that the file alone does not show."""
    before = _by_login(connection)
    in_file = {entry.operator.login for entry in entries}
    taken = {row["extension"]: login for login, row in before.items() if login not in in_file}
    mistakes = []
    for entry in entries:
        login, extension = entry.operator.login, entry.operator.extension
        if login not in before and not entry.pin:
            mistakes.append(Mistake(entry.line, f"{login!r} is new and needs a PIN"))
        if extension in taken:
            mistakes.append(Mistake(entry.line, f"extension {extension!r} belongs to {taken[extension]!r}"))
    return mistakes


def _change(connection: Connection, login: str, changes: Mapping[str, Any]) -> None:
    if "extension" in changes:
        owner = connection.scalar(sa.select(operators.c.login).where(operators.c.extension == changes["extension"]))
        if owner not in (None, login):
            raise OperatorError(f"extension {changes['extension']!r} belongs to {owner!r}")
    update = sa.update(operators).where(operators.c.login == login)
    if connection.execute(update.values(**changes, changed_at=datetime.now(UTC))).rowcount == 0:
        raise OperatorError(f"nobody has the login {login!r}")
