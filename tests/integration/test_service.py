"""The whole service as it is run: `gudok run` on a real Asterisk with real phones, killed, stopped and orphaned."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from telephony.exits import Exit
from telephony.parent.guard import rescue
from telephony.parent.parent import MISTAKEN
from telephony.pbx.ari import AriClient
from telephony.pbx.embedded import EmbeddedPbx
from telephony.resources import default_folder
from telephony.settings import Settings
from telephony.store.database import Database
from telephony.store.migrate import ensure_current
from telephony.store.operators import import_roster
from telephony.testing.patience import PATIENCE
from telephony.testing.ports import free_port, free_ports
from tests.integration._ami_events import QueueCallerJoin
from tests.integration._gudok_pbx import caller, manager, phone, settings_on_free_ports

pytestmark = [pytest.mark.asterisk, pytest.mark.integration]

OUTSIDE, OUTSIDE_TOO = "79000000001", "79000000002"
SKILLS = "booking:3;children:2;house_calls:2;results:2;paid:2;senior:3;head:1"
ROSTER = f"login,name,extension,skills,pin\nanna,Анна,11,{SKILLS},4321\nboris,Борис,12,{SKILLS},8765\n"


class Gudok:
    """The installation under test: its settings, its command, its running service."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.env = {
            **os.environ,
            **{name: value for name, value in settings.environment.items() if name.startswith("GUDOK_")},
            "GUDOK_LOG_FORMAT": "json",
        }
        self.process: asyncio.subprocess.Process | None = None

    async def command(self, *words: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error of a `gudok` command."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "telephony.cli", *words),
            env=self.env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), error.decode()

    async def does(self, *words: str) -> str:
        status, out, error = await self.command(*words)
        assert status == Exit.OK, error
        return out

    async def router(self) -> int:
        """The process id of the router."""
        return int(json.loads(await self.does("status", "--json"))["pid"])

    async def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (await self.does("calls", "--json")).splitlines()]

    async def logged(self, event: str) -> Mapping[str, Any]:
        """The next line of the service's log that tells of `event`."""
        assert self.process is not None
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while line := await self.process.stderr.readline():
                print(line.decode(), end="")  # shown by pytest when the test fails
                entry = json.loads(line) if line.startswith(b"{") else {"event": line.decode()}
                if entry["event"] == event:
                    return entry
        raise AssertionError(f"the service ended without {event!r}")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Gudok]:
        """`gudok run`, serving calls; stopped in order at the end where it still runs."""
        self.process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "telephony.cli", "run"), env=self.env, stderr=asyncio.subprocess.PIPE
        )
        try:
            await self.logged("serving calls")
            yield self
        finally:
            if process.returncode is None:
                process.terminate()
            await self.ended()

    async def ended(self) -> int:
        assert self.process is not None
        _, rest = await self.process.communicate()
        print((rest or b"").decode(), end="")
        assert self.process.returncode is not None
        return self.process.returncode


@pytest.fixture
def gudok(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gudok]:
    settings = settings_on_free_ports(tmp_path_factory.mktemp("gudok"))
    pbx = EmbeddedPbx(settings)
    pbx.install()
    pbx.start()
    yield Gudok(settings)
    pbx.stop()


@pytest.fixture
async def staffed(gudok: Gudok) -> Gudok:
    database = Database(gudok.settings.database_url)
    try:
        await ensure_current(database)
        await import_roster(database, ROSTER.encode())
    finally:
        await database.close()
    return gudok


def own_config(gudok: Gudok, folder: Path) -> Path:
    """A copy of the configuration in `folder`, which the service will run with."""
    config = shutil.copytree(default_folder("config"), folder / "config")
    gudok.env["GUDOK_CONFIG"] = str(config)
    return config


async def until_logged(gudok: Gudok, count: int) -> list[dict[str, Any]]:
    """The calls of the call log once `count` of them have ended."""
    async with asyncio.timeout(PATIENCE):
        while True:
            calls = await gudok.calls()
            if sum(call["ended"] is not None for call in calls) >= count:
                return calls


async def test_a_caller_talks_with_an_operator_and_the_call_is_on_record(gudok: Gudok, tmp_path: Path) -> None:
    settings, roster = gudok.settings, tmp_path / "roster.csv"
    roster.write_text(ROSTER)
    assert "2 added" in await gudok.does("operators", "import", str(roster))
    async with gudok.running(), phone(settings, "phone01") as anna, caller(settings, OUTSIDE) as outside:
        assert "logged-in" in await gudok.does("operators", "login", "anna", "phone01")
        await outside.dial("1300")
        await anna.answer()
        await outside.established()
        await outside.hears_sound()
        await outside.hang_up()
        await anna.closed()
        [call] = await until_logged(gudok, 1)
        assert (call["outcome"], call["last_operator"], call["queue"]) == ("answered", "anna", "booking")
        assert OUTSIDE not in json.dumps(call)
        status = json.loads(await gudok.does("status", "--json"))
        assert status["picture"]["totals"]["answered"] == 1
        assert "Регистратура" not in status["counters"]
        export = str(settings.state_dir / "journal.jsonl")
        await gudok.does("journal", "export", export)
    replayed = await gudok.does("replay", "--quiet", export)
    assert "none decided differently" in replayed


async def test_a_channel_that_came_to_us_by_no_known_way_is_told_and_counted(gudok: Gudok) -> None:
    site = gudok.settings
    other = AriClient(site.ari_url, site.ari_user, site.secrets.ari_password, "other", on_message=print)
    async with gudok.running(), other:
        await other.channels.create("Local/s@gudok-announce", "gudok", app_args="nonsense")
        told = await gudok.logged("ARI")
        assert told["problem"] == "callback"
        assert told["detail"].startswith("on_message raised ValueError at StasisStart: Stasis() with arguments")
        status = json.loads(await gudok.does("status", "--json"))
        assert status["counters"]["ari.callback"] == 1


async def test_a_change_of_the_roster_reaches_the_running_router_and_replays(staffed: Gudok, tmp_path: Path) -> None:
    today = datetime.now(ZoneInfo("Asia/Sakhalin")).date()
    shifts, export = tmp_path / "shifts.csv", tmp_path / "journal.jsonl"
    shifts.write_text(f"login,date,begin,end,breaks\nanna,{today},00:00,23:59,10:00-10:15 lunch 13:00-14:00\n")
    signed = ("--by", "boris", "--why", "test")
    await staffed.does("roster", "import", str(shifts), *signed)
    async with staffed.running():
        await staffed.does("roster", "correct", "sick", "anna", str(today), *signed)
        await staffed.does("roster", "correct", "substitute", "boris", str(today), "--instead-of", "anna", *signed)
        await staffed.does("journal", "export", str(export))
    events = [json.loads(line)["event"] for line in export.read_text().splitlines()]
    known = [event.get("shifts", []) for event in events if event["type"] in ("Started", "RosterChanged")]
    assert [[shift["login"] for shift in shifts] for shifts in known] == [["anna"], [], ["boris"]]
    assert known[2][0]["slots"] == known[0][0]["slots"]
    assert "none decided differently" in await staffed.does("replay", "--quiet", str(export))


async def dial_log_in(settings: Settings, pin: str) -> tuple[str, float]:
    """What the dialplan is told to play to extension 11 with this PIN, and after how many seconds."""
    begun = time.monotonic()
    reader, writer = await asyncio.open_connection(settings.agi_host, settings.agi_port)
    script = f"agi_network_script: login\nagi_uniqueid: 1.1\nagi_arg_1: 11\nagi_arg_2: {pin}\nagi_arg_3: phone01\n\n"
    writer.write(script.encode())
    told = ""
    while line := await reader.readline():
        if b"GUDOK_SAY" in line:
            told = line.decode().split('"')[-2]
        writer.write(b"200 result=1\n")
    writer.close()
    return told, time.monotonic() - begun


async def test_too_many_wrong_pins_lock_the_extension_and_a_restart_keeps_it_locked(staffed: Gudok) -> None:
    settings = staffed.settings
    async with staffed.running():
        answers = [await dial_log_in(settings, "0000") for _ in range(5)]
        assert [said.rpartition("/")[2] for said, _ in answers] == [*["wrong-pin"] * 4, "login-locked"]
        assert all(seconds < 1.9 for _, seconds in answers)
        assert answers[3][1] > answers[0][1] + 0.3
        status = json.loads(await staffed.does("status", "--json"))
        assert status["counters"]["alarm.login_locked"] == 1
    async with staffed.running(), phone(settings, "phone01"):
        assert (await dial_log_in(settings, "4321"))[0].endswith("/login-locked")
        assert "LOCKED after wrong PINs: 11 until" in await staffed.does("status")
        assert any(line.split()[:2] == ["11", "anna"] for line in (await staffed.does("breaks", "list")).splitlines())
        assert "logged-in" in await staffed.does("operators", "login", "anna", "phone01")
        assert "ready (logged in)" in await staffed.does("operators", "day", "anna")
        assert "anna" in await staffed.does("operators", "adherence")


async def test_a_break_on_an_order_from_the_command_line_is_on_record(staffed: Gudok) -> None:
    settings = staffed.settings
    until = f"{datetime.now(ZoneInfo(settings.plan.timezone)) + timedelta(hours=1):%H:%M}"
    async with staffed.running(), phone(settings, "phone01"), phone(settings, "phone02"):
        for login, where in (("anna", "phone01"), ("boris", "phone02")):
            assert "logged-in" in await staffed.does("operators", "login", login, where)
        order = ("breaks", "order", "--by", "anna", "--for", "boris", "--until", until, "--why", "совещание")
        named = (await staffed.does(*order)).strip()
        listed = await staffed.does("breaks", "list")
        assert any(line.split()[:2] == ["boris", "management"] for line in listed.splitlines())
        picture = json.loads(await staffed.does("status", "--json"))["picture"]
        [boris] = [row for row in picture["operators"] if row["login"] == "boris"]
        assert (boris["state"], boris["until"] is not None) == ("break", True)
        await staffed.does("breaks", "withdraw", named, "--by", "anna")
        status, _, refused = await staffed.command("breaks", "request", "boris", "management")
        assert status == Exit.FAILED
        assert "no order" in refused, "in words, not a code"
        day = await staffed.does("operators", "day", "boris")
        told = rf"order {named} of anna, until (\d\d\.\d\d\.\d{{4}} )?{until}: совещание, withdrawn by anna"
        assert re.search(told, day), "with the date, where it is tomorrow's"
        assert f"order {named}" in next(line for line in day.splitlines() if "break (management)" in line)
        assert "asked for management by cli: refused" in day


async def test_callers_are_served_though_the_manager_refuses_us(staffed: Gudok) -> None:
    """Calls need ARI alone."""
    settings = staffed.settings
    staffed.env["GUDOK_AMI_PASSWORD"] = "another one"
    async with staffed.running(), phone(settings, "phone01") as anna, caller(settings, OUTSIDE) as outside:
        await staffed.does("operators", "login", "anna", "phone01")
        await outside.dial("1300")
        await anna.answer()
        await outside.hears_sound()
        await outside.hang_up()
        await anna.closed()
        [call] = await until_logged(staffed, 1)
    assert call["outcome"] == "answered"


async def test_a_pbx_that_answers_no_sip_is_told_of(gudok: Gudok) -> None:
    """ARI and AMI are as ever. This one has its SIP elsewhere than we look for it."""
    gudok.env["GUDOK_SIP_PORT"] = str(free_port())
    async with gudok.running():
        alarm = await gudok.logged("alarm")
        assert alarm["code"] == "pbx_deaf"
        assert "THE PBX ANSWERS NO SIP" in await gudok.does("status")


async def test_a_break_given_while_the_database_is_locked_outlives_the_router(staffed: Gudok) -> None:
    """Both are committed to the spool alone: that the break was given, and that the next router knows of it."""

    async def anna() -> tuple[str, float]:
        picture = json.loads(await staffed.does("status", "--json"))["picture"]
        [row] = [row for row in picture["operators"] if row["login"] == "anna"]
        return row["state"], row["until"]

    database = Database(staffed.settings.database_url).file
    assert database is not None
    async with staffed.running(), phone(staffed.settings, "phone01"):
        await staffed.does("operators", "login", "anna", "phone01")
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await staffed.does("breaks", "request", "anna", "emergency", "--reason", "1")
            before = await anna()
            assert before[0] == "break"
            os.kill(await staffed.router(), signal.SIGKILL)
            await staffed.logged("serving calls")
            assert await anna() == before


async def test_killed_router_talks_go_on_and_waiting_callers_are_served(staffed: Gudok, tmp_path: Path) -> None:
    settings = staffed.settings
    queues = own_config(staffed, tmp_path) / "queues.yaml"
    queues.write_text(queues.read_text("utf-8").replace("wrap_up: 10\n", "wrap_up: 1\n"), "utf-8")
    async with (
        staffed.running(),
        phone(settings, "phone01") as anna,
        caller(settings, OUTSIDE) as talking,
        caller(settings, OUTSIDE_TOO) as waiting,
    ):
        await staffed.does("operators", "login", "anna", "phone01")
        await talking.dial("1300")
        first = await anna.answer()
        await waiting.dial("1300")
        await waiting.established()
        os.kill(await staffed.router(), signal.SIGKILL)
        back = await staffed.logged("serving calls")
        assert back["after_seconds"] < 5
        await anna.hears_sound()
        await talking.hang_up()
        await anna.closed(first)
        await anna.answer()
        await waiting.hears_sound()
        await anna.hang_up()
        await waiting.closed()
        calls = await until_logged(staffed, 2)
    assert [(call["outcome"], call["last_operator"]) for call in calls] == [("answered", "anna")] * 2


async def test_a_stopped_service_leaves_its_waiting_callers_to_the_native_queue(staffed: Gudok) -> None:
    settings = staffed.settings
    async with manager(settings) as (ami, native), caller(settings, OUTSIDE) as outside:
        async with staffed.running():
            await outside.dial("1301")
            await outside.established()
        joined = await native.until(QueueCallerJoin)
        assert joined.queue == "gudok-children"
        assert float(await ami.get_variable(joined.channel, "GUDOK_ARRIVED")) > 0
        assert outside.calls[0].ended is None
        await outside.hang_up()
    assert staffed.process is not None
    assert staffed.process.returncode == Exit.OK


async def test_a_talk_ends_for_both_though_the_service_is_stopped(staffed: Gudok) -> None:
    """Nobody is there to see that the operator has hung up, but for the PBX itself."""
    settings = staffed.settings
    async with phone(settings, "phone01") as anna, caller(settings, OUTSIDE) as outside:
        async with staffed.running():
            await staffed.does("operators", "login", "anna", "phone01")
            await outside.dial("1300")
            await anna.answer()
            await outside.hears_sound()
        await anna.hears_sound()
        await anna.hang_up()
        await outside.closed()
        async with staffed.running():
            [call] = await until_logged(staffed, 1)
    assert (call["outcome"], call["last_operator"], call["ended_by"]) == ("answered", "anna", "operator")


async def test_who_is_alone_when_the_callers_are_handed_over_is_hung_up(staffed: Gudok) -> None:
    """The operator has hung up while no router lived to see it."""
    settings = staffed.settings
    async with phone(settings, "phone01") as anna, caller(settings, OUTSIDE) as outside:
        async with staffed.running():
            await staffed.does("operators", "login", "anna", "phone01")
            await outside.dial("1300")
            await anna.answer()
            await outside.hears_sound()
            router = await staffed.router()
            os.kill(router, signal.SIGSTOP)
            assert staffed.process is not None
            staffed.process.kill()
            os.kill(router, signal.SIGKILL)
        await anna.hang_up()
        await anna.closed()
        assert outside.calls[0].ended is None
        assert await rescue(settings) == 0
        await outside.closed()


async def test_a_wait_is_counted_from_one_moment_through_kill_fallback_and_return(staffed: Gudok) -> None:
    """From the transfer into the queue: not from the arrival, and not from the return."""
    settings = staffed.settings
    async with (
        manager(settings) as (ami, native),
        phone(settings, "phone01") as anna,
        caller(settings, OUTSIDE) as outside,
    ):
        async with staffed.running():
            await staffed.does("operators", "login", "anna", "phone01")
            await outside.dial("1300")
            talk = await anna.answer()
            await outside.hears_sound()
            assert await anna.transfer("803") == 202
            assert await anna.transferred(talk) == 200
            await anna.closed(talk)
            await staffed.does("operators", "logout", "anna")
            [waiting] = await staffed.calls()
            assert staffed.process is not None
            staffed.process.kill()
            joined = await native.until(QueueCallerJoin)
            queued = float(await ami.get_variable(joined.channel, "GUDOK_QUEUED"))
            await staffed.ended()
        async with staffed.running():
            [back] = await staffed.calls()
            await outside.hang_up()
    assert waiting["queue"] == back["queue"] == "house_calls"
    assert waiting["arrived"] < waiting["queued"]
    for entered in (waiting["queued"], back["queued"]):
        assert abs(datetime.fromisoformat(entered).timestamp() - queued) < 0.01


async def test_a_talk_before_a_transfer_is_no_waiting_in_the_native_queue(staffed: Gudok) -> None:
    """Gudok dies while the target of the transfer rings: the caller begins to wait, they have not waited so far."""
    settings = staffed.settings
    async with (
        manager(settings) as (ami, native),
        phone(settings, "phone01") as anna,
        phone(settings, "doctor01") as doctor,
        caller(settings, OUTSIDE) as outside,
        staffed.running(),
    ):
        await staffed.does("operators", "login", "anna", "phone01")
        await outside.dial("1300")
        await anna.answer()
        await outside.hears_sound()
        asked = time.time()
        assert await anna.transfer("201") == 202
        await doctor.ringing()
        assert staffed.process is not None
        staffed.process.kill()
        joined = await native.until(QueueCallerJoin)
        assert joined.queue == "gudok-booking"
        assert float(await ami.get_variable(joined.channel, "GUDOK_QUEUED")) >= asked
        assert float(await ami.get_variable(joined.channel, "GUDOK_ARRIVED")) < asked
        await staffed.ended()
        await outside.hang_up()


async def test_a_killed_parent_leaves_no_router_and_no_caller_behind(staffed: Gudok) -> None:
    settings = staffed.settings
    async with manager(settings) as (_, native), caller(settings, OUTSIDE) as outside, staffed.running():
        await outside.dial("1301")
        await outside.established()
        assert staffed.process is not None
        staffed.process.kill()
        joined = await native.until(QueueCallerJoin)
        assert joined.queue == "gudok-children"
        await staffed.ended()  # the log has ended, so its last writer, the router, has gone too
        async with staffed.running() as again:
            await again.does("status")
        await outside.hang_up()


async def test_a_second_service_keeps_out_of_the_way(staffed: Gudok) -> None:
    async with staffed.running():
        router = await staffed.router()
        second = Gudok(staffed.settings)
        status, _, error = await second.command("run")
        assert status == Exit.REPLACED
        assert "another router" in error
        assert await staffed.router() == router


async def test_a_wrong_configuration_does_not_start(staffed: Gudok, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "all.yaml").write_text("queues:\n  main:\n    label: Main\n    wrap_up: -5\n    musik: jazz\n")
    for command in ("check", "run"):
        status, _, error = await staffed.command(command, "--config", str(config))
        assert status == Exit.MISTAKE
        assert "all.yaml:4" in error
        assert "all.yaml:5" in error
        assert "did you mean music?" in error


async def test_a_new_queue_reaches_a_pbx_that_runs(staffed: Gudok, tmp_path: Path) -> None:
    """Its part is read anew in the middle of a talk, which goes on; the native queue is there, too."""
    settings = staffed.settings
    config = own_config(staffed, tmp_path)
    async with staffed.running(), phone(settings, "phone01") as anna, caller(settings, OUTSIDE) as outside:
        await staffed.does("operators", "login", "anna", "phone01")
        talk = await outside.dial("1300")
        await anna.answer()
        queues = config / "queues.yaml"
        fresh = "  fresh:\n    label: Новая\n    numbers: [1310]\n    require: {booking: 1}\n"
        queues.write_text(queues.read_text("utf-8").replace("queues:\n", "queues:\n" + fresh), "utf-8")
        line = await manager_line(staffed)
        await staffed.does("pbx", "install")  # who has written it does not matter
        said = await staffed.does("pbx", "start")
        assert said == f"Asterisk runs as process {EmbeddedPbx(settings).pid}\n{READ_ANEW}"
        assert await manager_line(staffed) == line, "the service's line stays"
        assert "gudok-fresh" in await staffed.does("pbx", "console", "queue show gudok-fresh")
        assert staffed.process is not None
        staffed.process.send_signal(signal.SIGHUP)
        await staffed.logged("serving calls")
        assert talk.live
        await outside.hang_up()
        await anna.closed()
        await staffed.does("operators", "logout", "anna")
        await staffed.does("operators", "login", "anna", "phone01")
        await outside.dial("1310")
        await anna.answer()


READ_ANEW = "it has read its configuration anew; its calls go on\n"


async def manager_line(gudok: Gudok) -> list[list[str]]:
    """Who is connected to AMI, from where, since when."""
    return [
        line.split()[:3]
        for line in (await gudok.does("pbx", "console", "manager show connected")).splitlines()
        if line.startswith(gudok.settings.site.ami_user)
    ]


async def test_what_only_a_start_of_the_pbx_brings_is_told_until_then(tmp_path: Path) -> None:
    """The port of SIP; those of ARI and AMI a PBX that runs changes by itself."""
    gudok = Gudok(settings_on_free_ports(tmp_path))
    assert READ_ANEW not in await gudok.does("pbx", "start")
    try:
        sip, http = free_ports(2)
        gudok.env |= {"GUDOK_SIP_PORT": str(sip), "GUDOK_HTTP_PORT": str(http)}
        for _ in range(2):
            said = await gudok.does("pbx", "start")
            assert READ_ANEW in said
            assert "what is new in pjsip.conf needs `gudok pbx stop` and `gudok pbx start`, which end its calls" in said
        _, writer = await asyncio.open_connection("127.0.0.1", http)
        writer.close()
        await gudok.does("pbx", "stop")
        assert READ_ANEW not in await gudok.does("pbx", "start")
        assert (await gudok.does("pbx", "start")).endswith(READ_ANEW)
    finally:
        await gudok.does("pbx", "stop")


async def test_a_configuration_saved_half_done_is_waited_out_when_the_router_falls(
    staffed: Gudok, tmp_path: Path
) -> None:
    settings = staffed.settings
    queues = own_config(staffed, tmp_path) / "queues.yaml"
    whole = queues.read_text("utf-8")
    async with staffed.running(), phone(settings, "phone01") as anna, caller(settings, OUTSIDE) as outside:
        queues.write_text(f"{whole}\n  half:\n    label: x\n    requ", "utf-8")
        await outside.dial("1300")
        os.kill(await staffed.router(), signal.SIGKILL)
        for _ in range(2):
            await staffed.logged(MISTAKEN)
        queues.write_text(whole, "utf-8")
        await staffed.logged("serving calls")
        assert "logged-in" in await staffed.does("operators", "login", "anna", "phone01")
        await anna.answer()
    assert staffed.process is not None
    assert staffed.process.returncode == Exit.OK
