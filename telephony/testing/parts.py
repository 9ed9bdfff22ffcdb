"""What the switch in memory is made of: phones, channels, bridges, and the causes with which a call ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from telephony.testing.clock import Alarm

Where = Literal["ours", "fallback", "elsewhere"]
Manner = Literal["rings", "picks_up", "busy", "rejects", "silent"]
"""What a phone does when rung. `silent`: its contact is known, but nobody answers the INVITE."""

NORMAL_CLEARING = (16, 0)
BUSY = (17, 486)
NO_ANSWER = (19, 480)
DECLINED = (21, 603)


@dataclass(slots=True, eq=False)
class Phone:
    """A telephone: an operator's, a specialist's, or any outside."""

    name: str
    manner: Manner = "rings"
    reachable: bool = True
    outside: bool = False
    channels: dict[str, Channel] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Channel:
    """One call leg on the PBX. `linked` is the id of the channel that the call began with."""

    id: str
    created: datetime
    linked: str
    where: Where
    state: Literal["down", "ringing", "up"] = "down"
    phone: Phone | None = None
    number: str = ""
    caller: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    bridge: Bridge | None = None
    playback: str | None = None
    ready: bool = False
    gone: bool = False
    holds: bool = False
    """Its phone has put the other side on hold."""
    watched: bool = False
    waits_in: str | None = None
    """The native queue it stands in, while `where` is fallback."""
    spies_on: Channel | None = None
    """Of a snoop channel: the one it hears, and speaks to where it `whispers`."""
    whispers: bool = False
    asks_us: bool = False
    """The PBX leaves this phone's transfer key to us (PJSIP_TRANSFER_HANDLING=ari-only)."""
    says: tuple[str, ...] = ()
    """What the dialplan says on it when it is picked up, before it hangs up."""
    ring_over: Alarm | None = None


@dataclass(slots=True, eq=False)
class Bridge:
    id: str
    kind: Literal["mixing", "holding"]
    channels: dict[str, Channel] = field(default_factory=dict)
    native: bool = False
    """Made by the fallback queue, not by us."""
