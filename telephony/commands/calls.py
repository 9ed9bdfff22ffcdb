"""`gudok calls`: the latest calls of the call log. Numbers of callers are not shown: their tokens are (--json).

`gudok calls --number-of TOKEN --why TEXT` tells one number; who has asked, when and why is on record. `--forget TOKEN`
erases it for good: the calls keep the token, and nobody can tell any more whose it was.
"""

from __future__ import annotations

import argparse
import getpass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from telephony.commands.common import Problem, duration, settings_of, table, with_database
from telephony.exits import Exit

if TYPE_CHECKING:
    from telephony.store.rows import CallRow

HEAD = ["ARRIVED", "CALL", "KIND", "NUMBER", "QUEUE", "WAITED", "TALKED", "OUTCOME", "OPERATOR", "RINGS", "DISPOSITION"]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hours", type=hours, default=24.0, help="how far back to look (default 24)")
    parser.add_argument("--last", type=count, default=50, metavar="N", help="the last N calls (default 50)")
    parser.add_argument("--number-of", metavar="TOKEN", help="tell the number behind a caller's token; goes on record")
    parser.add_argument("--forget", metavar="TOKEN", help="erase the number behind a caller's token for good")
    parser.add_argument("--why", metavar="TEXT", help="with --number-of: for what it is needed")
    parser.add_argument("--json", action="store_true", help="a JSON line for each call, for programs")


def hours(text: str) -> float:
    """As far back as there were telephones."""
    value = float(text)
    if not 0 < value < 24 * 366 * 150:
        raise argparse.ArgumentTypeError(f"{text} is no time to look back; give hours, for example 24")
    return value


def count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of calls; give 1 or more")
    return value


def run(args: argparse.Namespace) -> int:
    from telephony.store.break_queries import dispositions_between
    from telephony.store.database import Database
    from telephony.store.queries import calls_between

    if args.number_of is not None:
        return _tell_number(args)
    if args.forget is not None:
        return _forget_number(args)

    async def read(database: Database) -> tuple[list[CallRow], dict[str, str]]:
        now = datetime.now(UTC)
        rows = await calls_between(database.engine, now - timedelta(hours=args.hours), now, args.last)
        since = rows[0].arrived if rows else now
        given = await dispositions_between(database.engine, since, now)
        return rows, {row.call: row.disposition for row in given}

    settings = settings_of(args)
    rows, given = with_database(settings, read)
    if args.json:
        import msgspec

        for row in rows:
            whole = msgspec.structs.asdict(row) | {"disposition": given.get(row.id)}
            print(msgspec.json.encode(whole).decode())
        return Exit.OK
    zone = ZoneInfo(settings.plan.timezone)
    print(table([[*cells(row, zone), given.get(row.id, "-")] for row in rows], HEAD))
    return Exit.OK


def _tell_number(args: argparse.Namespace) -> int:
    """One number, and a row that says who has looked at it."""
    from telephony.store.notes import look_at_number

    if not (args.why or "").strip():
        raise Problem("say with --why for what the number is needed: it goes on record", Exit.MISTAKE)
    settings, who, now = settings_of(args), getpass.getuser(), datetime.now(UTC)
    number = with_database(
        settings, lambda database: look_at_number(database, args.number_of, who=who, why=args.why, now=now)
    )
    if number is None:
        raise Problem("no number is kept for this token")
    print(number)
    return Exit.OK


def _forget_number(args: argparse.Namespace) -> int:
    from telephony.store.notes import forget_number

    if not with_database(settings_of(args), lambda database: forget_number(database, args.forget)):
        raise Problem("no number is kept for this token")
    print("erased")
    return Exit.OK


def cells(row: CallRow, zone: ZoneInfo) -> list[str]:
    waited = row.answered or row.ended
    return [
        row.arrived.astimezone(zone).strftime("%d.%m. %H:%M:%S"),
        row.id,
        row.kind + (" via fallback" if row.via_fallback else ""),
        row.number,
        row.queue or "-",
        duration((waited - row.arrived).total_seconds()) if waited else "-",
        duration((row.ended - row.answered).total_seconds()) if row.ended and row.answered else "-",
        row.outcome or ("talking" if row.answered else "waiting"),
        row.last_operator or row.answered_by or row.operator or "-",
        str(row.attempts),
    ]
