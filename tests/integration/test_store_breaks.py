"""Breaks, hands and wrong PINs on record: what a start reads of them, and what a report reads."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from msgspec.structs import replace

from telephony.core import break_facts as pause
from telephony.core import events as ev
from telephony.core import facts as that
from telephony.core.remembered import LockedLogIn, LoggedOut, OpenClaim, OpenHand, OpenOrder, OpenViolation
from telephony.store import break_queries
from telephony.store.operators import import_roster
from tests.integration._store import Store, at, opened

PEOPLE = "login,name,extension,skills,pin\nivanova,Иванова Анна,101,,4821\npetrova,Петрова Ольга,102,,90210\n"
TECHNICAL, MANAGEMENT, EMERGENCY = pause.BreakKind


def tell(store: Store, *facts: that.AnyFact) -> None:
    """One entry with these facts."""
    store.append(ev.PbxLost(reason="any"), list(facts))


def given(name: str, begin: float, kind: pause.BreakKind = TECHNICAL, login: str = "ivanova") -> pause.PermissionGiven:
    return pause.PermissionGiven(
        permission=name, login=login, kind=kind, begins=at(begin), until=at(begin + 600), slot=at(begin), at=at(begin)
    )


def ended(name: str, second: float, how: str = "used") -> pause.PermissionEnded:
    return pause.PermissionEnded(permission=name, how=how, at=at(second))  # type: ignore[arg-type]


def on_break(login: str, second: float, permission: str) -> that.OperatorChanged:
    return that.OperatorChanged(login=login, state="break", at=at(second), phone="p1", permission=permission)


def talks(login: str, second: float) -> that.OperatorChanged:
    return that.OperatorChanged(login=login, state="talking", at=at(second), phone="p1")


async def test_a_start_knows_open_permissions_and_slots_used_lately(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        tell(store, given("old", 0), ended("old", 100))
        tell(store, given("used", 1000), ended("used", 1500))
        tell(store, given("never-begun", 1100), ended("never-begun", 1500, "unused"))
        tell(store, given("taken back", 1200, MANAGEMENT), ended("taken back", 1300, "declined"))
        tell(store, given("deferred", 2000))
        tell(store, given("help", 2100, EMERGENCY, "petrova"))
        tell(store, pause.EmergencyReviewed(permission="help", by="head", confirmed=True, at=at(2200)))
        tell(store, given("deferred", 2300))
        tell(store, on_break("petrova", 2100, "help"), talks("petrova", 2400))
        await store.durable()
        found = await break_queries.open_permissions(store.database.engine, at(1000), at(-1000))
    assert [(one.permission, one.begins, one.ended, one.how) for one in found] == [
        ("used", at(1000), at(1500), "used"),
        ("taken back", at(1200), at(1300), "declined"),
        ("help", at(2100), None, None),
        ("deferred", at(2300), None, None),
    ]
    assert [one.reviewed for one in found] == [False, False, True, False]
    assert [one.begun for one in found] == [False, False, True, False], "whatever she does by now"
    assert found[2].kind is EMERGENCY
    assert found[3].until == at(2900)


async def test_an_emergency_waits_for_its_review_however_many_days(database_url: str, tmp_path: Path) -> None:
    day = 24 * 3600
    async with opened(database_url, tmp_path) as store:
        for name, begin in (("ancient", -100 * day), ("forgotten", -20 * day), ("reviewed", -10 * day)):
            tell(store, given(name, begin, EMERGENCY), ended(name, begin + 100))
        tell(store, given("never-begun", -12 * day, EMERGENCY), ended("never-begun", -12 * day + 100, "unused"))
        tell(store, given("going on", -day, EMERGENCY))
        tell(store, given("ordinary", -15 * day), ended("ordinary", -14 * day))
        tell(store, pause.EmergencyReviewed(permission="reviewed", by="head", confirmed=False, at=at(-9 * day)))
        await store.durable()
        found = await break_queries.open_permissions(store.database.engine, at(-day), at(-90 * day))
        shown = await break_queries.to_review(store.database.engine, at(-90 * day), at(0))
    assert [(one.permission, one.reviewed) for one in found] == [("forgotten", False), ("going on", False)]
    assert [one.id for one in shown] == ["forgotten", "going on"]


async def test_a_start_knows_orders_hands_and_violations_that_last(database_url: str, tmp_path: Path) -> None:
    def order(name: str, until: float) -> pause.OrderGiven:
        logins = ("ivanova", "petrova")
        return pause.OrderGiven(order=name, by="head", logins=logins, begins=at(0), until=at(until), why="!", at=at(0))

    def seen(
        name: str, kind: pause.ViolationKind, *, lasts: bool = True, call: str | None = None
    ) -> pause.ViolationSeen:
        return pause.ViolationSeen(violation=name, login="ivanova", kind=kind, lasts=lasts, at=at(5), call=call)

    async with opened(database_url, tmp_path) as store:
        tell(store, order("past", 100), order("holds", 900), order("withdrawn", 900))
        tell(store, pause.OrderWithdrawn(order="withdrawn", by="head", at=at(50)))
        tell(store, pause.HandRaised(hand="up", login="ivanova", call="c1", at=at(10)))
        tell(store, pause.HandRaised(hand="told", login="sidorova", call="c3", at=at(11)))
        tell(store, pause.HandEscalated(hand="told", to="heads", at=at(41)))
        tell(store, pause.HandRaised(hand="down", login="petrova", call="c2", at=at(11)))
        tell(store, pause.HandLowered(hand="down", how="call_ended", at=at(12)))
        tell(
            store, seen("relogin", pause.ViolationKind.RELOGIN, lasts=False), seen("late", pause.ViolationKind.OVERRUN)
        )
        tell(store, seen("talks on", pause.ViolationKind.OVERRUN, call="c4"))
        tell(store, seen("of an older version", pause.ViolationKind.NO_ANSWER, lasts=False))
        tell(store, seen("lost", pause.ViolationKind.UNREGISTERED))
        tell(store, pause.ViolationEnded(violation="lost", at=at(60)))
        await store.durable()
        engine = store.database.engine
        assert await break_queries.open_orders(engine, at(500)) == (
            OpenOrder(order="holds", by="head", logins=("ivanova", "petrova"), begins=at(0), until=at(900), why="!"),
        )
        assert await break_queries.open_hands(engine) == (
            OpenHand(hand="up", login="ivanova", call="c1", at=at(10)),
            OpenHand(hand="told", login="sidorova", call="c3", at=at(11), heads_told=True),
        )
        assert set(await break_queries.open_violations(engine)) == {
            OpenViolation(violation="late", login="ivanova", kind=pause.ViolationKind.OVERRUN, at=at(5)),
            OpenViolation(violation="talks on", login="ivanova", kind=pause.ViolationKind.OVERRUN, at=at(5), call="c4"),
        }
        violations = await break_queries.violations_between(engine, at(0), at(100))
    over = {"relogin": at(5), "of an older version": at(5), "lost": at(60)}
    assert {row.id: row.ended for row in violations} == {**over, "late": None, "talks on": None}


async def test_a_start_knows_who_waits_for_a_place(database_url: str, tmp_path: Path) -> None:
    def claim(name: str, slot: float) -> pause.ClaimMade:
        return pause.ClaimMade(claim=name, login=name, slot=at(slot), at=at(900))

    async with opened(database_url, tmp_path) as store:
        tell(store, claim("late", 700), claim("early", 600), claim("given", 500))
        tell(store, pause.ClaimEnded(claim="given", how="given", at=at(910)))
        await store.durable()
        engine = store.database.engine
        assert await break_queries.open_claims(engine) == (
            OpenClaim(claim="early", login="early", slot=at(600)),
            OpenClaim(claim="late", login="late", slot=at(700)),
        )
        assert [row.id for row in await break_queries.claims_now(engine)] == ["early", "late"]


async def test_a_start_knows_who_has_logged_out_lately(database_url: str, tmp_path: Path) -> None:
    def state(login: str, second: float, state: str, reason: str = "") -> that.OperatorChanged:
        return that.OperatorChanged(login=login, state=state, reason=reason, phone="p", at=at(second))

    async with opened(database_url, tmp_path) as store:
        tell(store, *(state(login, 0, "ready", "logged_in") for login in ("long-ago", "lately", "moved", "both")))
        tell(store, state("long-ago", 100, "offline", "logged_out"), state("lately", 200, "offline", "logged_out"))
        tell(store, state("moved", 200, "offline", "other_phone"), state("both", 210, "offline", "logged_out"))
        for second in (220, 240):
            tell(store, state("both", second, "ready", "logged_in"))
            tell(store, state("both", second + 10, "offline", "phone_taken_over"))
        await store.durable()
        found = await break_queries.logged_out(store.database.engine, at(150))
    put_out = LoggedOut(login="both", at=at(230), put_out=True, phone="p", last=False)
    again = replace(put_out, at=at(250), last=True)
    assert found == (LoggedOut(login="lately", at=at(200), phone="p"), put_out, again)


async def test_the_time_to_help_and_who_helped_how(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        tell(store, pause.HandRaised(hand="h", login="ivanova", call="c1", at=at(0)))
        tell(store, pause.HandEscalated(hand="h", to="heads", at=at(30)))
        tell(store, pause.HandEscalated(hand="h", to="heads", at=at(35)))  # by an older version, after a restart
        tell(store, pause.HandTaken(hand="h", by="senior", mode="listen", at=at(40)))
        tell(store, pause.HandTaken(hand="h", by="senior", mode="join", at=at(50)))
        tell(store, pause.HandLowered(hand="h", how="helped", at=at(90)))
        await store.durable()
        [hand] = await break_queries.hands_between(store.database.engine, at(0), at(100))
    assert (hand.escalated, hand.escalated_to) == (at(30), "heads")
    assert (hand.taken, hand.taken_by, hand.mode) == (at(40), "senior", "join")
    assert (hand.ended, hand.how) == (at(90), "helped")


async def test_wrong_pins_count_until_the_person_has_logged_in(database_url: str, tmp_path: Path) -> None:
    def denied(extension: str, second: float, reason: str = "wrong_pin") -> that.LogInDenied:
        return that.LogInDenied(extension=extension, phone="p1", reason=reason, at=at(second))

    async with opened(database_url, tmp_path) as store:
        await import_roster(store.database, PEOPLE.encode())
        tell(store, denied("101", 0), denied("101", 10), denied("102", 11), denied("999", 12, "unknown"))
        tell(store, that.OperatorChanged(login="ivanova", state="ready", reason="logged_in", phone="p", at=at(20)))
        tell(store, denied("101", 30), denied("102", 31))
        tell(store, pause.LogInLocked(extension="102", phone="p1", until=at(900), at=at(31)))
        tell(store, denied("102", 40, "locked"))
        await store.durable()
        engine = store.database.engine
        failed = await break_queries.failed_log_ins(engine, at(5))
        assert [(one.extension, one.at) for one in failed] == [("999", at(12)), ("101", at(30))]
        locked = await break_queries.locked_log_ins(engine, at(899))
        assert locked == (LockedLogIn(extension="102", until=at(900)),)
        assert await break_queries.locked_log_ins(engine, at(900)) == ()


async def test_a_state_that_reaches_into_the_day_is_part_of_it(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        for second, state in enumerate(["ready", "talking", "ready", "break", "ready"]):
            changed = that.OperatorChanged(
                login="ivanova",
                state=state,
                phone="p",
                at=at(100 * second),
                permission="p1" if state == "break" else None,
            )
            other = that.OperatorChanged(login="petrova", state=state, phone="q", at=at(100 * second))
            tell(store, changed, other)
        await store.durable()
        engine = store.database.engine

        async def states(begin: float, end: float) -> list[tuple[str, str | None]]:
            return [
                (row.state, row.permission)
                for row in await break_queries.states_of(engine, "ivanova", at(begin), at(end))
            ]

        assert await states(150, 301) == [("talking", None), ("ready", None), ("break", "p1")]
        assert await states(200, 300) == [("ready", None)]
        assert await states(5000, 6000) == [("ready", None)]
        assert await states(-50, 0) == []


async def test_a_start_finds_open_breaks_by_their_own_indexes(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as store:
        sqlite = database_url.startswith("sqlite")
        async with store.database.engine.connect() as connection:
            if not sqlite:
                await connection.exec_driver_sql("SET enable_seqscan = off")
            for query, index in (
                (break_queries.OPEN_PERMISSIONS, "ix_permissions_open"),
                (sa.select(break_queries.PERMISSIONS).where(break_queries.UNREVIEWED), "ix_permissions_reviewed"),
                (break_queries.OPEN_VIOLATIONS, "ix_violations_open"),
                (break_queries.OPEN_HANDS, "ix_hands_open"),
                (break_queries.OPEN_CLAIMS, "ix_claims_open"),
            ):
                sql = str(query.compile(dialect=store.database.dialect))
                plan = await connection.exec_driver_sql(("EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN ") + sql)
                assert index in "\n".join(map(str, plan))
