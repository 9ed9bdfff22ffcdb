"""`gudok journal export`: all inputs and decisions as JSON lines, for replay and for the curious."""

from __future__ import annotations

import argparse
from pathlib import Path

from telephony.commands.common import Problem, settings_of, with_database
from telephony.exits import Exit


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    export = actions.add_parser("export", help="write the journal to a file, a JSON line for each entry")
    export.add_argument("file", type=Path, help="file to write")
    export.add_argument("--after", type=int, default=0, metavar="SEQ", help="only entries after this number")
    export.add_argument("--until", type=int, metavar="SEQ", help="only entries up to this number")


def run(args: argparse.Namespace) -> int:
    from telephony.store.database import Database
    from telephony.store.reader import ExportError, export_journal

    path: Path = args.file

    async def export(database: Database) -> int:
        return await export_journal(database.engine, path, args.after, args.until)

    try:
        count = with_database(settings_of(args), export)
    except ExportError as error:
        raise Problem(str(error)) from error
    print(f"{count} entries written to {path}")
    return Exit.OK
