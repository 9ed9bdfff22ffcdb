"""Callers who wait: entering a queue, overflow, the longest wait, and the match with a free operator."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from handlers import agents, attempts, own_calls, scripts, violations
from handlers.turn import Turn
from telephony.core.calls import Call, Leg, Role
from telephony.core.effects import Continue, Hold, SetVariables
from telephony.core.events import Continued, TimerFired
from telephony.core.facts import CallQueued, Outcome
from telephony.core.operators import Agent, State
from telephony.core.plan import Farewell, Overflow, Queue
from telephony.core.routing import next_step
from telephony.core.script import farewell

WAIT_TIMER = "wait:"
DOUBT_TIMER = "doubt:"
DOUBT_SECONDS = 2
SEND_AWAY = "send_away"

Why = Literal["arrival", "overflow", "transfer", "return"]


def enter(turn: Turn, call: Call, queue: Queue, why: Why, since: datetime | None = None) -> None:
    """The call stands in `queue` from now on (or `since` then), with its true arrival; it is matched at once if
    somebody is free."""
    call.queue, call.queued, call.step, call.priority = queue.name, since or turn.now, 0, queue.priority
    call.talked = False
    turn.do(CallQueued(call=call.id, queue=queue.name, priority=queue.priority, why=why, at=call.queued))
    if why != "arrival":
        tell_wait(turn, call, call.queued)
    resume(turn, call)


def tell_wait(turn: Turn, call: Call, since: datetime) -> None:
    """The PBX knows as well where the party waits, and since when: its own queue counts on from there when we are
    away."""
    if call.queue is not None:
        known = {"GUDOK_QUEUE": call.queue, "GUDOK_QUEUED": f"{since.timestamp():.3f}"}
        turn.do(SetVariables(call=call.id, channel=call.party, variables=known))


def resume(turn: Turn, call: Call) -> None:
    """The caller may be given to an operator: to one who is free for them where they stand, else where the overflow
    steps already due lead them. Who comes out of a talk, by a transfer that has failed, begins a new wait: the talk
    was none. An operator may not wait for themselves."""
    queue = turn.center.queues[call.queue or ""]
    if own_calls.turned_back(turn, call):
        return
    if call.talked:
        enter(turn, call, queue, "transfer")
        return
    call.eligible = True
    if (nobody := nobody_there(turn, queue)) is not None:
        send_away(turn, call, nobody.prompt)
        return
    agent = _choose(turn, call, queue)
    while agent is None and (step := _due_step(turn, call, queue)) is not None:
        if _leaves_by(turn, call, step):
            return
        agent = _choose(turn, call, queue)
    if agent is not None:
        offer(turn, call, agent)
    else:
        stand(turn, call)
        _set_timer(turn, call, queue)
    hold(turn, call)


def stand(turn: Turn, call: Call) -> None:
    """Among those who wait, where an operator who becomes free finds them: also whoever is about to `resume`, while
    the operator that rang for them becomes free."""
    if call.eligible and not call.ended and call.queue is not None:
        lane = turn.center.matcher.lane(call.queue, call.step)
        turn.center.matcher.add_caller(call.id, lane, call.priority, call.arrived)


def nobody_there(turn: Turn, queue: Queue) -> Farewell | None:
    """What callers of the queue are told because none of its operators is at work; None where they may wait."""
    return queue.nobody if turn.center.staff[queue.name] == 0 else None


def hold(turn: Turn, call: Call) -> None:
    """Music, unless it plays already. A prompt that is still heard would hold up all that follows."""
    if not call.held:
        call.held = True
        if call.playback is not None:
            scripts.drop(turn, call)
        music = turn.center.queues[call.queue].music if call.queue else "default"
        turn.do(Hold(call=call.id, channel=call.party, music=music))


def _choose(turn: Turn, call: Call, queue: Queue) -> Agent | None:
    """The operator for this caller: the last one they spoke with, if free and recent enough, else the best."""
    center = turn.center
    if not center.pbx_up:
        return None
    lane = center.matcher.lane(queue.name, call.step)
    if queue.sticky and call.caller in center.last_talks:
        login, ended = center.last_talks[call.caller]
        agent = center.agents.get(login)
        recent = turn.now - ended <= timedelta(seconds=queue.sticky)
        if recent and agent is not None and center.matcher.is_idle(login) and lane in agent.lanes:
            return agent
    login_first = center.matcher.next_operator(lane)
    return None if login_first is None else center.agents[login_first]


def next_for(turn: Turn, agent: Agent) -> None:
    """The operator is free: give them the caller with the highest claim, or let them wait for one."""
    center = turn.center
    violations.free_again(turn, agent)
    call_id = center.matcher.next_caller(agent.lanes) if center.pbx_up else None
    if call_id is None:
        center.make_free(agent)
    else:
        offer(turn, center.calls[call_id], agent)


def match_all(turn: Turn) -> None:
    """After a time without decisions (no PBX): match what has gathered, highest claims first."""
    center = turn.center
    for login in list(center.matcher.idle()):
        agent = center.agents[login]
        center.matcher.remove_operator(login)
        next_for(turn, agent)


def offer(turn: Turn, call: Call, agent: Agent) -> None:
    """Ring the operator for the waiting caller. From here until the leg is gone neither is offered to anybody else."""
    queue = turn.center.queues[call.queue or ""]
    turn.center.matcher.took_turn(queue.name, agent.login)
    leg = ring(turn, call, agent, queue.ring, "queue", auto_answer=queue.auto_answer)
    call.offer = leg.channel


def ring(
    turn: Turn,
    call: Call,
    agent: Agent,
    seconds: int,
    why: Literal["queue", "transfer", "own"],
    *,
    auto_answer: bool = False,
) -> Leg:
    """Make a leg to the operator's phone and reserve the operator for it (promise I3)."""
    center = turn.center
    center.matcher.remove_caller(call.id)
    channel = center.name_leg(call)
    leg = Leg(
        channel, Role.OPERATOR, call.attempts, seconds, turn.now, agent.login, why, queue=call.queue, phone=agent.phone
    )
    center.add_leg(call, leg)
    agent.channels.add(channel)
    agents.set_state(turn, agent, State.RINGING, call=call.id)
    attempts.make_leg(
        turn,
        call,
        leg,
        label=center.queues[call.queue].label if call.queue else "",
        auto_answer=auto_answer or agent.phone in center.pick_up,
    )
    return leg


# -- time passes


def _next_step(turn: Turn, call: Call, queue: Queue) -> Overflow:
    """After the last overflow step comes the longest wait: it sends away."""
    step = next_step(queue, call.step)
    if step is not None:
        return step
    return Overflow(after=queue.max_wait, hang_up=queue.at_max_wait or Farewell(prompt=turn.center.plan.farewell))


def _set_timer(turn: Turn, call: Call, queue: Queue) -> None:
    due = timedelta(seconds=_next_step(turn, call, queue).after)
    call.timer += 1
    turn.wake(WAIT_TIMER + call.id, call.timer, due - call.waited(turn.now))


def wait_over(turn: Turn, event: TimerFired) -> None:
    """An overflow step or the longest wait is due."""
    call = turn.center.calls.get(event.key.removeprefix(WAIT_TIMER))
    if not turn.center.pbx_up:
        return  # nothing could be said to them now: the next picture looks at every caller's wait
    if call is not None and call.timer == event.generation and turn.center.matcher.is_waiting(call.id):
        turn.center.matcher.remove_caller(call.id)
        resume(turn, call)


def _due_step(turn: Turn, call: Call, queue: Queue) -> Overflow | None:
    """The next step, if its time has come. None is taken without the PBX: see `wait_over`."""
    step = _next_step(turn, call, queue)
    due = turn.center.pbx_up and call.waited(turn.now) >= timedelta(seconds=step.after)
    return step if due else None


def _leaves_by(turn: Turn, call: Call, step: Overflow) -> bool:
    """Take the step; True when the call has left this queue by it."""
    if step.hang_up is not None:
        send_away(turn, call, step.hang_up.prompt)
    elif step.to_queue is not None:
        enter(turn, call, turn.center.queues[step.to_queue], "overflow")
    else:
        call.step += 1
        return False
    return True


def send_away(turn: Turn, call: Call, prompt: str) -> None:
    """Nobody will take this caller: say so, then hang up."""
    stop_waiting(turn, call)
    scripts.run(turn, call, farewell(prompt, Outcome.SENT_AWAY))


def stop_waiting(turn: Turn, call: Call) -> None:
    """The caller is with an operator, has gone, or is being sent away."""
    call.eligible = False
    turn.center.matcher.remove_caller(call.id)
    if call.timer:
        turn.forget_timer(WAIT_TIMER + call.id)


def doubt(turn: Turn, call: Call) -> None:
    """The PBX does not know this caller any more: the news of their end must be on its way. Nobody is rung for them,
    unless after a while they are still there."""
    if call.offer is not None:
        stop_waiting(turn, call)
        turn.wake(DOUBT_TIMER + call.id, call.timer, DOUBT_SECONDS)


def doubt_over(turn: Turn, event: TimerFired) -> None:
    call = turn.center.calls.get(event.key.removeprefix(DOUBT_TIMER))
    undecided = call is not None and not call.ended and not call.eligible and call.timer == event.generation
    if call is not None and undecided and call.offer is None and not call.script and turn.center.pbx_up:
        resume(turn, call)


def check_staff(turn: Turn, queues: set[str]) -> None:
    """The last operator of these queues may have left: callers who wait there are told, where config says so."""
    center = turn.center
    left = [
        call
        for name in sorted(queues)
        if nobody_there(turn, center.queues[name]) is not None
        for lane in center.matcher.lanes[name]
        for call in lane.callers
    ]
    if left:
        turn.do(Continue(work=SEND_AWAY, items=tuple(left)))


def go_on(turn: Turn, event: Continued) -> None:
    """Send away a few, then let other events have their turn."""
    center = turn.center
    for call_id in event.items[:BATCH]:
        if center.matcher.is_waiting(call_id):
            call = center.calls[call_id]
            nobody = nobody_there(turn, center.queues[call.queue or ""])
            if nobody is not None:
                send_away(turn, call, nobody.prompt)
    if len(event.items) > BATCH:
        turn.do(Continue(work=event.work, items=event.items[BATCH:]))


BATCH = 50
"""How many calls one turn treats when many must be."""
