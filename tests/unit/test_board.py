"""What the watchers see of a day, folded from its facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from telephony.control.board import Board
from telephony.control.board_rows import Tally
from telephony.core import break_facts as pause
from telephony.core import facts as fact
from telephony.core.effects import Alarm
from telephony.core.events import Started
from telephony.core.plan import Plan, Queue, ServiceLevel
from telephony.core.remembered import LockedLogIn, OpenCall, OpenHand, OpenOperator, OpenPermission
from telephony.core.staff import Operator

EIGHT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
PLAN = Plan(
    queues=(
        Queue(name="main", label="Регистратура", service_level=ServiceLevel(percent=80, seconds=20)),
        Queue(name="kids", label="Детская"),
    )
)


def at(seconds: float) -> datetime:
    return EIGHT + timedelta(seconds=seconds)


def morning() -> Board:
    board = Board(now=EIGHT.timestamp())
    board.start(Started(plan=PLAN, operators=(Operator(login="anna", name="Анна", extension="11"),), run="r1"))
    return board


def arrive(board: Board, call: str, seconds: float, queue: str = "main") -> None:
    board.publish(
        [
            fact.CallOpened(call=call, kind=fact.CallKind.INBOUND, number="1300", arrived=at(seconds)),
            fact.CallQueued(call=call, queue=queue, priority=0, why="arrival", at=at(seconds)),
        ],
        [],
    )


def end(board: Board, call: str, outcome: fact.Outcome) -> None:
    board.publish([fact.CallEnded(call=call, outcome=outcome, by="caller", at=at(99))], [])


def test_waiting_callers_and_the_longest_wait() -> None:
    board = morning()
    arrive(board, "c1", 0)
    arrive(board, "c2", 5)
    main, kids = board.snapshot().queues
    assert (main.waiting, main.oldest) == (2, at(0).timestamp())
    assert (kids.waiting, kids.oldest) == (0, None)
    end(board, "c1", fact.Outcome.ABANDONED)
    main, _ = board.snapshot().queues
    assert (main.waiting, main.oldest, main.abandoned) == (1, at(5).timestamp(), 1)
    assert board.totals.abandoned == 1


def test_an_answer_in_time_counts_for_the_service_level_and_a_late_one_does_not() -> None:
    board = morning()
    arrive(board, "quick", 0)
    arrive(board, "slow", 0)
    board.publish([fact.CallBridged(call="quick", operator="anna", at=at(20))], [])
    board.publish([fact.CallBridged(call="slow", operator="anna", at=at(20.5))], [])
    main = board.snapshot().queues[0]
    assert (main.answered, main.in_level, main.waiting) == (2, 1, 0)
    assert board.snapshot().totals.talking == 2
    end(board, "quick", fact.Outcome.ANSWERED)
    assert (board.snapshot().totals.calls, board.totals.abandoned) == (1, 0)


def test_a_caller_moved_to_another_queue_waits_there_only() -> None:
    board = morning()
    arrive(board, "c1", 0)
    board.publish([fact.CallQueued(call="c1", queue="kids", priority=0, why="overflow", at=at(9))], [])
    main, kids = board.snapshot().queues
    assert (main.waiting, kids.waiting, kids.oldest) == (0, 1, at(0).timestamp())


def test_a_transferred_caller_waits_again_until_the_next_answer() -> None:
    board = morning()
    arrive(board, "c1", 0)
    board.publish([fact.CallBridged(call="c1", operator="anna", at=at(3))], [])
    board.publish([fact.CallQueued(call="c1", queue="kids", priority=0, why="transfer", at=at(60))], [])
    assert (board.snapshot().totals.waiting, board.snapshot().totals.talking) == (1, 0)
    board.publish([fact.AttemptAnswered(call="c1", n=2, at=at(70))], [])
    assert (board.snapshot().totals.waiting, board.snapshot().totals.talking) == (0, 1)
    assert board.totals.answered == 1


def test_what_was_before_this_life_counts_in() -> None:
    board = morning()
    arrive(board, "c1", 0)
    end(board, "c1", fact.Outcome.ABANDONED)
    board.add_earlier({"main": Tally(answered=7, in_level=5, abandoned=2, sent_away=1), "kids": Tally()})
    main = board.snapshot().queues[0]
    assert (main.answered, main.in_level, main.abandoned, main.sent_away) == (7, 5, 3, 1)
    assert (board.totals.answered, board.totals.abandoned) == (7, 3)


def test_own_calls_are_alive_but_not_counted_as_answered() -> None:
    board = morning()
    board.publish([fact.CallOpened(call="o1", kind=fact.CallKind.OWN, number="12", arrived=at(0))], [])
    board.publish([fact.CallBridged(call="o1", at=at(3))], [])
    assert (board.snapshot().totals.talking, board.totals.answered) == (1, 0)


def test_changes_hold_only_what_is_different() -> None:
    board = morning()
    board.changes()
    ready = fact.OperatorChanged(login="anna", state="ready", at=at(1), phone="101")
    board.publish([ready], [Alarm(code="look", text="look here")])
    change = board.changes()
    assert [(row.login, row.name, row.state) for row in change.operators] == [("anna", "Анна", "ready")]
    assert change.queues == []
    assert [alarm.code for alarm in change.alarms] == ["look"]
    board.publish([fact.OperatorChanged(login="anna", state="offline", at=at(2))], [])
    change = board.changes()
    assert (change.operators, change.gone) == ([], ["anna"])
    assert board.changes().gone == []


def test_a_new_life_begins_with_what_the_database_holds_open() -> None:
    board = Board(now=EIGHT.timestamp())
    board.start(
        Started(
            plan=PLAN,
            open_operators=(OpenOperator(login="anna", phone="101", state="talking", since=at(-30)),),
            open_calls=(
                OpenCall(call="w", kind="inbound", number="1300", caller="t", arrived=at(-50), queue="main"),
                OpenCall(
                    call="t",
                    kind="inbound",
                    number="1300",
                    caller="t",
                    arrived=at(-60),
                    queue="main",
                    answered=at(-30),
                ),
            ),
        )
    )
    picture = board.snapshot()
    assert (picture.totals.waiting, picture.totals.talking) == (1, 1)
    assert picture.queues[0].oldest == at(-50).timestamp()
    assert picture.operators[0].since == at(-30).timestamp()


# --- breaks and hands ----------------------------------------------------------------------------------------


def at_work(board: Board, state: str = "ready", **more: object) -> None:
    board.publish([fact.OperatorChanged(login="anna", state=state, at=at(1), phone="101", **more)], [])  # type: ignore[arg-type]


def granted(name: str, kind: pause.BreakKind = pause.BreakKind.TECHNICAL) -> pause.PermissionGiven:
    return pause.PermissionGiven(permission=name, login="anna", kind=kind, begins=at(5), until=at(600), at=at(5))


def asked(verdict: pause.Verdict) -> pause.BreakAsked:
    kind = pause.BreakKind.TECHNICAL
    return pause.BreakAsked(request="q", login="anna", kind=kind, door="phone", verdict=verdict, at=at(5))


def test_a_break_is_shown_as_to_come_and_then_with_its_end() -> None:
    board = morning()
    at_work(board, "talking")
    board.changes()
    board.publish([asked(pause.Verdict.DEFERRED), granted("p1")], [])
    [row] = board.changes().operators
    assert (row.state, row.pending) == ("talking", "technical")
    at_work(board, "break", reason="technical", until=at(600), permission="p1")
    [row] = board.changes().operators
    assert (row.state, row.pending, row.until) == ("break", "", at(600).timestamp())


def test_a_break_to_come_that_is_withdrawn_is_not_shown() -> None:
    board = morning()
    at_work(board, "talking")
    board.publish([asked(pause.Verdict.DEFERRED), granted("p1")], [])
    board.publish([pause.PermissionEnded(permission="p1", how="withdrawn", at=at(9))], [])
    assert board.snapshot().operators[0].pending == ""


def test_a_hand_is_up_until_it_is_down() -> None:
    board = morning()
    at_work(board, "talking")
    board.publish([pause.HandRaised(hand="h", login="anna", call="c", at=at(2))], [])
    assert (board.changes().operators[0].hand, board.totals.hands) == ("raised", 1)
    board.publish([pause.HandTaken(hand="h", by="vera", mode="join", at=at(3))], [])
    assert board.changes().operators[0].hand == "vera"
    board.publish([pause.HandLowered(hand="h", how="helped", at=at(4))], [])
    assert (board.changes().operators[0].hand, board.totals.hands) == ("", 0)


def test_emergencies_to_review_and_the_violations_of_the_day() -> None:
    board = morning()
    board.publish([granted("p1", pause.BreakKind.EMERGENCY)], [])
    seen = pause.ViolationSeen(violation="v", login="anna", kind=pause.ViolationKind.NO_ANSWER, at=at(6))
    board.publish([pause.PermissionEnded(permission="p1", how="over", at=at(9)), seen], [])
    board.add_violations(3)
    assert (board.snapshot().totals.to_review, board.snapshot().totals.violations) == (1, 4)
    board.publish([pause.EmergencyReviewed(permission="p1", by="vera", confirmed=True, at=at(10))], [])
    assert board.snapshot().totals.to_review == 0


def test_an_emergency_that_never_began_is_none_to_review() -> None:
    board = morning()
    board.publish([granted("p1", pause.BreakKind.EMERGENCY)], [])
    board.publish([pause.PermissionEnded(permission="p1", how="unused", at=at(9))], [])
    assert board.snapshot().totals.to_review == 0


def test_extensions_that_are_locked() -> None:
    board = Board(now=EIGHT.timestamp())
    board.start(
        Started(plan=Plan(timezone="Asia/Sakhalin"), locked_log_ins=(LockedLogIn(extension="12", until=at(60)),))
    )
    assert board.snapshot().timezone == "Asia/Sakhalin"
    board.publish([pause.LogInLocked(extension="13", phone="101", until=at(900), at=at(30))], [])
    assert [lock.extension for lock in board.changes().locked] == ["12", "13"]
    board.publish([pause.LogInLocked(extension="14", phone="101", until=at(990), at=at(90))], [])
    assert [lock.extension for lock in board.snapshot().locked] == ["13", "14"]


def test_a_new_life_shows_breaks_and_hands_as_before() -> None:
    board = Board(now=EIGHT.timestamp())
    kind = pause.BreakKind.EMERGENCY
    board.start(
        Started(
            plan=PLAN,
            open_operators=(
                OpenOperator(login="anna", phone="101", state="break", since=at(-30), until=at(60)),
                OpenOperator(login="boris", phone="102", state="talking", since=at(-30), call="c"),
            ),
            permissions=(
                OpenPermission(permission="p1", login="anna", kind=kind, begins=at(-30), until=at(60)),
                OpenPermission(
                    permission="p2", login="boris", kind=pause.BreakKind.TECHNICAL, begins=at(-9), until=at(60)
                ),
            ),
            hands=(OpenHand(hand="h", login="boris", call="c", at=at(-5)),),
        )
    )
    anna, boris = board.snapshot().operators
    assert (anna.pending, anna.until) == ("", at(60).timestamp())
    assert (boris.pending, boris.hand) == ("technical", "raised")
    assert board.totals.to_review == 1
