"""One life of the router in a story: its inbox, its state and its timers, in virtual time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from telephony.core import effects as do
from telephony.core import events as ev
from telephony.core.center import Center
from telephony.core.fact import Fact
from telephony.testing.clock import Alarm

if TYPE_CHECKING:
    from telephony.testing.story import Story


class Life:
    """What it does ends with it. `replies` and `alarms` are kept for stories to look at."""

    def __init__(self, story: Story, run: str) -> None:
        self.story, self.run = story, run
        self.center = Center()
        self.alive = True
        self.frozen = False
        """Stopped by SIGSTOP: what is sent to it waits in the sockets."""
        self._inbox: deque[ev.AnyEvent] = deque()
        self._turning = False
        self._timers: dict[str, Alarm] = {}
        self._seq = story.journal.last_seq
        self.replies: dict[str, do.Reply] = {}
        self.alarms: list[do.Alarm] = []

    def deliver(self, event: ev.AnyEvent) -> None:
        """Stamp, decide, journal, carry out: one event after the other."""
        self._inbox.append(event)
        if self._turning or self.frozen:
            return
        self._turning = True
        try:
            while self._inbox and self.alive and not self.frozen:
                self._decide(self._inbox.popleft())
        finally:
            self._turning = False

    def _decide(self, event: ev.AnyEvent) -> None:
        story, now = self.story, self.story.clock.now()
        decided = story.handle(self.center, event, now)
        self._seq += 1
        for effect in decided:
            if isinstance(effect, do.CallEffect):
                story.pbx.perform(effect)
        story.journal.append(self._seq, now, event, decided)
        for effect in decided:
            if not isinstance(effect, (do.CallEffect, Fact)):
                self._carry_out(effect)
        story.decided(event, decided)

    def _carry_out(self, effect: do.AnyEffect) -> None:
        match effect:
            case do.SetTimer():
                self._cancel(effect.key)
                fired = ev.TimerFired(key=effect.key, generation=effect.generation)
                self._timers[effect.key] = self.story.clock.at(effect.at, lambda: self._fire(fired))
            case do.CancelTimer():
                self._cancel(effect.key)
            case do.MirrorMember():
                self.story.pbx.mirror(effect)
            case do.SetLamp():
                self.story.pbx.light(effect)
            case do.Reply(durable=True):
                self.story.journal.when_durable(self._seq, lambda: self._answer(effect))
            case do.Reply():
                self._answer(effect)
            case do.TakePicture():
                self.story.pbx.take_picture(effect.why)
            case do.Continue():
                self._inbox.append(ev.Continued(work=effect.work, items=effect.items))
            case do.Alarm():
                self.alarms.append(effect)
            case _:
                raise TypeError(f"nobody carries out {type(effect).__name__}")

    def _cancel(self, key: str) -> None:
        earlier = self._timers.pop(key, None)
        if earlier is not None:
            earlier.cancel()

    def _fire(self, fired: ev.TimerFired) -> None:
        del self._timers[fired.key]
        self.deliver(fired)

    def _answer(self, reply: do.Reply) -> None:
        self.replies[reply.command] = reply

    def thaw(self) -> None:
        self.frozen = False
        if self._inbox:
            self.deliver(self._inbox.popleft())

    @property
    def timers(self) -> set[str]:
        """Keys of the timers that run."""
        return set(self._timers)

    @property
    def behind(self) -> bool:
        """More has happened than it has looked at: it was frozen."""
        return bool(self._inbox)

    def end(self) -> None:
        self.alive = False
        for key in list(self._timers):
            self._cancel(key)
