"""`gudok breaks`: who is on a break and why; requests, orders and reviews for those who may give them.

What is asked here goes through the running service like a code dialed on a phone: one policy decides.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from telephony.commands.common import Problem, ask_service, settings_of, with_database
from telephony.exits import Exit

if TYPE_CHECKING:
    from telephony.commands.break_views import Breaks
    from telephony.store.database import Database

KINDS = ("technical", "management", "emergency")
LONGEST_ORDER = timedelta(hours=12)


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="who is on a break, what is pending, and what was asked today")
    listed.add_argument("--day", metavar="DATE", help="requests, orders and violations of DATE instead of today")
    request = actions.add_parser("request", help="ask for a break on behalf of an operator")
    request.add_argument("login")
    request.add_argument("kind", choices=KINDS)
    request.add_argument(
        "--reason", default="", metavar="DIGIT", help="of an emergency: its digit in the configuration"
    )
    order = actions.add_parser("order", help="a senior or head lets operators pause, or has them pause")
    order.add_argument("--by", required=True, metavar="LOGIN", help="who gives the order")
    whom = order.add_mutually_exclusive_group(required=True)
    whom.add_argument("--for", dest="logins", nargs="+", metavar="LOGIN", default=[])
    whom.add_argument("--group", metavar="NAME", help="a whole group of the configuration")
    order.add_argument("--until", required=True, metavar="HH:MM", help="by the center's clock")
    order.add_argument("--why", required=True, metavar="TEXT")
    order.add_argument("--on-request", action="store_true", help="they pause when they ask for it, not at once")
    withdraw = actions.add_parser("withdraw", help="take an order back")
    withdraw.add_argument("order", metavar="ORDER", help="its name in gudok breaks list")
    withdraw.add_argument("--by", required=True, metavar="LOGIN")
    review = actions.add_parser("review", help="confirm or reject an emergency afterwards")
    review.add_argument("permission", metavar="PERMISSION", help="its name in gudok breaks list")
    review.add_argument("--by", required=True, metavar="LOGIN")
    verdict = review.add_mutually_exclusive_group(required=True)
    verdict.add_argument("--confirm", action="store_true")
    verdict.add_argument("--reject", action="store_true")


def run(args: argparse.Namespace) -> int:
    return ACTIONS[args.action](args)


def _list(args: argparse.Namespace) -> int:
    from telephony.commands.break_views import described, read_breaks
    from telephony.commands.days import local_day

    settings = settings_of(args)
    zone = ZoneInfo(settings.plan.timezone)
    day = local_day(args.day, zone)

    now = datetime.now(UTC)

    async def read(database: Database) -> Breaks:
        return await read_breaks(database.engine, day, now)

    print(described(with_database(settings, read), zone, now))
    return Exit.OK


def _request(args: argparse.Namespace) -> int:
    from telephony.core.break_facts import BreakKind
    from telephony.core.commands import TakeBreak

    kind = BreakKind(args.kind)
    return ask_service(args, TakeBreak(command="", kind=kind, login=args.login, reason=args.reason, door="cli"))


def _order(args: argparse.Namespace) -> int:
    from telephony.core.commands import GiveOrder

    zone = ZoneInfo(settings_of(args).plan.timezone)
    until = next_time(args.until, datetime.now(UTC), zone)
    if not args.why.strip():
        raise Problem("say why: the order goes on record", Exit.MISTAKE)
    order = GiveOrder(
        command="",
        by=args.by,
        logins=tuple(args.logins),
        group=args.group,
        until=until,
        why=" ".join(args.why.split()),
        at_once=not args.on_request,
    )
    return ask_service(args, order)


def next_time(clock: str, now: datetime, zone: ZoneInfo) -> datetime:
    """When the clocks of the center next show HH:MM, in UTC: today, or after midnight tomorrow.

    Raises Problem for what is no time, and for one that is further away than an order may reach: it has just passed."""
    from telephony.store.local_time import instant, parse_clock

    today = now.astimezone(zone).date()
    try:
        time = parse_clock(clock)
        found = instant(today, time, zone)
        if found <= now:
            found = instant(today + timedelta(days=1), time, zone)
    except ValueError as error:
        raise Problem(f"--until: {error}", Exit.MISTAKE) from error
    if found - now > LONGEST_ORDER:
        hours = LONGEST_ORDER // timedelta(hours=1)
        raise Problem(f"--until: {clock} is over, or more than {hours} hours away", Exit.MISTAKE)
    return found


def _withdraw(args: argparse.Namespace) -> int:
    from telephony.core.commands import WithdrawOrder

    return ask_service(args, WithdrawOrder(command="", by=args.by, order=args.order))


def _review(args: argparse.Namespace) -> int:
    from telephony.core.commands import ReviewEmergency

    review = ReviewEmergency(command="", by=args.by, permission=args.permission, confirmed=args.confirm)
    return ask_service(args, review)


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": _list,
    "request": _request,
    "order": _order,
    "withdraw": _withdraw,
    "review": _review,
}
