"""The state of the center, and nothing else: who works, which calls live, which channel belongs to what.

Handlers change it through the few methods here that keep its indexes together; there is no I/O, no clock, no log.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from datetime import datetime

from telephony.core.break_facts import BreakKind
from telephony.core.calls import Call, Leg
from telephony.core.effects import LampState
from telephony.core.event import CallId, ChannelId
from telephony.core.hands import Hand, Help
from telephony.core.logins import LogIns
from telephony.core.operators import Agent, State
from telephony.core.permissions import Claim, Order, Permission
from telephony.core.plan import DirectoryEntry, Plan, Queue
from telephony.core.record import RecordSoFar
from telephony.core.remembered import OpenCall
from telephony.core.roster import Roster
from telephony.core.routing import Matcher, members
from telephony.core.staff import Operator


@dataclass(frozen=True, slots=True)
class Target:
    """What a number that an operator dials or refers to stands for: exactly one of the first four is set."""

    queue: Queue | None = None
    agent: Agent | None = None
    entry: DirectoryEntry | None = None
    trunk: str | None = None
    number: str = ""
    """What to dial through `trunk`: a token."""


NO_QUEUE = ""
"""Where those stand in line who serve none, because their skills have changed meanwhile: there is always a place."""


def first_queues(agent: Agent) -> list[str]:
    """The queues that the operator serves from the first moment of a call's waiting."""
    return [lane.queue.name for lane in agent.lanes if lane.step == 0]


@dataclass(slots=True, eq=False)
class Center:
    """Everything a decision may depend on."""

    plan: Plan = field(default_factory=Plan)
    run: str = ""
    pbx_up: bool = False
    pbx_lost: datetime | None = None
    pbx_started: datetime | None = None
    matcher: Matcher = field(default_factory=lambda: Matcher(Plan()))
    queues: dict[str, Queue] = field(default_factory=dict)
    by_number: dict[str, Queue] = field(default_factory=dict)
    agents: dict[str, Agent] = field(default_factory=dict)
    at_phone: dict[str, Agent] = field(default_factory=dict)
    phones: frozenset[str] = frozenset()
    pick_up: frozenset[str] = frozenset()
    """Phones that answer by themselves, whoever calls."""
    unreachable: set[str] = field(default_factory=set)
    staff: dict[str, int] = field(default_factory=dict)
    """How many at work could serve each queue, sooner or later."""
    serving: dict[str, int] = field(default_factory=dict)
    """How many at work serve each queue from the first moment of a call's waiting."""
    resting: dict[str, int] = field(default_factory=dict)
    """How many of these are, or will be after their call, on a technical break."""
    roster: Roster = field(default_factory=Roster)
    used_slots: dict[str, set[datetime]] = field(default_factory=dict)
    """Login -> begin of the planned breaks that were taken, as the roster had them then."""
    moved_slots: dict[tuple[str, datetime], datetime] = field(default_factory=dict)
    """The same of planned breaks missed because of a call, or of one that came late -> until when they may begin."""
    orders: dict[str, Order] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    """By login. Changed by `claim` and `unclaim` only."""
    claimed: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)
    """Queue -> slot and login of those who wait for a place in it, in their order."""
    freed: set[str] = field(default_factory=set)
    """Queues in which a place may have become free since the claims were last looked at."""
    claims_end: datetime | None = None
    """No claim lapses before."""
    emergencies: dict[str, str] = field(default_factory=dict)
    """Permission -> login, of emergency pauses that no senior has looked at."""
    lit: set[str] = field(default_factory=set)
    """Queues whose lamp shows that somebody waits."""
    names: int = 0
    calls: dict[CallId, Call] = field(default_factory=dict)
    channels: dict[ChannelId, Call] = field(default_factory=dict)
    """Every channel of every call, the parties' and the legs'."""
    strangers: dict[ChannelId, Agent] = field(default_factory=dict)
    """Channels outside our application that keep an operator busy."""
    natives: dict[ChannelId, str] = field(default_factory=dict)
    """Channel -> phone, of calls outside our application, as the last picture showed them."""
    native_talks: set[ChannelId] = field(default_factory=set)
    """Those of them that were in a conversation, not in a code that was dialed."""
    playbacks: dict[str, Call] = field(default_factory=dict)
    last_talks: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    """Caller's token -> operator and end of their last talk, oldest first."""
    remembered: dict[CallId, OpenCall] = field(default_factory=dict)
    """Calls that the database holds open and the PBX does not show: their end is being looked for."""
    record_unread: bool = False
    """The PBX's record of what was before the last picture is still being read."""
    past: dict[CallId, RecordSoFar] = field(default_factory=dict)
    """What the PBX's record says of callers in the fallback queue, should they come back to us."""
    hands: dict[str, Hand] = field(default_factory=dict)
    """Raised and not down, oldest first."""
    hands_raised: int = 0
    helps: dict[ChannelId, Help] = field(default_factory=dict)
    """Seniors in others' conversations, by their channel."""
    snoops: dict[ChannelId, Help] = field(default_factory=dict)
    pressed: dict[ChannelId, tuple[tuple[str, datetime], ...]] = field(default_factory=dict)
    """The last keys that an operator has pressed in a call, as many as raise a hand."""
    hand_lamps: dict[str, LampState] = field(default_factory=dict)
    """Login -> what their lamp shows of raised hands, where it is not off."""
    lamps_shown: bool = False
    """In this life of the router."""
    log_ins: LogIns = field(default_factory=LogIns)
    suspects: frozenset[str] = frozenset()
    """What the last audit found amiss; amiss twice is repaired."""

    def adopt_plan(self, plan: Plan, run: str) -> None:
        """Start from this plan; called once in the life of a router."""
        self.plan, self.run = plan, run
        self.matcher = Matcher(plan)
        self.queues = {queue.name: queue for queue in plan.queues}
        self.by_number = {number: queue for queue in plan.queues for number in queue.numbers}
        self.phones = frozenset(phone.name for phone in plan.phones)
        self.pick_up = frozenset(phone.name for phone in plan.phones if phone.auto_answer)
        self.staff = dict.fromkeys(self.queues, 0)
        self.serving = dict.fromkeys(self.queues, 0)
        self.resting = dict.fromkeys(self.queues, 0)

    def new_name(self) -> str:
        """For a request, a permission, an order or a violation: not reused by another life of the router."""
        self.names += 1
        return f"{self.run}-{self.names}"

    def resolve(self, number: str, trunk: str | None) -> Target | None:
        """What `number` means on an operator's phone; None when nothing. `trunk` where it is a number outside. An entry
        of the directory on whose phone an operator works means that operator: they are given one call at a time."""
        for queue in self.plan.queues:
            if number == queue.transfer_number or number in queue.numbers:
                return Target(queue=queue)
        for agent in self.agents.values():
            if agent.person.extension == number and agent.person.enabled:
                return Target(agent=agent)
        for entry in self.plan.directory:
            if entry.number == number:
                at_work = self.at_phone.get(entry.phone or "")
                return Target(entry=entry) if at_work is None else Target(agent=at_work)
        return None if trunk is None else Target(trunk=trunk, number=number)

    def belongs(self, person: Operator, group: str | None) -> bool:
        """Whether this person is in the group of that name."""
        return bool(members(self.plan, group, [person]))

    def leads(self, person: Operator) -> bool:
        """Whether this person is one of the seniors or heads of the break rules."""
        return any(self.belongs(person, group) for group in (self.plan.breaks.seniors, self.plan.breaks.heads))

    # -- operators

    def set_persons(self, persons: tuple[Operator, ...]) -> None:
        """The full list of operators; those at work keep their state."""
        for person in persons:
            agent = self.agents.get(person.login)
            if agent is None:
                self.agents[person.login] = Agent(person)
            else:
                agent.person = person
        listed = {person.login for person in persons}
        for login in [login for login, agent in self.agents.items() if login not in listed and not agent.at_work]:
            del self.agents[login]

    def seat(self, agent: Agent, phone: str) -> None:
        """The operator works on `phone` from now on."""
        self.unseat(agent)
        agent.phone = phone
        self.at_phone[phone] = agent
        self.serve(agent)

    def serve(self, agent: Agent) -> None:
        """Work out the lanes anew: at login and when the skills change."""
        self._count_staff(agent, -1)
        agent.lanes = self.matcher.served_by(agent.person)
        self._count_staff(agent, +1)

    def unseat(self, agent: Agent) -> None:
        """The operator has left the phone, and with it what was to follow on their last call."""
        self.matcher.remove_operator(agent.login)
        self._count_staff(agent, -1)
        agent.lanes = ()
        if agent.phone is not None:
            self.at_phone.pop(agent.phone, None)
        agent.phone = agent.talked = None
        agent.rona = ""
        agent.calls = agent.wrap_up = 0

    def _count_staff(self, agent: Agent, change: int) -> None:
        for queue in agent.queues:
            self.staff[queue] += change
        for queue in first_queues(agent):
            self.serving[queue] += change
            self.freed.add(queue)
        self._count_resting(agent, change)
        if agent.login in self.claims:
            self._count_claim(agent, self.claims[agent.login], change)

    def _count_resting(self, agent: Agent, change: int) -> None:
        if agent.permission is not None and agent.permission.kind is BreakKind.TECHNICAL:
            for queue in first_queues(agent):
                self.resting[queue] += change
                self.freed.add(queue)

    def _count_claim(self, agent: Agent, claim: Claim, change: int) -> None:
        for queue in first_queues(agent) or [NO_QUEUE]:
            waiting = self.claimed.setdefault(queue, [])
            if change > 0:
                insort(waiting, (claim.slot, claim.login))
            else:
                waiting.remove((claim.slot, claim.login))
            self.freed.add(queue)

    def claim(self, claim: Claim) -> None:
        """The operator waits for a place in each queue that they serve."""
        self.unclaim(claim.login)
        self.claims[claim.login] = claim
        self.claims_end = min(self.claims_end or claim.shift_end, claim.shift_end)
        self._count_claim(self.agents[claim.login], claim, +1)

    def unclaim(self, login: str) -> Claim | None:
        """They do not any more; answers what they waited with."""
        claim = self.claims.pop(login, None)
        if claim is not None:
            self._count_claim(self.agents[login], claim, -1)
        return claim

    def permit(self, agent: Agent, permission: Permission | None) -> None:
        """The operator holds this permission from now on, or none. Keeps the counts that the cap is measured by."""
        self._count_resting(agent, -1)
        agent.permission = permission
        self._count_resting(agent, +1)
        if permission is None and agent.login in self.claims:
            self.freed.update(first_queues(agent) or [NO_QUEUE])

    def make_free(self, agent: Agent) -> None:
        """Let the matcher give calls to a READY operator."""
        if agent.state is State.READY and agent.idle_since is not None:
            self.matcher.add_operator(agent.person, agent.lanes, agent.idle_since, agent.calls)

    # -- calls

    def calls_at(self, phone: str) -> list[tuple[Call, Leg | None]]:
        """The calls that hold a channel at this phone, and their leg there; None where the phone has dialed."""
        dialed = [(call, None) for call in self.calls.values() if call.phone == phone and call.party in self.channels]
        legs = ((call, leg) for call in self.calls.values() for leg in call.legs.values() if leg.phone == phone)
        return [*dialed, *legs]

    def agent_on(self, channel: ChannelId) -> Agent | None:
        """The operator whose phone holds this channel of a call."""
        call = self.channels.get(channel)
        leg = None if call is None else call.legs.get(channel)
        login = leg.login if leg is not None else call.origin if call is not None else None
        return None if login is None else self.agents.get(login)

    def open(self, call: Call) -> None:
        self.calls[call.id] = call
        self.channels[call.party] = call

    def add_leg(self, call: Call, leg: Leg) -> None:
        call.legs[leg.channel] = leg
        self.channels[leg.channel] = call

    def forget_channel(self, call: Call, channel: ChannelId) -> None:
        """The channel is gone; the call is forgotten with its last channel."""
        self.channels.pop(channel, None)
        call.legs.pop(channel, None)
        call.in_bridge.discard(channel)
        self.forget_if_over(call)

    def forget_if_over(self, call: Call) -> None:
        """Its end is stated, no channel is left, and nothing more is awaited of it."""
        alive = call.legs or call.party in self.channels
        if call.ended and not alive and call.connecting is None:
            self.calls.pop(call.id, None)

    def name_leg(self, call: Call) -> ChannelId:
        call.attempts += 1
        return f"{call.id}-{self.run}-{call.attempts}"

    def name_bridge(self, call: Call) -> str:
        call.bridges += 1
        return f"{call.id}-{self.run}-b{call.bridges}"

    def name_hand(self) -> str:
        self.hands_raised += 1
        return f"hand-{self.run}-{self.hands_raised}"

    def name_playback(self, call: Call) -> str:
        call.playbacks += 1
        return f"{call.id}-{self.run}-p{call.playbacks}"
