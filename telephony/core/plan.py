"""The plan: the contact center as data, typed. `telephony.settings` reads it from config/ and validates it.

All durations are whole seconds, all names are keys of the config files. The plan never changes while a router
runs; it is journaled at every start, so that a recorded stream replays under the plan it was recorded with.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of everything that stands in the plan: immutable, named fields only."""


class Strategy(StrEnum):
    """Which of several free operators gets the caller."""

    LONGEST_IDLE = "longest_idle"
    SKILL_LEVEL = "skill_level"
    ROUND_ROBIN = "round_robin"
    FEWEST_CALLS = "fewest_calls"


Skills = dict[str, int]


class ServiceLevel(Record):
    """`percent` of the calls answered within `seconds`."""

    percent: int = 80
    seconds: int = 20


class Farewell(Record):
    """What a caller hears before the center hangs up."""

    prompt: str


class Overflow(Record):
    """One step of widening, `after` seconds of waiting. Exactly one of the other fields is set."""

    after: int
    require: Skills | None = None
    """Replaces the queue's required skills from here on."""
    add_group: str | None = None
    """Operators of this group may take the caller too."""
    to_queue: str | None = None
    """The caller moves to this queue and keeps the arrival time."""
    hang_up: Farewell | None = None


class Queue(Record):
    """One queue. `require` are the skills (name -> least level, 1..9) an operator needs to serve it."""

    name: str
    label: str
    numbers: tuple[str, ...] = ()
    """Service numbers whose callers come here."""
    transfer_number: str | None = None
    """What an operator dials (or refers to) in order to hand a caller to this queue."""
    priority: int = 0
    """Higher goes first, before arrival."""
    require: Skills = {}
    strategy: Strategy = Strategy.LONGEST_IDLE
    ring: int = 20
    wrap_up: int = 10
    service_level: ServiceLevel = ServiceLevel()
    max_wait: int = 1800
    at_max_wait: Farewell | None = None
    """None: the standard farewell of the center."""
    nobody: Farewell | None = None
    """Said, then hung up, when no operator who could ever serve this queue is logged in. None: the caller waits."""
    greeting: str | None = None
    """Prompt played once on arrival."""
    hear_out: bool = False
    """True: the caller is not connected before the greeting has ended."""
    sticky: int = 0
    """Seconds during which a returning caller prefers the last operator; 0 switches it off."""
    music: str = "default"
    overflow: tuple[Overflow, ...] = ()
    auto_answer: bool = False
    """Ask the operator's phone to pick up by itself."""


class Group(Record):
    """A set of operators: those with all of `require`, or listed by login, or both."""

    name: str
    require: Skills | None = None
    logins: tuple[str, ...] = ()


class DirectoryEntry(Record):
    """A specialist or department that operators transfer callers to."""

    number: str
    label: str
    phone: str | None = None
    """An internal phone of pbx.yaml..."""
    dial: str | None = None
    """...or a number dialed through `trunk`."""
    trunk: str | None = None
    ring: int = 30


class Code(Record):
    """A feature code of the operators' phones, for example `*11` login."""

    code: str
    action: str
    """login | logout | back | status (later: breaks, raise hand, outcome)."""


class Prompt(Record):
    """Either `text`, spoken in the language of the center by text-to-speech at set-up, or a `sound` of the PBX."""

    name: str
    text: str | None = None
    sound: str | None = None


class OutboundRule(Record):
    """Operators may dial numbers that match `pattern` (a full-match regular expression) through `trunk`."""

    pattern: str
    trunk: str


class Phone(Record):
    """An operator's SIP phone (endpoint)."""

    name: str
    label: str = ""
    auto_answer: bool = False


class Trunk(Record):
    """A way to the public network. `match`: addresses its calls come from; `contact`: where ours go."""

    name: str
    match: tuple[str, ...] = ()
    contact: str | None = None


class Plan(Record):
    """The whole center."""

    name: str = "Gudok"
    timezone: str = "Asia/Sakhalin"
    language: str = "ru"
    default_ring: int = 30
    unknown_number: str = "unknown-number"
    """Prompt for a call to a number nobody serves."""
    farewell: str = "all-busy"
    """Standard prompt at the end of the longest wait."""
    queues: tuple[Queue, ...] = ()
    groups: tuple[Group, ...] = ()
    directory: tuple[DirectoryEntry, ...] = ()
    codes: tuple[Code, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    outbound: tuple[OutboundRule, ...] = ()
    phones: tuple[Phone, ...] = ()
    trunks: tuple[Trunk, ...] = ()
