"""`gudok breaks`, `gudok operators day` and `adherence`: what they print of a day on record, and what they ask for."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from telephony import cli
from telephony.commands.breaks import next_time
from telephony.commands.common import Problem
from telephony.control.board import Board
from telephony.control.server import Control
from telephony.control.wire import Reloaded, StatusAnswer
from telephony.core import break_facts as pause
from telephony.core import commands
from telephony.core import events as ev
from telephony.core import facts as that
from telephony.core.commands import AnyCommand
from telephony.core.effects import Reply
from telephony.core.roster import Slot, SlotKind
from telephony.core.roster_versions import EntryKind, RosterEntry
from telephony.exits import Exit
from telephony.resources import default_folder
from telephony.store.database import Database
from telephony.store.journal import JournalWriter
from telephony.store.roster_entries import add_entries
from telephony.store.spool import Spool
from telephony.store.tables import phone_numbers

CONFIG = """\
timezone: Europe/Moscow
queues:
  main: {label: Регистратура, numbers: [1300], require: {booking: 1}}
phones:
  phone01: {}
"""
PEOPLE = (
    "login,name,extension,skills,pin\nanna,Анна,11,booking:3,4321\nboris,Борис,12,booking:1,4321\n"
    "vera,Вера,13,booking:1,4321\n"
)
MOSCOW = ZoneInfo("Europe/Moscow")
Captured = pytest.CaptureFixture[str]


def at(clock: str) -> datetime:
    """On Monday, 2 March 2026, in Moscow."""
    hour, minute = clock.split(":")
    return datetime(2026, 3, 2, int(hour), int(minute), tzinfo=MOSCOW).astimezone(UTC)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = tmp_path / "config"
    config.mkdir()
    (config / "all.yaml").write_text(CONFIG)
    shutil.copy(default_folder("config") / "prompts.yaml", config)
    (tmp_path / "people.csv").write_text(PEOPLE)
    monkeypatch.setenv("GUDOK_CONFIG", str(config))
    monkeypatch.setenv("GUDOK_STATE_DIR", str(tmp_path / "state"))
    assert cli.main(["operators", "import", str(tmp_path / "people.csv")]) == Exit.OK
    return tmp_path


@pytest.fixture
def recorded(home: Path, capsys: Captured) -> Path:
    asyncio.run(put_on_record(home / "state", DAY, ROSTER))
    capsys.readouterr()
    return home


async def put_on_record(state_dir: Path, facts: Sequence[that.AnyFact], roster: Sequence[RosterEntry] = ()) -> None:
    """As the router and `gudok roster` would."""
    database = Database(f"sqlite:///{state_dir}/gudok.sqlite")
    await database.transact(lambda connection: add_entries(connection, roster))
    journal = JournalWriter(database, Spool(state_dir / "spool", 100_000), alarm=lambda alarm: None)
    first = await journal.open() + 1
    for seq, fact in enumerate(facts, first):
        journal.append(seq, at("20:00"), ev.PbxLost(reason="any"), [fact])
    durable = asyncio.Event()
    journal.when_durable(first + len(facts) - 1, durable.set)
    await durable.wait()
    await journal.close()
    await database.close()


def entry(kind: EntryKind, login: str, instead_of: str | None = None) -> RosterEntry:
    shift = kind is EntryKind.SHIFT
    return RosterEntry(
        kind=kind, login=login, day=date(2026, 3, 2), begin=at("9:00") if shift else None,
        end=at("12:00") if shift else None, instead_of=instead_of, at=at("8:00"), by="head", why="план",
        slots=(Slot(begin=at("10:00"), end=at("10:15")), Slot(begin=at("11:00"), end=at("11:30"), kind=SlotKind.LUNCH))
        if shift else (),
    )  # fmt: skip


ROSTER = [
    entry(EntryKind.SHIFT, "anna"),
    entry(EntryKind.SHIFT, "boris"),
    entry(EntryKind.SICK, "boris"),
    entry(EntryKind.SUBSTITUTION, "vera", "boris"),
]
TECHNICAL, MANAGEMENT, EMERGENCY = pause.BreakKind


def state(name: str, clock: str, reason: str = "", permission: str | None = None) -> that.OperatorChanged:
    return that.OperatorChanged(
        login="anna", state=name, at=at(clock), phone="phone01", reason=reason, permission=permission
    )


def may(name: str, kind: pause.BreakKind, begin: str, end: str, **more: object) -> pause.PermissionGiven:
    return pause.PermissionGiven(
        permission=name, login="anna", kind=kind, begins=at(begin), until=at(end), at=at(begin), **more  # type: ignore[arg-type]
    )  # fmt: skip


def asked(clock: str, verdict: pause.Verdict, reason: str = "", **more: object) -> pause.BreakAsked:
    return pause.BreakAsked(
        request=clock, login="anna", kind=TECHNICAL, door="phone", verdict=verdict, reason=reason, at=at(clock), **more  # type: ignore[arg-type]
    )  # fmt: skip


DAY: list[that.AnyFact] = [
    pause.ViolationSeen(
        violation="v0", login="anna", kind=pause.ViolationKind.UNREGISTERED, at=at("0:00") - timedelta(minutes=30)
    ),
    pause.ViolationEnded(violation="v0", at=at("0:10")),
    state("ready", "9:15", "logged_in"),
    asked("9:30", pause.Verdict.REFUSED, "not-in-slot", next_slot=at("10:00")),
    asked("10:00", pause.Verdict.GRANTED, permission="p1"),
    may("p1", TECHNICAL, "10:00", "10:15", slot=at("10:00")),
    state("break", "10:00", "technical", "p1"),
    pause.PermissionEnded(permission="p1", how="over", at=at("10:15")),
    state("ready", "10:15"),
    pause.OrderGiven(
        order="o1", by="head", logins=("anna",), begins=at("10:30"), until=at("10:45"), why="совещание", at=at("10:30")
    ),
    may("p2", MANAGEMENT, "10:30", "10:45", order="o1"),
    state("break", "10:30", "management", "p2"),
    pause.PermissionEnded(permission="p2", how="over", at=at("10:45")),
    state("ready", "10:45"),
    pause.ViolationSeen(violation="v1", login="anna", kind=pause.ViolationKind.OVERRUN, at=at("10:46"), detail="late"),
    pause.ViolationEnded(violation="v1", at=at("10:48")),
    state("talking", "10:50"),
    may("p0", TECHNICAL, "10:52", "11:07", slot=at("10:00")),
    pause.PermissionEnded(permission="p0", how="unused", at=at("10:53")),
    pause.HandRaised(hand="h1", login="anna", call="c1", at=at("10:51")),
    pause.HandTaken(hand="h1", by="senior", mode="whisper", at=at("10:52")),
    pause.HandLowered(hand="h1", how="helped", at=at("10:55")),
    state("ready", "11:00"),
    that.CallOpened(call="c1", kind=that.CallKind.INBOUND, number="1300", caller="t", arrived=at("10:50")),
    pause.OutcomeGiven(call="c1", login="anna", outcome="wrong-number", at=at("11:00")),
    pause.OutcomeGiven(call="c1", login="anna", outcome="booked", at=at("11:01")),
    may("p3", EMERGENCY, "11:30", "11:45", reason="плохо"),
    state("break", "11:30", "emergency", "p3"),
    asked("11:35", pause.Verdict.REFUSED, "already", next_slot=at("10:00") + timedelta(days=1)),
    asked("11:40", pause.Verdict.DEFERRED, "cap"),
    pause.BreakAsked(
        request="12",
        login="",
        kind=TECHNICAL,
        door="phone",
        verdict=pause.Verdict.REFUSED,
        reason="not-logged-in",
        phone="phone07",
        at=at("11:50"),
    ),
    pause.ClaimMade(claim="11:40", login="anna", slot=at("11:00"), at=at("11:40")),
]
"""Anna is a quarter of an hour late; a planned break, one on an order, an emergency; an overrun, a raised hand."""


def test_a_day_as_a_timeline(recorded: Path, capsys: Captured) -> None:
    lapsed = pause.ClaimEnded(claim="11:40", how="lapsed", at=at("11:50"))
    review = replace(asked("11:55", pause.Verdict.REFUSED, "not-allowed"), kind=EMERGENCY, door="review")
    asyncio.run(put_on_record(recorded / "state", [lapsed, review, state("offline", "12:00", "logged_out")]))
    assert cli.main(["operators", "day", "anna", "--date", "02.03.2026"]) == Exit.OK
    told = capsys.readouterr().out.splitlines()
    assert told[:2] == [
        "Анна (anna), 02.03.2026, Europe/Moscow",
        "shift 09:00-12:00; breaks 10:00-10:15, lunch 11:00-11:30",
    ]
    lines = [" ".join(line.split()) for line in told]
    for line in (
        "09:15:00 45:00 ready (logged in)",
        "09:30:00 asked for technical by phone: refused (no planned break begins now), next break 10:00",
        (
            "11:35:00 asked for technical by phone: refused (they have a break, or one begins after their call, or "
            "when a place is free), next break 03.03.2026 10:00"
        ),
        "11:40:00 asked for technical by phone: deferred (begins when a place is free)",
        "11:55:00 wanted to review a pause: refused (only seniors and heads may do this)",
        "10:00:00 asked for technical by phone: granted",
        "10:00:00 15:00 break (technical): permission p1, 10:00-10:15, planned for 10:00",
        "10:30:00 order o1 of head, until 10:45: совещание",
        "10:30:00 15:00 break (management): permission p2, 10:30-10:45, order o1",
        "00:00:00 10:00 VIOLATION unregistered",
        "10:46:00 2:00 VIOLATION overrun: late",
        "10:52:00 1:00 permission p0 for a technical break, unused at 10:53: none began",
        "10:51:00 raised a hand: senior came after 1:00 (whisper), helped",
        "11:01:00 outcome of call c1: booked",
        "11:40:00 10:00 waits for a place, for the break planned for 11:00, lapsed at 11:50",
        "11:30:00 30:00 break (emergency): permission p3, 11:30-11:45, reason: плохо",
        "12:00:00 offline (logged out)",
        "ready 1:35:00",
        "logged in 2:45:00",
        # As planned are 9:15-11:00 with both breaks, not the work at lunch, not the emergency nobody has confirmed.
        "adherence 58.3 %, conformance 87.5 %",
    ):
        assert line in lines, line
    refused = "09:30:00 asked for technical by phone: refused (no planned break begins now), next break 10:00"
    assert lines.index(refused) < lines.index("10:00:00 asked for technical by phone: granted")


@pytest.mark.parametrize(
    ("how", "told"),
    [("phone_taken_over", "offline (phone taken over)"), ("disabled", "offline (disabled)")],
)
def test_the_end_of_a_session_says_whose_doing_it_was(home: Path, capsys: Captured, how: str, told: str) -> None:
    work = [state("ready", "9:15", "logged_in"), state("offline", "9:45", how)]
    again = [state("ready", "9:50", "logged_in"), state("offline", "10:10", "other_phone")]
    moved = [state("ready", "10:10", "logged_in")]
    asyncio.run(put_on_record(home / "state", [*work, *again, *moved]))
    capsys.readouterr()
    assert cli.main(["operators", "day", "anna", "--date", "02.03.2026"]) == Exit.OK
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    begin = lines.index("09:15:00 30:00 ready (logged in)")
    assert lines[begin + 1 : begin + 4] == [
        f"09:45:00 {told}",
        "09:50:00 20:00 ready (logged in)",
        "10:10:00 offline (other phone)",
    ]
    assert lines[begin + 4].startswith("10:10:00 ")


def test_a_session_that_ends_after_midnight_ends_in_the_next_day(home: Path, capsys: Captured) -> None:
    gone = that.OperatorChanged(
        login="anna", state="offline", at=at("23:00") + timedelta(hours=7), phone="phone01", reason="logged_out"
    )
    asyncio.run(put_on_record(home / "state", [state("ready", "22:00", "logged_in"), gone]))
    ends = []
    for day in ("02.03.2026", "03.03.2026"):
        capsys.readouterr()
        assert cli.main(["operators", "day", "anna", "--date", day]) == Exit.OK
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        ends.append([line[0] for line in lines if "offline" in line])
    assert ends == [[], ["06:00:00"]]


def test_absence_and_substitution_stand_in_the_day(recorded: Path, capsys: Captured) -> None:
    assert cli.main(["operators", "day", "boris", "--date", "2026-03-02"]) == Exit.OK
    said = capsys.readouterr().out
    assert "absent: sick" in said
    assert "vera works this operator's shift" in said
    assert "shift 09:00" not in said
    assert cli.main(["operators", "day", "vera", "--date", "2026-03-02"]) == Exit.OK
    assert "shift 09:00-12:00, instead of boris; breaks 10:00-10:15" in capsys.readouterr().out


def test_who_is_taken_over_from_is_measured_by_the_part_that_stayed_theirs(home: Path, capsys: Captured) -> None:
    """Anna goes home ill at eleven, and Vera works until twelve."""
    rest = replace(entry(EntryKind.SUBSTITUTION, "vera", "anna"), begin=at("11:00"), end=at("12:00"))
    spent: list[that.AnyFact] = [
        state("ready", "9:00", "logged_in"), may("p1", TECHNICAL, "10:00", "10:15", slot=at("10:00")),
        state("break", "10:00", "technical", "p1"), pause.PermissionEnded(permission="p1", how="over", at=at("10:15")),
        state("ready", "10:15"), state("offline", "11:00", "logged_out"),
    ]  # fmt: skip
    asyncio.run(put_on_record(home / "state", spent, [entry(EntryKind.SHIFT, "anna"), rest]))
    capsys.readouterr()
    assert cli.main(["operators", "adherence", "--day", "2026-03-02"]) == Exit.OK
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [
        ["anna", "Анна", "2:00:00", "1:45:00", "1:45:00", "2:00:00", "100.0", "%", "100.0", "%"],
        ["vera", "Вера", "1:00:00", "1:00:00", "0:00", "0:00", "0.0", "%", "0.0", "%"],
    ]
    assert cli.main(["operators", "day", "anna", "--date", "2026-03-02"]) == Exit.OK
    said = capsys.readouterr().out
    assert "shift 09:00-11:00; breaks 10:00-10:15\nvera works 11:00-12:00 instead of this operator\n" in said
    assert "adherence 100.0 %, conformance 100.0 %" in said


def test_adherence_of_all_as_a_table_and_as_csv(recorded: Path, capsys: Captured) -> None:
    asyncio.run(put_on_record(recorded / "state", [state("offline", "12:00", "logged_out")]))
    assert cli.main(["operators", "adherence", "--day", "2026-03-02"]) == Exit.OK
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1] == ["anna", "Анна", "3:00:00", "2:00:00", "1:45:00", "1:45:00", "58.3", "%", "87.5", "%"]
    assert rows[2][:3] == ["vera", "Вера", "3:00:00"]
    assert rows[2][-4:] == ["0.0", "%", "0.0", "%"]
    assert cli.main(["operators", "adherence", "--from", "2026-03-01", "--to", "2026-03-03", "--csv"]) == Exit.OK
    anna, vera = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (anna["login"], anna["scheduled_s"], anna["adherence"]) == ("anna", "10800.000", "0.5833")
    assert vera["worked_s"] == "0.000"


@pytest.mark.parametrize(
    ("slot", "taken"),
    [("23:45", "23:43"), ("23:45", "23:45"), ("23:45", "00:05"), ("23:20", "00:20"), ("00:01", "23:59")],
)
def test_figures_of_days_add_up_also_where_a_break_is_moved_over_midnight(
    home: Path, capsys: Captured, slot: str, taken: str
) -> None:
    """All by the rules: the break of a night shift is taken when the call before it is over."""

    def night(clock: str) -> datetime:
        return at(clock) + timedelta(days=clock < "12:00")

    half_an_hour = timedelta(minutes=30)
    shift = replace(
        entry(EntryKind.SHIFT, "anna"), begin=night("20:00"), end=night("08:00"),
        slots=(Slot(begin=night(slot), end=night(slot) + half_an_hour),),
    )  # fmt: skip
    begin, end = night(taken), night(taken) + half_an_hour
    spent = [("ready", night("20:00")), ("break", begin), ("ready", end), ("offline", night("08:00"))]
    states = [replace(state(name, "0:00", permission="p1" if name == "break" else None), at=at) for name, at in spent]
    permission = replace(may("p1", TECHNICAL, slot, slot, slot=night(slot)), begins=begin, until=end, at=begin)
    over = pause.PermissionEnded(permission="p1", how="over", at=end)
    asyncio.run(put_on_record(home / "state", [*states[:1], permission, *states[1:2], over, *states[2:]], [shift]))

    def figures(first: str, last: str) -> dict[str, str]:
        capsys.readouterr()
        assert cli.main(["operators", "adherence", "--from", first, "--to", last, "--csv"]) == Exit.OK
        [anna] = csv.DictReader(io.StringIO(capsys.readouterr().out))
        return anna

    both = figures("2026-03-02", "2026-03-03")
    days = [figures(day, day) for day in ("2026-03-02", "2026-03-03")]
    for column in ("scheduled_s", "planned_work_s", "worked_s", "as_planned_s"):
        assert sum(float(day[column]) for day in days) == float(both[column]), column
    assert [(one["adherence"], one["conformance"]) for one in (both, *days)] == [("1.0000", "1.0000")] * 3
    for day in ("2026-03-02", "2026-03-03"):
        assert cli.main(["operators", "day", "anna", "--date", day]) == Exit.OK
        assert "adherence 100.0 %, conformance 100.0 %" in capsys.readouterr().out


def test_the_list_of_a_day(recorded: Path, capsys: Captured) -> None:
    assert cli.main(["breaks", "list", "--day", "2026-03-02"]) == Exit.OK
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for row in (
        "anna emergency 11:30 -",
        "anna technical 11:40 cap",
        "p3 anna 02.03.2026 11:30 плохо",
        "o1 head anna 10:45 совещание over",
        "09:30 anna technical phone refused not-in-slot 10:00",
        "11:35 anna technical phone refused already 03.03.2026 10:00",
        "11:50 nobody at phone07 technical phone refused not-logged-in -",
        "10:46 anna overrun 2:00 late",
        "01.03.2026 23:30 anna unregistered 40:00",
    ):
        assert row in rows, row


def test_the_last_outcome_that_was_said_stands_beside_the_call(recorded: Path, capsys: Captured) -> None:
    hours = str((datetime.now(UTC) - at("9:00")) / timedelta(hours=1))
    assert cli.main(["calls", "--hours", hours]) == Exit.OK
    head, call = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert (head[-1], call[2], call[-1]) == ("DISPOSITION", "c1", "booked")
    assert cli.main(["calls", "--hours", hours, "--json"]) == Exit.OK
    assert json.loads(capsys.readouterr().out)["disposition"] == "booked"


def test_extensions_that_are_locked_now_are_in_the_list(recorded: Path, capsys: Captured) -> None:
    until = datetime.now(UTC) + timedelta(minutes=10)
    locks = [
        pause.LogInLocked(extension=extension, phone="phone01", until=until, at=at("10:00"))
        for extension in ("12", "99")
    ]
    past = pause.LogInLocked(extension="13", phone="phone01", until=at("10:10"), at=at("10:00"))
    asyncio.run(put_on_record(recorded / "state", [*locks, past]))
    assert cli.main(["breaks", "list"]) == Exit.OK
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    clock = f"{until.astimezone(MOSCOW):%H:%M}"
    assert ["12", "boris", clock] in rows
    assert ["99", "-", clock] in rows
    assert not [row for row in rows if row[:1] == ["13"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["operators", "day", "nobody"], "nobody has the login nobody"),
        (["operators", "day", "anna", "--date", "31.02.2026"], "there is no such day"),
        (["operators", "adherence", "--from", "2026-03-02", "--to", "2026-03-01"], "--to lies before --from"),
        (["operators", "adherence", "--day", "2026-03-02", "--to", "2026-03-03"], "give either --day"),
        (["operators", "adherence", "--from", "2025-01-01", "--to", "2026-03-03"], "at most 100 days"),
        (["breaks", "list", "--day", "soon"], "expected YYYY-MM-DD"),
        (["breaks", "order", "--by", "head", "--for", "anna", "--until", "25:00", "--why", "x"], "no such time"),
        (["breaks", "order", "--by", "head", "--for", "anna", "--until", "10:00", "--why", " "], "say why"),
        (["breaks", "withdraw", "o1", "--by", "head"], "the service is not running"),
        (["calls", "--number-of", "abc"], "say with --why"),
        (["calls", "--number-of", "abc", "--why", "to call back"], "no number is kept"),
        (["calls", "--forget", "abc"], "no number is kept"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(home: Path, words: list[str], said: str, capsys: Captured) -> None:
    capsys.readouterr()
    now = datetime.now(MOSCOW)
    if "10:00" in words:
        words = [f"{now + timedelta(hours=1):%H:%M}" if word == "10:00" else word for word in words]
    assert cli.main(words) in (Exit.FAILED, Exit.MISTAKE)
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_number_is_told_until_it_is_erased(home: Path, capsys: Captured) -> None:
    async def remember() -> None:
        database = Database(f"sqlite:///{home}/state/gudok.sqlite")
        await database.transact(
            lambda connection: connection.execute(sa.insert(phone_numbers).values(token="abc", number="79000000001"))
        )
        await database.close()

    asyncio.run(remember())
    capsys.readouterr()
    tell = ["calls", "--number-of", "abc", "--why", "to call back"]
    assert cli.main(tell) == Exit.OK
    assert capsys.readouterr().out == "79000000001\n"
    assert cli.main(["calls", "--forget", "abc"]) == Exit.OK
    assert cli.main(tell) == Exit.FAILED


def test_until_is_the_next_time_the_clocks_show_it() -> None:
    night = datetime(2026, 3, 2, 23, 30, tzinfo=MOSCOW).astimezone(UTC)
    assert next_time("00:15", night, MOSCOW) == night + timedelta(minutes=45)
    assert next_time("23:45", night, MOSCOW) == night + timedelta(minutes=15)
    with pytest.raises(Problem, match="is over"):
        next_time("23:00", night, MOSCOW)


# --- asked of the running service ----------------------------------------------------------------------------


async def served(home: Path, words: list[str], answer: Reply) -> tuple[int, list[AnyCommand]]:
    """The exit status of a command while a service runs, and what the service was asked."""
    asked: list[AnyCommand] = []

    async def ask(command: AnyCommand) -> Reply:
        asked.append(command)
        return answer

    async def reload(what: Reloaded) -> Reply:
        raise AssertionError("nobody asks for this")

    def status(asked: int, picture: object) -> StatusAnswer:
        raise AssertionError("nobody asks for this")

    socket = home / "state" / "control.sock"
    control = Control(socket, board=Board(0), ask=ask, reload=reload, status=status)
    await control.open()
    try:
        return await asyncio.to_thread(cli.main, words), asked
    finally:
        await control.close()


async def test_each_act_is_one_command_of_the_running_service(home: Path, capsys: Captured) -> None:
    soon = f"{datetime.now(MOSCOW) + timedelta(hours=1):%H:%M}"
    yes = Reply(command="", ok=True, code="done", text="order o7")
    order = ["breaks", "order", "--by", "head", "--group", "seniors", "--until", soon, "--why", "совещание"]
    status, [given] = await served(home, order, yes)
    assert status == Exit.OK
    assert isinstance(given, commands.GiveOrder)
    assert (given.by, given.group, given.logins, given.why, given.at_once) == ("head", "seniors", (), "совещание", True)
    assert timedelta() < given.until - datetime.now(UTC) <= timedelta(hours=1)
    assert capsys.readouterr().out.endswith("order o7\n")
    _, [request] = await served(home, ["breaks", "request", "anna", "emergency", "--reason", "2"], yes)
    assert isinstance(request, commands.TakeBreak)
    assert (request.login, request.kind, request.reason, request.door) == ("anna", EMERGENCY, "2", "cli")
    _, [withdrawn] = await served(home, ["breaks", "withdraw", "o7", "--by", "head"], yes)
    assert isinstance(withdrawn, commands.WithdrawOrder)
    _, [review] = await served(home, ["breaks", "review", "p3", "--by", "head", "--reject"], yes)
    assert isinstance(review, commands.ReviewEmergency)
    assert (review.permission, review.confirmed) == ("p3", False)


async def test_a_refusal_is_told_and_is_a_failure(home: Path, capsys: Captured) -> None:
    capsys.readouterr()
    asked = ["breaks", "request", "anna", "technical"]
    for code, text, told in (
        ("refused-cap", "", "not done; the service says: refused cap"),
        (
            "refused-cap",
            "too many are on a break; the next one is at 12:00",
            "too many are on a break; the next one is at 12:00",
        ),
        ("not-logged-in", "", "not done; the service says: not logged in"),
    ):
        status, _ = await served(home, asked, Reply(command="", ok=False, code=code, text=text))
        assert status == Exit.FAILED
        assert capsys.readouterr().err == f"gudok: {told}\n"
