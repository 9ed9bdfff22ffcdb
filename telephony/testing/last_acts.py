"""What the log in memory says of operators for a new life of the router: what they are in, and their last acts."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from telephony.core.facts import CallKind
from telephony.core.operators import ENGAGED, NO_CALLER, NOT_TAKEN, State
from telephony.core.remembered import LastRing, LoggedOut, OpenOperator
from telephony.testing.calllog import CallLog, Interval


def talked(log: CallLog) -> dict[str, str]:
    """Login -> their last conversation with a caller that is over."""
    ended: list[tuple[datetime, str, str]] = []
    for call in log.calls.values():
        if call.kind is CallKind.INBOUND:
            for one in call.attempts.values():
                if one.operator is not None and one.answered is not None and one.ended is not None:
                    ended.append((one.ended, one.operator, call.id))
    return {login: call for _, login, call in sorted(ended)}


def without_callers(log: CallLog) -> dict[str, list[Interval]]:
    """Login -> their intervals without a caller."""
    return {login: [one for one in rows if _is_free(log, one)] for login, rows in log.intervals.items()}


def _is_free(log: CallLog, one: Interval) -> bool:
    return one.state not in ENGAGED or _of_their_own(log, one)


def _of_their_own(log: CallLog, one: Interval) -> bool:
    return one.reason in NO_CALLER or (one.call in log.calls and log.calls[one.call].kind is CallKind.OWN)


def with_callers(log: CallLog, login: str) -> tuple[tuple[datetime, datetime], ...]:
    """From when to when they were, between the intervals without, up to a ring or to its end."""
    spans: list[tuple[datetime, datetime]] = []
    begin: datetime | None = None
    for one in log.intervals.get(login, []):
        free = _is_free(log, one)
        stands_out = (free or one.state == State.RINGING) and one.reason not in {"logged_in", *NOT_TAKEN}
        if stands_out and begin is not None and begin < one.since:
            spans.append((begin, one.since))
        if free:
            begin = one.ended
    return tuple(spans)


def answered(log: CallLog) -> Counter[str]:
    """Login -> how many callers they have answered since they last went."""
    left = {login: [one.ended for one in rows if one.how and one.ended] for login, rows in log.intervals.items()}
    return Counter(
        one.operator
        for call in log.calls.values()
        for one in call.attempts.values()
        if one.operator is not None and one.answered is not None and one.why != "own"
        if all(one.made >= at for at in left.get(one.operator, ()))
    )


def last_rings(log: CallLog) -> tuple[LastRing, ...]:
    """When each queue has last rung each operator, oldest first."""
    rings = sorted(
        (one.made, one.queue, one.operator)
        for call in log.calls.values()
        for one in call.attempts.values()
        if one.why == "queue" and one.queue is not None and one.operator is not None
    )
    last = {(queue, login): at for at, queue, login in rings}
    return tuple(LastRing(queue=queue, login=login, at=at) for (queue, login), at in sorted(last.items(), key=_at))


def _at(ring: tuple[tuple[str, str], datetime]) -> datetime:
    return ring[1]


def open_operators(log: CallLog) -> tuple[OpenOperator, ...]:
    """Who is logged in, with all that is remembered of them."""
    talks, free, calls = talked(log), without_callers(log), answered(log)
    last = [intervals[-1] for intervals in log.intervals.values() if intervals[-1].ended is None]
    return tuple(
        OpenOperator(
            login=row.login,
            phone=row.phone or "",
            state=row.state,
            since=row.since,
            reason=row.reason,
            call=row.call,
            idle_since=row.idle_since,
            until=row.until,
            talked=talks.get(row.login),
            free_until=next((one.ended for one in reversed(free[row.login]) if one.ended is not None), None),
            with_callers=with_callers(log, row.login),
            calls=calls[row.login],
        )
        for row in last
    )


def logged_out(log: CallLog) -> tuple[LoggedOut, ...]:
    """Every time that a colleague took somebody's phone, and those whose last leaving was by their own wish."""
    return tuple(
        LoggedOut(
            login=login,
            at=one.ended,
            put_out=one.how == "phone_taken_over",
            phone=one.phone or "",
            last=one is intervals[-1],
        )
        for login, intervals in log.intervals.items()
        for one in intervals
        if one.ended is not None
        and (one.how == "phone_taken_over" or (one.how == "logged_out" and one is intervals[-1]))
    )
