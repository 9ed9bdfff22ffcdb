"""The configuration of breaks, work rules, raised hands, logins and outcomes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from telephony.core.plan import BreakRules, Disposition, HandRules, LogInRules, WorkRules
from telephony.resources import default_folder
from telephony.settings import ConfigErrors, load


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of the default configuration with room for other rules."""
    folder = tmp_path / "config"
    shutil.copytree(default_folder("config"), folder)
    (folder / "breaks.yaml").unlink()
    (folder / "codes.yaml").write_text('codes: {"*11": login}\n')  # none that needs a list of the rules
    return folder


def mistakes_of(folder: Path, text: str) -> list[str]:
    (folder / "rules.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load(folder, {})
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_the_default_rules() -> None:
    plan = load(default_folder("config"), {}).plan
    assert (plan.breaks.seniors, plan.breaks.heads) == ("seniors", "heads")
    assert (plan.breaks.tolerance, plan.breaks.max_on_break_share, plan.breaks.at_end) == (120, 15, "return")
    assert set(plan.breaks.emergency_reasons) == {"1", "2", "3", "4"}
    assert plan.work_rules == WorkRules()
    assert plan.work_rules.paid_break_minutes == {8: 90, 12: 140}
    assert plan.hands == HandRules()
    assert plan.logins == LogInRules()
    assert plan.outcomes[0] == Disposition(code="1", label="Вопрос решён")


def test_without_rules_the_defaults_count(config: Path) -> None:
    plan = load(config, {}).plan
    assert (plan.breaks, plan.outcomes) == (BreakRules(), ())


def test_rules_are_read(config: Path) -> None:
    (config / "rules.yaml").write_text(
        "breaks: {heads: seniors, at_end: overrun, emergency_reasons: {7: Пожар}}\n"
        "work_rules: {paid_break_minutes: {6: 40}, max_continuous_minutes: 60}\n"
        "hands: {keys: null}\nlogins: {attempts: 3}\noutcomes: {01: {label: Решено}, 02: Передано}\n"
    )
    plan = load(config, {}).plan
    assert plan.breaks == BreakRules(heads="seniors", at_end="overrun", emergency_reasons={"7": "Пожар"})
    assert plan.work_rules == WorkRules(paid_break_minutes={6: 40}, max_continuous_minutes=60)
    assert plan.hands.keys is None
    assert plan.logins.attempts == 3
    assert plan.outcomes == (Disposition(code="01", label="Решено"), Disposition(code="02", label="Передано"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("breaks: {tolerence: 60}", "breaks: tolerence is not a known key; did you mean tolerance?"),
        ("breaks: {seniors: senior}", "breaks.seniors: no group is called senior; did you mean seniors?"),
        ("breaks: {heads: head}", "breaks.heads: no group is called head; did you mean heads?"),
        ("breaks: {tolerance: -1}", "breaks.tolerance: '-1' is not possible; give whole seconds, 0 to 86400"),
        ("breaks: {max_on_break_share: 0}", "'0' is not possible; give a percentage, 1 to 100"),
        ("breaks: {at_end: later}", "breaks.at_end: 'later' is not possible; give one of return, overrun"),
        ("breaks: {emergency: 0}", "breaks.emergency: the pause would be over at once; give at least 1"),
        ("breaks: {emergency_reasons: {12: Пожар}}", "breaks.emergency_reasons: '12' is not possible; give one digit"),
        (
            "breaks: {emergency_reasons: {1: a, 1: b}}",
            "breaks.emergency_reasons: 1 stands here twice; keep one of them",
        ),
        ("breaks: {emergency_reasons: [a]}", "breaks.emergency_reasons: a list stands where keys and values belong"),
        ("work_rules: {lunch_minutes: 20}", "work_rules.lunch_minutes: 20 is not within 30 to 120; give 30 to 120"),
        (
            "work_rules: {max_continuous_minutes: 0}",
            "max_continuous_minutes: nobody could work at all; give at least 1",
        ),
        ("work_rules: {paid_break_minutes: {eight: 9}}", "'eight' is not possible; give whole hours, 1 to 24"),
        ("work_rules: {paid_break_minutes: {25: 9}}", "'25' is not possible; give whole hours, 1 to 24"),
        ("work_rules: {paid_break_minutes: {8: 9, 08: 9}}", "work_rules.paid_break_minutes: 8 stands here twice"),
        ("work_rules: {paid_break_minutes: {1: 60}}", "60 minutes leave nothing of 1 h; give fewer"),
        ("work_rules: {paid_break_minutes: {8: 90, 12: 80}}", "80 minutes in 12 h are fewer than 90 in 8 h"),
        ("hands: {keys: '1234567'}", "hands.keys: '1234567' is not possible; give 1 to 6 of the keys 0-9, * and #"),
        ("hands: {alarm_after: 10}", "hands.alarm_after: 10 is before heads_after, 30"),
        ("logins: {attempts: 0}", "logins.attempts: '0' is not possible; give a whole number, 1 to 100"),
        ("logins: 5", "'5' stands where keys and values belong"),
        ("outcomes: {1: a, 12: b}", "outcomes.12: begins like 1, which would be taken already"),
        ("outcomes: {x: a}", "outcomes: 'x' is not possible; give 1 to 6 of the keys 0-9, * and #"),
        ("outcomes: {1: a, 1: b}", "outcomes: 1 stands here twice; keep one of them"),
        ("outcomes: {1: {lable: a}}", "outcomes.1: lable is not a known key; did you mean label?"),
    ],
)
def test_one_wrong_value_is_told_with_its_line(config: Path, text: str, told: str) -> None:
    lines = mistakes_of(config, f"# rules\n{text}\n")
    assert all(line.startswith("rules.yaml:2: ") for line in lines)
    assert any(told in line for line in lines), lines


def test_a_code_followed_by_digits_needs_its_list_and_room(config: Path) -> None:
    codes = 'codes:\n  "*11": login\n  "*23": emergency\n  "*231": status\n  "*4": outcome\n'
    (config / "codes.yaml").write_text(codes)
    listless, crowded = mistakes_of(config, "outcomes: {1: a}\n")
    assert listless.startswith(
        "codes.yaml:3: codes.*23: emergency needs breaks.emergency_reasons, and there are none; "
    )
    assert crowded.startswith("codes.yaml:4: codes.*231: *231 of code status begins like *23, which digits of breaks.")


def test_a_section_is_no_variable_of_the_environment(config: Path) -> None:
    with pytest.raises(ConfigErrors, match="environment variable GUDOK_HANDS: is not known"):
        load(config, {"GUDOK_HANDS": "x"})
