"""The plan: the contact center as data, typed. `telephony.settings` reads it from config/ and validates it.

All durations are whole seconds, all names are keys of the config files. The plan never changes while a router
runs; it is journaled at every start, so that a recorded stream replays under the plan it was recorded with.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

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
Minutes = Annotated[int, Meta(ge=0, le=1440, description="whole minutes, 0 to 1440")]
Hours = Annotated[int, Meta(ge=1, le=24, description="whole hours, 1 to 24")]
Digit = Annotated[str, Meta(pattern=r"^[0-9]\Z", description="one digit")]
Digits = Annotated[str, Meta(pattern=r"^[0-9*#]{1,6}\Z", description="1 to 6 of the keys 0-9, * and #")]
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


ACTIONS = (
    *("login", "logout", "back", "status"),
    *("technical", "management", "emergency"),
    *("hand", "listen", "whisper", "join", "outcome"),
)
"""What a feature code can do. `emergency` and `outcome` are followed by the digits of the configured list."""


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


class BreakRules(Record, frozen=True):
    """When who may pause. `seniors` and `heads` are groups: they give orders, review emergencies, take hands."""

    seniors: Name | None = None
    heads: Name | None = None
    tolerance: Seconds = 120
    """How much before and after its slot a technical break may begin."""
    max_on_break_share: Percent = 15
    """Of a queue's operators at work, on a technical break at once; rounded up, at least one."""
    warning: Seconds = 60
    """Before the end of a break the operator is warned, in words and on the lamp; 0: not at all."""
    announce: bool = True
    """In words: their phone rings, if it is idle, and says so. False: on the lamp only."""
    at_end: Literal["return", "overrun"] = "return"
    """When a break's time is up: READY by itself, or a violation from then on until the operator says they are back.
    A phone that is not answered then is marked like any other."""
    emergency: Seconds = 900
    """How long an emergency pause lasts."""
    emergency_reasons: dict[Digit, Label] = {}
    """The digit dialed after the code -> what it stands for. Without any, there is no emergency pause."""
    seat_change: Seconds = 60
    """Within one's shift, logging out and in again is a disguised pause, however short. Who is put out because a
    colleague logs in on their phone has so long to log in elsewhere."""


class WorkRules(Record, frozen=True):
    """What the planned breaks of a shift must keep to. Minutes."""

    max_continuous_minutes: Minutes = 120
    lunch_minutes: Minutes = 60
    lunch_min_minutes: Minutes = 30
    lunch_max_minutes: Minutes = 120
    min_break_minutes: Minutes = 10
    paid_break_minutes: dict[Hours, Minutes] = msgspec.field(default_factory=lambda: {8: 90, 12: 140})
    """Shift length in hours -> paid breaks in minutes; in between the shorter shift's value counts."""


class HandRules(Record, frozen=True):
    """A raised hand: keys pressed inside a call, and who is told after how long without help."""

    keys: Digits | None = "**"
    """Pressed by the operator during a conversation: kept from the caller. None: only by the code."""
    heads_after: Seconds = 30
    alarm_after: Seconds = 90


class LogInRules(Record, frozen=True):
    """Wrong PINs in a row before the extension is locked, and for how long. Each costs a growing delay."""

    attempts: Annotated[int, Meta(ge=1, le=100, description="a whole number, 1 to 100")] = 5
    lock: Seconds = 900


class Disposition(Record, frozen=True):
    """How a conversation ended, as the operator says it afterwards: `code` is dialed after the outcome code."""

    code: Digits
    label: Label

    @property
    def prompt(self) -> str:
        """The name under which its label is spoken."""
        return "outcome-" + self.code.translate({ord("*"): "s", ord("#"): "h"})


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
    breaks: BreakRules = BreakRules()
    work_rules: WorkRules = WorkRules()
    hands: HandRules = HandRules()
    logins: LogInRules = LogInRules()
    outcomes: tuple[Disposition, ...] = ()
