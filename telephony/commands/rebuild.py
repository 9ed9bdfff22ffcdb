"""`gudok rebuild`: the call log made again from the journal, while the service runs."""

from __future__ import annotations

import argparse
import sys

from telephony.commands.common import Problem, settings_of, with_database
from telephony.exits import Exit


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing more than the configuration."""


def run(args: argparse.Namespace) -> int:
    from telephony.store.database import Database
    from telephony.store.lock import LockedError
    from telephony.store.rebuild import Progress, rebuild

    def report(progress: Progress) -> None:
        if sys.stderr.isatty():
            print(f"\rentry {progress.seq} of {progress.last} ", end="", file=sys.stderr, flush=True)

    async def make(database: Database) -> int:
        return await rebuild(database, report)

    try:
        count = with_database(settings_of(args), make)
    except LockedError as error:
        raise Problem(str(error)) from error
    print(f"the call log was made again from {count} entries")
    return Exit.OK
