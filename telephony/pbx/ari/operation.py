"""What a REST operation is: its method, path and parameters, and what comes back.

The declared ones are in `OPERATIONS`; `check_listing` compares them with what an Asterisk serves, and a test
calls every method to see that it sends nothing undeclared.
"""

from __future__ import annotations

import re
from asyncio import Future
from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import quote

import msgspec

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Query = Mapping[str, "str | int | bool | None"]

_PLAIN = re.compile(r"[A-Za-z0-9._:@~-]*\Z")
_PATH_PARAM = re.compile(r"\{(\w+)\}")


class Response(msgspec.Struct, frozen=True, gc=False):
    """Asterisk's answer: HTTP status (below 400), reason, and the JSON body as text ("" if none)."""

    status: int
    reason: str
    body: str


class Operation(Generic[T]):
    """One REST operation. `result` is what the answer decodes into; without one it is a `Response`."""

    __slots__ = ("body", "decoder", "method", "params", "path", "result", "template")

    def __init__(self, method: str, path: str, params: str = "", *, body: str = "", result: Any = None) -> None:
        self.method = method
        self.path = path
        self.params = frozenset(params.split())
        self.body = body
        self.result = result
        self.decoder: msgspec.json.Decoder[T] | None = msgspec.json.Decoder(result) if result else None
        self.template = _PATH_PARAM.sub("%s", path.lstrip("/"))

    def uri(self, *segments: str) -> str:
        """The path with its parameters filled in, percent-encoded where needed."""
        if not segments:
            return self.template
        return self.template % tuple(s if _PLAIN.match(s) else quote(s, safe=":@~") for s in segments)


class Caller(Protocol):
    """What a resource needs to send its operations; `AriClient` is one."""

    def call(
        self, operation: Operation[T], *path: str, query: Query | None = None, body: object = None,
        timeout: float | None = None,
    ) -> Future[T]:  # fmt: skip
        """Send the operation now; the future is its decoded answer."""


OPERATIONS: list[Operation[Any]] = []


def command(method: str, path: str, params: str = "", *, body: str = "") -> Operation[Response]:
    """Declare an operation whose answer has no content of interest."""
    operation: Operation[Response] = Operation(method, path, params, body=body)
    OPERATIONS.append(operation)
    return operation


def question(method: str, path: str, params: str = "", *, result: type[T], body: str = "") -> Operation[T]:
    """Declare an operation whose answer is decoded into `result`."""
    operation: Operation[T] = Operation(method, path, params, body=body, result=result)
    OPERATIONS.append(operation)
    return operation


class Resource:
    """A group of operations; every method sends at once and returns the future of the answer."""

    __slots__ = ("_call",)

    def __init__(self, caller: Caller) -> None:
        self._call = caller.call


def unheeded(answer: Future[Any]) -> None:
    """A done callback for what is sent without caring how it goes: asyncio complains of a failure nobody looked at.

    `ari.channels.answer(id).add_done_callback(unheeded)`: one who has hung up meanwhile is no mistake."""
    if not answer.cancelled():
        answer.exception()


def joined(values: str | list[str] | tuple[str, ...]) -> str:
    """ARI's way to give several values: one text, separated by commas."""
    return values if isinstance(values, str) else ",".join(values)
