"""What Asterisk says becomes what happened: numbers of people do not leave the translation."""

from __future__ import annotations

import msgspec
import pytest

from telephony.core import events as ev
from telephony.pbx.ari.events import StasisStart
from telephony.pbx.translate import Translator
from tests.scenarios.small_center import PLAN
from tests.unit._scripted_asterisk import CHANNEL, event


def arrived(*args: str) -> ev.CallerArrived:
    """A channel enters the application with these arguments."""
    told: list[ev.AnyEvent] = []
    translator = Translator(PLAN, lambda number: f"token of {number}", told.append)
    translator.hear(msgspec.json.decode(event("StasisStart", args=list(args), channel=CHANNEL), type=StasisStart))
    (said,) = told
    assert isinstance(said, ev.CallerArrived)
    return said


@pytest.mark.parametrize("number", ["1300", "1399", "s"])
def test_a_service_number_and_a_short_one_stand_as_they_were_dialed(number: str) -> None:
    assert arrived("inbound", number, "1894000000.000").number == number


@pytest.mark.parametrize("args", [("inbound",), ("back",)])
@pytest.mark.parametrize("number", ["79000000001", "234567", "9" * 300])
def test_what_may_be_somebodys_number_does_not(args: tuple[str, ...], number: str) -> None:
    queue = ("booking", "1894000000.000") if args == ("back",) else ()
    assert arrived(*args, number, "1894000000.000", *queue).number == f"token of {number}"
