"""What operators ask for from their phones and what their phones tell about themselves."""

from __future__ import annotations

from handlers import (
    agents,
    announcements,
    breaks,
    claims,
    lamps,
    logins,
    own_calls,
    reseating,
    spoken,
    violations,
    waiting,
)
from handlers.turn import Turn
from telephony.core.commands import ComeBack, LogIn, LogOut, TellState
from telephony.core.effects import Reply
from telephony.core.event import ChannelId
from telephony.core.events import OperatorsChanged, PhoneChanged
from telephony.core.operators import IN_CALL, PHONE_LOST, Agent, State


def answer(turn: Turn, command: str, code: str, *, ok: bool = True) -> None:
    """One answer, spoken as the prompt of the same name."""
    turn.do(Reply(command=command, ok=ok, code=code, say=(code,)))


def log_in(turn: Turn, event: LogIn) -> None:
    """One login, one phone. A second phone is told so while the first is reachable, and takes over when it is not."""
    center = turn.center
    if logins.turned_away(turn, event):
        return
    agent = center.agents.get(event.login)
    refusal = _why_not(turn, agent, event.phone)
    if agent is None or refusal is not None:
        answer(turn, event.command, refusal or "unknown-operator", ok=False)
        return
    if event.channel is not None:
        center.unreachable.discard(event.phone)  # it has just called us
    if agent.at_work and agent.phone == event.phone:
        busy_with_code(turn, agent, event.channel)
        answer(turn, event.command, "already-logged-in")
        return
    if agent.at_work:
        agents.leave(turn, agent, "other_phone")
    before = center.at_phone.get(event.phone)
    if before is not None:
        violations.put_out(turn, before, turn.now)
        violations.logged_out(turn, before, event.phone, turn.now)
        agents.leave(turn, before, "phone_taken_over")
    center.seat(agent, event.phone)
    busy_with_code(turn, agent, event.channel)
    _take_over_calls(turn, agent, event.phone)
    agents.make_ready(turn, agent, "logged_in")
    reseating.settle_busy(turn, agent)
    agents.mirror(turn, agent)
    violations.logged_in(turn, agent)
    answer(turn, event.command, "logged-in")


def _why_not(turn: Turn, agent: Agent | None, phone: str) -> str | None:
    """The reason to refuse a login, or None."""
    center = turn.center
    if agent is None or not agent.person.enabled:
        return "unknown-operator"
    if phone not in center.phones:
        return "unknown-phone"
    if agent.at_work and agent.phone != phone and (agent.phone not in center.unreachable or _in_call(agent)):
        return "logged-in-elsewhere"
    other = center.at_phone.get(phone)
    if other is not None and other is not agent and _in_call(other):
        return "phone-in-use"
    return None


def _take_over_calls(turn: Turn, agent: Agent, phone: str) -> None:
    """What goes on at the phone already is this operator's from now on: it must not ring before that has ended."""
    for call, leg in turn.center.calls_at(phone):
        channel, before = (call.party, call.origin) if leg is None else (leg.channel, leg.login)
        if leg is None:
            call.origin = agent.login
        else:
            leg.login = agent.login
        _take_over(turn, agent, channel, turn.center.agents.get(before or ""), watch=False)
    _take_over_natives(turn, agent, phone)
    own_calls.look_again(turn, agent)


def _take_over_natives(turn: Turn, agent: Agent, phone: str) -> None:
    """The same of calls that are not ours. Where one has ended since we looked, the PBX says so when we watch it."""
    center = turn.center
    natives = [one for one, at in center.natives.items() if at == phone and one not in center.channels]
    for channel in natives:
        _take_over(turn, agent, channel, center.strangers.get(channel), watch=True)


def _take_over(turn: Turn, agent: Agent, channel: ChannelId, holder: Agent | None, *, watch: bool) -> None:
    """It was `holder` who was busy with the channel, if anybody was."""
    agents.occupy(turn, agent, channel, watch=watch)
    if holder is not None and holder is not agent:
        agents.release(turn, holder, channel)


def _in_call(agent: Agent) -> bool:
    return agent.state in IN_CALL or agent.state is State.RINGING


def busy_with_code(turn: Turn, agent: Agent, channel: ChannelId | None) -> None:
    """The phone is still in the call in which the code was dialed: it must not ring before that has ended."""
    if channel is not None:
        agents.occupy(turn, agent, channel, watch=True)


def log_out(turn: Turn, event: LogOut) -> None:
    agent = asked_by(turn, event.phone, event.login)
    if agent is None or not agent.at_work:
        answer(turn, event.command, "not-logged-in", ok=False)
    elif _in_call(agent):
        answer(turn, event.command, "finish-call-first", ok=False)
    else:
        violations.logged_out(turn, agent, agent.phone or "", turn.now)
        agents.leave(turn, agent, "logged_out")
        answer(turn, event.command, "logged-out")


def come_back(turn: Turn, event: ComeBack) -> None:
    """The operator says: I am back. Ends a break, UNREACHABLE, and a wrap-up early; in a call it takes back
    the wish for a break after it."""
    center = turn.center
    agent = asked_by(turn, event.phone, event.login)
    if agent is None or not agent.at_work:
        answer(turn, event.command, "not-logged-in", ok=False)
        return
    busy_with_code(turn, agent, event.channel)
    if agent.state is State.BREAK:
        breaks.end(turn, agent, "used", "came_back")
        _answer_back(turn, event.command, agent)
    elif claims.drop(turn, agent.login, "withdrawn") or agent.deferred:
        if agent.deferred:
            breaks.decline(turn, agent)
        answer(turn, event.command, "break-cancelled")
    elif agent.state in (State.UNREACHABLE, State.WRAP_UP):
        if event.phone is not None:
            center.unreachable.discard(event.phone)
        agent.idle_since = None
        breaks.go_back(turn, agent, "came_back", turn.now)
        _answer_back(turn, event.command, agent)
    elif agent.state is State.READY:
        announcements.cut_off(turn, agent)
        answer(turn, event.command, "you-are-ready")
    else:
        answer(turn, event.command, "finish-call-first", ok=False)


def _answer_back(turn: Turn, command: str, agent: Agent) -> None:
    """They are ready, or on the pause of an order that has waited for them."""
    if agent.state is State.BREAK and agent.until is not None:
        say = ("break-granted", "break-until", *spoken.at(turn.center.plan, agent.until))
        turn.do(Reply(command=command, ok=True, code="break-granted", say=say))
    else:
        answer(turn, command, "you-are-ready")


def tell_state(turn: Turn, event: TellState) -> None:
    agent = turn.center.at_phone.get(event.phone)
    if agent is None:
        answer(turn, event.command, "not-logged-in", ok=False)
        return
    busy_with_code(turn, agent, event.channel)
    code = f"state-{agent.state.replace('_', '-')}"
    say: tuple[str, ...] = (code,)
    if agent.state is State.BREAK and agent.until is not None:
        say = (code, "break-until", *spoken.at(turn.center.plan, agent.until))
    elif agent.login in turn.center.claims:
        say = (code, "break-waits")
    turn.do(Reply(command=event.command, ok=True, code=code, say=say))


def asked_by(turn: Turn, phone: str | None, login: str | None) -> Agent | None:
    return turn.center.agents.get(login) if login is not None else turn.center.at_phone.get(phone or "")


def operators_changed(turn: Turn, event: OperatorsChanged) -> None:
    """New skills count from the next match on; who was disabled leaves when no call is with them. Callers may wait for
    somebody who has lost the skill."""
    center = turn.center
    left: set[str] = set()
    extensions = {login: agent.person.extension for login, agent in center.agents.items() if agent.at_work}
    center.set_persons(event.operators)
    for login, extension in extensions.items():
        if center.agents[login].person.extension != extension:
            lamps.put_out(turn, extension)
    for agent in list(center.agents.values()):
        if not agent.at_work:
            continue
        center.matcher.remove_operator(agent.login)
        left |= agent.queues
        center.serve(agent)
        agents.mirror(turn, agent)
        own_calls.look_again(turn, agent)
        if not agent.channels:
            agents.settle(turn, agent)
    waiting.check_staff(turn, left)


def phone_changed(turn: Turn, event: PhoneChanged) -> None:
    """A lost phone is not rung; an operator between calls is UNREACHABLE until it returns."""
    center = turn.center
    agent = center.at_phone.get(event.phone)
    if event.reachable:
        center.unreachable.discard(event.phone)
        if agent is not None and (agent.state, agent.reason) == (State.UNREACHABLE, PHONE_LOST):
            agents.make_ready(turn, agent, "phone_back")
        return
    center.unreachable.add(event.phone)
    if agent is not None and agent.state is State.READY and not agent.channels:
        agents.set_state(turn, agent, State.UNREACHABLE, reason=PHONE_LOST)
