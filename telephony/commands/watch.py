"""`gudok watch`: queues, operators and calls, live in the terminal; a line a change where it is no terminal."""

from __future__ import annotations

import argparse
import sys

from telephony.commands.common import Problem, service_of
from telephony.control_client import ServiceAway
from telephony.exits import Exit


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plain", action="store_true", help="lines instead of a picture")


def run(args: argparse.Namespace) -> int:
    from telephony import watch

    with service_of(args) as service:
        try:
            if args.plain or not sys.stdout.isatty():
                watch.print_lines(service.watch())
            else:
                watch.show(service.watch())
        except ServiceAway as away:
            raise Problem(str(away)) from away
    return Exit.OK
