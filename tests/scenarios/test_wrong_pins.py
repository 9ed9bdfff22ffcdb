"""Wrong PINs: counted, answered ever later, locked, told to the head; and what a restart makes of them."""

from __future__ import annotations

from itertools import pairwise

from telephony.core import commands
from telephony.core import events as ev
from telephony.core.break_facts import LogInLocked
from telephony.testing.story import Story


class Guesser:
    """Somebody at a phone who tries PINs."""

    def __init__(self, story: Story) -> None:
        self.story, self.tries = story, 0

    def tries_a_wrong_pin(self, extension: str = "2001", reason: str = "wrong_pin") -> tuple[str, float]:
        """What is said, and after how many seconds."""
        self.tries += 1
        name, story = f"guess-{self.tries}", self.story
        begun = story.clock.now()
        story.tell(ev.LogInRefused(command=name, extension=extension, phone="phone01", reason=reason))  # type: ignore[arg-type]
        return self._answer(name), (story.clock.now() - begun).total_seconds()

    def tries_the_right_pin(self, extension: str = "2001", login: str = "anna") -> str:
        self.tries += 1
        name = f"guess-{self.tries}"
        self.story.tell(commands.LogIn(command=name, login=login, phone="phone01", extension=extension))
        return self._answer(name)

    def _answer(self, name: str) -> str:
        while name not in self.story.life.replies:
            self.story.passes(0.01)
        return self.story.life.replies[name].code


def locks(story: Story) -> list[LogInLocked]:
    story.journal.commit()
    return [fact for fact in story.log.breaks.facts if isinstance(fact, LogInLocked)]


def test_each_wrong_pin_is_answered_later_and_the_fifth_locks(story: Story) -> None:
    story.operator("anna", booking=1)
    guesser = Guesser(story)
    said, waits = zip(*(guesser.tries_a_wrong_pin() for _ in range(5)), strict=True)
    assert said == (*["wrong-pin"] * 4, "login-locked")
    assert all(later > earlier for earlier, later in pairwise(waits[:4]))
    assert max(waits) < 1
    assert [lock.extension for lock in locks(story)] == ["2001"]
    assert [alarm.code for alarm in story.life.alarms] == ["login_locked"]


def test_while_locked_the_right_pin_does_not_help_and_another_extension_is_free(story: Story) -> None:
    story.operator("anna", booking=1)
    story.operator("boris", booking=1)
    guesser = Guesser(story)
    for _ in range(5):
        guesser.tries_a_wrong_pin()
    assert guesser.tries_the_right_pin() == "login-locked"
    assert guesser.tries_a_wrong_pin()[0] == "login-locked"
    assert guesser.tries_the_right_pin("2002", "boris") == "logged-in"
    story.journal.commit()
    assert [denied.reason for denied in story.log.denied[-2:]] == ["locked", "locked"]
    story.passes(minutes=15)
    assert guesser.tries_the_right_pin() == "logged-in"


def test_the_command_line_asks_for_no_pin_and_minds_no_lock(story: Story) -> None:
    story.operator("anna", booking=1)
    guesser = Guesser(story)
    for _ in range(5):
        guesser.tries_a_wrong_pin()
    story.tell(commands.LogIn(command="cli", login="anna", phone="phone01"))
    story.moment()
    assert story.life.replies["cli"].code == "logged-in"


def test_the_right_pin_forgives_earlier_mistakes(story: Story) -> None:
    story.operator("anna", booking=1)
    guesser = Guesser(story)
    for _ in range(3):
        for _ in range(4):
            assert guesser.tries_a_wrong_pin()[0] == "wrong-pin"
        assert guesser.tries_the_right_pin() in ("logged-in", "already-logged-in")
    assert locks(story) == []


def test_an_extension_nobody_has_is_locked_like_any_other(story: Story) -> None:
    guesser = Guesser(story)
    said = [guesser.tries_a_wrong_pin("999", "unknown")[0] for _ in range(6)]
    assert said == [*["wrong-pin"] * 4, "login-locked", "login-locked"]


def test_mistakes_of_long_ago_do_not_count(story: Story) -> None:
    guesser = Guesser(story)
    for _ in range(8):
        assert guesser.tries_a_wrong_pin()[0] == "wrong-pin"
        story.passes(minutes=4)


def test_a_restart_forgets_neither_the_count_nor_the_lock(story: Story) -> None:
    story.operator("anna", booking=1)
    guesser = Guesser(story)
    for _ in range(4):
        guesser.tries_a_wrong_pin()
    story.restart_router()
    assert guesser.tries_a_wrong_pin()[0] == "login-locked"
    story.restart_router()
    assert guesser.tries_the_right_pin() == "login-locked"


def test_while_one_waits_for_the_answer_another_logs_in(story: Story) -> None:
    story.operator("anna", booking=1)
    story.operator("boris", booking=1)
    guesser = Guesser(story)
    for _ in range(3):
        guesser.tries_a_wrong_pin()
    story.tell(ev.LogInRefused(command="slow", extension="2001", phone="phone01", reason="wrong_pin"))
    assert guesser.tries_the_right_pin("2002", "boris") == "logged-in"
    assert "slow" not in story.life.replies
