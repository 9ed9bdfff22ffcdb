"""Phone numbers as tokens: the same number is always the same token, and only the key's owner can tell which.

A number lives in one erasable table beside its token; journal, call log and facts hold the token alone.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable

LENGTH = 16
"""Letters of a token: 80 bits, so that a billion numbers share none."""
OURS = "7"
LONGEST = 32
"""Digits that are kept of a number: E.164 has 15 at most, a prefix or an extension may be dialed with it."""


def normalise(number: str) -> str:
    """The number as E.164 digits where that is certain, else its digits (a short number) as they are; empty where there
    are none.

    Russian writing is understood: 8 900 ..., +7 900 ..., 900 ... (10 digits) are one number; so is 810 before a
    foreign one.
    """
    digits = re.sub(r"\D", "", number)[:LONGEST]
    if number.lstrip().startswith("+"):
        return digits
    if len(digits) == 11 and digits[0] == "8":
        return OURS + digits[1:]
    if len(digits) == 10:
        return OURS + digits
    if digits.startswith("810") and len(digits) > 11:
        return digits[3:]
    return digits


_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


def _letters(digest: bytes) -> str:
    """The first 80 bits in base 32 (RFC 4648, small letters), ten bits at a time: every call needs one."""
    bits = int.from_bytes(digest[:10], "big")
    return "".join([_PAIRS[bits >> shift & 1023] for shift in range(70, -1, -10)])


class Tokens:
    """Makes tokens with `key`, and remembers the numbers it met last for those who may see them.

    `keep(token, number)` is called for each pair that is new to the memory, so storing one twice must do no harm.
    `remember` bounds the memory.
    """

    def __init__(
        self,
        key: str,
        keep: Callable[[str, str], None] = lambda token, number: None,
        remember: int = 200_000,
    ) -> None:
        self._key = key.encode()
        self._keep = keep
        self._numbers: dict[str, str] = {}
        self._remember = remember

    def token(self, number: str) -> str:
        """The token of `number`. One without a digit ("anonymous", or nothing at all) is withheld, and could be
        anybody's: it has the empty token."""
        plain = normalise(number)
        if not plain:
            return ""
        token = _letters(hmac.digest(self._key, plain.encode(), "sha256"))
        if token not in self._numbers:
            self._numbers[token] = plain
            while len(self._numbers) > self._remember:
                del self._numbers[next(iter(self._numbers))]
            self._keep(token, plain)
        return token

    def number(self, token: str) -> str | None:
        """The number behind `token`, while this process remembers it."""
        return self._numbers.get(token)
