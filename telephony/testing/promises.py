"""The promises of the house, checked at every event of a story, from outside the rules where that can be.

I1: every call on a service number has exactly one record. I2: no eligible caller without an offer waits while an
operator who may take them is free. I3: no operator is given two calls at once. Beside them: indexes agree with state,
recorded inputs give the same decisions again, nothing is left when everybody has gone home.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import Enum
from itertools import pairwise
from typing import Any

import msgspec

from telephony.core import events as ev
from telephony.core.calls import Call, LegState
from telephony.core.center import Center
from telephony.core.effects import AnyEffect, CreateLeg
from telephony.core.facts import AnyFact, OperatorChanged, Outcome
from telephony.core.operators import State
from telephony.core.plan import Queue
from telephony.core.routing import Matcher, Ranking
from telephony.testing import calllog
from telephony.testing.break_promises import BreakPromises, check_breaks_covered, check_worked_time
from telephony.testing.record import Truth
from telephony.testing.story import Handle, Story
from telephony.testing.tail_promises import AfterCallers
from telephony.testing.waiting_promises import (
    PassedOver,
    check_nobody_waits_for_themselves,
    check_offers,
    is_free,
    waits,
)

HOME = 130.0
"""Seconds that the evening takes: longer than any wrap-up, prompt, record or pair of audits of a test's plan."""
AT_REST = (State.OFFLINE, State.READY, State.UNREACHABLE, State.BREAK)
OF_BREAKS = ("break:", "warning:", "order:")
"""Timers that may well run beyond the evening."""
CLOSE = timedelta(seconds=1)
"""How far a record's times may lie from what happened."""


class Promises:
    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._breaks = BreakPromises()
        self._passed_over = PassedOver()
        self._after_callers = AfterCallers()

    # -- at every event

    def watch(self, story: Story, event: ev.AnyEvent, effects: Sequence[AnyEffect | AnyFact]) -> None:
        center = story.center
        check_offers(center)
        check_nobody_waits_for_themselves(center)
        self._passed_over.watch(center, event, effects)
        for effect in effects:
            if isinstance(effect, CreateLeg):
                check_the_phone_is_free(story, effect)
        check_operators(story)
        check_indexes(center)
        self._breaks.watch(story, event, effects)
        self._after_callers.watch(story, event, effects)
        for effect in effects:
            if isinstance(effect, OperatorChanged):
                agent = center.agents.get(effect.login)
                assert agent is None or effect.at <= story.clock.now()

    # -- in the evening

    def everybody_goes_home(self, story: Story) -> None:
        """End all that is open; then nothing may be left, and the log must tell what happened."""
        if not story.switch.up:
            story.start_pbx()
        if not story.life.alive:
            story.start_router()
        if not story.pbx.connected:
            story.reconnect()
        for _ in range(4):
            for channel in list(story.switch.channels.values()):
                story.switch.hang_up(channel)
            story.passes(3)
        story.passes(HOME)
        for _ in range(20):
            if story.switch.channels or story.center.strangers:  # somebody is told just now that their break ends soon
                story.passes(1)
        story.journal.commit()
        check_nothing_is_left(story)
        check_log(story)
        check_breaks_covered(story)
        check_worked_time(story)
        self.check_replay(story)

    def check_replay(self, story: Story) -> None:
        """The same inputs give the same decisions."""
        center = Center()
        for entry, effects in story.journal.entries:
            if isinstance(entry.event, ev.Started):
                center = Center()
            again = self._handle(center, entry.event, entry.at)
            assert list(again) == list(effects), f"replay differs at {entry.seq}: {entry.event}"


# -- I3


def check_the_phone_is_free(story: Story, effect: CreateLeg) -> None:
    """An operator's phone that is rung holds nothing of ours, but for what the router cannot know yet."""
    if effect.phone not in story.center.at_phone or story.life.behind:
        return
    known = story.clock.now() - CLOSE
    others = [one for one in story.switch.phones[effect.phone].channels.values() if one.where == "ours"]
    busy = [one.id for one in others if one.created < known and one.id != effect.leg]
    assert not busy, f"I3: {effect.phone} is rung and holds {busy}"


def check_operators(story: Story) -> None:
    """Looked at on the PBX: no phone of an operator holds two legs that the router made."""
    for phone in story.switch.phones.values():
        theirs = [channel for channel in phone.channels.values() if channel.variables.get("GUDOK_ROLE") == "operator"]
        legs = [channel.id for channel in theirs if "-r" in channel.id]  # not what they dialed, and was handed on
        assert len(legs) < 2, f"I3: {phone.name} holds {legs}"
    center = story.center
    for agent in center.agents.values():
        if not agent.at_work:
            assert agent.phone is None
            continue
        assert agent.phone is not None
        assert center.at_phone[agent.phone] is agent
        if agent.state in (State.RINGING, State.TALKING, State.ON_HOLD) and center.pbx_up:
            assert agent.channels, f"{agent.login} is {agent.state} without a channel"


# -- indexes


def check_indexes(center: Center) -> None:
    matcher = center.matcher
    waiting = {call.id for call in center.calls.values() if waits(call)}
    assert set(matcher.waiting()) == waiting, f"waiting: {set(matcher.waiting()) ^ waiting}"
    idle = set(matcher.idle())
    assert all(is_free(center, center.agents[login]) for login in idle), f"not free, yet idle: {idle}"
    if center.pbx_up:
        free = {agent.login for agent in center.agents.values() if is_free(center, agent)}
        assert idle == free, f"idle: {idle ^ free}"
    for lanes in matcher.lanes.values():
        for lane in lanes:
            here = {name for name in waiting if _stands_in(center.calls[name], lane.queue, lane.step)}
            assert set(lane.callers) == here
            serving = {login for login in idle if lane in center.agents[login].lanes}
            assert set(lane.operators) == serving
    for channel, call in center.channels.items():
        assert channel == call.party or channel in call.legs
        assert center.calls.get(call.id) is call, f"{channel} belongs to a call that is forgotten"
    for call in center.calls.values():
        assert set(call.legs) <= set(center.channels)
        ringing = [leg for leg in call.legs.values() if leg.state is not LegState.UP and leg.result is None]
        assert call.ended or len(ringing) < 2, f"{call.id} rings twice at once"
        assert call.offer is None or call.offer in call.legs
    for phone, agent in center.at_phone.items():
        here = {call.party if leg is None else leg.channel for call, leg in center.calls_at(phone)}
        assert here <= agent.channels, f"at {agent.login}'s phone, but not theirs: {here - agent.channels}"
    for agent in center.agents.values():
        for held in agent.channels:
            assert held in center.channels or held in center.strangers, f"{agent.login} holds a ghost: {held}"
    for name, playing in center.playbacks.items():
        assert playing.playback == name
        assert center.calls.get(playing.id) is playing


def _stands_in(call: Call, queue: Queue, step: int) -> bool:
    return call.queue == queue.name and call.step == step


# -- nothing is left


def check_nothing_is_left(story: Story) -> None:
    center = story.center
    assert not center.calls, f"calls left: {list(center.calls)}"
    assert not center.channels
    assert not center.strangers
    assert not center.playbacks
    assert not center.hands
    assert not center.helps
    assert not center.snoops
    assert not center.pressed
    assert not center.remembered, f"remembered: {list(center.remembered)}"
    assert not list(center.matcher.waiting())
    for agent in center.agents.values():
        assert not agent.channels
        assert agent.state in AT_REST, f"{agent.login}: {agent.state}"
    left = {key for key in story.life.timers if not key.startswith(OF_BREAKS)}
    assert not left, f"timers left: {left}"
    mixing = [bridge.id for bridge in story.switch.bridges.values() if bridge.kind == "mixing"]
    assert not mixing, f"bridges left: {mixing}"


# -- I1: the log against what happened


def check_log(story: Story) -> None:
    log = story.log
    odd = [*log.oddities, *log.breaks.oddities]
    assert not odd, f"facts that fit nothing: {odd}"
    went_over = {attempt.channel for record in log.calls.values() for attempt in record.attempts.values()}
    for name, truth in story.switch.record.truth.items():
        assert name in log.calls, f"I1: {name} has no record"
        _check_call(log.calls[name], truth, went_over=name in went_over)
    for record in log.calls.values():
        assert record.ended is not None, f"{record.id} has no end"
        for attempt in record.attempts.values():
            assert attempt.ended is not None, f"attempt {attempt.n} of {record.id} has no end"
            assert attempt.ended >= attempt.made
    for intervals in log.intervals.values():
        for earlier, later in pairwise(intervals):
            assert earlier.ended is not None
            assert earlier.ended <= later.since


def _check_call(record: calllog.Call, truth: Truth, *, went_over: bool) -> None:
    """`went_over`: the channel that the call began with is a leg of another call now, to which it was transferred."""
    assert truth.ended is not None
    assert record.ended is not None, f"I1: {record.id} has no end"
    answered = record.outcome == Outcome.ANSWERED
    assert answered == (record.answered is not None)
    if truth.phone is not None:
        left = None if went_over else truth.left
        assert left is None or record.ended >= left - CLOSE, f"logged {record.ended}, but {truth}"
        return  # one that was handed on lives longer, in a bridge with an older call under its linked id
    assert record.arrived == truth.arrived
    assert answered == (truth.answered is not None), f"logged {record.outcome}, but {truth}"
    assert abs(record.ended - truth.ended) <= CLOSE, f"logged {record.ended}, but {truth}"
    if record.answered is not None and truth.answered is not None:
        assert abs(record.answered - truth.answered) <= CLOSE, f"logged {record.answered}, but {truth}"


# -- unknown and stale events


def state_of(thing: Any) -> Any:
    """A center (or a part of it) as plain data that can be compared."""
    return _plain(thing, set())


def _plain(thing: Any, above: set[int]) -> Any:
    if isinstance(thing, Ranking):
        return sorted(map(str, thing))
    if isinstance(thing, dict):
        return {str(key): _plain(value, above) for key, value in thing.items()}
    if isinstance(thing, (set, frozenset)):
        return sorted(map(str, thing))
    if isinstance(thing, (list, tuple)):
        return [_plain(item, above) for item in thing]
    if isinstance(thing, (msgspec.Struct, Enum)):
        return repr(thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        if id(thing) in above:
            return "..."
        within = above | {id(thing)}
        return {field.name: _plain(getattr(thing, field.name), within) for field in fields(thing)}
    if isinstance(thing, Matcher):
        return {name: _plain(value, above) for name, value in vars(thing).items()}
    return repr(thing)
