"""What can go wrong with ARI: one class per thing a caller can act on, each with a one-line text.

No text here holds a query parameter or a body, so no phone number or name can reach a log by way of an error.
"""

# ruff: noqa: N818  (the names say what happened; the base is an Error)

from __future__ import annotations


class AriError(Exception):
    """Base of every error of the ARI client. `status` is Asterisk's HTTP status, 0 where it gave none."""

    status: int = 0


class RequestFailed(AriError):
    """Asterisk answered with a status of 400 or more. `reason` is its own sentence."""

    def __init__(self, method: str, uri: str, status: int, reason: str) -> None:
        super().__init__(f"{method} {uri}: {status} {reason}")
        self.method, self.uri, self.status, self.reason = method, uri, status, reason


class RequestTimeout(AriError, TimeoutError):
    """No answer within the request's timeout. Whether Asterisk acted on it is unknown."""


class BadAnswer(AriError):
    """Asterisk answered with success, but not in the shape its own listing promises."""


class ConnectionLost(AriError, ConnectionError):
    """The socket is gone, or was never there: the request was not answered and is never sent again."""


class TooManyRequests(AriError):
    """More requests wait for an answer than `max_pending`; this one was not sent."""


class CannotConnect(AriError):
    """A connection could not be made; trying again may help (refused, unreachable, ARI not loaded yet)."""


class Rejected(AriError):
    """No connection can be made or kept, and trying again will not help: something has to be changed."""


class WrongPassword(Rejected):
    """Asterisk knows no such ARI user, or not with this password."""


class ReadOnlyUser(Rejected):
    """The ARI user is read-only in ari.conf; the client must be able to set its event filter."""


class WrongVersion(Rejected):
    """This Asterisk has no REST over WebSocket (it came with 20.14, 21.9 and 22.4)."""


class ApplicationTaken(Rejected):
    """Another client has connected with the same application name; this one has stopped."""
