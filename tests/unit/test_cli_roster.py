"""`gudok roster`: from a file to the plan of a day, corrected, checked, and told in full."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from telephony import cli
from telephony.exits import Exit
from telephony.resources import default_folder

CONFIG = """\
queues:
  main: {label: Регистратура, numbers: [1300], require: {booking: 1}}
phones:
  phone01: {}
"""
PEOPLE = "login,name,extension,skills,pin\nanna,Анна,11,booking:3,4321\nboris,Борис,12,booking:1,4321\n"
BREAKS = "10:00-10:20 11:30-11:50 lunch 13:00-14:00 15:30-15:55 17:00-17:25"
"""By the rules: 90 minutes of paid breaks, never two hours without one."""
SHIFTS = f"login;date;begin;end;breaks\nanna;08.05.2026;9:00;18:00;{BREAKS}\nboris;08.05.2026;20:00;8:00;\n"
DAY = "2026-05-08"
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> Path:
    """An installation with two operators and their shifts on the day before a holiday."""
    config = tmp_path / "config"
    config.mkdir()
    (config / "all.yaml").write_text(CONFIG)
    shutil.copy(default_folder("config") / "prompts.yaml", config)
    monkeypatch.setenv("GUDOK_CONFIG", str(config))
    monkeypatch.setenv("GUDOK_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / "shifts.csv").write_bytes(SHIFTS.encode("cp1251"))
    assert cli.main(["operators", "import", str(tmp_path / "people.csv")]) == Exit.OK
    assert cli.main(["roster", "import", str(tmp_path / "shifts.csv"), "--by", "anna"]) == Exit.OK
    assert capsys.readouterr().out.endswith("2 added, 0 unchanged\n")
    return tmp_path


def roster(*words: str) -> int:
    return cli.main(["roster", *words])


def correct(*words: str) -> int:
    return roster("correct", *words, "--by", "anna", "--why", "так надо")


def shown(capsys: Captured, *words: str) -> list[str]:
    """The lines of `gudok roster show`, single spaces between words."""
    capsys.readouterr()
    assert roster("show", *words) == Exit.OK
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()[1:]]


def test_a_day_with_its_place_in_the_calendar(home: Path, capsys: Captured) -> None:
    assert shown(capsys, "--day", "08.05.2026") == [
        f"{DAY} an hour shorter: before День Победы",
        f"{DAY} anna Анна 09:00 18:00 {BREAKS}",
        f"{DAY} boris Борис 20:00 08:00",
    ]
    week = shown(capsys, "--week", DAY)
    assert f"{DAY} boris Борис 20:00 08:00" in week
    assert "2026-05-09 public holiday: День Победы" in week
    assert shown(capsys, "--operator", "anna", "--day", DAY)[1:] == [f"{DAY} anna Анна 09:00 18:00 {BREAKS}"]


def test_without_a_day_today_is_shown(home: Path, capsys: Captured) -> None:
    today = datetime.now(ZoneInfo("Asia/Sakhalin")).date()
    later = today + timedelta(days=3)
    assert correct("shift", "anna", str(today), "0:00", "23:59") == Exit.OK
    assert correct("shift", "boris", str(later), "9:00", "12:00") == Exit.OK
    assert any("anna" in line for line in shown(capsys))
    assert any(line.startswith(f"{later} boris") for line in shown(capsys, "--operator", "boris"))
    assert any("anna" in line for line in shown(capsys, "--week"))


def test_vacation_substitution_and_back(home: Path, capsys: Captured) -> None:
    capsys.readouterr()
    assert correct("vacation", "anna", "2026-05-07", "2026-05-09") == Exit.OK
    assert capsys.readouterr().out.splitlines() == [
        "3 added, 0 unchanged",
        f"{DAY} 09:00-18:00 anna: UNCOVERED: vacation",
    ]
    assert correct("substitute", "boris", DAY, "--instead-of", "anna") == Exit.OK
    assert shown(capsys, "--day", DAY)[1:] == [
        f"{DAY} boris Борис 09:00 18:00 {BREAKS} instead of anna",
        f"{DAY} boris Борис 20:00 08:00",
        f"{DAY} anna Анна vacation",
    ]
    assert correct("substitute", "anna", DAY, "--instead-of", "anna") == Exit.OK
    assert correct("present", "anna", DAY) == Exit.OK
    assert shown(capsys, "--day", DAY)[1] == f"{DAY} anna Анна 09:00 18:00 {BREAKS}"


def test_who_goes_home_ill_at_noon_has_worked_the_morning(home: Path, capsys: Captured) -> None:
    capsys.readouterr()
    lunch = "lunch 14:00-14:30"
    rest = ("substitute", "boris", DAY, "--instead-of", "anna", "--begin", "12:00", "--end", "18:00", "--breaks", lunch)
    assert correct("off", "boris", DAY) == Exit.OK
    assert correct(*rest) == Exit.OK
    assert capsys.readouterr().out.splitlines() == ["1 added, 0 unchanged"] * 2, "nothing is uncovered"
    day = [
        f"{DAY} anna Анна 09:00 12:00 10:00-10:20 11:30-11:50",
        f"{DAY} boris Борис 12:00 18:00 {lunch} instead of anna",
    ]
    assert shown(capsys, "--day", DAY)[1:] == day
    assert correct("shift", "anna", DAY, "9:00", "12:00", "--breaks", "10:00-10:20 11:30-11:50") == Exit.OK
    assert shown(capsys, "--day", DAY)[1:] == day, "the same, said in two steps"


def test_a_substitute_for_a_part_leaves_the_rest_of_an_absent_operator_uncovered(home: Path, capsys: Captured) -> None:
    """Also what of a night shift lies after midnight."""
    assert correct("sick", "boris", DAY) == Exit.OK
    capsys.readouterr()
    part = ("substitute", "anna", DAY, "--instead-of", "boris", "--begin", "22:00", "--end", "2:00")
    assert correct(*part) == Exit.OK
    left = [f"{DAY} 20:00-22:00 boris", "2026-05-09 02:00-08:00 boris"]
    why = "UNCOVERED: sick"
    assert capsys.readouterr().out.splitlines()[1:] == [f"{where}: {why}" for where in left]
    assert [line for line in shown(capsys, "--day", DAY) if "UNCOVERED" in line] == [
        f"{DAY} boris Борис 20:00 22:00 {why}",
        f"{DAY} boris Борис 02:00 08:00 {why}",
    ]
    assert roster("check", "--from", DAY, "--to", DAY) == Exit.FAILED
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if why in line] == [f"{where}: {why}; somebody must stand in" for where in left]


def test_a_shift_that_is_taken_back_takes_its_substitutes_work_with_it_and_says_so(
    home: Path, capsys: Captured
) -> None:
    assert correct("substitute", "anna", DAY, "--instead-of", "boris") == Exit.OK
    capsys.readouterr()
    assert correct("off", "boris", DAY) == Exit.OK
    why = "stands in for boris, who has no shift any more: works nothing"
    assert capsys.readouterr().out.splitlines()[1:] == [f"{DAY} anna: {why}"]
    assert f"{DAY} anna Анна {why}" in shown(capsys, "--day", DAY)
    assert roster("check", "--from", DAY, "--to", DAY) == Exit.FAILED
    assert capsys.readouterr().out.startswith(f"{DAY} anna: {why}\n")


def test_other_breaks_keep_the_shift(home: Path, capsys: Captured) -> None:
    assert correct("slots", "anna", DAY, "lunch 12:00-13:00") == Exit.OK
    assert shown(capsys, "--day", DAY)[1] == f"{DAY} anna Анна 09:00 18:00 lunch 12:00-13:00"
    assert correct("off", "boris", DAY) == Exit.OK
    assert correct("substitute", "boris", DAY, "--instead-of", "anna") == Exit.OK
    assert correct("slots", "boris", DAY, "lunch 14:00-15:00") == Exit.OK
    assert shown(capsys, "--day", DAY)[1:] == [f"{DAY} boris Борис 09:00 18:00 lunch 14:00-15:00 instead of anna"]


def test_check_lists_every_breach(home: Path, capsys: Captured) -> None:
    capsys.readouterr()
    assert roster("check", "--from", DAY, "--to", DAY) == Exit.FAILED
    assert capsys.readouterr().out.splitlines() == [
        f"{DAY} 20:00-08:00 boris: 0 min of paid breaks in 12 h; 140 min",
        f"{DAY} 20:00-08:00 boris: 720 min without a break; at most 120 min",
        f"{DAY} 20:00-08:00 boris: no lunch; one of 60 min",
        f"note: {DAY} an hour shorter: before День Победы, 2 shifts",
    ]
    assert correct("off", "boris", DAY) == Exit.OK
    assert correct("shift", "boris", DAY, "9:00", "18:00", "--breaks", BREAKS) == Exit.OK
    capsys.readouterr()
    assert roster("check", "--from", DAY, "--to", DAY) == Exit.FAILED
    assert f"{DAY} 13:00-14:00 queue main: 2 of 2 on a break at once; at most 1 (15 %)" in capsys.readouterr().out
    assert correct("off", "boris", DAY) == Exit.OK
    assert roster("check", "--from", DAY, "--to", DAY) == Exit.OK
    assert cli.main(["operators", "disable", "anna"]) == Exit.OK
    capsys.readouterr()
    assert roster("check", "--from", DAY, "--to", DAY) == Exit.FAILED
    assert f"{DAY} 09:00-18:00 anna: is disabled; somebody must stand in" in capsys.readouterr().out
    assert correct("sick", "anna", DAY) == Exit.OK
    capsys.readouterr()
    assert roster("check", "--from", DAY, "--to", DAY) == Exit.FAILED
    assert capsys.readouterr().out.startswith(f"{DAY} 09:00-18:00 anna: UNCOVERED: sick; somebody must stand in\n")


def test_what_is_exported_can_be_imported(home: Path, capsys: Captured) -> None:
    assert correct("vacation", "anna", DAY) == Exit.OK
    capsys.readouterr()
    assert roster("export") == Exit.OK
    exported = capsys.readouterr().out
    (home / "out.csv").write_text(exported)
    assert roster("import", str(home / "out.csv"), "--by", "boris") == Exit.OK
    assert capsys.readouterr().out == "0 added, 3 unchanged\n"
    assert roster("export", "--from", "2026-05-09") == Exit.OK
    assert capsys.readouterr().out.count("\n") == 1, "only the head"


def test_history_tells_who_when_and_why(home: Path, capsys: Captured) -> None:
    assert correct("shift", "anna", DAY, "9:00", "15:00") == Exit.OK
    capsys.readouterr()
    assert roster("history", "--operator", "anna") == Exit.OK
    head, first, second = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head == ["VERSION", "AT", "BY", "DAY", "LOGIN", "WHAT", "WHY"]
    assert first[0] == "1"
    assert first[3:7] == ["anna", DAY, "anna", "shift"]
    assert first[-3:] == ["imported", "from", "shifts.csv"]
    assert second[3:] == ["anna", DAY, "anna", "shift", "09:00-15:00", "так", "надо"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["import", "missing.csv", "--by", "anna"], "missing.csv: No such file or directory"),
        (
            ["correct", "slots", "anna", "2026-05-09", "10:00-10:15", "--by", "anna", "--why", "x"],
            "'anna' has no shift",
        ),
        (["correct", "vacation", "anna", DAY, "--by", "anna", "--why", "  "], "say why: the change goes on record"),
        (["correct", "vacation", "anna", DAY, "2026-05-01", "--by", "anna", "--why", "x"], "give 1 to 400 days"),
        (["correct", "shift", "anna", "2026-02-30", "9:00", "18:00", "--by", "anna", "--why", "x"], "no such day"),
        (["show", "--day", "yesterday"], "expected YYYY-MM-DD or DD.MM.YYYY"),
        (["check", "--from", DAY, "--to", "2026-05-01"], "give 1 to 400 days"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(home: Path, words: list[str], said: str, capsys: Captured) -> None:
    assert roster(*words) in (Exit.FAILED, Exit.MISTAKE)
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_wrong_correction_changes_nothing(home: Path, capsys: Captured) -> None:
    capsys.readouterr()
    wrong = ("shift", "nobody", DAY, "9:00", "25:00", "--breaks", "tea")
    assert correct(*wrong) == Exit.MISTAKE
    assert capsys.readouterr().err.splitlines() == [
        "gudok: nothing was changed:",
        "time '25:00': there is no such time",
        "break 'tea': expected HH:MM-HH:MM, with the word lunch before it for a lunch",
    ]
    assert roster("correct", "sick", "anna", DAY, "--by", "stranger", "--why", "x") == Exit.MISTAKE
    assert "nobody has the login 'stranger'" in capsys.readouterr().err
    assert len(shown(capsys, "--day", DAY)) == 3


def test_a_file_with_mistakes_tells_all_with_their_lines(home: Path, capsys: Captured) -> None:
    (home / "bad.csv").write_text(SHIFTS + "nobody;09.05.2026;9:00;18:00;\nboris;09.05.2026;7:00;15:00;\n")
    assert roster("import", str(home / "bad.csv"), "--by", "anna") == Exit.MISTAKE
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "gudok: nothing was changed:"
    assert [line.removeprefix(f"{home}/").split(": ")[:2] for line in told[1:]] == [
        ["bad.csv", "line 4"],
        ["bad.csv", "line 5"],
    ]
