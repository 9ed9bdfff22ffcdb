"""`gudok watch`: queues, operators and calls, live in the terminal; a line a change where it is no terminal."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from telephony.commands.common import Problem, service_of, settings_of
from telephony.control.client import ControlClient, ServiceAway
from telephony.control.wire import WatchAnswer
from telephony.exits import Exit

PATIENCE = 15.0
"""So long a service that was there may be away: a router that has died is back before."""
_RETRY_SECONDS = 0.2
_SILENCE_SECONDS = 3.0
"""Who watches is told something each second: a service that has been silent for so long stands still."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plain", action="store_true", help="lines instead of a picture")


def run(args: argparse.Namespace) -> int:
    from telephony.control import watch

    service_of(args).close()
    answers = watched(settings_of(args).control_socket, PATIENCE)
    try:
        if args.plain or not sys.stdout.isatty():
            watch.print_lines(answers)
        else:
            watch.show(answers)
    except ServiceAway as away:
        raise Problem(str(away)) from away
    return Exit.OK


def watched(socket: Path, patience: float, silence: float = _SILENCE_SECONDS) -> Iterator[WatchAnswer | None]:
    """What the service tells, from one life of the router to the next; None where it does not tell any more, and the
    whole again when it does. Raises ServiceAway when that is not so after `patience` seconds. It is away after
    `silence` seconds without a word."""
    away_since: float | None = None
    while True:
        try:
            with ControlClient(socket, timeout=silence) as service:
                for answer in service.watch():
                    away_since = None
                    yield answer
        except ServiceAway:
            now = time.monotonic()
            if away_since is None:
                away_since = now
                yield None
            if now - away_since >= patience:
                raise
        time.sleep(_RETRY_SECONDS)
