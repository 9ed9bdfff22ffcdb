"""The live picture of the center in a terminal (rich), or as plain lines where there is none.

show(service.watch())           until Ctrl-C or the service goes away
render(view, now)               the picture itself, for other programs that show progress
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from telephony.commands import common
from telephony.commands.common import duration, noted
from telephony.control.board_rows import AlarmRow, LockRow, OperatorRow, QueueRow, Totals
from telephony.control.wire import WatchAnswer

COLOURS = {
    "ready": "green",
    "ringing": "yellow",
    "talking": "cyan",
    "on_hold": "blue",
    "wrap_up": "magenta",
    "unreachable": "red",
    "break": "bright_black",
}
_LAST_ALARMS = 5
SILENT = "THE SERVICE DOES NOT ANSWER"


class View:
    """The picture as it is put together from the whole and the changes after it."""

    def __init__(self) -> None:
        self.totals = Totals(since=0)
        self.queues: dict[str, QueueRow] = {}
        self.operators: dict[str, OperatorRow] = {}
        self.alarms: list[AlarmRow] = []
        self.locked: list[LockRow] = []
        self.timezone = "UTC"
        self.silent_since: float | None = None
        """Since when nothing is told any more, in seconds since 1970: what is shown is old."""

    def lose(self, now: float) -> None:
        """Nothing is told any more; the next answer is the whole."""
        self.silent_since = now

    def apply(self, answer: WatchAnswer) -> None:
        self.silent_since = None
        picture = answer.picture
        if answer.whole:
            self.queues.clear()
            self.operators.clear()
        self.totals = picture.totals
        self.locked, self.timezone = picture.locked, picture.timezone
        self.queues.update((row.name, row) for row in picture.queues)
        self.operators.update((row.login, row) for row in picture.operators)
        for login in picture.gone:
            self.operators.pop(login, None)
        self.alarms = [*self.alarms, *picture.alarms][-_LAST_ALARMS:]


def show(answers: Iterable[WatchAnswer | None], console: Console | None = None) -> None:
    """Draw until the answers end. None is for a service that does not answer any more."""
    view = View()
    with Live(
        get_renderable=lambda: render(view, time.time()),
        console=console,
        refresh_per_second=4,
        screen=True,
    ):
        for answer in answers:
            if answer is None:
                view.lose(time.time())
            else:
                view.apply(answer)


def print_lines(answers: Iterable[WatchAnswer | None]) -> None:
    """One line for each thing that is different."""
    zone = "UTC"
    for answer in answers:
        if answer is None:
            print(f"{wall_clock(time.time(), zone)} {SILENT}", flush=True)
            continue
        zone = answer.picture.timezone
        for line in lines(answer, time.time()):
            print(line, flush=True)


def lines(answer: WatchAnswer, now: float) -> Iterator[str]:
    zone = answer.picture.timezone
    clock = wall_clock(now, zone)
    for queue in answer.picture.queues:
        longest = f", longest {duration(now - queue.oldest)}" if queue.oldest is not None else ""
        yield (
            f"{clock} queue {queue.name}: {queue.waiting} waiting{longest}, {queue.answered} answered, "
            f"{queue.abandoned} abandoned"
        )
    for row in answer.picture.operators:
        notes = noted(row.pending, row.hand)
        until = f" until {common.clock(row.until, zone)}" if row.until is not None else ""
        said = f"{row.state}{f' ({row.reason})' if row.reason else ''}{until}{f', {notes}' if notes else ''}"
        yield f"{clock} operator {row.login}: {said}"
    for login in answer.picture.gone:
        yield f"{clock} operator {login}: offline"
    if answer.whole and (told := common.locks_told(answer.picture.locked, zone, now)):
        yield f"{clock} {told}"
    for alarm in answer.picture.alarms:
        yield f"{clock} ALARM {alarm.code}: {alarm.text} {alarm.subject}".rstrip()


def render(view: View, now: float) -> RenderableType:
    """The whole picture at `now`, seconds since 1970."""
    parts: list[RenderableType] = [_head(view, now), _queues(view, now), _operators(view, now)]
    if view.silent_since is not None:
        since = wall_clock(view.silent_since, view.timezone)
        parts.insert(0, Text(f"{SILENT} since {since}: what is shown is old", style="bold reverse red"))
    if told := common.locks_told(view.locked, view.timezone, now):
        parts.append(Text(told, style="bold red"))
    parts += [Text(f"{alarm.code}: {alarm.text} {alarm.subject}", style="bold red") for alarm in view.alarms]
    return Group(*parts)


def wall_clock(now: float, zone: str) -> str:
    return datetime.fromtimestamp(now, ZoneInfo(zone)).strftime("%H:%M:%S")


def _head(view: View, now: float) -> Text:
    totals = view.totals
    lost = totals.abandoned + totals.sent_away
    return Text.assemble(
        (" Gudok ", "bold reverse"),
        f" {wall_clock(now, view.timezone)}   waiting ",
        (str(totals.waiting), "bold yellow" if totals.waiting else "bold"),
        "   talking ",
        (str(totals.talking), "bold cyan"),
        "   answered ",
        (str(totals.answered), "bold green"),
        "   lost ",
        (str(lost), "bold red" if lost else "bold"),
        *_attention(totals),
    )


def _attention(totals: Totals) -> Iterator[str | tuple[str, str]]:
    """What a senior should look at, where there is anything."""
    for name, count in (("hands up", totals.hands), ("emergencies to review", totals.to_review)):
        if count:
            yield f"   {name} "
            yield str(count), "bold red"
    if totals.violations:
        yield "   violations today "
        yield str(totals.violations), "bold"


def _queues(view: View, now: float) -> Table:
    table = Table(expand=True, title_justify="left")
    table.add_column("Queue")
    for column in ("Waiting", "Longest", "Answered", "Abandoned", "Sent away", "Service level"):
        table.add_column(column, justify="right")
    for row in view.queues.values():
        table.add_row(
            row.label or row.name,
            Text(str(row.waiting), style="yellow" if row.waiting else ""),
            duration(now - row.oldest) if row.oldest is not None else "",
            str(row.answered),
            str(row.abandoned),
            str(row.sent_away),
            service_level(row),
        )
    return table


def service_level(row: QueueRow) -> Text:
    """Share of the callers answered in time among those answered, abandoned or sent away, beside the target."""
    offered = row.answered + row.abandoned + row.sent_away
    if not offered:
        return Text("")
    percent = 100 * row.in_level / offered
    style = "green" if percent >= row.level_percent else "red"
    return Text(f"{percent:.0f} % of {row.level_percent} % in {row.level_seconds} s", style=style)


def _operators(view: View, now: float) -> Table:
    table = Table(expand=True)
    for column in ("Operator", "Phone", "State"):
        table.add_column(column)
    table.add_column("For", justify="right")
    table.add_column("Reason")
    table.add_column("Until")
    table.add_column("")
    for row in sorted(view.operators.values(), key=lambda row: row.login):
        table.add_row(
            row.name,
            row.phone or "",
            Text(row.state.replace("_", " "), style=COLOURS.get(row.state, "")),
            duration(now - row.since),
            row.reason.replace("_", " "),
            common.clock(row.until, view.timezone),
            Text(noted(row.pending, row.hand), style="bold red" if row.hand == "raised" else ""),
        )
    return table
