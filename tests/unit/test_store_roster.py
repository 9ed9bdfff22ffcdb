"""The list of operators as a file: forgiving in form, strict in content."""

from __future__ import annotations

import pytest

from telephony.core.staff import Operator
from telephony.store.csv_text import RosterError
from telephony.store.roster import parse_roster, parse_skills

HEAD = "login,name,extension,skills,pin\n"


def mistakes(text: str) -> list[str]:
    return [str(mistake) for mistake in parse_roster(text.encode())[1]]


@pytest.mark.parametrize(
    "data",
    [
        (HEAD + "ivanova,Иванова Анна,101,terapia:3;senior:1,4821\n").encode(),
        ("\ufeff" + HEAD + "\n ivanova , Иванова Анна ,101, terapia:3 senior:1 ,4821\n\n").encode(),
        (HEAD + "ivanova,Иванова Анна,101,terapia:3;senior:1,4821").replace("\n", "\r\n").encode("cp1251"),
        'login;name;extension;skills;pin\nivanova;"Иванова Анна";101;"terapia:3;senior:1";4821\n'.encode("cp1251"),
        'sep=;\r\nlogin;name;extension;skills;pin;;\nivanova;Иванова Анна;101;"terapia:3;senior:1";4821;;'.encode(),
        ("PIN,Skills,Extension,Name,Login\n4821,terapia:3;senior:1,101,Иванова Анна,ivanova\n").encode(),
    ],
)
def test_the_forms_a_file_may_have(data: bytes) -> None:
    entries, wrong = parse_roster(data)
    assert wrong == []
    (entry,) = entries
    skills = {"terapia": 3, "senior": 1}
    assert entry.operator == Operator(login="ivanova", name="Иванова Анна", extension="101", skills=skills)
    assert entry.pin == "4821"


def test_all_mistakes_are_told_at_once_with_their_lines() -> None:
    told = mistakes(
        HEAD
        + "ivanova,Иванова,101,terapia:0,4821\n"
        + "petrova,,1,,12\n"
        + "ivanova,Другая,101,,1234\n"
        + "too,few\n"
        + "x y,Имя,105,a:1;a:2,123456789\n"
    )
    assert told == [
        "line 2: skill 'terapia:0': expected NAME:LEVEL with a level from 1 to 9",
        "line 3: extension '1': 2 to 10 digits",
        "line 3: the name is missing",
        "line 3: the PIN must have 4 to 8 digits",
        "line 5: 2 columns instead of 5",
        "line 6: login 'x y': 1 to 32 Latin letters, digits, '.', '_' or '-'",
        "line 6: the PIN must have 4 to 8 digits",
        "line 6: skill 'a' is there twice",
        "line 4: login 'ivanova' is already in line 2",
        "line 4: extension '101' is already in line 2",
    ]


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"", "line 1: the first line must name the columns login, name"),
        (b"login,name\n", "missing: extension, skills, pin"),
        (b'"login,name\n', "line 1: not CSV"),
        (b"\x98\xff\xfe", "neither UTF-8 nor Windows-1251"),
    ],
)
def test_what_cannot_be_read_at_all(data: bytes, wrong: str) -> None:
    with pytest.raises(RosterError, match=wrong):
        parse_roster(data)


@pytest.mark.parametrize("name", ["Иванова Анна", "Шура", "Ян", "Ёлкин", "по графику"])
def test_a_file_in_the_encoding_of_msdos_is_refused_and_not_taken_for_other_names(name: str) -> None:
    text = HEAD + "petrova,Petrova,102,,4822\n" + f"ivanova,{name},101,,4821\n"
    with pytest.raises(RosterError, match=r"Windows-1251.*; save it as 'CSV UTF-8'$") as told:
        parse_roster(text.encode("cp866"))
    [mistake] = told.value.mistakes
    assert mistake.line == (0 if name == "Шура" else 3), "Windows-1251 has nothing at all where MS-DOS has Ш"
    assert "4821" not in mistake.text


@pytest.mark.parametrize("name", ["Кравців Олена", "Иванова • Анна", "Анна § 5", "Анна ‘Аня’ ®"])
def test_a_rare_sign_does_not_make_russian_text_foreign(name: str) -> None:
    [entry], wrong = parse_roster((HEAD + f"ivanova,{name},101,,4821\n").encode("cp1251"))
    assert (entry.operator.name, wrong) == (name, [])


def test_all_that_a_russian_text_holds_may_stand_in_windows_1251() -> None:
    alphabet = "".join(map(chr, range(ord("А"), ord("я") + 1)))
    name = f"{alphabet}Ёё «„в“» ”т’ор– — … № 1·2°"
    [entry], wrong = parse_roster((HEAD + f"ivanova,{name}\xa0,101,,4821\n").encode("cp1251"))
    assert (entry.operator.name, wrong) == (name, [])


def test_a_quote_that_is_not_closed_hides_no_other_mistake() -> None:
    told = mistakes(
        HEAD
        + 'a,"Анна,101,,1234\n'
        + "b,Борис,1,,1234\n"
        + 'c,"Вера",102,,12\n'
        + 'd,Глеб,103,,"1234\n'
        + "e,,104,,1234\n"
    )
    assert [line.split(" (")[0] for line in told] == [
        "line 2: not CSV",
        "line 5: not CSV",
        "line 3: extension '1': 2 to 10 digits",
        "line 4: the PIN must have 4 to 8 digits",
        "line 6: the name is missing",
    ]
    assert told[0].endswith("; close each quote at the end of its cell")


def test_a_pin_is_never_in_a_message() -> None:
    assert "1234567890" not in "".join(mistakes(HEAD + "a,b,1,,1234567890\n"))


def test_skills() -> None:
    assert parse_skills("") == {}
    assert parse_skills("terapia:3; senior:1,") == {"terapia": 3, "senior": 1}
