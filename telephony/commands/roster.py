"""`gudok roster`: who works when. Every change is a new version, and reaches a running service at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from telephony.commands import roster_views as views
from telephony.commands.common import Problem, given_file, settings_of, tell_service, with_database
from telephony.exits import Exit

if TYPE_CHECKING:
    from telephony.core.roster_versions import RosterEntry, Standing
    from telephony.settings import Settings
    from telephony.store.database import Database
    from telephony.store.planning import Author, Changed
    from telephony.store.shift_file import Changes

LONGEST_ABSENCE = timedelta(days=400)
CHECKED_DAYS = 31
SHOWN_DAYS = 14
ONE_DAY = timedelta(days=1)
BREAKS_HELP = "for example '10:00-10:15 lunch 13:00-14:00'"
TODAY = "today"


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    imported = actions.add_parser("import", help="take shifts, absences and substitutions from a CSV file")
    imported.add_argument("file", type=Path, help="columns login, date, begin, end, breaks, kind, instead_of, why")
    _signature(imported, why_required=False)
    show = actions.add_parser("show", help="who works on a day or in a week, today by default")
    span = show.add_mutually_exclusive_group()
    span.add_argument("--day", metavar="DATE")
    span.add_argument("--week", metavar="DATE", nargs="?", const=TODAY, help="the week of this day")
    show.add_argument("--operator", metavar="LOGIN", help=f"only this one; without a day, {SHOWN_DAYS} days from today")
    for action, text in (
        ("export", "what is planned as CSV, as import takes it"),
        ("check", f"every breach of the work rules, {CHECKED_DAYS} days from today by default; exit status 1 if any"),
    ):
        ranged = actions.add_parser(action, help=text)
        ranged.add_argument("--from", dest="first", metavar="DATE")
        ranged.add_argument("--to", dest="last", metavar="DATE")
    history = actions.add_parser("history", help="every version: who changed what, when and why")
    history.add_argument("--operator", metavar="LOGIN")
    history.add_argument("--day", metavar="DATE")
    _correct_arguments(actions.add_parser("correct", help="change one operator's day or days"))


def _correct_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="WHAT")
    shift = kinds.add_parser("shift", help="they work from BEGIN to END (of the next day where it is not later)")
    slots = kinds.add_parser("slots", help="other breaks in their shift")
    off = kinds.add_parser("off", help="no shift on that day")
    substitute = kinds.add_parser("substitute", help="they work another's shift")
    for one in (shift, slots, off, substitute):
        one.add_argument("login")
        one.add_argument("first", metavar="DATE")
    for one in (shift, substitute):
        needed = "" if one is shift else "--"
        one.add_argument(f"{needed}begin", metavar="BEGIN")
        one.add_argument(f"{needed}end", metavar="END")
        one.add_argument("--breaks", default="", help=BREAKS_HELP)
    slots.add_argument("breaks", help=BREAKS_HELP)
    substitute.add_argument("--instead-of", required=True, metavar="LOGIN", help="of LOGIN itself: no substitution")
    for kind, text in (("vacation", "absent"), ("sick", "absent"), ("present", "there after all: ends an absence")):
        absence = kinds.add_parser(kind, help=f"{text}, from DATE until LAST (inclusive)")
        absence.add_argument("login")
        absence.add_argument("first", metavar="DATE")
        absence.add_argument("last", metavar="LAST", nargs="?")
    for one in kinds.choices.values():
        _signature(one, why_required=True)


def _signature(parser: argparse.ArgumentParser, *, why_required: bool) -> None:
    parser.add_argument("--by", required=True, metavar="LOGIN", help="who makes the change")
    parser.add_argument("--why", required=why_required, metavar="TEXT")


def run(args: argparse.Namespace) -> int:
    return ACTIONS[args.action](args)


# --- changes -------------------------------------------------------------------------------------------------


def _import(args: argparse.Namespace) -> int:
    from telephony.store.planning import import_shifts

    data = given_file(args.file)
    settings = settings_of(args)
    author = _author(args, (args.why or "").strip() or f"imported from {args.file.name}")

    async def take(database: Database) -> Changed:
        return await import_shifts(database, data, _zone(settings), author)

    return _change(settings, take, source=f"{args.file}: ")


def _correct(args: argparse.Namespace) -> int:
    from telephony.store.planning import change_roster

    if not args.why.strip():
        raise Problem("say why: the change goes on record", Exit.MISTAKE)
    settings = settings_of(args)
    changes = _corrections(args, settings)

    async def correct(database: Database) -> Changed:
        return await change_roster(database, changes, _zone(settings), _author(args, args.why))

    return _change(settings, correct, source="")


def _author(args: argparse.Namespace, why: str) -> Author:
    from telephony.store.planning import Author
    from telephony.store.shift_file import one_line

    return Author(by=args.by, at=datetime.now(UTC), why=one_line(why))


def _change(settings: Settings, work: Callable[[Database], object], source: str) -> int:
    from telephony.store.csv_text import RosterError

    try:
        done: Changed = with_database(settings, work)  # type: ignore[arg-type]
    except RosterError as error:
        lines = [f"{source}{mistake}" for mistake in error.mistakes]
        raise Problem("nothing was changed:\n" + "\n".join(lines), Exit.MISTAKE) from error
    print(f"{done.added} added, {done.unchanged} unchanged")
    for gap in done.uncovered:
        print(views.uncovered_line(gap, _zone(settings)))
    for entry in done.idle:
        print(views.idle_line(entry))
    tell_service(settings, "roster")
    return Exit.OK


def _corrections(args: argparse.Namespace, settings: Settings) -> Changes:
    """The rows that a file would have for this correction."""
    from telephony.store.shift_file import Changes, ShiftLine, entry_of_row

    given = vars(args)
    row = {
        "kind": {"slots": "shift", "substitute": "substitution"}.get(args.kind, args.kind),
        "login": args.login,
        "begin": given.get("begin") or "",
        "end": given.get("end") or "",
        "breaks": given.get("breaks") or "",
        "instead_of": given.get("instead_of") or "",
        "why": args.why,
    }
    first = _day(args.first)
    if args.kind == "slots":
        row |= views.times_of(_standing(settings, first, first), args.login, first, _zone(settings))
    lines = []
    for day in _days(first, _day(given.get("last") or args.first)):
        entry, wrong = entry_of_row(row | {"date": day.isoformat()}, _zone(settings))
        if entry is None or wrong:
            raise Problem("nothing was changed:\n" + "\n".join(wrong), Exit.MISTAKE)
        lines.append(ShiftLine(0, entry))
    return Changes(lines)


# --- views ---------------------------------------------------------------------------------------------------


def _show(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    today = datetime.now(_zone(settings)).date()
    first = last = _day(args.day, today) if args.day else today
    if args.week:
        first = _day(args.week, today)
        first -= first.weekday() * ONE_DAY
        last = first + 6 * ONE_DAY
    elif args.operator and not args.day:
        last = first + (SHOWN_DAYS - 1) * ONE_DAY
    standing = _standing(settings, first, last)
    print(views.days(standing, list(_days(first, last)), _names(settings), _zone(settings), args.operator))
    return Exit.OK


def _export(args: argparse.Namespace) -> int:
    from telephony.store.shift_file import export_shifts

    settings = settings_of(args)
    first, last = _day(args.first) if args.first else None, _day(args.last) if args.last else None
    print(export_shifts(_standing(settings, first, last).entries(), _zone(settings)), end="")
    return Exit.OK


def _check(args: argparse.Namespace) -> int:
    from telephony.store.operators import list_operators

    settings = settings_of(args)
    today = datetime.now(_zone(settings)).date()
    first = _day(args.first, today) if args.first else today
    last = _day(args.last, today) if args.last else first + (CHECKED_DAYS - 1) * ONE_DAY
    standing = _standing(settings, first - ONE_DAY, last + ONE_DAY)
    people = with_database(settings, list_operators)
    found = views.breach_lines(settings.plan, people, standing, set(_days(first, last)), _zone(settings))
    print("\n".join([*found, *views.calendar_lines(standing, list(_days(first, last)))]) or "no breaches")
    return Exit.FAILED if found else Exit.OK


def _history(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    day = _day(args.day) if args.day else None
    print(views.history(_entries(settings, day, day, args.operator), _zone(settings)))
    return Exit.OK


def _entries(settings: Settings, first: date | None, last: date | None, login: str | None) -> list[RosterEntry]:
    from telephony.store.roster_entries import entries_between

    return with_database(settings, lambda database: entries_between(database.engine, first, last, login))


def _standing(settings: Settings, first: date | None, last: date | None) -> Standing:
    from telephony.core.roster_versions import Standing

    return Standing(_entries(settings, first, last, None))


def _names(settings: Settings) -> dict[str, str]:
    from telephony.store.operators import list_operators

    return {operator.login: operator.name for operator in with_database(settings, list_operators)}


def _zone(settings: Settings) -> ZoneInfo:
    return ZoneInfo(settings.plan.timezone)


def _day(text: str, today: date | None = None) -> date:
    from telephony.store.local_time import parse_day

    if text == TODAY and today is not None:
        return today
    try:
        return parse_day(text)
    except ValueError as error:
        raise Problem(str(error), Exit.MISTAKE) from error


def _days(first: date, last: date) -> Iterator[date]:
    if not first <= last <= first + LONGEST_ABSENCE:
        raise Problem(f"from {first} until {last}: give 1 to {LONGEST_ABSENCE.days} days", Exit.MISTAKE)
    return (first + number * ONE_DAY for number in range((last - first).days + 1))


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "import": _import,
    "show": _show,
    "correct": _correct,
    "export": _export,
    "check": _check,
    "history": _history,
}
