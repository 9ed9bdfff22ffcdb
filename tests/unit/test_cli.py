"""The `gudok` command: what it prints, what it refuses, and with which exit status."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec.structs import replace
from rich.console import Console

import handlers
from telephony import cli
from telephony.commands.common import duration
from telephony.commands.status import describe
from telephony.control import watch, wire
from telephony.control.board_rows import AlarmRow, LockRow, OperatorRow, QueueRow, Snapshot, Totals
from telephony.core import commands
from telephony.core import events as ev
from telephony.core.center import Center
from telephony.core.plan import Plan
from telephony.core.staff import Operator
from telephony.exits import Exit
from telephony.resources import default_folder
from telephony.testing.big_database import fill

CONFIG = """\
queues:
  main:
    label: Регистратура
    numbers: [1300]
    require: {booking: 1}
phones:
  phone01: {}
"""
ROSTER = "login,name,extension,skills,pin\nanna,Анна,11,booking:3,4321\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with a small configuration and nothing else."""
    config = tmp_path / "config"
    config.mkdir()
    (config / "all.yaml").write_text(CONFIG)
    shutil.copy(default_folder("config") / "prompts.yaml", config)
    monkeypatch.setenv("GUDOK_CONFIG", str(config))
    monkeypatch.setenv("GUDOK_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def staffed(home: Path) -> Path:
    (home / "roster.csv").write_text(ROSTER)
    assert cli.main(["operators", "import", str(home / "roster.csv")]) == Exit.OK
    return home


Captured = pytest.CaptureFixture[str]


def test_help_names_every_command(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert all(f"\n    {name}" in said for name in cli.COMMANDS)


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_explains_itself(name: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([name, "--help"])
    assert end.value.code == 0
    assert "--config" in capsys.readouterr().out


def test_the_parent_is_lean() -> None:
    code = "import sys, telephony.cli, telephony.commands.run; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "telephony.parent.parent" in loaded
    assert not {"sqlalchemy", "yaml", "handlers", "uvloop", "picows", "panoramisk"} & set(loaded)


def test_what_needs_the_service_says_in_a_line_that_it_does_not_run(home: Path, capsys: Captured) -> None:
    for words in (["status"], ["watch"], ["operators", "logout", "anna"]):
        assert cli.main(words) == Exit.FAILED
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("gudok: the service is not running (")
        assert said.err.count("\n") == 1


def test_only_files_are_told_in_a_line_and_no_defect_is(
    home: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time that ran out and a line that broke are OSErrors, too: a defect in a command comes with its traceback."""
    for wrong in (TimeoutError(), ConnectionResetError(104, "Connection reset by peer")):
        with monkeypatch.context() as patched:
            patched.setattr("telephony.commands.check.run", lambda args, wrong=wrong: defect(wrong))
            with pytest.raises(type(wrong)):
                cli.main(["check"])
    with monkeypatch.context() as patched:
        missing = FileNotFoundError(2, "No such file or directory", "roster.csv")
        patched.setattr("telephony.commands.check.run", lambda args: defect(missing))
        assert cli.main(["check"]) == Exit.FAILED
    assert capsys.readouterr().err == "gudok: roster.csv: No such file or directory\n"


def defect(error: Exception) -> int:
    raise error


def test_what_needs_the_database_says_in_a_line_that_there_is_none(home: Path, capsys: Captured) -> None:
    reading = ["calls"], ["operators", "list"], ["operators", "show", "anna"], ["roster", "show"], ["roster", "history"]
    for words in (*reading, ["rebuild"], ["journal", "export", str(home / "out")]):
        assert cli.main(words) == Exit.FAILED
        said = capsys.readouterr().err
        assert said.startswith("gudok: there is no database yet (")
        assert said.count("\n") == 1
    assert not (home / "state" / "gudok.sqlite").exists()


def test_no_command_makes_an_empty_database_in_place_of_one_that_is_gone(
    staffed: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its spool tells of an earlier life; the next start would take the empty one, with nobody logged in."""
    database, spool = staffed / "state" / "gudok.sqlite", staffed / "state" / "journal.spool"
    spool.touch()
    database.rename(staffed / "elsewhere.sqlite")
    capsys.readouterr()
    monkeypatch.setattr(sys, "stdin", io.StringIO("1234\n"))
    people = ["import", str(staffed / "roster.csv")]
    add = ["add", "boris", "--name", "Борис", "--extension", "12"]
    for words in (["calls"], ["roster", "show"], *(["operators", *rest] for rest in (["list"], people, add))):
        assert cli.main(words) == Exit.FAILED
        said = capsys.readouterr().err
        assert said.startswith(f"gudok: the database {database} is gone; bring it back, or remove {spool} too")
        assert said.count("\n") == 1
    assert not database.exists()
    spool.unlink()
    assert cli.main(["operators", *people]) == Exit.OK


def test_the_first_operator_may_be_added_by_hand(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("1234\n"))
    assert cli.main(["operators", "add", "boris", "--name", "Борис", "--extension", "12"]) == Exit.OK


def test_check_tells_all_mistakes_with_their_lines(home: Path, capsys: Captured) -> None:
    (home / "config" / "all.yaml").write_text(CONFIG.replace("label", "lable").replace("1300", "'13 00'"))
    for command in ("check", "run"):
        assert cli.main([command]) == Exit.MISTAKE
        said = capsys.readouterr().err
        assert "all.yaml:3: " in said
        assert "did you mean label?" in said
        assert "all.yaml:4: " in said


def test_check_looks_at_the_roster_too(staffed: Path, capsys: Captured) -> None:
    assert cli.main(["check"]) == Exit.OK
    assert "no mistakes in 1 queue, 1 phone and 0 trunks" in capsys.readouterr().out
    (staffed / "config" / "all.yaml").write_text(CONFIG.replace("booking: 1", "dentist: 1"))
    assert cli.main(["check"]) == Exit.MISTAKE
    assert "all.yaml:5: queues.main.require: no operator has the skill dentist" in capsys.readouterr().err


def test_operators_from_import_to_disabled(staffed: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("1234\n"))
    add = ["operators", "add", "boris", "--name", 'Борис "Боб", врач', "--extension", "12", "--skills", "booking:1"]
    assert cli.main(add) == Exit.OK
    assert cli.main(["operators", "change", "boris", "--skills", "booking:2;children:1"]) == Exit.OK
    assert cli.main(["operators", "disable", "anna"]) == Exit.OK
    capsys.readouterr()
    assert cli.main(["operators", "list"]) == Exit.OK
    head, anna, boris = capsys.readouterr().out.splitlines()
    assert head.split() == ["LOGIN", "NAME", "EXTENSION", "SKILLS"]
    assert anna.split() == ["anna", "Анна", "11", "booking:3", "disabled"]
    assert boris.split() == ["boris", "Борис", '"Боб",', "врач", "12", "booking:2", "children:1"]
    assert cli.main(["operators", "enable", "anna"]) == Exit.OK
    assert cli.main(["operators", "show", "anna"]) == Exit.OK
    assert "disabled" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["operators", "show", "nobody"], "nobody has the login nobody"),
        (["operators", "disable", "nobody"], "nobody has the login 'nobody'"),
        (["operators", "import", "missing.csv"], "missing.csv: No such file or directory"),
        (["operators", "change", "anna", "--skills", "booking"], "expected NAME:LEVEL"),
        (["operators", "change", "anna", "--extension", "x"], "2 to 10 digits"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(staffed: Path, words: list[str], said: str, capsys: Captured) -> None:
    assert cli.main(words) in (Exit.FAILED, Exit.MISTAKE)
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("what", ["operators", "roster"])
@pytest.mark.parametrize("file", ["", "missing.csv"], ids=["a folder", "missing"])
def test_a_file_that_cannot_be_read_is_a_mistake_like_those_in_it(
    staffed: Path, what: str, file: str, capsys: Captured
) -> None:
    signed = ["--by", "anna"] if what == "roster" else []
    assert cli.main([what, "import", str(staffed / file), *signed]) == Exit.MISTAKE
    assert capsys.readouterr().err.startswith(f"gudok: {staffed / file}: ")


def test_a_roster_with_mistakes_is_not_imported(home: Path, capsys: Captured) -> None:
    (home / "bad.csv").write_text(ROSTER + "b b,,x,booking:99,12\n")
    assert cli.main(["operators", "import", str(home / "bad.csv")]) == Exit.MISTAKE
    said = capsys.readouterr().err
    assert said.count("bad.csv: line 3: ") >= 4
    assert cli.main(["operators", "list"]) == Exit.OK
    assert "anna" not in capsys.readouterr().out


@pytest.fixture
def connected(home: Path) -> Path:
    """An installation with numbers of every kind."""
    more = (
        "directory:\n  '777': {label: Охрана, phone: phone01}\n"
        "trunks:\n  city: {contact: 'sip:192.0.2.1:5060'}\n"
        "outbound:\n  - {pattern: '5[0-9]{2}', trunk: city}\n"
    )
    text = CONFIG.replace("numbers: [1300]", "numbers: [1300]\n    transfer_number: 801")
    (home / "config" / "all.yaml").write_text(text + more)
    return home


def test_an_extension_that_leads_elsewhere_is_refused_at_the_import(connected: Path, capsys: Captured) -> None:
    lines = [f"o{number},Имя,{number},booking:3,4321\n" for number in (1300, 801, 777, 555)]
    (connected / "bad.csv").write_text(ROSTER + "".join(lines))
    assert cli.main(["operators", "import", str(connected / "bad.csv")]) == Exit.MISTAKE
    said = capsys.readouterr().err
    for line, owner in enumerate(["queue main", "queue main", "directory entry Охрана", r"outbound.0 (5[0-9]{2})"], 3):
        (told,) = [one for one in said.splitlines() if f"bad.csv: line {line}: extension " in one]
        assert owner in told
        assert told.endswith("; give another")
    assert cli.main(["operators", "list"]) == Exit.OK
    assert "anna" not in capsys.readouterr().out


def test_an_extension_is_not_changed_to_one_that_leads_elsewhere(connected: Path, capsys: Captured) -> None:
    (connected / "roster.csv").write_text(ROSTER)
    assert cli.main(["operators", "import", str(connected / "roster.csv")]) == Exit.OK
    for extension in ("801", "555"):
        assert cli.main(["operators", "change", "anna", "--extension", extension]) == Exit.MISTAKE
    assert cli.main(["check"]) == Exit.OK


def test_check_tells_of_an_extension_that_would_be_dialed_outside(connected: Path, capsys: Captured) -> None:
    (connected / "roster.csv").write_text(ROSTER)
    assert cli.main(["operators", "import", str(connected / "roster.csv")]) == Exit.OK
    file = connected / "config" / "all.yaml"
    file.write_text(file.read_text().replace("5[0-9]{2}", "1[0-9]"))
    assert cli.main(["check"]) == Exit.MISTAKE
    said = capsys.readouterr().err
    assert "all.yaml:14: outbound.0: 1[0-9] matches 11 too, the extension of operator anna" in said
    assert cli.main(["operators", "disable", "anna"]) == Exit.OK
    assert cli.main(["check"]) == Exit.OK
    assert cli.main(["operators", "enable", "anna"]) == Exit.MISTAKE


# --- the journal ---------------------------------------------------------------------------------------------


def recorded_morning(path: Path, *, tampered: bool = False, without_start: bool = False) -> None:
    """A journal as the rules themselves would have written it: a start, a picture, a login."""
    center, at = Center(), datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
    plan = msgspec.convert({"phones": [{"name": "phone01"}]}, Plan)
    events: list[ev.AnyEvent] = [
        ev.Started(plan=plan, operators=(Operator(login="anna", name="Анна", extension="11"),), run="r1"),
        ev.PictureTaken(why="start"),
        commands.LogIn(command="c1", login="anna", phone="phone01"),
    ]
    lines = []
    for seq, event in enumerate(events, 1):
        effects = handlers.handle(center, event, at + timedelta(seconds=seq))
        entry = {"seq": seq, "at": at + timedelta(seconds=seq), "event": event, "effects": effects}
        lines.append(msgspec.json.encode(entry).decode())
    if tampered:
        lines[-1] = lines[-1].replace('"logged-in"', '"phone-in-use"')
    path.write_text("\n".join(lines[1:] if without_start else lines) + "\n")


def test_a_replay_of_what_was_recorded_differs_in_nothing(home: Path, capsys: Captured) -> None:
    recorded_morning(home / "journal")
    assert cli.main(["replay", str(home / "journal")]) == Exit.OK
    said = capsys.readouterr().out
    assert "3 entries in 1 lives of the router: none decided differently" in said
    assert "3 2026-01-05T08:00:03.000+00:00 LogIn(command='c1', login='anna', phone='phone01')" in said
    assert "  -> Reply(command='c1', ok=True, code='logged-in'" in said


def test_a_replay_shows_where_the_decisions_differ(home: Path, capsys: Captured) -> None:
    recorded_morning(home / "journal", tampered=True)
    assert cli.main(["replay", "--quiet", str(home / "journal")]) == Exit.FAILED
    said = capsys.readouterr().out
    assert "1 decided differently" in said
    assert "  -  Reply(command='c1', ok=True, code='phone-in-use'" in said
    assert "  +  Reply(command='c1', ok=True, code='logged-in'" in said
    assert "PictureTaken" not in said


def test_a_replay_of_what_is_not_there_is_a_line(home: Path, capsys: Captured) -> None:
    assert cli.main(["replay", str(home / "nope")]) == Exit.FAILED
    assert capsys.readouterr().err == f"gudok: {home / 'nope'}: No such file or directory\n"


def test_a_replay_needs_the_start_of_a_router(home: Path, capsys: Captured) -> None:
    recorded_morning(home / "journal", without_start=True)
    assert cli.main(["replay", str(home / "journal")]) == Exit.FAILED
    assert "there is no start of a router" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "why"),
    [("", "Is a directory"), ("missing/out", "No such file or directory"), ("roster.csv/out", "Not a directory")],
)
def test_a_journal_that_cannot_be_written_is_not_the_fault_of_the_database(
    staffed: Path, file: str, why: str, capsys: Captured
) -> None:
    capsys.readouterr()
    assert cli.main(["journal", "export", str(staffed / file)]) == Exit.FAILED
    assert capsys.readouterr().err == f"gudok: {staffed / file}: {why}\n"


def test_an_empty_call_log_is_listed_and_made_again(staffed: Path, capsys: Captured) -> None:
    capsys.readouterr()
    assert cli.main(["calls"]) == Exit.OK
    assert capsys.readouterr().out.split()[:2] == ["ARRIVED", "CALL"]
    assert cli.main(["rebuild"]) == Exit.OK
    assert "from 0 entries" in capsys.readouterr().out


# --- status and watch ----------------------------------------------------------------------------------------


def picture() -> Snapshot:
    return Snapshot(
        totals=Totals(since=1000, calls=3, talking=1, waiting=2, answered=9, abandoned=1),
        queues=[
            QueueRow(name="main", label="Регистратура", waiting=2, oldest=1090, answered=9, in_level=8, abandoned=1)
        ],
        operators=[
            OperatorRow(login="anna", name="Анна", state="talking", since=1000, phone="phone01"),
            OperatorRow(login="boris", name="Борис", state="unreachable", since=1095, reason="no_answer"),
        ],
        alarms=[AlarmRow(code="journal_spools", text="the database is away")],
    )


def test_status_for_people() -> None:
    answer = wire.StatusAnswer(
        id=1,
        pid=7,
        run="r1",
        handled=123,
        inbox=0,
        picture=picture(),
        counters={"alarm.x": 2},
        latency={"decision": {"count": 123, "p50": 0.05, "p99": 0.3, "max": 1.5}},
        phones=65,
        phones_away=["phone07", "phone08"],
    )
    text = describe(answer, now=1100)
    assert "ANSWERS NO SIP" not in text
    assert "ANSWERS NO SIP" in describe(replace(answer, deaf=True), now=1100)
    assert "running for 1:40 (pid 7), 123 events" in text
    assert "phones 65: 63 registered" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["main", "2", "0:10", "9", "1", "0", "88", "%", "in", "20", "s"] in rows
    assert ["anna", "Анна", "phone01", "talking", "1:40"] in rows
    assert ["decision", "123", "0.05", "0.3", "1.5"] in rows
    assert ["alarm.x", "2"] in rows


def test_watch_draws_the_picture_and_follows_its_changes() -> None:
    view = watch.View()
    view.apply(wire.WatchAnswer(id=1, whole=True, picture=picture()))
    change = Snapshot(totals=Totals(since=1000, answered=10), queues=[], operators=[], gone=["boris"])
    view.apply(wire.WatchAnswer(id=1, picture=change))
    console = Console(width=110, record=True, file=io.StringIO())
    console.print(watch.render(view, now=1100))
    drawn = console.export_text()
    assert "Регистратура" in drawn
    assert "80 % of 80 % in 20 s" in drawn
    assert "answered 10" in drawn
    assert "Анна" in drawn
    assert "Борис" not in drawn
    assert "journal_spools: the database is away" in drawn


def test_watch_without_a_terminal_is_a_line_for_each_change() -> None:
    told = [line.partition(" ")[2] for line in watch.lines(wire.WatchAnswer(id=1, picture=picture()), now=1100)]
    assert told == [
        "queue main: 2 waiting, longest 0:10, 9 answered, 1 abandoned",
        "operator anna: talking",
        "operator boris: unreachable (no_answer)",
        "ALARM journal_spools: the database is away",
    ]


def test_watch_says_that_what_it_shows_is_old(capsys: Captured) -> None:
    """None is for a service that does not answer any more; the whole comes when it does."""
    whole = wire.WatchAnswer(id=1, whole=True, picture=Snapshot(totals=Totals(since=1000), queues=[], operators=[]))
    watch.print_lines([whole, None, whole])
    [line] = capsys.readouterr().out.splitlines()
    assert line.endswith(" THE SERVICE DOES NOT ANSWER")

    view = watch.View()
    console = Console(width=110, record=True, file=io.StringIO())

    def drawn() -> str:
        console.print(watch.render(view, now=1110))
        return console.export_text()

    view.apply(whole)
    view.lose(now=1100)
    assert "THE SERVICE DOES NOT ANSWER since 00:18:20: what is shown is old" in drawn()
    view.apply(whole)
    assert "DOES NOT ANSWER" not in drawn()


def test_what_a_senior_should_look_at_stands_out() -> None:
    until = datetime(2026, 3, 2, 10, 15, tzinfo=ZoneInfo("Asia/Sakhalin")).timestamp()
    shown = Snapshot(
        totals=Totals(since=1000, hands=1, to_review=2, violations=7),
        queues=[],
        operators=[
            OperatorRow(login="anna", name="Анна", state="break", since=1000, reason="technical", until=until),
            OperatorRow(login="boris", name="Борис", state="talking", since=1, hand="raised", pending="management"),
            OperatorRow(login="vera", name="Вера", state="talking", since=1, hand="anna"),
        ],
        locked=[LockRow(extension="17", until=until), LockRow(extension="18", until=1050)],
        timezone="Asia/Sakhalin",
    )
    view = watch.View()
    view.apply(wire.WatchAnswer(id=1, whole=True, picture=shown))
    console = Console(width=180, record=True, file=io.StringIO())
    console.print(watch.render(view, now=1100))
    answer = wire.StatusAnswer(id=1, pid=7, run="r1", handled=1, inbox=0, picture=shown, counters={}, latency={})
    plain = "\n".join(watch.lines(wire.WatchAnswer(id=1, whole=True, picture=shown), now=1100))
    for said in (console.export_text(), describe(answer, now=1100), plain):
        assert "break" in said
        assert said.count("10:15") == 2, "the break and the lock, by the center's clock"
        assert "LOCKED after wrong PINs: 17 until 10:15" in said
        assert "18 until" not in said
        assert "management break after the call, RAISED HAND" in said
        assert "helped by anna" in said
    assert "1 hand up, 2 emergencies to review, 7 violations" in describe(answer, now=1100)


def test_one_of_a_kind_is_told_in_the_singular() -> None:
    totals = Totals(since=1000, hands=2, to_review=1, violations=1)
    shown = Snapshot(totals=totals, queues=[], operators=[], timezone="Asia/Sakhalin")
    answer = wire.StatusAnswer(id=1, pid=7, run="r1", handled=1, inbox=0, picture=shown, counters={}, latency={})
    assert "2 hands up, 1 emergency to review, 1 violation\n" in describe(answer, now=1100)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3600, "1:00:00"), (-5, "0:00")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


async def test_output_nobody_reads_any_more_is_no_error(staffed: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "telephony.cli", "operators", "list"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout._transport.close()  # type: ignore[attr-defined]
    _, error = await process.communicate()
    assert error == b""
    assert process.returncode == Exit.OK


@pytest.mark.parametrize(
    "words",
    [["--last", "-5"], ["--last", "0"], ["--last", "many"], ["--hours", "-1"], ["--hours", "nan"], ["--hours", "1e12"]],
)
def test_calls_that_nobody_can_count_are_a_mistake(words: list[str], staffed: Path, capsys: Captured) -> None:
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        cli.main(["calls", *words])
    assert end.value.code == Exit.MISTAKE
    said = capsys.readouterr()
    assert said.out == ""
    assert words[1] in said.err


def test_calls_as_json_are_read_by_programs(staffed: Path, capsys: Captured) -> None:
    capsys.readouterr()
    assert cli.main(["calls", "--json"]) == Exit.OK
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == []


def test_the_last_calls_are_listed_by_arrival_with_what_was_said_of_them(staffed: Path, capsys: Captured) -> None:
    file = staffed / "state" / "gudok.sqlite"
    fill(file, 10, datetime.now(UTC))
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as database:
        made = [call for (call,) in database.execute("SELECT id FROM calls ORDER BY arrived")]
        for seq, call in enumerate(made[:8]):
            said = {"seq": seq, "n": 0, "call": call, "login": "anna", "disposition": f"said{seq}", "at": "2026-03-02"}
            database.execute("INSERT INTO dispositions VALUES (:seq, :n, :call, :login, :disposition, :at)", said)
    capsys.readouterr()
    assert cli.main(["calls", "--json", "--last", "3"]) == Exit.OK
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["id"], row["disposition"]) for row in told] == [(made[7], "said7"), (made[8], None), (made[9], None)]
