"""The people who answer: from a file into the database, changed, and recognised by their PIN."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from telephony.core.staff import Operator
from telephony.store import tables
from telephony.store.csv_text import RosterError
from telephony.store.database import Database
from telephony.store.migrate import ensure_current
from telephony.store.operators import (
    OperatorError,
    change_operator,
    import_roster,
    list_operators,
    verify_pin,
)

FILE = """\
login,name,extension,skills,pin
ivanova,Иванова Анна,101,terapia:3;senior:1,4821
petrova,Петрова Ольга,102,,90210
"""
IVANOVA = Operator(login="ivanova", name="Иванова Анна", extension="101", skills={"terapia": 3, "senior": 1})
PETROVA = Operator(login="petrova", name="Петрова Ольга", extension="102")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await ensure_current(database)
    yield database
    await database.close()


async def test_operators_come_from_a_file(database: Database) -> None:
    done = await import_roster(database, FILE.encode())
    assert (done.added, done.changed, done.unchanged) == (("ivanova", "petrova"), (), ())
    assert await list_operators(database) == [IVANOVA, PETROVA]


async def test_a_second_import_changes_what_differs_and_keeps_pins(database: Database) -> None:
    await import_roster(database, FILE.encode())
    again = "login,name,extension,skills,pin\nivanova,Иванова Анна,102,,\npetrova,Петрова Ольга,101,,\n"
    done = await import_roster(database, again.encode())
    assert (done.added, done.changed) == ((), ("ivanova", "petrova"))
    assert [operator.extension for operator in await list_operators(database)] == ["102", "101"]
    assert (await import_roster(database, again.encode())).unchanged == ("ivanova", "petrova")
    verified = await verify_pin(database, "102", "4821")
    assert isinstance(verified, Operator)
    assert verified.login == "ivanova"


async def test_a_file_with_mistakes_imports_nothing_and_tells_them_all(database: Database) -> None:
    await import_roster(database, FILE.encode())
    wrong = (
        "login,name,extension,skills,pin\n"
        "новая,Новая,103,,1234\n"
        "sidorova,Сидорова,101,terapia:12,12\n"
        "kozlova,Козлова,104,,\n"
        "kozlova,,104,,1234\n"
    )
    with pytest.raises(RosterError) as told:
        await import_roster(database, wrong.encode())
    assert [mistake.line for mistake in told.value.mistakes] == [2, 3, 3, 3, 4, 5, 5, 5]
    text = str(told.value)
    assert "line 3: extension '101' belongs to 'ivanova'" in text
    assert "line 4: 'kozlova' is new and needs a PIN" in text
    assert "line 5: login 'kozlova' is already in line 4" in text
    assert "1234" not in text
    assert await list_operators(database) == [IVANOVA, PETROVA]


@pytest.mark.parametrize("name", ["", " ", "Анна\x1b[2J", "Анна\u202e", "Анна\x07"])
async def test_a_name_can_be_read_wherever_it_is_shown(database: Database, name: str) -> None:
    """Lists of operators are printed to terminals."""
    await import_roster(database, FILE.encode())
    with pytest.raises(RosterError, match=r"line 2: (the )?name"):
        await import_roster(database, FILE.replace("Иванова Анна", name).encode())
    with pytest.raises(OperatorError, match="name"):
        await change_operator(database, "ivanova", name=name)
    assert await list_operators(database) == [IVANOVA, PETROVA]


async def test_a_name_in_several_lines_is_one(database: Database) -> None:
    await import_roster(database, FILE.replace("Иванова Анна", '"Иванова\n\xa0 Анна"').encode())
    assert await list_operators(database) == [IVANOVA, PETROVA]
    assert (await change_operator(database, "petrova", name=" Петрова\r\n Ольга\t")).name == PETROVA.name


async def test_an_operator_is_known_by_extension_and_pin(database: Database) -> None:
    await import_roster(database, FILE.encode())
    assert await verify_pin(database, "101", "4821") == IVANOVA
    assert await verify_pin(database, "101", "90210") == "wrong_pin"
    assert await verify_pin(database, "999", "4821") == "unknown"
    await change_operator(database, "petrova", enabled=False)
    assert await verify_pin(database, "102", "90210") == "disabled"
    assert await verify_pin(database, "102", "1111") == "wrong_pin"


async def test_a_change_is_checked_and_the_pin_kept_as_a_hash(database: Database) -> None:
    await import_roster(database, FILE.encode())
    changed = await change_operator(database, "petrova", name="Петрова О.", skills={"senior": 2}, pin="555555")
    assert (changed.name, changed.skills, changed.enabled) == ("Петрова О.", {"senior": 2}, True)
    assert isinstance(await verify_pin(database, "102", "555555"), Operator)
    with pytest.raises(OperatorError, match="belongs to 'ivanova'"):
        await change_operator(database, "petrova", extension="101")
    with pytest.raises(OperatorError, match="nobody has the login"):
        await change_operator(database, "smirnova", enabled=False)
    with pytest.raises(OperatorError, match="4 to 8 digits"):
        await change_operator(database, "petrova", pin="12")
    async with database.engine.connect() as connection:
        kept = (await connection.execute(sa.select(tables.operators.c.pin_hash))).scalars().all()
    assert all(pin_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for pin_hash in kept), "OWASP's least, and fast"


async def test_a_file_from_an_office_program_on_windows(database: Database, tmp_path: Path) -> None:
    saved = FILE.replace(",", "\t").replace(";", ",").replace("\t", ";").replace("\n", "\r\n").encode("cp1251")
    await import_roster(database, saved)
    assert await list_operators(database) == [IVANOVA, PETROVA]
