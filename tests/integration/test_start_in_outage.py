"""The router dies while the database takes no entries, and starts again while it still takes none."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

import handlers
from telephony.core import break_facts as pause
from telephony.core import events as ev
from telephony.core import facts as that
from telephony.core.center import Center
from telephony.core.operators import State
from telephony.core.plan import LogInRules, Phone, Plan
from telephony.core.remembered import OpenOperator, OpenPermission
from telephony.core.staff import Operator
from telephony.router import opening
from telephony.store.operators import import_roster
from tests.integration._store import Store, opened

PEOPLE = "login,name,extension,skills,pin\nanna,Анна,101,,4821\nolga,Ольга,102,,90210\n"
DAY = 86_400  # seconds; what still counts must do so when the other tests have taken their time
PLAN = Plan(timezone="UTC", phones=(Phone(name="desk1"), Phone(name="desk2")), logins=LogInRules(lock=DAY))
NOW = datetime.now(UTC)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/gudok.db"


@contextlib.contextmanager
def locked(store: Store) -> Iterator[None]:
    """Somebody else keeps SQLite's only write lock."""
    assert store.database.file is not None
    connection = sqlite3.connect(store.database.file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.close()


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def tell(store: Store, *facts: that.AnyFact) -> None:
    store.append(ev.PbxLost(reason="any"), list(facts))


def state(login: str, phone: str, state: str, seconds: float, **more: object) -> that.OperatorChanged:
    return that.OperatorChanged(login=login, state=state, phone=phone, at=ago(seconds), **more)  # type: ignore[arg-type]


def break_of(login: str, name: str, seconds: float) -> pause.PermissionGiven:
    return pause.PermissionGiven(
        permission=name,
        login=login,
        kind=pause.BreakKind.TECHNICAL,
        begins=ago(seconds),
        until=ago(seconds - 900),
        slot=ago(seconds),
        at=ago(seconds),
    )


async def before_the_outage(store: Store) -> None:
    """Anna is ready, Olga is on a break and with a hand on record."""
    await import_roster(store.database, PEOPLE.encode())
    tell(store, state("anna", "desk1", "ready", 500, reason="logged_in"))
    tell(store, state("olga", "desk2", "ready", 500, reason="logged_in"))
    tell(store, break_of("olga", "first", 400), state("olga", "desk2", "break", 400, permission="first"))
    opened_call = that.CallOpened(call="c1", kind=that.CallKind.INBOUND, number="1300", caller="t", arrived=ago(450))
    tell(store, opened_call, pause.HandRaised(hand="h1", login="anna", call="c1", at=ago(440)))
    await store.durable()


async def amid_the_outage(store: Store) -> None:
    """Olga comes back, Anna gets a break; the caller has gone and another is there; somebody guesses PINs."""
    tell(store, pause.PermissionEnded(permission="first", how="used", at=ago(300)))
    tell(store, state("olga", "desk2", "ready", 300))
    tell(store, break_of("anna", "second", 200), state("anna", "desk1", "break", 200, permission="second"))
    tell(store, pause.HandLowered(hand="h1", how="call_ended", at=ago(190)))
    tell(store, that.CallEnded(call="c1", outcome=that.Outcome.ABANDONED, by="caller", at=ago(190)))
    tell(store, that.CallOpened(call="c2", kind=that.CallKind.INBOUND, number="1300", caller="u", arrived=ago(180)))
    tell(store, that.LogInDenied(extension="101", phone="desk2", reason="wrong_pin", at=ago(100)))
    tell(store, pause.LogInLocked(extension="102", phone="desk2", until=ago(-DAY), at=ago(90)))
    tell(
        store,
        pause.OrderGiven(order="o", by="anna", logins=("olga",), begins=ago(50), until=ago(-950), why="!", at=ago(50)),
    )
    await store.durable()


async def read(store: Store) -> ev.Started:
    started = await opening.read_start(store.database, PLAN, await store.journal.spooled())
    return msgspec.structs.replace(started, run="")


async def test_a_start_amid_an_outage_knows_what_is_only_in_the_spool(url: str, tmp_path: Path) -> None:
    async with opened(url, tmp_path) as store:
        await before_the_outage(store)
        with locked(store):
            await amid_the_outage(store)
            await store.journal.close()
            async with opened(url, tmp_path) as next_life:
                assert not next_life.journal.online
                amid = await read(next_life)
    async with opened(url, tmp_path) as store:
        assert store.spool.empty
        assert amid == await read(store), "the same as if the database had been there"
    assert [call.call for call in amid.open_calls] == ["c2"]
    assert [one.permission for one in amid.permissions if one.ended is None] == ["second"]
    assert [one.order for one in amid.orders] == ["o"]
    assert amid.hands == ()
    assert len(amid.failed_log_ins) == len(amid.locked_log_ins) == 1

    center = Center()
    decided = handlers.handle(center, amid, NOW)
    assert center.agents["anna"].state is State.BREAK
    permission = center.agents["anna"].permission
    assert permission is not None
    assert permission.id == "second"
    assert center.agents["olga"].state is State.READY
    assert not [fact for fact in decided if isinstance(fact, pause.PermissionEnded)]


async def test_without_an_outage_a_start_reads_the_database_alone(url: str, tmp_path: Path) -> None:
    async with opened(url, tmp_path) as store:
        await before_the_outage(store)
        assert await store.journal.spooled() == []
        started = await read(store)
    assert [one.permission for one in started.permissions] == ["first"]


def test_of_two_permissions_that_stand_open_the_later_counts() -> None:
    """As a record shows them that lost the end of the first one."""

    def known(name: str, seconds: float) -> OpenPermission:
        given = break_of("anna", name, seconds)
        return OpenPermission(
            permission=name, login="anna", kind=given.kind, begins=given.begins, until=given.until, slot=given.slot
        )

    center = Center()
    started = ev.Started(
        plan=PLAN,
        operators=(Operator(login="anna", name="Анна", extension="101"),),
        open_operators=(OpenOperator(login="anna", phone="desk1", state="break", since=ago(200)),),
        permissions=(known("second", 200), known("stale", 1000)),
        run="r2",
    )
    decided = handlers.handle(center, started, NOW)
    assert [fact for fact in decided if isinstance(fact, pause.PermissionEnded)] == [
        pause.PermissionEnded(permission="stale", how="over", at=ago(200))
    ]
    permission = center.agents["anna"].permission
    assert permission is not None
    assert permission.id == "second"
