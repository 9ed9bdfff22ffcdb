"""The call log as a fold: facts in, rows out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from telephony.core import facts as that
from telephony.store.break_fold import NAMED_FOLDS
from telephony.store.calllog import MUTABLE
from telephony.store.fold import CALL_FOLDS, NOTES, Family, Place, Rows, call_of, fold, login_of, named_of
from telephony.store.rows import ROW_TYPES, AnyRow, AttemptRow, CallRow, StateRow, TransferRow
from telephony.store.tables import call_log, to_iso, to_utc

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def told(*facts: that.AnyFact) -> Rows:
    """The rows after these facts."""
    rows = Rows()
    for seq, fact in enumerate(facts, 1):
        for row in answer(fact, rows, seq):
            rows.keep(row)
    return rows


def answer(fact: that.AnyFact, rows: Rows, seq: int = 1) -> tuple[AnyRow, ...]:
    call, login = call_of(fact), login_of(fact)
    if call is not None:
        rows.families.setdefault(call, Family())
    if login is not None:
        rows.states.setdefault(login, None)
    if (named := named_of(fact)) is not None:
        rows.named.setdefault(named, None)
    return fold(fact, Place(seq, 0), rows)


OPENED = that.CallOpened(call="c", kind=that.CallKind.INBOUND, number="1300", caller="t", arrived=at(0))
QUEUED = that.CallQueued(call="c", queue="registry", priority=1, why="arrival", at=at(0))


def rung(n: int, operator: str | None = "ivanova", second: float = 5) -> that.AttemptMade:
    return that.AttemptMade(call="c", n=n, channel=f"leg{n}", why="queue", operator=operator, phone="p", at=at(second))


def call_in(rows: Rows) -> CallRow:
    call = rows.families["c"].call
    assert call is not None
    return call


def test_an_abandoned_call() -> None:
    gone = that.CallEnded(call="c", outcome=that.Outcome.ABANDONED, by="caller", at=at(30))
    rows = told(OPENED, QUEUED, gone)
    assert call_in(rows) == CallRow(
        id="c", kind="inbound", number="1300", caller="t", operator=None, arrived=at(0), first_queue="registry",
        queue="registry", queued=at(0), priority=1, ended=at(30), outcome="abandoned", ended_by="caller",
    )  # fmt: skip
    assert rows.families["c"].over


def test_the_second_operator_answers_and_hands_over() -> None:
    rows = told(
        OPENED,
        QUEUED,
        rung(1, "ivanova"),
        that.AttemptEnded(call="c", n=1, result=that.AttemptResult.NO_ANSWER, at=at(25)),
        rung(2, "petrova", 26),
        that.AttemptAnswered(call="c", n=2, at=at(28)),
        that.CallBridged(call="c", operator="petrova", at=at(28)),
        that.CallTransferred(call="c", operator="petrova", kind="blind", to="therapy", result="done", at=at(60)),
        that.AttemptEnded(call="c", n=2, result=that.AttemptResult.ANSWERED, at=at(60)),
        that.CallQueued(call="c", queue="therapy", priority=5, why="transfer", at=at(60)),
        rung(3, "sidorova", 61),
        that.AttemptAnswered(call="c", n=3, at=at(63)),
        that.CallEnded(call="c", outcome=that.Outcome.ANSWERED, by="operator", at=at(90)),
    )
    call = call_in(rows)
    assert (call.attempts, call.transfers, call.first_queue, call.queue, call.queued) == (
        3, 1, "registry", "therapy", at(60),
    )  # fmt: skip
    assert (call.answered, call.answered_by, call.last_operator) == (at(28), "petrova", "sidorova")
    assert not rows.families["c"].over
    results = [attempt.result for attempt in rows.families["c"].attempts.values()]
    assert results == ["no_answer", "answered", None]


def test_a_failed_transfer_is_noted_and_not_counted() -> None:
    rows = told(OPENED)
    failed = that.CallTransferred(call="c", operator="a", kind="attended", to="102", result="failed", at=at(9))
    (noted,) = answer(failed, rows, seq=7)
    assert noted == TransferRow(
        seq=7, n=0, call="c", operator="a", kind="attended", target="102", result="failed", at=at(9)
    )


def test_a_call_back_from_the_fallback_queue_says_so() -> None:
    rows = told(OPENED, that.CallQueued(call="c", queue="registry", priority=0, why="return", at=at(4)))
    assert call_in(rows).via_fallback


def test_a_call_known_from_the_pbx_record_only() -> None:
    missed = that.CallMissed(call="c", number="1300", caller="t", arrived=at(0), ended=at(50), via_fallback=True)
    assert (call_in(told(missed)).outcome, call_in(told(missed)).ended_by) == ("abandoned", "caller")
    talked = that.CallMissed(
        call="c", number="1300", caller="t", arrived=at(0), ended=at(50), answered=at(9), operator="ivanova"
    )
    call = call_in(told(talked))
    assert (call.outcome, call.answered_by, call.last_operator) == ("answered", "ivanova", "ivanova")


def test_a_call_that_was_left_open_is_closed_by_the_pbx_record() -> None:
    talk = that.MissedAttempt(channel="leg1", why="queue", operator="ivanova", made=at(5), answered=at(9), ended=at(40))
    missed = that.CallMissed(
        call="c", number="1300", caller="t", arrived=at(0), ended=at(41), answered=at(9), attempts=(talk,)
    )
    rows = told(OPENED, QUEUED, rung(1), missed)
    assert (call_in(rows).ended, call_in(rows).outcome, call_in(rows).attempts) == (at(41), "answered", 1)
    [attempt] = rows.families["c"].attempts.values()
    assert (attempt.answered, attempt.ended, attempt.result) == (at(9), at(40), "answered")


def test_the_attempts_of_such_a_call_are_rows_too() -> None:
    rung = that.MissedAttempt(channel="c.1", why="fallback", operator="petrov", made=at(1), ended=at(4))
    talk = that.MissedAttempt(
        channel="c.2", why="fallback", operator="ivanova", made=at(5), answered=at(9), ended=at(50)
    )
    missed = that.CallMissed(
        call="c", number="1300", caller="t", arrived=at(0), ended=at(50), answered=at(9), attempts=(rung, talk)
    )
    rows = told(missed)
    assert call_in(rows).attempts == 2
    found = rows.families["c"].attempts.values()
    assert [(row.n, row.operator, row.result, row.ended) for row in found] == [
        (1, "petrov", "cancelled", at(4)),
        (2, "ivanova", "answered", at(50)),
    ]


@pytest.mark.parametrize(
    "repeated",
    [
        that.CallOpened(call="c", kind=that.CallKind.OWN, number="9", arrived=at(99)),
        rung(1, "other", 99),
        that.AttemptAnswered(call="c", n=1, at=at(99)),
        that.AttemptEnded(call="c", n=1, result=that.AttemptResult.FAILED, at=at(99)),
        that.CallBridged(call="c", operator="other", at=at(99)),
        that.CallEnded(call="c", outcome=that.Outcome.LOST, by="pbx", at=at(99)),
        that.CallMissed(call="c", number="9", caller="x", arrived=at(90), ended=at(99)),
        that.AttemptAnswered(call="c", n=8, at=at(99)),
    ],
)
def test_what_is_told_twice_or_of_nothing_changes_nothing(repeated: that.AnyFact) -> None:
    rows = told(
        OPENED,
        rung(1),
        that.AttemptAnswered(call="c", n=1, at=at(8)),
        that.CallBridged(call="c", operator="ivanova", at=at(8)),
        that.AttemptEnded(call="c", n=1, result=that.AttemptResult.ANSWERED, at=at(60)),
        that.CallEnded(call="c", outcome=that.Outcome.ANSWERED, by="caller", at=at(60)),
    )
    assert answer(repeated, rows) == ()


def test_facts_of_a_call_that_was_never_opened_make_no_call() -> None:
    rows = told(QUEUED, that.CallEnded(call="c", outcome=that.Outcome.LOST, by="pbx", at=at(1)), rung(1))
    assert rows.families["c"].call is None
    assert list(rows.families["c"].attempts) == [1]


def state(state: str, second: float, **more: str) -> that.OperatorChanged:
    return that.OperatorChanged(login="ivanova", state=state, at=at(second), phone="p", **more)  # type: ignore[arg-type]


def test_a_state_ends_where_the_next_begins_and_offline_ends_the_shift() -> None:
    rows = told(state("ready", 0))
    closed, opened = answer(state("ringing", 5, call="c"), rows, seq=2)
    assert isinstance(closed, StateRow)
    assert isinstance(opened, StateRow)
    assert (closed.state, closed.since, closed.ended) == ("ready", at(0), at(5))
    assert (opened.state, opened.call, opened.ended, opened.seq) == ("ringing", "c", None, 2)
    (closed,) = answer(state("offline", 9), rows, seq=3)
    assert isinstance(closed, StateRow)
    assert closed.ended == at(9)
    rows.keep(closed)
    assert rows.states["ivanova"] is None
    assert answer(state("offline", 10), rows, seq=4) == ()


def test_idleness_begins_after_a_talk_and_outlasts_a_ring_without_answer() -> None:
    shift = ["ready", "ringing", "unreachable", "ready", "ringing", "talking", "wrap_up", "ready"]
    rows, idle = Rows(), []
    for second, name in enumerate(shift):
        for row in answer(state(name, second), rows, second):
            rows.keep(row)
        opened = rows.states["ivanova"]
        assert opened is not None
        idle.append(opened.idle_since)
    assert idle == [at(0)] * 5 + [None, None, at(7)]


def test_every_fact_has_its_fold() -> None:
    assert {*CALL_FOLDS, that.OperatorChanged, *NAMED_FOLDS, *NOTES} == set(that.AnyFact.__args__)


def test_rows_and_tables_have_the_same_columns_in_the_same_order() -> None:
    for (name, row), table in zip(ROW_TYPES.items(), call_log.all(), strict=True):
        assert (name, row.__struct_fields__) == (table.name, tuple(table.columns.keys()))
    for name, columns in MUTABLE.items():
        assert columns < set(ROW_TYPES[name].__struct_fields__)


def test_what_the_folds_change_is_what_the_upserts_write() -> None:
    """Whatever differs between two versions of a row must be among the columns that are written again."""
    rows = Rows()
    facts: list[that.AnyFact] = [
        OPENED,
        that.CallQueued(call="c", queue="a", priority=3, why="return", at=at(1)),
        rung(1),
        that.AttemptAnswered(call="c", n=1, at=at(8)),
        that.CallBridged(call="c", operator="ivanova", at=at(8)),
        that.CallTransferred(call="c", operator="ivanova", kind="blind", to="1", result="done", at=at(9)),
        that.AttemptEnded(call="c", n=1, result=that.AttemptResult.ANSWERED, at=at(60)),
        that.CallEnded(call="c", outcome=that.Outcome.ANSWERED, by="caller", at=at(60)),
    ]
    changed: dict[type, set[str]] = {CallRow: set(), AttemptRow: set()}
    for fact in facts:
        family = rows.families.setdefault("c", Family())
        for row in answer(fact, rows):
            before = family.call if isinstance(row, CallRow) else family.attempts.get(1)
            if before is not None and type(row) in changed:
                fields = row.__struct_fields__
                changed[type(row)] |= {name for name in fields if getattr(row, name) != getattr(before, name)}
            rows.keep(row)
    assert changed == {CallRow: MUTABLE["calls"], AttemptRow: MUTABLE["attempts"]}


def test_times_are_text_of_one_width_and_come_back() -> None:
    for time in (NOON, at(0.000001), NOON.astimezone()):
        assert len(to_iso(time)) == 32
        assert to_utc(to_iso(time)) == time
    assert to_iso(at(1)) < to_iso(at(1.5)) < to_iso(at(2))
    with pytest.raises(ValueError, match="without zone"):
        to_iso(NOON.replace(tzinfo=None))
