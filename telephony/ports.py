"""What the rules need around them, as protocols. Adapters implement them; `telephony.testing` ships them in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal, Protocol

from telephony.core.effects import AnyEffect, CallEffect, MirrorMember, SetLamp
from telephony.core.events import AnyEvent
from telephony.core.facts import AnyFact

Deliver = Callable[[AnyEvent], None]
"""How adapters put an event into the inbox: thread-unsafe, never blocking, to be called on the router's loop."""


class Pbx(Protocol):
    """The PBX as the router sees it. Nothing here blocks or raises: what fails comes back as an event."""

    def perform(self, effect: CallEffect) -> None:
        """Carry out a call effect: in order per call, each answered before the next of that call is sent. A refusal
        comes back as PbxRefused."""

    def mirror(self, effect: MirrorMember) -> None:
        """Show an operator's state in the native fallback queues."""

    def light(self, effect: SetLamp) -> None:
        """Show a state on a lamp; the last wish wins, and is shown again when the PBX has been away."""

    def take_picture(self, why: Literal["start", "reconnect", "overflow", "audit"]) -> None:
        """Comes back as PictureTaken."""

    def beat(self, epoch: int) -> None:
        """Write the router's heartbeat (seconds since 1970) where the dialplan looks before it gives us a
        caller."""


class Journal(Protocol):
    """The append-only record of all inputs and of what was decided."""

    def append(self, seq: int, at: datetime, event: AnyEvent, effects: Sequence[AnyEffect | AnyFact]) -> None:
        """Buffer one entry for the next group commit. Never blocks."""

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        """Call `then` on the loop once entry `seq` and all before are committed."""


class Watchers(Protocol):
    """Those who look on: wallboards, `gudok watch`. They are told once the journal has it in hand."""

    def publish(self, facts: Sequence[AnyFact], alarms: Sequence[AnyEffect]) -> None:
        """Show what has just been established."""
