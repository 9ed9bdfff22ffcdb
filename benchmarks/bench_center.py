"""The center that is measured: one queue and one more that nobody calls, two hundred phones,
and app_queue beside it on the same PBX.

The native queues get the operators as static members and have nothing to do with Gudok: their callers never enter
Stasis. Everything else, phones, trunk, codecs and the PBX's own record, is the same for both.
"""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.world import World
from telephony.pbx.dialplan import NAMED
from telephony.resources import default_folder
from telephony.store.database import Database
from telephony.store.dialects import insert
from telephony.store.migrate import ensure_current
from telephony.store.tables import operators
from telephony.testing.phones.load import OperatorPlan

PHONES = 200
NUMBER = "1300"
"""Dialed by Gudok's callers. Native queues: see `native_number`."""
STRATEGIES = ("leastrecent", "rrmemory")

PLAN = f"""\
queues:
  line:
    label: Bench
    numbers: [{NUMBER}]
    strategy: longest_idle
    wrap_up: 0
  second:
    label: Nobody calls here
    numbers: [1399]
    strategy: longest_idle
    wrap_up: 0
"""
BREAKS = """\
breaks: {max_on_break_share: 100, emergency_reasons: {1: Bench}}
outcomes: {1: Bench}
"""
SITE = f"""\
phones:
  phone001..phone{PHONES:03}: {{}}
trunks:
  city: {{match: [127.0.0.1]}}
"""


def phone_of(number: int) -> str:
    """Phones and operators are numbered from 1."""
    return f"phone{number:03}"


def login_of(number: int) -> str:
    return f"operator{number:03}"


def native_number(strategy: str, operators: int) -> str:
    """What is dialed to reach the native queue of so many operators."""
    return f"9{STRATEGIES.index(strategy)}{operators:03}"


def write_config(folder: Path) -> Path:
    """The center as data: prompts, codes and general things as they come with Gudok, one queue, all phones."""
    folder.mkdir()
    for name in ("gudok.yaml", "prompts.yaml", "codes.yaml"):
        shutil.copy(default_folder("config") / name, folder)
    (folder / "queues.yaml").write_text(PLAN)
    (folder / "breaks.yaml").write_text(BREAKS)
    (folder / "pbx.yaml").write_text(SITE)
    return folder


async def add_operators(world: World) -> None:
    """All operators, into the database of the world (a new one, or one with a past). They log in by command and have
    no PIN: two hundred hashes would take longer than a measurement."""
    world.settings.state_dir.mkdir(parents=True, exist_ok=True)
    database = Database(world.settings.database_url)
    now = datetime.now(UTC)
    rows = [
        {
            "login": login_of(n), "name": f"Operator {n}", "extension": str(3000 + n), "skills": {},
            "pin_hash": "", "enabled": True, "changed_at": now,
        }
        for n in range(1, PHONES + 1)
    ]  # fmt: skip
    try:
        await ensure_current(database)
        await database.transact(
            lambda connection: connection.execute(insert(operators, database.dialect).on_conflict_do_nothing(), rows)
        )
    finally:
        await database.close()


def add_native_queues(world: World, sizes: tuple[int, ...]) -> None:
    """Queues of app_queue beside Gudok's, one for each strategy and number of operators, into files of the site."""
    pairs = [(strategy, size) for strategy in STRATEGIES for size in sizes]
    site = world.pbx.paths().etc / "site"
    site.mkdir(exist_ok=True)
    (site / "queues.conf").write_text("\n".join(_queue(*pair) for pair in pairs))
    (site / "extensions.conf").write_text("[gudok-trunk](+)\n" + "\n".join(_extension(*pair) for pair in pairs))


def _queue(strategy: str, size: int) -> str:
    members = "\n".join(f"member => PJSIP/{phone_of(n)}" for n in range(1, size + 1))
    return f"[bench-{strategy}-{size}](gudok-queue)\nstrategy = {strategy}\ntimeout = 20\nwrapuptime = 0\n{members}\n"


def _extension(strategy: str, size: int) -> str:
    number = native_number(strategy, size)
    return f"exten => {number},1,Answer(,i)\n same => n,Queue(bench-{strategy}-{size},{NAMED})\n same => n,Hangup()\n"


def phones(world: World, talk_ms: list[int], ring_ms: int) -> list[OperatorPlan]:
    """The first phones, which talk so long; 0: until the caller has enough."""
    secrets = world.settings.secrets
    return [
        OperatorPlan(phone=name, password=secrets.phone_password(name), ring_ms=ring_ms, talk_ms=talk)
        for name, talk in ((phone_of(n), talk) for n, talk in enumerate(talk_ms, 1))
    ]


async def log_in(world: World, numbers: range) -> None:
    """Raises RuntimeError when an operator is refused."""
    for number in numbers:
        reply = await world.log_in(login_of(number), phone_of(number))
        if not reply.ok:
            raise RuntimeError(f"{login_of(number)} cannot log in: {reply.code}")


async def log_out(world: World, numbers: range) -> None:
    for number in numbers:
        await world.log_out(login_of(number))


def cpu_ms(pids: list[int]) -> float:
    """Processor time that these processes have used so far, in milliseconds (as fine as the kernel counts)."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks * 1000 / os.sysconf("SC_CLK_TCK")


def started_at(pid: int) -> float:
    """When the process began, in epoch seconds, as fine as the kernel counts (10 ms)."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
