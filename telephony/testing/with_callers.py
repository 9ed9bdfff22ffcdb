"""When operators were with callers, from first ring to the end of the wrap-up, as their states on record tell it; and
when on planned breaks, as their permissions do: what puts off the planned break that comes next."""

from __future__ import annotations

from datetime import datetime, timedelta
from operator import itemgetter

from telephony.core.facts import CallKind, CallOpened, OperatorChanged
from telephony.core.operators import IN_CALL, NOT_TAKEN, State
from telephony.testing.calllog import CallLog


class WithCallers:
    """Told of every fact, in order."""

    def __init__(self, log: CallLog | None = None) -> None:
        """As far as `log` knows: what a new life of the router can know."""
        self._kinds: dict[str, CallKind] = {}
        self._spans: dict[str, list[tuple[datetime, datetime | None]]] = {}
        """Login -> spans of time, the last of them open (None) or not."""
        self._breaks: dict[str, list[tuple[datetime, datetime, datetime]]] = {}
        """Login -> planned, begun and ended."""
        if log is not None:
            self._kinds = {call.id: call.kind for call in log.calls.values()}
            for login, intervals in log.intervals.items():
                for one in intervals:
                    self._note(login, State(one.state), one.reason, one.call, one.since)
                    if one.ended is not None and one is intervals[-1]:
                        self._note(login, State.OFFLINE, "", None, one.ended)

    def opened(self, fact: CallOpened) -> None:
        self._kinds[fact.call] = fact.kind

    def changed(self, fact: OperatorChanged) -> None:
        self._note(fact.login, State(fact.state), fact.reason, fact.call, fact.at)

    def _note(self, login: str, state: State, reason: str, call: str | None, at: datetime) -> None:
        spans = self._spans.setdefault(login, [])
        open_now = bool(spans) and spans[-1][1] is None
        caller = call is None or self._kinds.get(call) is not CallKind.OWN
        busy = state is State.WRAP_UP or (state in (State.RINGING, *IN_CALL) and caller)
        if open_now and reason in NOT_TAKEN:
            spans.pop()  # no more than the ring: what was before it has a span of its own
        elif open_now and (not busy or state is State.RINGING):
            spans[-1] = (spans[-1][0], at)
            open_now = False
        if busy and not open_now:
            spans.append((at, None))

    def rested(self, login: str, slot: datetime, begun: datetime, ended: datetime) -> None:
        """A break planned for `slot` is over."""
        self._breaks.setdefault(login, []).append((slot, begun, ended))

    def deadline(self, login: str, until: datetime, tolerance: timedelta, now: datetime) -> datetime:
        """Until when a break may begin that may begin until `until`, `tolerance` after its time: each time with callers
        that takes of this lets them have it right after, and so does a break that began after its own time, from then
        on."""
        planned = until - tolerance
        spans = [(begun, ended or now) for begun, ended in self._spans.get(login, ())]
        rests = [(slot + tolerance, begun, ended) for slot, begun, ended in self._breaks.get(login, ())]
        late = [(due, ended) for due, begun, ended in rests if begun > due]
        for begun, ended in sorted(spans + late, key=itemgetter(1)):
            if begun <= until and planned <= ended:
                until = ended + tolerance
        return until
