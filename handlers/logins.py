"""Wrong PINs: on record, counted, answered late, and locked out when there are too many."""

from __future__ import annotations

from handlers.turn import Turn
from telephony.core.break_facts import LogInLocked
from telephony.core.commands import LogIn
from telephony.core.effects import Alarm, Reply
from telephony.core.events import LogInRefused, TimerFired
from telephony.core.facts import LogInDenied
from telephony.core.logins import delay

ANSWER_TIMER = "pin:"
LOCKED = "login-locked"
SAID = {"disabled": "unknown-operator"}
"""To all others: wrong-pin, whatever was wrong."""


def turned_away(turn: Turn, event: LogIn) -> bool:
    """Whether the extension is locked: then the right PIN does not help, and is answered like a wrong one."""
    extension = event.extension
    if extension is None:
        return False
    if turn.center.log_ins.locked(extension, turn.now):
        _deny_locked(turn, extension, event.phone, event.command)
        return True
    turn.center.log_ins.succeed(extension)
    return False


def refused(turn: Turn, event: LogInRefused) -> None:
    """The answer comes late, so that trying many PINs takes long; nobody else waits for it."""
    log_ins, rules = turn.center.log_ins, turn.center.plan.logins
    if event.reason == "locked" or log_ins.locked(event.extension, turn.now):
        _deny_locked(turn, event.extension, event.phone, event.command)
        return
    turn.do(LogInDenied(extension=event.extension, phone=event.phone, reason=event.reason, at=turn.now))
    count, until = log_ins.fail(event.extension, turn.now, rules)
    said = SAID.get(event.reason, "wrong-pin")
    if until is not None:
        said = LOCKED
        turn.do(LogInLocked(extension=event.extension, phone=event.phone, until=until, at=turn.now))
        text = f"{count} wrong PINs in a row on one extension: it is locked for {rules.lock} s"
        turn.do(Alarm(code="login_locked", text=text, subject=event.phone))
    if event.command:
        log_ins.late_answers[event.command] = said
        turn.wake(ANSWER_TIMER + event.command, 0, delay(count))


def answer_due(turn: Turn, event: TimerFired) -> None:
    command = event.key.removeprefix(ANSWER_TIMER)
    said = turn.center.log_ins.late_answers.pop(command, None)
    if said is not None:
        turn.do(Reply(command=command, ok=False, code=said, say=(said,)))


def _deny_locked(turn: Turn, extension: str, phone: str, command: str) -> None:
    """At once, and the same for any PIN: nothing is to be learnt from it."""
    turn.do(LogInDenied(extension=extension, phone=phone, reason="locked", at=turn.now))
    if command:
        turn.do(Reply(command=command, ok=False, code=LOCKED, say=(LOCKED,)))
