"""What the types of the plan cannot say: names that exist, numbers that are free, overflow that ends.

A name that is empty was a mistake already when it was read, and is passed over here.
"""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from collections.abc import Collection, Iterator, Mapping, Sequence

from telephony.config.breaks import break_mistakes
from telephony.config.mistakes import Mistake, suggest
from telephony.config.queue_names import queue_name_mistakes
from telephony.config.values import Places, shown
from telephony.core.plan import ACTIONS, Plan, Queue
from telephony.core.staff import Operator

LANGUAGES = ("ru", "en")
SPOKEN = (
    *("ask-extension", "ask-pin", "nothing-entered", "service-away", "ask-reason", "ask-outcome", "nothing-dialed"),
    *("logged-in", "already-logged-in", "logged-out", "wrong-pin", "login-locked", "unknown-operator", "unknown-phone"),
    *("logged-in-elsewhere", "phone-in-use", "not-logged-in", "finish-call-first", "own-queue"),
    "you-are-ready",
    *("hand-raised", "hand-lowered", "hand-no-call", "help-not-allowed", "help-nobody", "help-ringing"),
    *("outcome-noted", "outcome-unknown", "outcome-no-call"),
    *("state-ready", "state-ringing", "state-talking", "state-on-hold", "state-wrap-up", "state-unreachable"),
    *("state-break", "break-granted", "break-until", "break-deferred", "break-begin-by"),
    *("break-waits", "break-ends-soon", "break-over", "break-cancelled", "next-slot-at", "tomorrow", "another-day"),
    *("refused-not-in-shift", "refused-not-in-slot", "refused-slot-used", "refused-cap", "refused-no-order"),
    *("refused-no-reason", "refused-ringing", "refused-already"),
    *(f"hour-{hour}" for hour in range(24)),
    *(f"minute-{minute}" for minute in range(60)),
)
"""Prompts that operators hear: first those of the dialplan when they dial a code, then Gudok's answers and words."""
PORTABLE_PATTERN = r"(?:[0-9+*#^$.|?(){},\[\]-]|\\[+*.])+"
"""Regular expressions that Python and the PBX understand alike."""
SIP_URI = r"sips?:[A-Za-z0-9.+_@:\[\]-]+(;[A-Za-z0-9=._-]+)*"


SECTIONS = {
    "prompt": "prompts",
    "music class": "music",
    "group": "groups",
    "queue": "queues",
    "phone": "phones",
    "trunk": "trunks",
}
"""Where the things of each kind stand that others refer to."""


def check_plan(plan: Plan, places: Places, music: Mapping[str, str], unread: Collection[str] = ()) -> list[Mistake]:
    """All mistakes of `plan` that show without the roster; `music` are the classes besides `default`.

    What refers into a section of `unread` is not looked for: it may stand there, and nobody could read it."""
    return _Check(plan, places, unread).run(music)


class _Check:
    def __init__(self, plan: Plan, places: Places, unread: Collection[str]) -> None:
        self.plan = plan
        self.places = places
        self.unread = unread
        self.found: list[Mistake] = []
        self.queues = {queue.name: queue for queue in plan.queues}
        self.prompts = {prompt.name for prompt in plan.prompts}

    def run(self, music: Mapping[str, str]) -> list[Mistake]:
        self.center()
        for queue in self.plan.queues:
            self.queue(queue, {"default", *music})
            self.overflow(queue)
        self.circles()
        self.groups()
        self.directory()
        self.codes()
        self.prompt_sources()
        self.network()
        self.breaks()
        for path, what, right in queue_name_mistakes(self.plan):
            self.wrong(path, what, right)
        self.found += number_conflicts(self.plan, self.places)
        return self.found

    def wrong(self, path: tuple[str | int, ...], what: str, right: str = "") -> None:
        self.found.append(Mistake(self.places.at(*path), f"{'.'.join(map(str, path))}: {what}", right))

    def known(self, path: tuple[str | int, ...], kind: str, name: str | None, names: Collection[str]) -> None:
        if name and name not in names and SECTIONS.get(kind) not in self.unread:
            self.wrong(path, f"no {kind} is called {name}", suggest(name, names))

    # --- the center and its queues --------------------------------------------------------------------------

    def center(self) -> None:
        plan = self.plan
        try:
            zoneinfo.ZoneInfo(plan.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            zones = zoneinfo.available_timezones()
            right = suggest(plan.timezone, zones) if zones else "this machine has no zones: install tzdata"
            self.wrong(("timezone",), f"no time zone is called {plan.timezone}", right)
        self.known(("language",), "language", plan.language, LANGUAGES)
        for field in ("unknown_number", "farewell"):
            self.known((field,), "prompt", getattr(plan, field), self.prompts)
        for name in SPOKEN:
            if name not in self.prompts and "prompts" not in self.unread:
                self.wrong(("prompts",), f"{name} is missing", "give its text: operators hear it at feature codes")

    def queue(self, queue: Queue, music: Collection[str]) -> None:
        here = ("queues", queue.name)
        self.known((*here, "greeting"), "prompt", queue.greeting, self.prompts)
        self.known((*here, "music"), "music class", queue.music, music)
        for field, farewell in (("at_max_wait", queue.at_max_wait), ("nobody", queue.nobody)):
            if farewell is not None:
                self.known((*here, field), "prompt", farewell.prompt, self.prompts)
        if queue.hear_out and queue.greeting is None:
            self.wrong((*here, "hear_out"), "there is no greeting to hear out", "give the queue a greeting")

    def overflow(self, queue: Queue) -> None:
        last, over = -1, ""
        groups = {group.name for group in self.plan.groups}
        for index, step in enumerate(queue.overflow):
            here = ("queues", queue.name, "overflow", index)
            set_fields = [f for f in ("require", "add_group", "to_queue", "hang_up") if getattr(step, f) is not None]
            if len(set_fields) != 1:
                got = " and ".join(set_fields) or "none"
                self.wrong(here, f"has {got}", "give one of require, add_group, to_queue, hang_up")
            if over:
                self.wrong(here, f"is never reached: the step before ends with {over}", "remove it")
            if step.after <= last:
                self.wrong(here, f"after {step.after} follows after {last}", "let the steps rise in time")
            elif step.after >= queue.max_wait:
                what = f"after {step.after} is never reached: max_wait is {queue.max_wait}"
                self.wrong(here, what, "give an earlier step or a longer max_wait")
            last = step.after
            over = next((field for field in set_fields if field in ("to_queue", "hang_up")), over)
            self.known((*here, "add_group"), "group", step.add_group, groups)
            self.known((*here, "to_queue"), "queue", step.to_queue, self.queues)
            if step.hang_up is not None:
                self.known((*here, "hang_up"), "prompt", step.hang_up.prompt, self.prompts)

    def circles(self) -> None:
        """Each circle of overflow is told once, at the queue that comes first in the plan."""
        told: set[frozenset[str]] = set()
        for queue in self.plan.queues:
            way = circle_from(queue.name, self.queues)
            if way and frozenset(way) not in told:
                told.add(frozenset(way))
                self.wrong(
                    ("queues", queue.name, "overflow"),
                    f"overflow runs in a circle: {' -> '.join([*way, way[0]])}",
                    "let one of them end elsewhere",
                )

    def groups(self) -> None:
        for group in self.plan.groups:
            if not group.require and not group.logins:
                self.wrong(("groups", group.name), "nobody can be in it", "give it require or logins")

    def breaks(self) -> None:
        groups = {group.name for group in self.plan.groups}
        for field in ("seniors", "heads"):
            self.known(("breaks", field), "group", getattr(self.plan.breaks, field), groups)
        for path, what, right in break_mistakes(self.plan, numbers_of(self.plan)):
            self.wrong(path, what, right)

    # --- numbers, codes, prompts, network -------------------------------------------------------------------

    def directory(self) -> None:
        phones = {phone.name for phone in self.plan.phones}
        trunks = {trunk.name for trunk in self.plan.trunks}
        for entry in self.plan.directory:
            here = ("directory", entry.number)
            if (entry.phone is None) == (entry.dial is None):
                self.wrong(here, "must have either phone or dial", "phone: NAME, or dial: NUMBER and trunk: NAME")
            if (entry.dial is None) != (entry.trunk is None):
                self.wrong(here, "dial and trunk belong together", "give both or neither")
            self.known((*here, "phone"), "phone", entry.phone, phones)
            self.known((*here, "trunk"), "trunk", entry.trunk, trunks)
        for index, rule in enumerate(self.plan.outbound):
            where = ("outbound", index)
            self.known((*where, "trunk"), "trunk", rule.trunk, trunks)
            if rule.pattern:
                self.pattern((*where, "pattern"), rule.pattern)

    def pattern(self, path: tuple[str | int, ...], pattern: str) -> None:
        try:
            re.compile(pattern)
        except re.error as error:
            self.wrong(path, f"{shown(pattern)} is no regular expression: {error}", "for example 8[0-9]{10}")
            return
        if not re.fullmatch(PORTABLE_PATTERN, pattern) or "(?" in pattern:
            right = r"use digits, + * # . [ ] { } ( ) | ? and \+ only, for example \+?7[0-9]{10}"
            self.wrong(path, f"{shown(pattern)} would not be understood by the PBX", right)

    def codes(self) -> None:
        for code in self.plan.codes:
            self.known(("codes", code.code), "action", code.action, ACTIONS)

    def prompt_sources(self) -> None:
        for prompt in self.plan.prompts:
            here = ("prompts", prompt.name)
            if (prompt.text is None) == (prompt.sound is None):
                self.wrong(here, "must have either text or sound", "text: what is said, or sound: a file of the PBX")
            elif prompt.sound is not None and not re.fullmatch(r"[A-Za-z0-9_/-]+", prompt.sound):
                self.wrong((*here, "sound"), f"{shown(prompt.sound)} is no sound", "for example queue-thankyou")

    def network(self) -> None:
        phones = {phone.name for phone in self.plan.phones}
        for trunk in self.plan.trunks:
            here = ("trunks", trunk.name)
            if trunk.name in phones:
                self.wrong(here, "a phone has this name too", "rename one of them")
            if not trunk.match and trunk.contact is None:
                self.wrong(here, "neither takes nor makes calls", "give it match, contact, or both")
            if trunk.contact is not None and not re.fullmatch(SIP_URI, trunk.contact):
                self.wrong((*here, "contact"), f"{shown(trunk.contact)} is no SIP address", "sip:192.0.2.1:5060")
            if trunk.username is not None and trunk.contact is None:
                self.wrong((*here, "username"), "there is no contact to log in at", "give the trunk a contact")
            for index, match in enumerate(trunk.match):
                if not is_address(match):
                    what = f"{shown(match)} is neither an IP address nor a network"
                    self.wrong((*here, "match", index), what, "for example 192.0.2.1 or 192.0.2.0/24")


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def circle_from(start: str, queues: Mapping[str, Queue]) -> list[str]:
    """The circle of overflow through queue `start`, beginning with it; empty when there is none."""
    ways = [[start]]
    seen = {start}
    while ways:
        way = ways.pop()
        for step in queues[way[-1]].overflow:
            to = step.to_queue
            if to == start:
                return way
            if to is not None and to in queues and to not in seen:
                seen.add(to)
                ways.append([*way, to])
    return []


def numbers_of(plan: Plan) -> Iterator[tuple[str, str, tuple[str | int, ...]]]:
    """Every number that leads somewhere: (number, what it belongs to, where it stands)."""
    for queue in plan.queues:
        owner = f"queue {queue.name}"
        for index, number in enumerate(queue.numbers):
            yield number, owner, ("queues", queue.name, "numbers", index)
        if queue.transfer_number and queue.transfer_number not in queue.numbers:
            yield queue.transfer_number, owner, ("queues", queue.name, "transfer_number")
    for entry in plan.directory:
        yield entry.number, f"directory entry {entry.label}", ("directory", entry.number)
    for code in plan.codes:
        yield code.code, f"code {code.action}", ("codes", code.code)


def number_conflicts(plan: Plan, places: Places, operators: Sequence[Operator] = ()) -> list[Mistake]:
    """Numbers that lead to two things at once. With `operators`, only their extensions are told."""
    owners: dict[str, tuple[str, tuple[str | int, ...]]] = {}
    found = []
    for number, owner, path in numbers_of(plan):
        if number in owners and not operators:
            first, where = owners[number]
            what = f"{'.'.join(map(str, path))}: {number} belongs to {first} already ({places.at(*where)})"
            found.append(Mistake(places.at(*path), what, f"give {owner} another number"))
        owners.setdefault(number, (owner, path))
    for operator in operators:
        if operator.extension in owners:
            owner, path = owners[operator.extension]
            what = f"{owner}: {operator.extension} is the extension of operator {operator.login} too"
            found.append(Mistake(places.at(*path), what, "give one of them another number"))
        elif (index := rule_of(plan, operator.extension)) is not None:
            what = f"outbound.{index}: {plan.outbound[index].pattern} matches {operator.extension} too, the extension"
            right = "give one that matches no outbound pattern, or a narrower pattern"
            found.append(Mistake(places.at("outbound", index), f"{what} of operator {operator.login}", right))
    return found


def rule_of(plan: Plan, number: str) -> int | None:
    """The first outbound rule that dials `number`, by its index."""
    matching = (index for index, rule in enumerate(plan.outbound) if re.fullmatch(rule.pattern, number))
    return next(matching, None)


def taken_extension(plan: Plan, extension: str) -> str | None:
    """Why no operator can have `extension` beside this plan, and what would be right; None where one can."""
    for number, owner, _ in numbers_of(plan):
        if number == extension:
            return f"extension {extension!r} is a number of {owner}; give another"
    if (index := rule_of(plan, extension)) is not None:
        pattern = plan.outbound[index].pattern
        return f"extension {extension!r} would be dialed outside by outbound.{index} ({pattern}); give another"
    return None
