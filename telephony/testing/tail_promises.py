"""Time after callers, looked at on the PBX: whose last caller has left the phone is free after the wrap-up, or on
record for not being so, whatever else they talk about meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from telephony.core import events as ev
from telephony.core.break_facts import ViolationEnded, ViolationSeen
from telephony.core.effects import AnyEffect
from telephony.core.facts import AnyFact, OperatorChanged
from telephony.core.operators import IN_CALL, State
from telephony.testing.parts import Channel, Phone
from telephony.testing.story import Story

GRACE = timedelta(seconds=12)
"""After the wrap-up: for a last word, and for the timer's turn."""


class AfterCallers:
    """Told of every decision, in order."""

    def __init__(self) -> None:
        self._left: dict[str, datetime | None] = {}
        """Of those who have not been free since: when their caller had left; None: one is there."""
        self._violations: dict[str, str] = {}
        """Those that last -> login."""

    def watch(self, story: Story, event: ev.AnyEvent, effects: Sequence[AnyEffect | AnyFact]) -> None:
        if isinstance(event, ev.Started):
            self._violations = {one.violation: one.login for one in story.log.breaks.open_violations()}
        for effect in effects:
            if isinstance(effect, ViolationSeen) and effect.lasts:
                self._violations[effect.violation] = effect.login
            elif isinstance(effect, ViolationEnded):
                self._violations.pop(effect.violation, None)
            elif isinstance(effect, OperatorChanged) and effect.state == State.READY:
                self._left.pop(effect.login, None)  # if only until the next ring: a queue may have no wrap-up
        if story.life.behind or not story.center.pbx_up:
            self._left = dict.fromkeys(self._left)  # nobody looks: counted anew
            return
        for login, agent in story.center.agents.items():
            if agent.phone is not None:
                self._look(story, login, agent.state, agent.reason, story.switch.phones[agent.phone])

    def _look(self, story: Story, login: str, state: State, reason: str, phone: Phone) -> None:
        excused = state is State.RINGING or reason == "helping" or _asked_for_caller(story, phone)
        if _has_caller(story, phone) or (login in self._left and excused):
            self._left[login] = None
        elif state not in (State.WRAP_UP, *IN_CALL):
            self._left.pop(login, None)
        elif login in self._left:
            left = self._left[login] or story.clock.now()
            self._left[login] = left
            wrap_up = max(queue.wrap_up for queue in story.plan.queues)
            late = story.clock.now() - left > timedelta(seconds=wrap_up) + GRACE
            noticed = login in self._violations.values()
            assert noticed or not late, f"I4: {login} has had no caller since {left}, and is {state} ({reason})"


def _asked_for_caller(story: Story, phone: Phone) -> bool:
    """They talk with a colleague on whose phone one is."""
    colleagues = [other.phone for channel in phone.channels.values() for other in _others(channel)]
    return any(_has_caller(story, one) for one in colleagues if one is not None)


def _has_caller(story: Story, phone: Phone) -> bool:
    """Together with them, on hold, or waiting for whoever they are handed to. Who was only rung for
    one has not been with them: there is nothing to wrap up."""
    for channel in (one for one in phone.channels.values() if one.bridge is not None):
        call = story.switch.channels.get(channel.variables.get("GUDOK_CALL", ""))
        if any(one.phone is None and one.spies_on is None for one in (*_others(channel), *([call] if call else []))):
            return True
    return False


def _others(channel: Channel) -> list[Channel]:
    """Who are in a talk with it."""
    if channel.bridge is None or channel.bridge.kind == "holding":
        return []
    return [one for one in channel.bridge.channels.values() if one is not channel]
