"""Promise I2, looked at from outside the rules: no eligible caller without an offer waits, is sent away or goes on to
another queue while an operator who may take them is free."""

from __future__ import annotations

from collections.abc import Sequence

from telephony.core import events as ev
from telephony.core import staff
from telephony.core.calls import Call
from telephony.core.center import Center
from telephony.core.effects import AnyEffect
from telephony.core.facts import AnyFact, CallKind, CallQueued, Outcome
from telephony.core.operators import Agent, State
from telephony.core.plan import Plan, Queue
from telephony.core.script import Finish
from telephony.testing.people import Operator
from telephony.testing.skills import may_take
from telephony.testing.story import Story

Place = tuple[str, int]
"""A queue, and the overflow step in it."""


class PassedOver:
    """Nobody is sent away, or on to another queue or a later step, past an operator who is free for them where they
    stood."""

    def __init__(self) -> None:
        self._stood: dict[str, Place] = {}
        """Where everybody who could be given to an operator stood after the last event."""

    def watch(self, center: Center, event: ev.AnyEvent, effects: Sequence[AnyEffect | AnyFact]) -> None:
        if isinstance(event, ev.Started):
            self._stood = {}
        free = [agent for agent in center.agents.values() if is_free(center, agent)] if center.pbx_up else []
        entered = [one for one in effects if isinstance(one, CallQueued) and one.why in ("arrival", "overflow")]
        for call in center.calls.values() if free else ():
            places = [self._stood[call.id]] if call.id in self._stood else []
            places += [(one.queue, 0) for one in entered if one.call == call.id]
            for queue, step in places:
                able = [agent for agent in free if may_take(center.plan, agent.person, center.queues[queue], step)]
                passed = able and _has_left(call, (queue, step))
                assert not passed, f"I2: {call.id} has left {queue} at step {step} while {able[0].login} is free"
        self._stood = {call.id: (call.queue or "", call.step) for call in center.calls.values() if call.eligible}


def _has_left(call: Call, place: Place) -> bool:
    """Without having been given to anybody."""
    sent_away = call.script == (Finish(Outcome.SENT_AWAY),)
    return not call.ended and (sent_away or (call.eligible and place != (call.queue, call.step)))


def is_free(center: Center, agent: Agent) -> bool:
    return agent.state is State.READY and not agent.channels and agent.phone not in center.unreachable


def waits(call: Call) -> bool:
    """Eligible, and nobody rings for them."""
    return call.eligible and not call.ended and call.offer is None


def check_offers(center: Center) -> None:
    if not center.pbx_up:
        return
    free = [agent for agent in center.agents.values() if is_free(center, agent)]
    waiting = [call for call in center.calls.values() if waits(call)]
    for call in waiting:
        queue = center.queues[call.queue or ""]
        for agent in free:
            taken = may_take(center.plan, agent.person, queue, call.step)
            assert not taken, f"I2: {call.id} waits in {queue.name} while {agent.login} is free"


def check_nobody_waits_for_themselves(center: Center) -> None:
    """No operator stands in a queue that they serve, rung by nobody: unless there is another call on their phone, of a
    caller or one that we do not know."""
    for call in center.calls.values() if center.pbx_up else ():
        agent = center.agents.get(call.origin or "")
        if agent is None or not agent.at_work or not waits(call):
            continue
        queue = center.queues[call.queue or ""]
        serves = any(may_take(center.plan, agent.person, queue, step) for step in range(len(queue.overflow) + 1))
        others = [center.channels.get(channel) for channel in agent.channels]
        excused = any(other is None or other.kind is CallKind.INBOUND for other in others)
        assert excused or not serves, f"{agent.login} waits in {queue.name}, which they serve"


def check_nobody_waits_in_vain(story: Story) -> None:
    """I2 looked at from outside: nobody hears music while somebody who may take them sits at a silent phone, ready on
    record. What is under way at the first look has happened at the second."""
    if _in_vain(story):
        story.moment()
        story.passes(0.3)
        waiting = _in_vain(story)
        assert not waiting, f"I2: {waiting}"


def _in_vain(story: Story) -> list[str]:
    if not story.life.alive or not story.pbx.connected:
        return []
    story.journal.commit()
    rung = {channel.variables.get("GUDOK_CALL") for channel in story.switch.channels.values()}
    queues = {queue.name: queue for queue in story.plan.queues}
    ready = [operator for operator in story.operators.values() if _sits_ready(story, operator)]
    found = []
    for caller in story.callers.values():
        channel = caller.channel
        queue = queues.get(channel.variables.get("GUDOK_QUEUE", ""))
        if queue is not None and caller.hears == "music" and channel.id not in rung:
            able = [operator.login for operator in ready if _takes_at_any_step(story.plan, operator.person, queue)]
            found += [f"{channel.id} hears music in {queue.name} while {login} is idle" for login in able]
    return found


def _takes_at_any_step(plan: Plan, person: staff.Operator, queue: Queue) -> bool:
    """From outside nobody sees how far the caller has overflowed, and a step may ask for other skills."""
    return all(may_take(plan, person, queue, step) for step in range(len(queue.overflow) + 1))


def _sits_ready(story: Story, operator: Operator) -> bool:
    intervals = story.log.intervals.get(operator.login)
    if not intervals or intervals[-1].ended is not None or intervals[-1].state != State.READY:
        return False
    phone = story.switch.phones[intervals[-1].phone or ""]
    return phone.reachable and not phone.channels
