"""The same inputs give the same decisions, in another process too."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from telephony.core.commands import WithdrawOrder
from telephony.core.effects import AnyEffect
from telephony.core.events import AnyEvent
from telephony.core.facts import AnyFact
from telephony.core.plan import Plan
from telephony.testing.story import Story
from tests.scenarios.break_center import BREAK_PLAN, EMERGENCY, order, three_on_one_slot
from tests.scenarios.small_center import PLAN, NewStory

REPLAY = """
import sys
import msgspec
import handlers
from telephony.core.center import Center
from telephony.core.events import Started
from tests.scenarios.test_replay import Line

center, different = Center(), 0
for raw in open(sys.argv[1], "rb"):
    line = msgspec.json.decode(raw, type=Line)
    if isinstance(line.event, Started):
        center = Center()
    again = handlers.handle(center, line.event, line.at)
    different += msgspec.json.encode(again) != msgspec.json.encode(line.effects)
print(different)
"""


class Line(msgspec.Struct):
    """An entry of the journal, with what was decided."""

    at: datetime
    event: AnyEvent
    effects: list[AnyEffect | AnyFact]


def busy_hour(story: Story) -> None:
    """A bit of everything."""
    people = [story.operator(login, booking=3, children=3, paid=1) for login in ("anna", "boris", "vera")]
    for n, operator in enumerate(people, start=1):
        operator.logs_in(f"phone0{n}")
    anna, boris, vera = people
    for round_ in range(4):
        callers = [story.calls(number) for number in ("1300", "1302", "1301", "1304", "1303")]
        for operator in people:
            if operator.ringing is not None:
                operator.answers()
        if anna.talking:
            anna.transfers_to("201")
            anna.transfers_to("802")
        story.lose_connection()
        boris.is_lost()
        callers[1].hangs_up()
        story.reconnect()
        boris.is_back()
        story.passes(45)
        if round_ == 1:
            story.restart_router(after=12)
        story.kill_pbx()
        story.start_pbx()
        for operator in people:
            operator.comes_back()
        vera.dials("2001")
        story.passes(15)


def hour_of_breaks(story: Story) -> None:
    """Orders to a group, emergencies, a back door, breaks under the cap, a restart in between."""
    people = three_on_one_slot(story)
    olga = story.operator("olga")
    callers = [story.calls(number) for number in ("1300", "1302", "1305", "1306")]
    for person in people:
        person.answers()
        person.asks_break()
    for caller in callers:
        caller.hangs_up()
    story.pauses_past_us(people[1])
    name = order(story, olga, "anna", "boris", "vera")
    people[2].asks_break(EMERGENCY, "1")
    story.restart_router(after=3)
    story.asks(lambda command: WithdrawOrder(command=command, by="olga", order=name))
    story.passes(minutes=20)
    for person in people:
        person.logs_out()
        person.logs_in(person.phone.name)


@pytest.mark.parametrize(("plan", "hour"), [(PLAN, busy_hour), (BREAK_PLAN, hour_of_breaks)])
def test_a_recorded_hour_replays_in_processes_that_order_their_sets_otherwise(
    new_story: NewStory, tmp_path: Path, plan: Plan, hour: Callable[[Story], None]
) -> None:
    story = new_story(plan)
    hour(story)
    story.journal.commit()
    record = tmp_path / "journal.jsonl"
    lines = [msgspec.json.encode(Line(entry.at, entry.event, list(done))) for entry, done in story.journal.entries]
    record.write_bytes(b"\n".join(lines) + b"\n")
    assert len(lines) > 100
    root = Path(__file__).parents[2]
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        found = subprocess.run(
            [sys.executable, "-c", REPLAY, str(record)],
            env=environment,
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout.strip() == "0"
