"""What is kept beside the journal in its transactions: callers' numbers, how far the PBX's record is read."""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from telephony.store.database import Database
from telephony.store.dialects import insert
from telephony.store.tables import cel_position, number_looks, phone_numbers

NUMBERS_KNOWN = 100_000
"""So many tokens are remembered as stored, so that a returning caller costs no write."""
NUMBERS_WAITING = 20_000


class CelPosition(msgspec.Struct, frozen=True, kw_only=True):
    """The PBX's record is read up to byte `offset` of `file`, which then had this inode."""

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
        if self._numbers:
            statement = insert(phone_numbers, connection.dialect).on_conflict_do_nothing()
            pairs = [{"token": token, "number": number} for token, number in self._numbers.items()]
            connection.execute(statement, pairs)
        for position in self._positions.values():
            values = msgspec.structs.asdict(position)
            statement = insert(cel_position, connection.dialect).values(**values)
            changed = {"inode": position.inode, "offset": position.offset}
            connection.execute(statement.on_conflict_do_update(index_elements=["file"], set_=changed))
