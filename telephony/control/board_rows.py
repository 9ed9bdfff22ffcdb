"""The rows that those who look on are shown.

Times are seconds since 1970, so that whoever looks on can count durations up by themselves.
"""

from __future__ import annotations

import msgspec


class QueueRow(msgspec.Struct, kw_only=True):
    """`oldest`: arrival of the caller who waits longest. `in_level`: of the answered, those within
    `level_seconds` of their arrival. The counts are today's, by the center's own midnight at the router's start."""

    name: str
    label: str
    waiting: int = 0
    oldest: float | None = None
    answered: int = 0
    in_level: int = 0
    abandoned: int = 0
    sent_away: int = 0
    level_percent: int = 80
    level_seconds: int = 20


class Tally(msgspec.Struct, kw_only=True):
    """What was answered and lost in one queue. `in_level`: answered within its service-level time."""

    answered: int = 0
    in_level: int = 0
    abandoned: int = 0
    sent_away: int = 0


class OperatorRow(msgspec.Struct, kw_only=True):
    """One operator at work, in `state` since `since`. `until`: when a wrap-up or a break will end; `pending`: the kind
    of the break that begins after the call; `hand`: raised, or the login of whoever has come to help."""

    login: str
    name: str
    state: str
    since: float
    phone: str | None = None
    reason: str = ""
    call: str | None = None
    until: float | None = None
    pending: str = ""
    hand: str = ""


class Totals(msgspec.Struct, kw_only=True):
    """`calls`: alive now, `talking`: of these the connected ones. Answered and lost are today's, repairs and alarms
    those since `since`. `hands`: raised now; `to_review`: emergencies nobody has looked at; `violations`: today's."""

    since: float
    calls: int = 0
    talking: int = 0
    waiting: int = 0
    answered: int = 0
    abandoned: int = 0
    sent_away: int = 0
    repaired: int = 0
    alarms: int = 0
    hands: int = 0
    to_review: int = 0
    violations: int = 0


class AlarmRow(msgspec.Struct, kw_only=True):
    code: str
    text: str
    subject: str = ""


class LockRow(msgspec.Struct, kw_only=True):
    """An extension on which nobody can log in before `until`: too many wrong PINs. It may be over by now."""

    extension: str
    until: float


class Snapshot(msgspec.Struct, kw_only=True):
    """All there is, or (in a change) what is different; `timezone` (the center's) and `locked` are always there whole.
    `gone`: logins of operators who went home."""

    totals: Totals
    queues: list[QueueRow]
    operators: list[OperatorRow]
    gone: list[str] = []
    alarms: list[AlarmRow] = []
    locked: list[LockRow] = []
    timezone: str = "UTC"
