"""AMI: what ARI does not say (contacts, the native queues), and the mirror of the fallback queues.

A thin wrapper over panoramisk: a timeout on every action, nothing ever sent twice, only the events asked for.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, cast

import msgspec

from telephony.pbx.ami_actions import AmiActions
from telephony.pbx.ami_line import Action, Fields, Manager, Protocol, Row
from telephony.pbx.ami_types import (
    ActionFailed,
    ActionTimeout,
    AmiConnected,
    AmiConnectionLost,
    AmiDisconnected,
    AmiError,
    AmiEvent,
    AmiUnreachable,
    ContactStatus,
    LoginRejected,
    Message,
    QueueMemberPause,
)
from telephony.pbx.backoff import pause

__all__ = [
    "ActionFailed", "ActionTimeout", "Ami", "AmiConnected", "AmiConnectionLost", "AmiDisconnected", "AmiError",
    "AmiEvent", "AmiProblem", "AmiUnreachable", "ContactStatus", "LoginRejected", "Message", "QueueMemberPause", "Row",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class AmiProblem:
    """Something that was counted and survived. `detail` is one line without personal data; `error` is what our own code
    raised over it."""

    kind: Literal["connect", "malformed", "callback"]
    detail: str
    error: Exception | None = None


class Ami(AmiActions):
    """One line to AMI, kept up by `run`.

    `listen` before `run`: the callback gets states and events in order, on the event loop, and must return quickly.
    Of all that Asterisk tells only `events` come. Strange messages and a failing callback are counted in `problems`
    and told to `on_problem`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        user: str,
        password: str,
        *,
        events: Iterable[type[AmiEvent]],
        on_problem: Callable[[AmiProblem], None] | None = None,
        action_timeout: float = 5.0,
        keepalive: float = 10.0,
        backoff: tuple[float, float] = (0.1, 5.0),
    ) -> None:
        self.problems: Counter[str] = Counter()
        self._host, self._port, self._user, self._password = host, port, user, password
        self._types = {str(kind.__struct_config__.tag): kind for kind in events}
        self._on_problem = on_problem
        self._timeout, self._keepalive, self._backoff = action_timeout, keepalive, backoff
        self._listeners: list[Callable[[Message], None]] = []
        self._closing = asyncio.Event()
        self._manager: Manager | None = None
        self._up = asyncio.Event()
        self._early: list[AmiEvent] = []

    def listen(self, listener: Callable[[Message], None]) -> None:
        """Tell `listener` of every state and event from now on."""
        self._listeners.append(listener)

    @property
    def connected(self) -> bool:
        """Whether actions can be sent now."""
        return self._up.is_set()

    async def ready(self) -> None:
        """Wait until actions can be sent."""
        await self._up.wait()

    # ---- actions

    async def action(self, name: str, fields: Fields | None = None, *, within: float | None = None) -> list[Row]:
        if self._manager is None or not self._up.is_set():
            raise AmiConnectionLost(f"AMI {name}: not connected to Asterisk")
        return await self._ask(self._manager, name, fields or {}, within or self._timeout)

    async def _ask(self, manager: Manager, name: str, fields: Fields, within: float) -> list[Row]:
        action = Action(name, fields)
        manager.protocol.send(action)
        try:
            async with asyncio.timeout(within):
                answer = cast("list[Row]", await action.future)
        except TimeoutError:
            raise ActionTimeout(f"AMI {name}: no answer in {within:g} s") from None
        finally:
            manager.protocol.forget(action)
        if answer[0].get("Response") == "Error":
            raise ActionFailed(name, " ".join(answer[0].get("Message", "no reason given").split()))
        return answer

    # ---- the life of the line

    async def run(self, *, patient: bool = True) -> None:
        """Connect, and again whenever the line is lost, until `close`.

        Raises `LoginRejected`; with `patient=False` also `AmiUnreachable` when the very first attempt fails.
        """
        attempt = 0
        while not self._closing.is_set():
            try:
                reason = await self._session()
                attempt = 0
                self._tell(AmiDisconnected(reason))
            except LoginRejected:
                raise
            except AmiError as error:
                if not patient:
                    raise
                self._report(AmiProblem("connect", str(error)))
            patient = True
            await pause(self._closing, attempt, *self._backoff)
            attempt += 1

    async def close(self) -> None:
        """Leave: waiting actions fail with `AmiConnectionLost`, `run` returns."""
        self._closing.set()
        if self._manager is not None:
            self._manager.connection_lost(None)

    async def _session(self) -> str:
        manager = Manager(self._user, self._password, self._event, self._strange)
        await self._connect(manager)
        self._manager = manager
        try:
            await self._log_in(manager)
            self._up.set()
            self._tell(AmiConnected(str(manager.protocol.version)))
            for event in self._early:
                self._tell(event)
            self._early.clear()
            return await self._watch(manager)
        finally:
            self._up.clear()
            self._manager = None
            self._early.clear()
            manager.connection_lost(None)

    async def _connect(self, manager: Manager) -> None:
        where = f"{self._host}:{self._port}"
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                transport, protocol = await loop.create_connection(Protocol, self._host, self._port)
        except ConnectionRefusedError as error:
            raise AmiUnreachable(f"cannot connect to AMI at {where}: connection refused") from error
        except TimeoutError as error:
            raise AmiUnreachable(f"cannot connect to AMI at {where}: no answer in {self._timeout:g} s") from error
        except OSError as error:
            raise AmiUnreachable(f"cannot connect to AMI at {where}: {error.strerror or error}") from error
        manager.attach(transport, protocol)

    async def _log_in(self, manager: Manager) -> None:
        """Log in, then let through only the events asked for. Filters need the write permission `system`."""
        answer: asyncio.Future[Any] = manager.authenticated_future
        # Asterisk answers a wrong password after a second's thought.
        await asyncio.wait((answer, manager.lost), timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done() or answer.exception() is not None:
            answer.cancel()
            raise AmiUnreachable(f"no answer to the AMI login at {self._host}:{self._port}")
        if not answer.result().success:
            said = " ".join(str(answer.result().message).split())
            raise LoginRejected(f"AMI at {self._host}:{self._port} rejects the user {self._user!r}: {said}")
        try:
            for name in self._types:
                fields = {"Operation": "Add", "MatchCriteria": f"name({name})"}
                await self._ask(manager, "Filter", fields, self._timeout)
            mask = "on" if self._types else "off"  # without a filter, "on" would be everything
            await self._ask(manager, "Events", {"EventMask": mask}, self._timeout)
        except ActionFailed as error:
            raise LoginRejected(f"the AMI user {self._user!r} may not do what is needed: {error}") from error

    async def _watch(self, manager: Manager) -> str:
        """Ping until the line is lost; returns why."""
        while True:
            done, _ = await asyncio.wait((manager.lost,), timeout=self._keepalive)
            if done:
                return manager.lost.result()
            try:
                await self._ask(manager, "Ping", {}, self._timeout)
            except ActionTimeout:
                return "Asterisk does not answer AMI pings"
            except AmiError as error:
                return str(error)

    # ---- what comes in

    def _event(self, row: Row) -> None:
        kind = self._types.get(str(row.get("event", "")))
        if kind is None:
            return
        try:
            event = msgspec.convert(row, kind, strict=False)
        except msgspec.ValidationError as error:
            self._report(AmiProblem("malformed", f"an AMI event of type {kind.__name__}: {error}"))
            return
        if self._up.is_set():
            self._tell(event)
        else:  # the login is still under way: told after AmiConnected
            self._early.append(event)

    def _tell(self, message: Message) -> None:
        for listener in self._listeners:
            try:
                listener(message)
            except Exception as error:  # noqa: BLE001  whatever the listener raises, the line must go on
                self._report(AmiProblem("callback", f"an AMI listener raised {type(error).__name__}", error))

    def _strange(self, error: Exception) -> None:
        detail = f"an AMI message could not be handled: {type(error).__name__}"
        self._report(AmiProblem("malformed", detail, error))

    def _report(self, problem: AmiProblem) -> None:
        self.problems[problem.kind] += 1
        if self._on_problem is not None:
            self._on_problem(problem)
