"""Wrong PINs: counted by extension, answered ever later, and after too many the extension is locked for a while.

An extension that nobody has is treated alike, so that the answers do not tell which ones exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from telephony.core.plan import LogInRules
from telephony.core.remembered import FailedLogIn, LockedLogIn

FIRST_DELAY = 0.1
LONGEST_DELAY = 0.8
"""Seconds: with the checking of the PIN before it the answer stays within what a phone code may take."""
MOST = 10_000
"""Extensions kept in mind: there are fewer in any center, so only somebody who tries numbers gets there."""


def memory(rules: LogInRules) -> timedelta:
    """A wrong PIN counts for as long as a lock would hold: who waits longer between two tries gains nothing."""
    return timedelta(seconds=max(rules.lock, 900))


def delay(failures: int) -> timedelta:
    """Before the answer to the wrong PIN number `failures` (from 1) in a row: doubles, up to LONGEST_DELAY."""
    return timedelta(seconds=min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(failures - 1, 10)))


class LogIns:
    """Wrong PINs that count, and locks that hold."""

    def __init__(self, failed: Iterable[FailedLogIn] = (), locked: Iterable[LockedLogIn] = ()) -> None:
        self._failures: dict[str, list[datetime]] = {}
        for one in failed:
            self._failures.setdefault(one.extension, []).append(one.at)
        self.late_answers: dict[str, str] = {}
        """Command -> what will be said when its time has come."""
        self._locked = {one.extension: one.until for one in locked}

    def locked(self, extension: str, now: datetime) -> bool:
        until = self._locked.get(extension)
        return until is not None and until > now

    def fail(self, extension: str, now: datetime, rules: LogInRules) -> tuple[int, datetime | None]:
        """A wrong PIN: how many there were in a row, and until when the extension is locked, if this locks it."""
        known = self._failures.pop(extension, [])
        counted = [at for at in known if at > now - memory(rules)] + [now]
        if len(counted) >= rules.attempts and rules.lock:
            until = self._locked[extension] = now + timedelta(seconds=rules.lock)
            _bound(self._locked)
            return len(counted), until
        self._failures[extension] = counted[-rules.attempts :]
        _bound(self._failures)
        return len(counted), None

    def succeed(self, extension: str) -> None:
        """The right PIN: earlier mistakes are forgotten."""
        self._failures.pop(extension, None)


def _bound(known: dict[str, list[datetime]] | dict[str, datetime]) -> None:
    while len(known) > MOST:
        del known[next(iter(known))]
