"""What `gudok roster` prints: days, breaches, versions. Times are local."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, tzinfo

from telephony.commands.common import Problem, counted, table
from telephony.core.plan import Plan
from telephony.core.roster import Shift
from telephony.core.roster_versions import ABSENCES, RosterEntry, Standing, Uncovered
from telephony.core.staff import Operator
from telephony.core.work_rules import breaches
from telephony.exits import Exit
from telephony.production_calendar import ProductionCalendar
from telephony.store.local_time import clock_text
from telephony.store.shift_file import one_line, slots_text

HEAD = ["DAY", "LOGIN", "NAME", "FROM", "TO", "BREAKS", ""]


def days(
    standing: Standing, shown: Sequence[date], names: Mapping[str, str], zone: tzinfo, login: str | None = None
) -> str:
    """Each day with what the calendar says of it, then who works and who does not. `login`: only this operator."""
    calendar = ProductionCalendar({day.year for day in shown})
    rows = []
    for day in shown:
        if note := calendar.note(day):
            rows.append([str(day), "", note, "", "", "", ""])
        for who, rest in _on_day(standing, day, zone):
            if login in (None, who):
                rows.append([str(day), who, names.get(who, ""), *rest])
    return "\n".join([table(rows, HEAD), *calendar.gaps()])


def _on_day(standing: Standing, day: date, zone: tzinfo) -> Iterator[tuple[str, list[str]]]:
    """Who works, whose shift nobody works, and who else is absent: (login, the other cells)."""
    for work in standing.work():
        if work.entry.day == day:
            instead = f"instead of {work.shift.instead_of}" if work.shift.instead_of else ""
            yield work.shift.login, [*_times(work.shift, zone), instead]
    gaps = [gap for gap in standing.uncovered() if gap.day == day]
    for gap in gaps:
        yield gap.shift.login, [*_times(gap.shift, zone), _why_uncovered(gap)]
    for entry in standing.idle():
        if entry.day == day:
            yield entry.login, ["", "", "", _why_idle(entry)]
    told = {gap.shift.login for gap in gaps if gap.substitute is None}
    for entry in standing.entries():
        if entry.day == day and entry.kind in ABSENCES and entry.login not in told:
            yield entry.login, ["", "", "", str(entry.kind)]


def _times(shift: Shift, zone: tzinfo) -> list[str]:
    return [clock_text(shift.begin, zone), clock_text(shift.end, zone), slots_text(shift.slots, zone)]


def _why_uncovered(gap: Uncovered) -> str:
    return f"UNCOVERED: {gap.absence}" + (f" (of the substitute {gap.substitute})" if gap.substitute else "")


def _why_idle(substitution: RosterEntry) -> str:
    return f"stands in for {substitution.instead_of}, who has no shift any more: works nothing"


def idle_line(substitution: RosterEntry) -> str:
    return f"{substitution.day} {substitution.login}: {_why_idle(substitution)}"


def uncovered_line(gap: Uncovered, zone: tzinfo) -> str:
    begin, end, _ = _times(gap.shift, zone)
    return f"{local_day(gap.shift.begin, zone)} {begin}-{end} {gap.shift.login}: {_why_uncovered(gap)}"


def breach_lines(
    plan: Plan, people: Iterable[Operator], standing: Standing, checked: Collection[date], zone: tzinfo
) -> list[str]:
    """Substitutions without a shift; then, in order of time, shifts that nobody can work and breaches of the work rules
    that begin on these days."""
    people = list(people)
    disabled = {operator.login for operator in people if not operator.enabled}
    idle = [idle_line(entry) for entry in standing.idle() if entry.day in checked]
    found = []
    for work in standing.work():
        if work.entry.day in checked and work.shift.login in disabled:
            begin, end, _ = _times(work.shift, zone)
            what = f"{work.entry.day} {begin}-{end} {work.shift.login}: is disabled; somebody must stand in"
            found.append((work.shift.begin, what))
    for gap in standing.uncovered():
        if gap.day in checked:
            found.append((gap.shift.begin, f"{uncovered_line(gap, zone)}; somebody must stand in"))
    for breach in breaches(plan, people, [work.shift for work in standing.work()]):
        day = local_day(breach.begin, zone)
        if day in checked:
            who = f"queue {breach.who}" if breach.scope == "queue" else breach.who
            span = f"{clock_text(breach.begin, zone)}-{clock_text(breach.end, zone)}"
            found.append((breach.begin, f"{day} {span} {who}: {breach.what}; {breach.right}"))
    return [*idle, *(line for _, line in sorted(found))]


def calendar_lines(standing: Standing, checked: Sequence[date]) -> list[str]:
    """Special days of the production calendar, with how many shifts are planned. No breaches."""
    calendar = ProductionCalendar({day.year for day in checked})
    planned: dict[date, int] = {}
    for work in standing.work():
        planned[work.entry.day] = planned.get(work.entry.day, 0) + 1
    noted = [(day, calendar.note(day)) for day in checked]
    lines = [f"note: {day} {note}, {counted(range(planned.get(day, 0)), 'shift')}" for day, note in noted if note]
    return [*lines, *calendar.gaps()]


def history(entries: Sequence[RosterEntry], zone: tzinfo) -> str:
    rows = []
    for entry in entries:
        at = entry.at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if entry.at else ""
        rows.append(
            [str(entry.version), at, entry.by, str(entry.day), entry.login, _said(entry, zone), one_line(entry.why)]
        )
    return table(rows, ["VERSION", "AT", "BY", "DAY", "LOGIN", "WHAT", "WHY"])


def _said(entry: RosterEntry, zone: tzinfo) -> str:
    words = [str(entry.kind)]
    if entry.instead_of:
        words.append("taken back" if entry.withdraws else f"instead of {entry.instead_of}")
    if entry.begin is not None and entry.end is not None:
        words.append(f"{clock_text(entry.begin, zone)}-{clock_text(entry.end, zone)}")
    if entry.slots:
        words.append(f"breaks {slots_text(entry.slots, zone)}")
    return " ".join(words)


def times_of(standing: Standing, login: str, day: date, zone: tzinfo) -> dict[str, str]:
    """The cells of a row that keeps the operator's shift of that day but for its breaks. Raises Problem where there is
    none."""
    own = standing.planned(login, day)
    stands_in = [work for work in standing.work() if work.entry.login == login and work.entry.instead_of]
    if own is not None:
        begin, end, _ = _times(own, zone)
        return {"begin": begin, "end": end}
    if not stands_in:
        raise Problem(f"{login!r} has no shift on {day}", Exit.MISTAKE)
    work = stands_in[0]
    begin, end, _ = _times(work.shift, zone)
    return {"kind": "substitution", "instead_of": work.entry.instead_of or "", "begin": begin, "end": end}


def local_day(at: datetime, zone: tzinfo) -> date:
    return at.astimezone(zone).date()
