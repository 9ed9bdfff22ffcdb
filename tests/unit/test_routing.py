"""Who gets which caller: lanes, claims and strategies, and the matcher against a plain search over all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.core.plan import Group, Overflow, Plan, Queue, Strategy
from telephony.core.routing import Claim, Matcher, Ranking, Requirement, lanes_of, next_step
from telephony.core.staff import Operator

START = datetime(2030, 1, 7, 8, tzinfo=UTC)


def person(login: str, **skills: int) -> Operator:
    return Operator(login=login, name=login, extension="1", skills=skills)


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


# -- lanes


def test_a_requirement_asks_for_every_skill_at_its_level() -> None:
    need = Requirement({"booking": 2, "english": 1})
    assert need.met_by(person("anna", booking=2, english=5))
    assert not need.met_by(person("anna", booking=1, english=5))
    assert not need.met_by(person("anna", booking=9))
    assert Requirement({}).met_by(person("anna"))


def test_a_group_by_login_is_not_open_to_everybody() -> None:
    need = Requirement({}, frozenset({"anna"}))
    assert need.met_by(person("anna"))
    assert not need.met_by(person("boris", booking=9))


def test_each_overflow_step_is_a_lane_and_groups_once_added_stay() -> None:
    queue = Queue(
        name="q",
        label="Q",
        require={"a": 5},
        overflow=(
            Overflow(after=10, add_group="night"),
            Overflow(after=20, require={"a": 1}),
            Overflow(after=30, add_group="chiefs"),
        ),
    )
    groups = {
        "night": Group(name="night", logins=("nina",)),
        "chiefs": Group(name="chiefs", require={"chief": 1}, logins=("oleg",)),
    }
    lanes = lanes_of(queue, groups)
    people = {
        "expert": person("expert", a=5),
        "nina": person("nina"),
        "novice": person("novice", a=1),
        "boss": person("boss", chief=3),
        "oleg": person("oleg"),
    }
    open_to = [{name for name, one in people.items() if lane.open_to(one)} for lane in lanes]
    assert open_to == [
        {"expert"},
        {"expert", "nina"},
        {"expert", "nina", "novice"},
        {"expert", "nina", "novice", "boss", "oleg"},
    ]
    assert next_step(queue, 0) is queue.overflow[0]
    assert next_step(queue, 3) is None


# -- rankings


def test_a_member_who_left_is_not_first_and_may_come_again() -> None:
    ranking: Ranking[str] = Ranking()
    ranking.add("a", (1,))
    ranking.add("b", (2,))
    ranking.discard("a")
    assert ranking.first() == ((2,), "b")
    ranking.add("a", (3,))
    assert ranking.first() == ((2,), "b")
    ranking.discard("b")
    assert ranking.first() == ((3,), "a")
    ranking.discard("a")
    assert ranking.first() is None


def test_a_member_may_change_place() -> None:
    ranking: Ranking[str] = Ranking()
    ranking.add("a", (1,))
    ranking.add("b", (2,))
    ranking.add("a", (3,))
    assert ranking.first() == ((2,), "b")
    assert len(ranking) == 2


def test_what_left_does_not_pile_up() -> None:
    ranking: Ranking[int] = Ranking()
    ranking.add(-1, (0,))
    for n in range(10_000):
        ranking.add(n, (n + 1,))
        ranking.discard(n)
    assert len(ranking._heap) < 200
    assert ranking.first() == ((0,), -1)


# -- the matcher against a search over everybody

SKILLS = st.dictionaries(st.sampled_from("abc"), st.integers(1, 3), max_size=3)
QUEUES = [
    Queue(name="one", label="1", require={"a": 1}, overflow=(Overflow(after=5, require={}),)),
    Queue(name="two", label="2", require={"b": 2}, priority=5, strategy=Strategy.SKILL_LEVEL),
    Queue(name="three", label="3", require={"a": 2, "c": 1}, strategy=Strategy.FEWEST_CALLS),
]
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("caller"), st.integers(0, 9), st.integers(0, 2), st.integers(0, 1), st.integers(0, 30)),
        st.tuples(st.just("operator"), st.integers(0, 5), SKILLS, st.integers(0, 30), st.integers(0, 4)),
        st.tuples(st.just("caller leaves"), st.integers(0, 9)),
        st.tuples(st.just("operator leaves"), st.integers(0, 5)),
    ),
    max_size=40,
)


class Plain:
    """The same by brute force."""

    def __init__(self) -> None:
        self.callers: dict[str, tuple[Queue, int, Claim]] = {}
        self.operators: dict[str, tuple[Operator, datetime, int]] = {}

    def next_caller(self, operator: Operator) -> str | None:
        open_to = [claim for queue, step, claim in self.callers.values() if self._may(operator, queue, step)]
        return min(open_to).call if open_to else None

    def next_operator(self, queue: Queue, step: int) -> str | None:
        def merit(login: str) -> tuple[int, datetime, str]:
            operator, since, calls = self.operators[login]
            levels = [operator.skills.get(skill, 0) for skill in queue.require]
            rank = {Strategy.SKILL_LEVEL: -min(levels), Strategy.FEWEST_CALLS: calls}.get(queue.strategy, 0)
            return rank, since, login

        able = [login for login, (operator, *_) in self.operators.items() if self._may(operator, queue, step)]
        return min(able, key=merit) if able else None

    @staticmethod
    def _may(operator: Operator, queue: Queue, step: int) -> bool:
        widened = step and queue.overflow and queue.overflow[0].require is not None
        return widened or all(operator.skills.get(skill, 0) >= level for skill, level in queue.require.items())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(acts=ACTS)
def test_the_matcher_finds_what_a_search_over_everybody_finds(acts: list[tuple[object, ...]]) -> None:
    matcher, plain = Matcher(Plan(queues=tuple(QUEUES))), Plain()
    for act in acts:
        match act:
            case ("caller", int(n), int(q), int(step), int(arrived)):
                queue = QUEUES[q]
                step = min(step, len(queue.overflow))
                matcher.add_caller(f"c{n}", matcher.lane(queue.name, step), queue.priority, at(arrived))
                plain.callers[f"c{n}"] = (queue, step, Claim(-queue.priority, at(arrived), f"c{n}"))
            case ("operator", int(n), dict(skills), int(since), int(calls)):
                operator = person(f"o{n}", **skills)
                matcher.add_operator(operator, matcher.served_by(operator), at(since), calls)
                plain.operators[operator.login] = (operator, at(since), calls)
            case ("caller leaves", int(n)):
                matcher.remove_caller(f"c{n}")
                plain.callers.pop(f"c{n}", None)
            case ("operator leaves", int(n)):
                matcher.remove_operator(f"o{n}")
                plain.operators.pop(f"o{n}", None)
        for operator, *_ in plain.operators.values():
            assert matcher.next_caller(matcher.served_by(operator)) == plain.next_caller(operator)
        for queue in QUEUES:
            for step in range(len(queue.overflow) + 1):
                assert matcher.next_operator(matcher.lane(queue.name, step)) == plain.next_operator(queue, step)
        assert set(matcher.waiting()) == set(plain.callers)
        assert set(matcher.idle()) == set(plain.operators)


def test_round_robin_puts_the_last_rung_last() -> None:
    queue = Queue(name="q", label="Q", strategy=Strategy.ROUND_ROBIN)
    matcher = Matcher(Plan(queues=(queue,)))
    people = [person(login) for login in ("anna", "boris", "vera")]
    for one in people:
        matcher.add_operator(one, matcher.served_by(one), at(0), 0)
    rung = []
    for _ in range(6):
        login = matcher.next_operator(matcher.lane("q", 0))
        assert login is not None
        rung.append(login)
        matcher.remove_operator(login)
        matcher.took_turn("q", login)
        (operator,) = (one for one in people if one.login == login)
        matcher.add_operator(operator, matcher.served_by(operator), at(len(rung)), len(rung))
    assert rung == ["anna", "boris", "vera"] * 2
