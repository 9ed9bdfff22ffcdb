"""Why a request was answered as it was, in words for a screen: for who has asked, and for who reads the record."""

from __future__ import annotations

from telephony.core.break_facts import Verdict

REFUSALS = {
    "not-logged-in": "the operator is not logged in",
    "not-in-shift": "the roster has no shift for them now",
    "not-in-slot": "no planned break begins now",
    "slot-used": "the planned break was taken already",
    "cap": "too many are on a break",
    "no-order": "no order names them",
    "no-reason": "an emergency needs a reason of the list",
    "ringing": "a caller waits at their phone",
    "already": "they have a break, or one begins after their call, or when a place is free",
    "unknown-operator": "nobody has this login",
    "not-allowed": "only seniors and heads may do this",
    "order-over": "the order would be over already",
    "own-order": "nobody orders a pause for themselves",
    "nobody": "the order names nobody",
    "no-such-order": "no order of this name holds",
    "no-such-pause": "no emergency of this name waits for its review",
    "own-pause": "nobody reviews an emergency of their own",
    "back-door": "the pause was asked of the PBX's own queue",
}
"""Of a request, an order, its withdrawal, or a review."""
DEFERRALS = {
    "in_call": "begins after the call",
    "cap": "begins when a place is free",
    "on_break": "begins after the break that they have",
}


WORDS: dict[str, dict[str, str]] = {Verdict.REFUSED: REFUSALS, Verdict.DEFERRED: DEFERRALS}


def why(verdict: str, reason: str) -> str:
    """A word of another version is its own explanation; what is granted has none."""
    return WORDS.get(verdict, {}).get(reason, reason)
