"""`gudok operators`: the people who answer. Changes reach a running service at once."""

from __future__ import annotations

import argparse
import csv
import getpass
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from telephony.commands.common import Problem, ask_service, given_file, settings_of, table, tell_service, with_database
from telephony.exits import Exit

if TYPE_CHECKING:
    from telephony.core.staff import Operator
    from telephony.settings import Settings
    from telephony.store.database import Database
    from telephony.store.operators import Imported

SKILLS_HELP = "NAME:LEVEL with levels 1 to 9, for example booking:3;children:1"


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    roster = actions.add_parser("import", help="add and change operators from a CSV file")
    roster.add_argument("file", type=Path, help="columns login, name, extension, skills, pin; a header line")
    actions.add_parser("list", help="all operators")
    for action, text in (
        ("show", "one operator"),
        ("disable", "they can log in no more, and leave after their call"),
        ("enable", "they can log in again"),
        ("logout", "log them out, as if they had dialed the code"),
    ):
        actions.add_parser(action, help=text).add_argument("login")
    login = actions.add_parser("login", help="log them in, as if they had dialed the code on that phone")
    login.add_argument("login")
    login.add_argument("phone")
    day = actions.add_parser("day", help="one operator's day as a timeline, with totals, adherence and conformance")
    day.add_argument("login")
    day.add_argument("--date", metavar="DATE", help="a local day, YYYY-MM-DD or DD.MM.YYYY (default today)")
    adherence = actions.add_parser("adherence", help="adherence and conformance of all operators, today by default")
    adherence.add_argument("--day", metavar="DATE")
    adherence.add_argument("--from", dest="first", metavar="DATE")
    adherence.add_argument("--to", dest="last", metavar="DATE")
    adherence.add_argument("--csv", action="store_true", help="for programs: seconds and percent")
    for action, text in (("add", "a new operator; asks for the PIN"), ("change", "change what is given")):
        one = actions.add_parser(action, help=text)
        one.add_argument("login")
        one.add_argument("--name", required=action == "add")
        one.add_argument("--extension", required=action == "add", help="what they enter and are dialed by")
        one.add_argument("--skills", default="" if action == "add" else None, help=SKILLS_HELP)
        one.add_argument("--pin", action="store_true", default=action == "add", help="ask for a new PIN")


def run(args: argparse.Namespace) -> int:
    return ACTIONS[args.action](args)


# --- in the database -----------------------------------------------------------------------------------------


def _import(args: argparse.Namespace) -> int:
    return _take_roster(args, given_file(args.file), str(args.file))


def _add(args: argparse.Namespace) -> int:
    if any(operator.login == args.login for operator in _all(args, create=True)):
        raise Problem(f"there is an operator {args.login} already: see gudok operators change")
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["login", "name", "extension", "skills", "pin"])
    writer.writerow([args.login, args.name, args.extension, args.skills, _ask_pin()])
    return _take_roster(args, out.getvalue().encode(), "")


def _take_roster(args: argparse.Namespace, data: bytes, source: str) -> int:
    from telephony.config.check import taken_extension
    from telephony.store.csv_text import RosterError
    from telephony.store.operators import import_roster

    settings = settings_of(args)

    async def take(database: Database) -> Imported:
        return await import_roster(database, data, lambda extension: taken_extension(settings.plan, extension))

    try:
        done = with_database(settings, take, create=True)
    except RosterError as error:
        lines = [f"{source}: {mistake}".removeprefix(": ") for mistake in error.mistakes]
        raise Problem("nothing was imported:\n" + "\n".join(lines), Exit.MISTAKE) from error
    print(f"{len(done.added)} added, {len(done.changed)} changed, {len(done.unchanged)} unchanged")
    return _take_over(settings)


def _change(args: argparse.Namespace) -> int:
    from telephony.store.operators import OperatorError, change_operator
    from telephony.store.roster import parse_skills

    enabled = {"disable": False, "enable": True}.get(args.action)
    given = vars(args)
    try:
        skills = parse_skills(given["skills"]) if given.get("skills") is not None else None
    except ValueError as error:
        raise Problem(str(error), Exit.MISTAKE) from error
    settings = settings_of(args)
    _refuse_taken(settings, args.login, given.get("extension"), enabled)
    pin = _ask_pin() if given.get("pin") else None

    async def change(database: Database) -> Operator:
        return await change_operator(
            database,
            args.login,
            name=given.get("name"),
            extension=given.get("extension"),
            skills=skills,
            pin=pin,
            enabled=enabled,
        )

    try:
        operator = with_database(settings, change)
    except OperatorError as error:
        raise Problem(str(error)) from error
    print(_described([operator]))
    return _take_over(settings)


def _refuse_taken(settings: Settings, login: str, extension: str | None, enabled: bool | None) -> None:
    """Raises Problem where the extension that will count belongs to something else: the next start would refuse."""
    from telephony.config.check import taken_extension
    from telephony.store.operators import list_operators

    if extension is None and enabled:
        people = with_database(settings, list_operators)
        extension = next((person.extension for person in people if person.login == login), None)
    if extension is not None and (wrong := taken_extension(settings.plan, extension)):
        raise Problem(wrong, Exit.MISTAKE)


def _list(args: argparse.Namespace) -> int:
    print(_described(_all(args)))
    return Exit.OK


def _show(args: argparse.Namespace) -> int:
    found = [operator for operator in _all(args) if operator.login == args.login]
    if not found:
        raise Problem(f"nobody has the login {args.login}")
    print(_described(found))
    return Exit.OK


def _all(args: argparse.Namespace, *, create: bool = False) -> list[Operator]:
    from telephony.store.operators import list_operators

    return with_database(settings_of(args), list_operators, create=create)


def _described(operators: list[Operator]) -> str:
    rows = [
        [
            operator.login,
            operator.name,
            operator.extension,
            " ".join(f"{name}:{level}" for name, level in sorted(operator.skills.items())) or "-",
            "" if operator.enabled else "disabled",
        ]
        for operator in operators
    ]
    return table(rows, ["LOGIN", "NAME", "EXTENSION", "SKILLS", ""])


def _ask_pin() -> str:
    """Never an argument: those stand in the list of processes for everyone to read."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    pin = getpass.getpass("PIN: ")
    if getpass.getpass("PIN once more: ") != pin:
        raise Problem("the two PINs differ")
    return pin


# --- what is on record ---------------------------------------------------------------------------------------


def _day(args: argparse.Namespace) -> int:
    from telephony.commands.operator_day import timeline

    return timeline(args)


def _adherence(args: argparse.Namespace) -> int:
    from telephony.commands.operator_figures import adherence

    return adherence(args)


# --- in the running service ----------------------------------------------------------------------------------


def _take_over(settings: Settings) -> int:
    """Have a running service read the operators again. What the next start would refuse is said now."""
    from telephony.settings import check
    from telephony.store.operators import list_operators

    for mistake in check(settings, with_database(settings, list_operators)):
        print(f"warning: {mistake}", file=sys.stderr)
    tell_service(settings, "operators")
    return Exit.OK


def _log_in(args: argparse.Namespace) -> int:
    from telephony.core.commands import LogIn

    return ask_service(args, LogIn(command="", login=args.login, phone=args.phone))


def _log_out(args: argparse.Namespace) -> int:
    from telephony.core.commands import LogOut

    return ask_service(args, LogOut(command="", login=args.login))


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "import": _import,
    "list": _list,
    "show": _show,
    "add": _add,
    "change": _change,
    "disable": _change,
    "enable": _change,
    "day": _day,
    "adherence": _adherence,
    "login": _log_in,
    "logout": _log_out,
}
