"""What a phone that is rung shows, and is asked to do."""

from __future__ import annotations

import pytest

from telephony.core.effects import Announce
from telephony.pbx.ringing import announcement_variables, caller_named


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("Перерыв скоро закончится.", '"Перерыв скоро закончится." <gudok>'),
        ("", '"Gudok" <gudok>'),
        ('a "b" <c>\n\\d', "\"a 'b' c d\" <gudok>"),
        ("я" * 100, f'"{"я" * 60}" <gudok>'),
    ],
)
def test_what_is_announced_is_shown_in_place_of_a_name(words: str, shown: str) -> None:
    assert caller_named(words) == shown


@pytest.mark.parametrize("auto_answer", [False, True])
def test_a_phone_picks_up_an_announcement_by_itself_only_where_it_is_asked_to(auto_answer: bool) -> None:
    effect = Announce(call="a", channel="a", phone="phone01", prompts=("x",), seconds=5, auto_answer=auto_answer)
    variables = announcement_variables(effect, "gudok/x")
    assert variables.pop("GUDOK_SAY") == "gudok/x"
    assert bool(variables) is auto_answer
