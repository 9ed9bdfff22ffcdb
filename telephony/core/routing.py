"""Who gets which caller: waiting callers and free operators, matched in logarithmic time.

Callers that the same operators may take stand in one *lane*: a queue at one of its overflow steps. An operator serves
a fixed set of lanes, worked out once from their skills at login. Each lane keeps two priority queues: the callers by
claim, the free operators by the queue's strategy. So a caller who arrives looks at one lane, an operator who becomes
free looks at the heads of their lanes, and nothing grows with the size of the center but the logarithm.

Promise I2 holds because at every change one side looks at the other: a free operator and a caller they may take never
both stay.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import Generic, NamedTuple, TypeVar

from telephony.core.event import CallId
from telephony.core.plan import Group, Overflow, Plan, Queue, Skills, Strategy
from telephony.core.staff import Operator

K = TypeVar("K", bound=Hashable)


class Claim(NamedTuple):
    """The order among waiting callers: the smallest goes first. Kept through overflow, transfer and failed rings."""

    minus_priority: int
    arrived: datetime
    call: CallId


class Merit(NamedTuple):
    """The order among free operators of a lane: the smallest is rung first."""

    rank: int
    """What the strategy counts; 0 for longest idle."""
    idle_since: datetime
    login: str


class Ranking(Generic[K]):
    """A priority queue whose members can leave: a heap with lazy deletion, rebuilt when mostly stale."""

    __slots__ = ("_heap", "_keys")

    def __init__(self) -> None:
        self._heap: list[tuple[tuple[object, ...], K]] = []
        self._keys: dict[K, tuple[object, ...]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, item: K) -> bool:
        return item in self._keys

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys)

    def add(self, item: K, key: tuple[object, ...]) -> None:
        self._keys[item] = key
        heappush(self._heap, (key, item))
        if len(self._heap) > 2 * len(self._keys) + 64:
            self._heap = [(kept, member) for member, kept in self._keys.items()]
            heapify(self._heap)

    def discard(self, item: K) -> None:
        self._keys.pop(item, None)

    def first(self) -> tuple[tuple[object, ...], K] | None:
        """The smallest key and its item, or None when nobody is here."""
        heap, keys = self._heap, self._keys
        while heap:
            entry = heap[0]
            if keys.get(entry[1]) is entry[0]:
                return entry
            heappop(heap)
        return None


class Requirement(NamedTuple):
    """Skills an operator must all have; an empty `skills` is met by everyone. Or membership by `logins`."""

    skills: Skills
    logins: frozenset[str] = frozenset()

    def met_by(self, operator: Operator) -> bool:
        if self.logins:
            return operator.login in self.logins
        return all(operator.skills.get(skill, 0) >= level for skill, level in self.skills.items())


@dataclass(slots=True, eq=False)
class Lane:
    """One queue at one overflow step: `accepts` lists the alternatives, any of which an operator must meet: the
    skills required there, by which they are ranked too, then those of the groups that were added."""

    queue: Queue
    step: int
    accepts: tuple[Requirement, ...]
    callers: Ranking[CallId] = field(default_factory=Ranking)
    operators: Ranking[str] = field(default_factory=Ranking)

    def open_to(self, operator: Operator) -> bool:
        return any(requirement.met_by(operator) for requirement in self.accepts)


def lanes_of(queue: Queue, groups: dict[str, Group]) -> tuple[Lane, ...]:
    """The lanes of a queue: lane 0 at arrival, then one for each overflow step; groups, once added, stay."""
    base = Requirement(dict(queue.require))
    extra: tuple[Requirement, ...] = ()
    lanes = [Lane(queue, 0, (base,))]
    for number, step in enumerate(queue.overflow, start=1):
        if step.require is not None:
            base = Requirement(dict(step.require))
        if step.add_group is not None:
            extra += _group_requirements(groups[step.add_group])
        lanes.append(Lane(queue, number, (base, *extra)))
    return tuple(lanes)


def _group_requirements(group: Group) -> tuple[Requirement, ...]:
    found: tuple[Requirement, ...] = ()
    if group.require is not None:
        found += (Requirement(dict(group.require)),)
    if group.logins:
        found += (Requirement({}, frozenset(group.logins)),)
    return found


@dataclass(slots=True)
class Idle:
    """A free operator as the matcher holds them."""

    lanes: tuple[Lane, ...]
    since: datetime


class Matcher:
    """The waiting callers and the free operators of the whole center."""

    def __init__(self, plan: Plan) -> None:
        groups = {group.name: group for group in plan.groups}
        self.lanes: dict[str, tuple[Lane, ...]] = {queue.name: lanes_of(queue, groups) for queue in plan.queues}
        self._waiting: dict[CallId, Lane] = {}
        self.moved: set[str] = set()
        """Queues that callers have entered or left since somebody looked."""
        self._idle: dict[str, Idle] = {}
        self._last_turn: dict[str, int] = {}
        self._turns: dict[tuple[str, str], int] = {}

    # -- callers

    def lane(self, queue: str, step: int) -> Lane:
        return self.lanes[queue][step]

    def add_caller(self, call: CallId, lane: Lane, priority: int, arrived: datetime) -> None:
        """The caller waits in `lane`; one who waits already moves there."""
        self.remove_caller(call)
        self._waiting[call] = lane
        self.moved.add(lane.queue.name)
        lane.callers.add(call, Claim(-priority, arrived, call))

    def remove_caller(self, call: CallId) -> None:
        lane = self._waiting.pop(call, None)
        if lane is not None:
            self.moved.add(lane.queue.name)
            lane.callers.discard(call)

    def is_waiting(self, call: CallId) -> bool:
        return call in self._waiting

    def anybody_in(self, queue: str) -> bool:
        """Whether somebody waits there."""
        return any(lane.callers for lane in self.lanes[queue])

    def waiting(self) -> Iterable[CallId]:
        return self._waiting

    def next_caller(self, lanes: Iterable[Lane]) -> CallId | None:
        """The caller with the highest claim among all who stand in `lanes`."""
        best: tuple[tuple[object, ...], CallId] | None = None
        for lane in lanes:
            if lane.callers:
                head = lane.callers.first()
                if head is not None and (best is None or head < best):
                    best = head
        return None if best is None else best[1]

    # -- operators

    def served_by(self, operator: Operator) -> tuple[Lane, ...]:
        """The lanes this operator may take callers from."""
        return tuple(lane for lanes in self.lanes.values() for lane in lanes if lane.open_to(operator))

    def add_operator(self, operator: Operator, lanes: tuple[Lane, ...], since: datetime, calls: int) -> None:
        """The operator is free since `since`; `calls`: how many they took in this shift."""
        self.remove_operator(operator.login)
        self._idle[operator.login] = Idle(lanes, since)
        for lane in lanes:
            lane.operators.add(operator.login, Merit(self._rank(operator, lane, calls), since, operator.login))

    def remove_operator(self, login: str) -> None:
        idle = self._idle.pop(login, None)
        if idle is not None:
            for lane in idle.lanes:
                lane.operators.discard(login)

    def is_idle(self, login: str) -> bool:
        return login in self._idle

    def idle(self) -> Iterable[str]:
        return self._idle

    def next_operator(self, lane: Lane) -> str | None:
        """The free operator whom the queue's strategy puts first."""
        head = lane.operators.first()
        return None if head is None else head[1]

    def took_turn(self, queue: str, login: str) -> None:
        """Round robin: whoever was rung last stands last."""
        self._last_turn[queue] = turn = self._last_turn.get(queue, 0) + 1
        self._turns[queue, login] = turn

    def _rank(self, operator: Operator, lane: Lane, calls: int) -> int:
        match lane.queue.strategy:
            case Strategy.LONGEST_IDLE:
                return 0
            case Strategy.SKILL_LEVEL:
                return -min((operator.skills.get(skill, 0) for skill in lane.accepts[0].skills), default=0)
            case Strategy.ROUND_ROBIN:
                return self._turns.get((lane.queue.name, operator.login), 0)
            case Strategy.FEWEST_CALLS:
                return calls


def members(plan: Plan, group: str | None, persons: Iterable[Operator]) -> list[Operator]:
    """Those of `persons` who belong to the group of this name; nobody, where there is none."""
    found = next((one for one in plan.groups if one.name == group), None)
    requirements = () if found is None else _group_requirements(found)
    return [person for person in persons if any(requirement.met_by(person) for requirement in requirements)]


def next_step(queue: Queue, step: int) -> Overflow | None:
    """The overflow step that comes after `step`, or None after the last."""
    return queue.overflow[step] if step < len(queue.overflow) else None
