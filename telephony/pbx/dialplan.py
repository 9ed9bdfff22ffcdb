"""The parts of extensions.conf that depend on the plan: who is reached by which number."""

from __future__ import annotations

import re
from collections.abc import Iterable

from telephony.core.plan import Code, DirectoryEntry, Plan, Queue
from telephony.pbx.prompts import playable

NAMED = "b(gudok-named^s^1)"
RUNG = "b(gudok-rung^s^1)"
"""Option of Queue() and Dial(): the leg's INVITE carries the call's id, as on the legs that Gudok makes."""
NOW = "${STRFTIME(,,%s.%3q)}"


def blocks_of(plan: Plan) -> dict[str, str]:
    """Placeholder of extensions.conf -> its lines."""
    made = {
        "service_numbers": [line for queue in plan.queues for line in service_numbers(queue)],
        "fallback_queues": [line for queue in plan.queues for line in fallback(plan, queue)],
        "returning_queues": [line for queue in plan.queues for line in returning(queue)],
        "codes": [line for code in plan.codes for line in feature_code(code)],
        "away_queues": [line for queue in plan.queues for line in transfer_number(queue)],
        "away_directory": [line for entry in plan.directory for line in directory_number(entry)],
        "away_outbound_rules": outbound_rules(plan),
        "away_outbound_dials": outbound_dials(plan),
        "hints": hints(plan),
    }
    return {name: "\n".join(lines) for name, lines in made.items()}


def lines(exten: str, steps: Iterable[str]) -> list[str]:
    """An extension: its steps in order; a step may begin with its label, `(wait) Queue(...)`."""
    written: list[str] = []
    for step in steps:
        label = re.match(r"\(\w+\)", step)
        start = " same => n" if written else f"exten => {exten},1"
        written.append(f"{start}{label[0]},{step[label.end() + 1 :]}" if label else f"{start},{step}")
    return written


def service_numbers(queue: Queue) -> list[str]:
    return [
        line
        for number in queue.numbers
        for line in lines(number, [f"Set(GUDOK_QUEUE={queue.name})", "Goto(gudok-arrival,${EXTEN},1)"])
    ]


def fallback(plan: Plan, queue: Queue) -> list[str]:
    """The caller waits natively, for what is left of the queue's longest wait: it began with their arrival, unless
    GUDOK_QUEUED tells that they have come to this queue later. A greeting would keep them from an
    operator who is free, so only one that must be heard out is played, once; Gudok may be back after it."""
    farewell = queue.at_max_wait.prompt if queue.at_max_wait else plan.farewell
    greeting = []
    if queue.greeting and queue.hear_out:
        greeting = [
            'GotoIf($["${GUDOK_GREETED}" = "1"]?wait)',
            "Set(GUDOK_GREETED=1)",
            f"Playback({playable(plan, queue.greeting)})",
            "GotoIf($[${EPOCH} - 0${GUDOK_BEAT} <= 2]?gudok-return,${GUDOK_QUEUE},1)",
        ]
    left = f"${{MAX(1,$[{queue.max_wait} - ${{EPOCH}} + ${{GUDOK_QUEUED}}])}}"
    return lines(
        queue.name,
        [
            f"Set(GUDOK_QUEUE={queue.name})",
            f"Set(QUEUE_PRIO={max(0, queue.priority)})",
            f'ExecIf($["${{GUDOK_ARRIVED}}" = ""]?Set(GUDOK_ARRIVED={NOW}))',
            'ExecIf($["${GUDOK_QUEUED}" = ""]?Set(GUDOK_QUEUED=${GUDOK_ARRIVED}))',
            "Answer(,i)",
            *greeting,
            f"(wait) Queue(gudok-{queue.name},{RUNG},,,{left})",
            f"Playback({playable(plan, farewell)})",
            "Hangup()",
        ],
    )


def returning(queue: Queue) -> list[str]:
    return lines(
        queue.name,
        [
            f"Set(GUDOK_QUEUE={queue.name})",
            "GotoIf($[${EPOCH} - 0${GUDOK_BEAT} > 2]?away)",
            "Stasis(gudok,back,${GUDOK_NUMBER},${GUDOK_ARRIVED},${GUDOK_QUEUE},${GUDOK_QUEUED})",
            'GotoIf($["${STASISSTATUS}" = "FAILED"]?away)',
            "Hangup()",
            "(away) Goto(gudok-fallback,${GUDOK_QUEUE},1)",
        ],
    )


WAYS = {
    "login": "gudok-login,s",
    **dict.fromkeys(("logout", "back", "status", "technical", "management", "hand"), "gudok-code,plain"),
    **{action: f"gudok-code,{action}" for action in ("emergency", "outcome")},
    **dict.fromkeys(("listen", "whisper", "join"), "gudok-help,s"),
}
"""Where the dialplan goes on for each action."""
WITH_DIGITS = ("emergency", "outcome", "listen", "whisper", "join")
"""Actions whose digits may be dialed at once, after the code."""


def feature_code(code: Code) -> list[str]:
    steps = [f"Set(GUDOK_ACTION={code.action})", f"Goto({WAYS[code.action]},1)"]
    if code.action not in WITH_DIGITS:
        return lines(code.code, steps)
    digits = f"Set(GUDOK_DIGITS=${{FILTER(0-9*#,${{EXTEN:{len(code.code)}}})}})"
    return [*lines(code.code, steps), *lines(f"_{code.code}[0-9*#]!", [digits, *steps])]


def transfer_number(queue: Queue) -> list[str]:
    if queue.transfer_number is None:
        return []
    return lines(queue.transfer_number, [f"Set(GUDOK_QUEUED={NOW})", f"Goto(gudok-fallback,{queue.name},1)"])


def directory_number(entry: DirectoryEntry) -> list[str]:
    to = f"PJSIP/{entry.phone}" if entry.phone is not None else f"PJSIP/{entry.dial}@{entry.trunk}"
    named = f",{NAMED}" if entry.phone is not None else ""
    return lines(entry.number, [f"Dial({to},{entry.ring}{named})", "Goto(gudok-not-reached,s,1)"])


def outbound_rules(plan: Plan) -> list[str]:
    return [
        f' same => n,GotoIf(${{REGEX("^({posix(rule.pattern)})$" ${{GUDOK_TO}})}}?by-{rule.trunk})'
        for rule in plan.outbound
    ]


def outbound_dials(plan: Plan) -> list[str]:
    made = []
    for trunk in dict.fromkeys(rule.trunk for rule in plan.outbound):
        made.append(f" same => n(by-{trunk}),Dial(PJSIP/${{GUDOK_TO}}@{trunk},{plan.default_ring})")
        made.append(" same => n,Goto(gudok-not-reached,s,1)")
    return made


def posix(pattern: str) -> str:
    r"""The pattern without backslashes, which the dialplan would take for itself: `\+` becomes `[+]`."""
    return re.sub(r"\\([+*.])", r"[\1]", pattern)


LAMPS = {"login": "login", "technical": "break", "hand": "hand"}
"""Codes that stand before an extension for a lamp's number: *213001 is the break of 3001."""


def queue_lamps(queue: Queue) -> list[str]:
    return [f"queue-{queue.name}", *([queue.transfer_number] if queue.transfer_number else [])]


def hints(plan: Plan) -> list[str]:
    """Lamps for phones by name, for the directory's internal phones by number, and those that Gudok lights: by name,
    and, for BLF keys that take digits only, by a number that can be dialed too.

    In a pattern n is a digit, so it stands in brackets; hyphens are passed over.
    """
    named = [f"exten => {phone.name},hint,PJSIP/{phone.name}" for phone in plan.phones]
    lit = [f"exten => _{pattern}X!,hint,Stasis:${{EXTEN}}" for pattern in ("break-", "logi[n]-", "ha[n]d-")]
    for code in plan.codes:
        if (lamp := LAMPS.get(code.action)) is not None:
            lit.append(f"exten => _{code.code}X!,hint,Stasis:{lamp}-${{EXTEN:{len(code.code)}}}")
    for queue in plan.queues:
        lit += [f"exten => {number},hint,Stasis:queue-{queue.name}" for number in queue_lamps(queue)]
    return named + lit + [f"exten => {e.number},hint,PJSIP/{e.phone}" for e in plan.directory if e.phone is not None]
