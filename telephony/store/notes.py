"""What is kept beside the journal in its transactions: callers' numbers, how far the PBX's record is read."""

from __future__ import annotations

from datetime import datetime
from functools import cache

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

from telephony.store.database import Database
from telephony.store.dialects import insert
from telephony.store.statements import Statement, write
from telephony.store.tables import cel_position, number_looks, phone_numbers

NUMBERS_KNOWN = 100_000
"""So many tokens are remembered as stored, so that a returning caller costs no write."""
NUMBERS_WAITING = 20_000


class CelPosition(msgspec.Struct, frozen=True, kw_only=True):
    """The PBX's record is read up to byte `offset` of `file`. `inode` tells which of those that bore this name; it is
    made of the inode and the first line."""

    file: str
    inode: int
    offset: int


async def forget_number(database: Database, token: str) -> bool:
    """Erase a number for good; False: there was none. What speaks of the call keeps the token."""
    erase = sa.delete(phone_numbers).where(phone_numbers.c.token == token)
    return await database.transact(lambda connection: connection.execute(erase).rowcount) > 0


async def look_at_number(database: Database, token: str, *, who: str, why: str, now: datetime) -> str | None:
    """The number behind a token, for a person's eyes; None when it is unknown or was erased.

    Who has looked, when and why is committed before the number is answered: there is no other way to it.
    """

    def look(connection: Connection) -> str | None:
        found: str | None = connection.scalar(sa.select(phone_numbers.c.number).where(phone_numbers.c.token == token))
        known = found is not None
        connection.execute(sa.insert(number_looks).values(token=token, who=who, why=why, found=known, at=now))
        return found

    return await database.transact(look)


class Notes:
    """What waits to be written."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}
        self._known: set[str] = set()
        self._positions: dict[str, CelPosition] = {}

    def __bool__(self) -> bool:
        return bool(self._numbers or self._positions)

    def remember_number(self, token: str, number: str) -> bool:
        """False: there is nothing to write, or (in a long outage) no room for more."""
        if token in self._known or len(self._numbers) >= NUMBERS_WAITING:
            return False
        self._numbers[token] = number
        return True

    def remember_cel(self, position: CelPosition) -> None:
        self._positions[position.file] = position

    def take(self) -> Notes:
        """What waits, to be written in the next transaction."""
        taken = Notes()
        taken._numbers, self._numbers = self._numbers, {}
        taken._positions, self._positions = self._positions, {}
        return taken

    def give_back(self, taken: Notes) -> None:
        """The transaction failed."""
        self._numbers = taken._numbers | self._numbers
        self._positions = taken._positions | self._positions

    def are_kept(self, taken: Notes) -> None:
        """The transaction was committed."""
        if len(self._known) > NUMBERS_KNOWN:
            self._known.clear()
        self._known.update(taken._numbers)

    def write(self, connection: Connection) -> None:
        numbers, position = _statements(connection.dialect)
        if self._numbers:
            write(connection, numbers, list(self._numbers.items()))
        if self._positions:
            write(connection, position, [(at.file, at.inode, at.offset) for at in self._positions.values()])


@cache
def _statements(dialect: Dialect) -> tuple[Statement, Statement]:
    """What keeps a number, and what keeps a position; their values in the order of the columns."""
    numbers = insert(phone_numbers, dialect).on_conflict_do_nothing()
    position = insert(cel_position, dialect)
    changed = {"inode": position.excluded.inode, "offset": position.excluded.offset}
    kept = position.on_conflict_do_update(index_elements=["file"], set_=changed)
    return Statement(numbers, dialect), Statement(kept, dialect)
