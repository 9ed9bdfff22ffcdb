"""The plan: the contact center as data, typed. `telephony.settings` reads it from config/ and validates it.

All durations are whole seconds, all names are keys of the config files. The plan never changes while a router
runs; it is journaled at every start, so that a recorded stream replays under the plan it was recorded with.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

Name = Annotated[
    str,
    Meta(pattern=r"^[a-z][a-z0-9_-]{0,39}\Z", description="small Latin letters first, then digits, _ or -"),
]
Number = Annotated[
    str,
    Meta(pattern=r"^[+*#]?[0-9][0-9*#]{0,30}\Z", description="digits, with +, * or # in front if need be"),
]
Label = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,80}\Z", description="one line of at most 80 characters")]
Text = Annotated[str, Meta(pattern=r"^[^\x00]{1,2000}\Z", description="1 to 2000 characters")]
Seconds = Annotated[int, Meta(ge=0, le=86_400, description="whole seconds, 0 to 86400")]
RingSeconds = Annotated[int, Meta(ge=1, le=600, description="whole seconds, 1 to 600")]
Percent = Annotated[int, Meta(ge=1, le=100, description="a percentage, 1 to 100")]
Priority = Annotated[int, Meta(ge=-100, le=100, description="a whole number, -100 to 100")]
Level = Annotated[int, Meta(ge=1, le=9, description="a skill level, 1 to 9")]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of everything that stands in the plan: immutable, named fields only."""


class Strategy(StrEnum):
    """Which of several free operators gets the caller."""

    LONGEST_IDLE = "longest_idle"
    SKILL_LEVEL = "skill_level"
    ROUND_ROBIN = "round_robin"
    FEWEST_CALLS = "fewest_calls"


Skills = dict[Name, Level]


class ServiceLevel(Record, frozen=True):
    """`percent` of the calls answered within `seconds`."""

    percent: Percent = 80
    seconds: Seconds = 20


class Farewell(Record, frozen=True):
    """What a caller hears before the center hangs up."""

    prompt: Name


class Overflow(Record, frozen=True):
    """One step of widening, `after` seconds of waiting. Exactly one of the other fields is set."""

    after: Seconds
    require: Skills | None = None
    """Replaces the queue's required skills from here on."""
    add_group: Name | None = None
    """Operators of this group may take the caller too."""
    to_queue: Name | None = None
    """The caller moves to this queue and keeps the arrival time."""
    hang_up: Farewell | None = None


class Queue(Record, frozen=True):
    """One queue. `require` are the skills (name -> least level, 1..9) an operator needs to serve it."""

    name: Name
    label: Label
    numbers: tuple[Number, ...] = ()
    """Service numbers whose callers come here."""
    transfer_number: Number | None = None
    """What an operator dials (or refers to) in order to hand a caller to this queue."""
    priority: Priority = 0
    """Higher goes first, before arrival."""
    require: Skills = {}
    strategy: Strategy = Strategy.LONGEST_IDLE
    ring: RingSeconds = 20
    wrap_up: Seconds = 10
    service_level: ServiceLevel = ServiceLevel()
    max_wait: Seconds = 1800
    at_max_wait: Farewell | None = None
    """None: the standard farewell of the center."""
    nobody: Farewell | None = None
    """Said, then hung up, when no operator who could ever serve this queue is logged in. None: the caller
    waits."""
    greeting: Name | None = None
    """Prompt played once on arrival."""
    hear_out: bool = False
    """True: the caller is not connected before the greeting has ended."""
    sticky: Seconds = 0
    """Seconds during which a returning caller prefers the last operator; 0 switches it off."""
    music: Name = "default"
    overflow: tuple[Overflow, ...] = ()
    auto_answer: bool = False
    """Ask the operator's phone to pick up by itself."""


class Group(Record, frozen=True):
    """A set of operators: those with all of `require`, or listed by login, or both."""

    name: Name
    require: Skills | None = None
    logins: tuple[str, ...] = ()


class DirectoryEntry(Record, frozen=True):
    """A specialist or department that operators transfer callers to."""

    number: Number
    label: Label
    phone: Name | None = None
    """An internal phone of pbx.yaml..."""
    dial: Number | None = None
    """...or a number dialed through `trunk`."""
    trunk: Name | None = None
    ring: RingSeconds = 30


ACTIONS = ("login", "logout", "back", "status")
"""What a feature code can do (later: breaks, raise hand, outcome)."""


class Code(Record, frozen=True):
    """A feature code of the operators' phones, for example `*11` login."""

    code: Number
    action: str
    """One of ACTIONS."""


class Prompt(Record, frozen=True):
    """Either `text`, spoken in the language of the center by text-to-speech, or a `sound` of the PBX."""

    name: Name
    text: Text | None = None
    sound: str | None = None


class OutboundRule(Record, frozen=True):
    """Operators may dial numbers that match `pattern` (a full-match regular expression) through `trunk`."""

    pattern: str
    trunk: Name


class Phone(Record, frozen=True):
    """An operator's SIP phone (endpoint)."""

    name: Name
    label: str = ""
    auto_answer: bool = False
    webrtc: bool = False
    """A phone in a browser: WebSocket signalling, encrypted media."""


class Trunk(Record, frozen=True):
    """A way to the public network. `match`: addresses its calls come from; `contact`: where ours go."""

    name: Name
    match: tuple[str, ...] = ()
    contact: str | None = None
    username: Label | None = None
    """Set where the provider wants a login: we register at `contact`; the password is among the secrets."""


class Plan(Record, frozen=True):
    """The whole center."""

    name: Label = "Gudok"
    timezone: str = "Asia/Sakhalin"
    language: str = "ru"
    default_ring: RingSeconds = 30
    unknown_number: Name = "unknown-number"
    """Prompt for a call to a number nobody serves."""
    farewell: Name = "all-busy"
    """Standard prompt at the end of the longest wait."""
    queues: tuple[Queue, ...] = ()
    groups: tuple[Group, ...] = ()
    directory: tuple[DirectoryEntry, ...] = ()
    codes: tuple[Code, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    outbound: tuple[OutboundRule, ...] = ()
    phones: tuple[Phone, ...] = ()
    trunks: tuple[Trunk, ...] = ()
