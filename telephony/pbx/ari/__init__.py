"""An ARI client: events and REST over one WebSocket to Asterisk (20.14+, 21.9+, 22.4+).

    def on_message(message):  # states and events, in order
        if isinstance(message, StasisStart):
            answer = ari.channels.answer(message.channel.id)  # sent at once; await it if you need the result
            answer.add_done_callback(unheeded)  # else say that you do not

    ari = AriClient("http://127.0.0.1:8088", "user", "password", "hello", on_message=on_message)
    async with ari:
        await ari.wait()

It needs msgspec and picows, and knows nothing of contact centers. See docs/ari-client.md.
"""

from __future__ import annotations

from telephony.pbx.ari.client import AriClient
from telephony.pbx.ari.connection import Problem
from telephony.pbx.ari.errors import (
    ApplicationTaken,
    AriError,
    BadAnswer,
    CannotConnect,
    ConnectionLost,
    ReadOnlyUser,
    Rejected,
    RequestFailed,
    RequestTimeout,
    TooManyRequests,
    WrongPassword,
    WrongVersion,
)
from telephony.pbx.ari.events import CALL_EVENTS, Event
from telephony.pbx.ari.operation import OPERATIONS, Operation, Response, unheeded
from telephony.pbx.ari.probe import check_version
from telephony.pbx.ari.states import Connected, Disconnected, Ended, Message, State
from telephony.pbx.ari.stream import EventStream, Overflow

__all__ = [
    "CALL_EVENTS",
    "OPERATIONS",
    "ApplicationTaken",
    "AriClient",
    "AriError",
    "BadAnswer",
    "CannotConnect",
    "Connected",
    "ConnectionLost",
    "Disconnected",
    "Ended",
    "Event",
    "EventStream",
    "Message",
    "Operation",
    "Overflow",
    "Problem",
    "ReadOnlyUser",
    "Rejected",
    "RequestFailed",
    "RequestTimeout",
    "Response",
    "State",
    "TooManyRequests",
    "WrongPassword",
    "WrongVersion",
    "check_version",
    "unheeded",
]
