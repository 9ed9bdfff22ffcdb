"""`gudok operators adherence`: who worked as planned, and as much as planned."""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from telephony.commands.common import Problem, duration, settings_of, table, with_database
from telephony.commands.days import Days, days_between, named_day
from telephony.core.roster import Shift
from telephony.core.roster_versions import effective
from telephony.exits import Exit
from telephony.kpi.adherence import Figures, Span, measure
from telephony.store import break_queries, queries
from telephony.store.roster_entries import entries_between

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from telephony.core.staff import Operator
    from telephony.store.database import Database

MOST_DAYS = 100
HEAD = ["OPERATOR", "NAME", "SCHEDULED", "PLANNED WORK", "WORKED", "AS PLANNED", "ADHERENCE", "CONFORMANCE"]


@dataclass(frozen=True, slots=True)
class Row:
    person: Operator
    figures: Figures


def adherence(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    days, now = _days(args, ZoneInfo(settings.plan.timezone)), datetime.now(UTC)

    async def read(database: Database) -> list[Row]:
        return await figures_of_all(database.engine, days, now)

    rows = with_database(settings, read)
    if args.csv:
        _write_csv(rows)
    else:
        print(table([_cells(row) for row in rows], HEAD))
    return Exit.OK


def _days(args: argparse.Namespace, zone: ZoneInfo) -> Days:
    if args.day is not None and (args.first or args.last):
        raise Problem("give either --day, or --from and --to", Exit.MISTAKE)
    first = named_day(args.day or args.first, zone)
    last = first if args.day else named_day(args.last, zone)
    if last < first:
        raise Problem("--to lies before --from", Exit.MISTAKE)
    if (last - first).days >= MOST_DAYS:
        raise Problem(f"at most {MOST_DAYS} days at once", Exit.MISTAKE)
    return days_between(first, last, zone)


async def figures_of_all(engine: AsyncEngine, days: Days, now: datetime) -> list[Row]:
    """Of everybody who was scheduled or worked on these days, by login. Raises what the database raises."""
    shifts: dict[str, list[Shift]] = defaultdict(list)
    around = days.around
    for shift in effective(await entries_between(engine, around.first, around.last)):
        shifts[shift.login].append(shift)
    permissions = defaultdict(list)
    for permission in await break_queries.permissions_between(engine, around.begin, around.end):
        permissions[permission.login].append(permission)
    rows = []
    for person in await queries.operators(engine):
        login = person.login
        states = await break_queries.states_of(engine, login, days.begin, days.end)
        found = measure(shifts[login], states, permissions[login], Span(days.begin, days.end), now)
        if found.scheduled or found.worked:
            rows.append(Row(person, found))
    return rows


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _cells(row: Row) -> list[str]:
    one = row.figures
    spans = (one.scheduled, one.planned_work, one.worked, one.as_planned)
    return [
        row.person.login,
        row.person.name,
        *(duration(span.total_seconds()) for span in spans),
        percent(one.adherence),
        percent(one.conformance),
    ]


def _write_csv(rows: list[Row]) -> None:
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(
        ["login", "name", "scheduled_s", "planned_work_s", "worked_s", "as_planned_s", "adherence", "conformance"]
    )
    for row in rows:
        one = row.figures
        spans = (one.scheduled, one.planned_work, one.worked, one.as_planned)
        shares = ("" if share is None else f"{share:.4f}" for share in (one.adherence, one.conformance))
        out.writerow([row.person.login, row.person.name, *(f"{span.total_seconds():.3f}" for span in spans), *shares])
