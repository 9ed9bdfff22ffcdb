"""panoramisk, with its faults contained.

What was found in version 1.4, and is mended here by subclasses of its own parts:

- it guesses when the answer to an action is complete (`Added … to queue` is taken for the beginning of a list, and
  never ends): `Action` goes by AMI's own `EventList` header;
- it keeps unanswered actions and sends them again after a reconnect, an Originate too: `Protocol.close` fails them;
- it cuts a UTF-8 letter in two where a packet ends, and loses the last header of a message if its value is empty
  (`BridgeId:`): `Protocol.data_received` takes messages apart by itself;
- it reconnects by itself at a fixed pace, pings without looking for the answer, and lets an exception of a callback
  end the connection: `Manager` leaves all that to its owner;
- it writes line breaks in values as they are, and logs messages with phone numbers and the password in them.
"""

from __future__ import annotations

import asyncio
import codecs
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from panoramisk import actions, ami_protocol, manager, message

from telephony.pbx.ami_types import AmiConnectionLost

Fields = Mapping[str, "str | int | bool | Sequence[str] | None"]
Row = Mapping[str, str]

MAX_MESSAGE = 4 * 1024 * 1024  # characters without an end of message

_GREETING = re.compile(r"Asterisk Call Manager/(\S+)")
_silent = logging.Logger("panoramisk", level=logging.CRITICAL + 1)


class Action(actions.Action):  # type: ignore[misc]  # panoramisk has no types
    """An action that knows when its answer is complete."""

    def __init__(self, name: str, fields: Fields) -> None:
        super().__init__({"Action": name, **_written(fields)})
        self.name = name

    def add_message(self, received: Any) -> bool:
        self.responses.append(received)
        opens_list = str(self.responses[0].eventlist).lower() == "start"
        ends_list = len(self.responses) > 1 and str(received.eventlist).lower() in ("complete", "cancelled")
        complete = ends_list or not opens_list
        if complete and not self.future.done():
            self.future.set_result([_row(each) for each in self.responses])
        return complete


class Protocol(ami_protocol.AMIProtocol):  # type: ignore[misc]
    """One TCP line to AMI."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.log = _silent
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self.version: str | None = None

    def data_received(self, data: bytes) -> None:
        *blocks, self._rest = (self._rest + self._decoder.decode(data)).split("\r\n\r\n")
        for block in blocks:
            if self.version is None and (greeting := _GREETING.match(block)):
                self.version = greeting[1]
            received = message.Message.from_line(block.strip("\r\n"))
            if received is not None:
                self.handle_message(received)
        if len(self._rest) > MAX_MESSAGE:
            self.transport.abort()

    def handle_message(self, received: Any) -> None:
        try:
            super().handle_message(received)
        except Exception as error:  # noqa: BLE001  one strange message must not end the line; it is reported
            self.factory.strange(error)

    def forget(self, action: Action) -> None:
        """No longer wait for an answer to `action`."""
        self.responses.pop(action.id, None)

    def close(self) -> None:
        waiting = dict(self.responses)
        self.responses.clear()
        super().close()
        for action in waiting.values():
            if not action.future.done():
                action.future.set_exception(AmiConnectionLost(f"AMI {action['action']}: the line was lost"))


class Manager(manager.Manager):  # type: ignore[misc]
    """panoramisk's manager for one connection: it logs in, and tells its owner what comes and when it ends."""

    def __init__(
        self,
        user: str,
        password: str,
        on_event: Callable[[Row], None],
        on_strange: Callable[[Exception], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(username=user, secret=password, events="system", loop=loop, log=_silent)
        self._on_event = on_event
        self.strange = on_strange
        self.lost: asyncio.Future[str] = loop.create_future()

    def attach(self, transport: asyncio.Transport, protocol: Protocol) -> None:
        """Take over a new line and send the login; its answer is `authenticated_future`."""
        made = self.loop.create_future()
        made.set_result((transport, protocol))
        self.connection_made(made)
        self.protocol.log = _silent

    def login(self, future: asyncio.Future[Any]) -> None:
        """The owner looks at the answer."""

    def ping(self) -> None:
        """The owner pings, and looks at the answer."""

    def dispatch(self, event: Any) -> None:
        self._on_event({name.lower(): value for name, value in event.items()})

    def connection_lost(self, exc: object) -> None:
        self.close()
        if not self.lost.done():
            self.lost.set_result(str(exc) if isinstance(exc, Exception) else "Asterisk closed the AMI connection")


def _written(fields: Fields) -> dict[str, str | list[str]]:
    """Values as AMI wants them. A line break would begin a header, or an action, of somebody else's making."""
    written: dict[str, str | list[str]] = {}
    for name, value in fields.items():
        if value is None:
            continue
        texts = [_text(value)] if isinstance(value, str | int) else [_text(each) for each in value]
        if any(mark in text for text in (name, *texts) for mark in "\r\n"):
            raise ValueError(f"a line break in the AMI field {name!r}")
        written[name] = texts if isinstance(value, list | tuple) else texts[0]
    return written


def _row(received: Any) -> dict[str, str]:
    """A message as AMI sent it, without the empty body that panoramisk adds."""
    return {name: value for name, value in received.items() if name != "content" or value}


def _text(value: str | int | bool) -> str:
    if isinstance(value, str):
        return value
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
