"""How an operator's state changes, whatever the reason: one place keeps state, matcher and mirror together."""

from __future__ import annotations

from datetime import datetime, timedelta

from handlers import announcements, breaks, lamps, orders, own_calls, slots, talks, violations, waiting
from handlers.turn import Turn
from telephony.core.break_facts import ViolationKind
from telephony.core.effects import LampState, MirrorMember, Watch
from telephony.core.event import CallId, ChannelId
from telephony.core.events import TimerFired
from telephony.core.facts import OperatorChanged
from telephony.core.operators import BREAK_OVER, IN_CALL, PAUSED, PHONE_LOST, Agent, State

WRAP_UP_TIMER = "wrap:"
ENDED = {State.WRAP_UP: "", State.BREAK: BREAK_OVER}
"""States that end by themselves, with the reason of the READY after them."""
SHOWN = PAUSED | {State.OFFLINE}
"""What lamps and the native queues tell apart; all other states are alike to them."""


def set_state(
    turn: Turn,
    agent: Agent,
    state: State,
    *,
    reason: str = "",
    call: CallId | None = None,
    at: datetime | None = None,
    until: datetime | None = None,
) -> None:
    """The operator is in `state` from now on, or has been since `at`; a wrap-up ends at `until`. Entering READY does
    not yet make them free: see `settle`."""
    if state in IN_CALL and (state, reason, call) == (agent.state, agent.reason, agent.call):
        return
    at = at or turn.now
    _end_in_time(turn, agent, at)
    before, shown = agent.state, lamps.break_light(agent)
    if before is State.WRAP_UP:
        turn.forget_timer(WRAP_UP_TIMER + agent.login)
    wrap_up_until = agent.until if before in (State.WRAP_UP, State.RINGING, *IN_CALL) else None
    agent.state, agent.since, agent.reason, agent.call, agent.until = state, at, reason, call, until
    if state is State.RINGING or (state in IN_CALL and not talks.with_caller(turn, agent)):
        agent.until = until or wrap_up_until  # it goes on meanwhile
    elif state is State.BREAK and agent.permission is not None:
        agent.until = agent.permission.until
    agent.warned = agent.call_back_due = False
    if state in IN_CALL:
        agent.idle_since = None
    if state is not State.READY:
        turn.center.matcher.remove_operator(agent.login)
    slots.follow_calls(turn, agent, at)
    turn.do(_as_it_is(agent, at))
    violations.follow(turn, agent, at)
    if agent.tail is not None and state in IN_CALL and before not in IN_CALL:
        violations.expect_end(turn, agent, agent.until or at)
    _show(turn, agent, before, shown)


def _as_it_is(agent: Agent, since: datetime) -> OperatorChanged:
    on_break = agent.permission if agent.state is State.BREAK else None
    return OperatorChanged(
        login=agent.login,
        state=agent.state,
        at=since,
        phone=agent.phone,
        reason=agent.reason,
        call=agent.call,
        until=agent.until,
        permission=None if on_break is None else on_break.id,
    )


def _show(turn: Turn, agent: Agent, before: State, shown: LampState) -> None:
    """To the native queues and on the lamps, where they were `shown` otherwise."""
    if before in SHOWN or agent.state in SHOWN:
        if (before in PAUSED or agent.state in PAUSED) and agent.at_work:
            mirror(turn, agent)
        lamps.follow(turn, agent, shown, was_at_work=before is not State.OFFLINE)


def _end_in_time(turn: Turn, agent: Agent, at: datetime) -> None:
    """What was to end before `at`, while nobody lived to end it, did so: they were READY from then on."""
    reason = ENDED.get(agent.state)
    if reason is not None and agent.until is not None and agent.until < at:
        set_state(turn, agent, State.READY, reason=reason, at=agent.until)


def mirror(turn: Turn, agent: Agent, *, seen_until: datetime | None = None) -> None:
    """Let the native fallback queues show the operator as they are. `seen_until`: see MirrorMember."""
    if agent.phone is None:
        return
    queues = tuple(lane.queue.name for lane in agent.lanes if lane.step == 0)
    paused = agent.state in PAUSED
    turn.do(
        MirrorMember(
            login=agent.login,
            phone=agent.phone,
            queues=queues,
            paused=paused,
            reason=agent.reason,
            since=agent.since,
            seen_until=seen_until,
            extension=agent.person.extension,
        )
    )


def occupy(turn: Turn, agent: Agent, channel: ChannelId, *, watch: bool) -> None:
    """The operator's phone holds `channel`: nothing is given to them before the PBX reports it gone."""
    agent.channels.add(channel)
    turn.center.matcher.remove_operator(agent.login)
    if watch:
        turn.center.strangers[channel] = agent
        agent.occupied = turn.now
        if agent.state is State.READY and agent.tail is None:
            violations.in_use(turn, agent)
        turn.do(Watch(call=channel, channel=channel))


def release(turn: Turn, agent: Agent, channel: ChannelId) -> None:
    """The PBX has reported one of the operator's channels gone."""
    agent.channels.discard(channel)
    agent.held.discard(channel)
    if agent.channels:
        own_calls.look_again(turn, agent)
        talks.follow(turn, agent)
    settle(turn, agent)


def settle(turn: Turn, agent: Agent) -> None:
    """With the last channel gone, or the last call but for a code on another line: log out, pause, wrap up, or take the
    next caller."""
    if not agent.at_work or (agent.channels and not _call_is_over(turn, agent)):
        return
    if not agent.person.enabled:
        leave(turn, agent, "disabled")
    elif agent.deferred and breaks.begin_deferred(turn, agent):
        return
    elif agent.rona:
        reason, agent.rona, agent.wrap_up = agent.rona, "", 0
        set_state(turn, agent, State.UNREACHABLE, reason=reason)
    elif agent.state in IN_CALL and agent.wrap_up > 0:
        _wrap_up(turn, agent, turn.now + timedelta(seconds=agent.wrap_up))
    elif agent.state in (State.RINGING, *IN_CALL) and agent.until is not None and agent.until > turn.now:
        _wrap_up(turn, agent, agent.until)
    elif agent.state in (State.RINGING, *IN_CALL):
        make_ready(turn, agent)
    elif (
        agent.state is State.READY and not _phone_is_lost(turn, agent) and not announcements.call_back_late(turn, agent)
    ):
        waiting.next_for(turn, agent)


def _call_is_over(turn: Turn, agent: Agent) -> bool:
    return agent.state in IN_CALL and talks.find(turn, agent) is None


def _wrap_up(turn: Turn, agent: Agent, until: datetime) -> None:
    set_state(turn, agent, State.WRAP_UP, until=until)
    agent.generation += 1
    agent.tail, agent.wrap_up = ViolationKind.LONG_WRAP_UP, 0
    turn.wake(WRAP_UP_TIMER + agent.login, agent.generation, until - turn.now)


def _phone_is_lost(turn: Turn, agent: Agent, at: datetime | None = None) -> bool:
    """Whether it is; then the operator is UNREACHABLE until it returns."""
    if agent.phone not in turn.center.unreachable:
        return False
    if (agent.state, agent.reason) != (State.UNREACHABLE, PHONE_LOST):
        set_state(turn, agent, State.UNREACHABLE, reason=PHONE_LOST, at=at)
    return True


def make_ready(turn: Turn, agent: Agent, reason: str = "", at: datetime | None = None) -> None:
    """READY, unless the phone is lost; then the next caller, if one waits, or the pause of an order that does."""
    if _phone_is_lost(turn, agent, at):
        return
    idle_since = agent.idle_since
    set_state(turn, agent, State.READY, reason=reason, at=at)
    agent.idle_since = idle_since or agent.since
    if not orders.call_in(turn, agent) and not agent.channels:
        waiting.next_for(turn, agent)


def leave(turn: Turn, agent: Agent, reason: str) -> None:
    """The operator's shift ends here."""
    breaks.leave(turn, agent)
    phone = agent.phone
    queues = agent.queues
    turn.center.unseat(agent)
    agent.idle_since = None
    set_state(turn, agent, State.OFFLINE, reason=reason)
    if phone is not None:
        turn.do(MirrorMember(login=agent.login, phone=phone, queues=()))
    waiting.check_staff(turn, queues)


def wrap_up_over(turn: Turn, event: TimerFired) -> None:
    agent = turn.center.agents.get(event.key.removeprefix(WRAP_UP_TIMER))
    if agent is not None and agent.state is State.WRAP_UP and agent.generation == event.generation:
        agent.idle_since = None
        make_ready(turn, agent, at=min(agent.until or turn.now, turn.now))
