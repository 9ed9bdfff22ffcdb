"""`gudok status`: how the running service is, in one answer."""

from __future__ import annotations

import argparse
import time

from telephony.commands.common import Problem, clock, duration, locks_told, noted, service_of, table
from telephony.control.board_rows import Snapshot
from telephony.control.client import ServiceAway, ServiceRefused
from telephony.control.wire import StatusAnswer
from telephony.exits import Exit


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the whole answer as JSON, for programs")


def run(args: argparse.Namespace) -> int:
    with service_of(args) as service:
        try:
            answer = service.status()
        except (ServiceAway, ServiceRefused) as error:
            raise Problem(str(error)) from error
    if args.json:
        import msgspec

        print(msgspec.json.encode(answer).decode())
    else:
        print(describe(answer, time.time()))
    return Exit.OK


def describe(answer: StatusAnswer, now: float) -> str:
    totals = answer.picture.totals
    parts = [
        (
            f"running for {duration(now - totals.since)} (pid {answer.pid}), {answer.handled} events, "
            f"{answer.inbox} in the inbox"
        ),
        *(() if answer.serving else ("NOT SERVING: the PBX is away",)),
        *(("THE PBX ANSWERS NO SIP: no call can begin, or end, until it is restarted",) if answer.deaf else ()),
        (
            f"calls {totals.calls}: {totals.waiting} waiting, {totals.talking} talking; "
            f"answered {totals.answered}, abandoned {totals.abandoned}, sent away {totals.sent_away}"
        ),
        f"phones {answer.phones}: {answer.phones - len(answer.phones_away)} registered",
        *_attention(answer.picture, now),
        "",
        queues_table(answer.picture, now),
        "",
        operators_table(answer.picture, now),
    ]
    if answer.latency:
        rows = [
            [name, *(f"{numbers[key]:g}" for key in ("count", "p50", "p99", "max"))]
            for name, numbers in answer.latency.items()
        ]
        parts += ["", table(rows, ["LATENCY, MS", "COUNT", "P50", "P99", "MAX"])]
    if answer.counters:
        rows = [[name, str(count)] for name, count in sorted(answer.counters.items())]
        parts += ["", table(rows, ["COUNTER", "SINCE START"])]
    return "\n".join(parts)


def _attention(picture: Snapshot, now: float) -> list[str]:
    """What a senior should look at, where there is anything."""
    totals = picture.totals
    counts = (
        (totals.hands, "hand up", "hands up"),
        (totals.to_review, "emergency to review", "emergencies to review"),
        (totals.violations, "violation", "violations"),
    )
    found = ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in counts if count)
    return [line for line in (found, locks_told(picture.locked, picture.timezone, now)) if line]


def queues_table(picture: Snapshot, now: float) -> str:
    rows = [
        [
            queue.name,
            str(queue.waiting),
            duration(now - queue.oldest) if queue.oldest is not None else "-",
            str(queue.answered),
            str(queue.abandoned),
            str(queue.sent_away),
            f"{100 * queue.in_level // queue.answered} % in {queue.level_seconds} s" if queue.answered else "-",
        ]
        for queue in picture.queues
    ]
    head = ["QUEUE", "WAITING", "LONGEST", "ANSWERED", "ABANDONED", "SENT AWAY", "OF THE ANSWERED"]
    return table(rows, head)


def operators_table(picture: Snapshot, now: float) -> str:
    rows = [
        [
            *(row.login, row.name, row.phone or "-", row.state, duration(now - row.since), row.reason),
            *(clock(row.until, picture.timezone), noted(row.pending, row.hand)),
        ]
        for row in sorted(picture.operators, key=lambda row: row.login)
    ]
    return table(rows, ["OPERATOR", "NAME", "PHONE", "STATE", "FOR", "REASON", "UNTIL", ""])
