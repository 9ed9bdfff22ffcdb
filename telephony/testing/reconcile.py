"""Three witnesses of the same calls, compared call by call: what the phones saw, the PBX's own record, Gudok's log.

The witnesses know a call by different names. The caller's phone knows its SIP Call-ID, which the PBX's record maps to
the linked id; operators' phones read the linked id in the INVITE's X-Gudok-Call header. A caller's phone cannot see
whether an operator was connected (the PBX answers at once and plays music): to the phones a call is answered when an
operator's phone answered an INVITE for it while the caller was there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeVar

import msgspec

from telephony.core.events import CallRecorded
from telephony.testing.phones.sip import PhoneCall

Source = Literal["phones", "PBX", "Gudok"]
Value = TypeVar("Value")
SOURCES: tuple[Source, ...] = ("phones", "PBX", "Gudok")
TOLERANCE = timedelta(seconds=1)
CROSSING = timedelta(milliseconds=50)
"""An operator's answer this close to the caller's end, or to our own hanging up, crossed it on the way: the phones
cannot tell which was first."""
REPEATED = timedelta(milliseconds=500)
"""A 200 that has crossed the CANCEL is passed over; the phone repeats it after T1 (RFC 3261, 13.3.1.4), and only then
the PBX ends what the phone took for a talk (measured)."""
Outage = tuple[datetime, datetime]
"""From when to when nobody served."""


class LoggedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call as Gudok's call log has it."""

    call: str
    arrived: datetime
    answered: datetime | None
    ended: datetime | None
    outcome: str | None


class LoggedTalk(msgspec.Struct, frozen=True, kw_only=True):
    """A ring attempt of the call log that was answered, at one of the phones compared here."""

    call: str
    phone: str
    answered: datetime
    ended: datetime | None


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One witness's picture of one call. Times in seconds."""

    answered: bool | None
    """None: this witness cannot tell."""
    total: float | None
    """From arrival to the end; None while it goes on."""
    talk: float | None
    """From the first answer to the end."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    call: str
    what: str


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """The result. `unreached`: calls that the phones tried and that never became one at the PBX; each of them is a
    difference too, unless nobody served at that time."""

    calls: Mapping[str, Mapping[Source, View]]
    differences: Sequence[Difference]
    unreached: int

    @property
    def equal(self) -> bool:
        return not self.differences

    def table(self) -> str:
        """For the terminal: the sums of each witness, and every difference in words."""
        rows: list[tuple[str, Callable[[View], float]]] = [
            ("calls", lambda view: 1),
            ("answered", lambda view: view.answered is True),
            ("not answered", lambda view: view.answered is False),
            ("could not tell", lambda view: view.answered is None),
            ("talk, seconds", lambda view: (view.answered is True and view.talk) or 0),
            ("in all, seconds", lambda view: view.total or 0),
        ]
        lines = [f"{'':18}" + "".join(f"{source:>10}" for source in SOURCES)]
        for name, value in rows:
            sums = [sum(value(views[source]) for views in self.calls.values() if source in views) for source in SOURCES]
            lines.append(f"{name:18}" + "".join(f"{round(total):>10}" for total in sums))
        if self.unreached:
            lines.append(f"{self.unreached} calls never reached the PBX")
        lines.append(f"{len(self.differences)} differences" if self.differences else "no difference, call by call")
        lines += [f"  {difference.call}: {difference.what}" for difference in self.differences]
        return "\n".join(lines)


def reconcile(
    *,
    phones: Iterable[PhoneCall],
    call_ids: Mapping[str, str],
    recorded: Iterable[CallRecorded],
    logged: Iterable[LoggedCall],
    talks: Iterable[LoggedTalk] | None = None,
    unconnected: Collection[str] = (),
    outages: Sequence[Outage] = (),
) -> Reconciliation:
    """Compare. `phones`: records of callers' and operators' phones; leave out what is no call, like feature codes.
    `call_ids`: SIP Call-ID of callers -> call id (telephony.pbx.cel.sip_call_ids). `talks`, where given, are compared
    with the operators' phones one by one, so that it must have been that phone which talked at that time.
    `unconnected`: SIP Call-IDs of operators' calls that were picked up while nobody was there to connect them, so that
    the phones cannot tell whether, and when, they were. `outages`: when no router lived. A call may fail to
    reach the PBX then, and one picked up then was connected later."""
    phone_calls, pbx_calls, logged_calls = list(phones), list(recorded), list(logged)
    callers, unreached = _callers(phone_calls, call_ids)
    legs: dict[str, list[PhoneCall]] = defaultdict(list)
    for leg in phone_calls:
        if leg.direction == "in" and leg.call:
            legs[leg.call].append(leg)
    found: dict[str, dict[Source, list[View]]] = defaultdict(lambda: defaultdict(list))
    for call, records in callers.items():
        found[call]["phones"] = [_seen_by_phones(record, legs[call], unconnected, outages) for record in records]
    for record in pbx_calls:
        found[record.call]["PBX"].append(
            _span(record.arrived, record.answered, record.ended, record.answered is not None)
        )
    for row in logged_calls:
        found[row.call]["Gudok"].append(_span(row.arrived, row.answered, row.ended, row.outcome == "answered"))
    differences = [Difference(call=call, what=what) for call in sorted(found) for what in _compare(found[call])]
    differences += [
        Difference(call=call, what="an operator's phone rang for a call that nobody else knows")
        for call in sorted(legs)
        if call not in found
    ]
    differences += [
        Difference(call=f"SIP {record.sip_call_id}", what=f"never reached the PBX, dialed by {record.phone}")
        for record in unreached
        if not any(begin <= record.invited <= end for begin, end in outages)
    ]
    if talks is not None:
        answered = [leg for leg in phone_calls if leg.direction == "in" and leg.answered]
        differences += _compare_talks(answered, list(talks))
    calls = {call: {source: views[0] for source, views in found[call].items() if views} for call in sorted(found)}
    return Reconciliation(calls=calls, differences=differences, unreached=len(unreached))


def _callers(
    phone_calls: Iterable[PhoneCall], call_ids: Mapping[str, str]
) -> tuple[dict[str, list[PhoneCall]], list[PhoneCall]]:
    """Calls that phones made, by call id. One that was answered, or rang, but has no id is kept under its Call-ID:
    the PBX must have known it."""
    callers: dict[str, list[PhoneCall]] = defaultdict(list)
    unreached: list[PhoneCall] = []
    for record in phone_calls:
        if record.direction != "out":
            continue
        if record.sip_call_id in call_ids:
            callers[call_ids[record.sip_call_id]].append(record)
        elif record.answered or record.rang:
            callers[f"SIP {record.sip_call_id}"].append(record)
        else:
            unreached.append(record)
    return callers, unreached


def _seen_by_phones(
    caller: PhoneCall, legs: Iterable[PhoneCall], unconnected: Collection[str], outages: Sequence[Outage]
) -> View:
    if any(leg.sip_call_id in unconnected for leg in legs):
        return _span(caller.invited, None, caller.ended, None)
    answers = sorted(leg.answered for leg in legs if leg.answered is not None)
    sure = [at for at in answers if caller.ended is None or at < caller.ended - CROSSING]
    if sure:
        late = any(begin <= sure[0] <= end for begin, end in outages)
        return _span(caller.invited, None if late else sure[0], caller.ended, True)
    return _span(caller.invited, answers[0] if answers else None, caller.ended, None if answers else False)


def _span(arrived: datetime, answered: datetime | None, ended: datetime | None, is_answered: bool | None) -> View:
    return View(
        answered=is_answered,
        total=None if ended is None else (ended - arrived).total_seconds(),
        talk=None if ended is None or answered is None else (ended - answered).total_seconds(),
    )


def _compare(found: Mapping[Source, Sequence[View]]) -> Iterable[str]:
    for source in SOURCES:
        views = found.get(source, ())
        if not views:
            yield f"missing in {source}"
        elif len(views) > 1:
            yield f"{len(views)} times in {source}"
        elif views[0].total is None:
            yield f"without an end in {source}"
    views_of = {source: found[source][0] for source in SOURCES if found.get(source)}
    outcomes = {source: view.answered for source, view in views_of.items() if view.answered is not None}
    if len(set(outcomes.values())) > 1:
        yield "outcome: " + _in_words(outcomes, lambda answered: "answered" if answered else "not answered")
    yield from _apart("duration", {source: view.total for source, view in views_of.items()})
    if all(outcomes.values()):
        yield from _apart("talk", {source: view.talk for source, view in views_of.items()})


def _apart(what: str, values: Mapping[Source, float | None]) -> Iterable[str]:
    known = {source: value for source, value in values.items() if value is not None}
    if known and max(known.values()) - min(known.values()) > TOLERANCE.total_seconds():
        yield f"{what}: " + _in_words(known, lambda seconds: f"{seconds:.2f} s")


def _in_words(values: Mapping[Source, Value], word: Callable[[Value], str]) -> str:
    return ", ".join(f"{source} {word(value)}" for source, value in values.items())


def _compare_talks(legs: Sequence[PhoneCall], talks: Sequence[LoggedTalk]) -> Iterable[Difference]:
    """Each talk at a phone has its own answered attempt at that phone, begun and ended within the tolerance."""
    left: dict[str, list[LoggedTalk]] = defaultdict(list)
    for talk in sorted(talks, key=lambda talk: talk.answered):
        left[talk.phone].append(talk)
    for leg in sorted(legs, key=lambda leg: leg.invited):
        match = next((talk for talk in left[leg.phone] if _same_talk(leg, talk)), None)
        if match is None and _crossed(leg):
            continue
        if match is None:
            yield Difference(call=leg.call or f"SIP {leg.sip_call_id}", what=f"the log has no such talk at {leg.phone}")
        else:
            left[leg.phone].remove(match)
    for talk in (talk for rest in left.values() for talk in rest):
        yield Difference(call=talk.call, what=f"phone {talk.phone} knows nothing of this talk")


def _crossed(leg: PhoneCall) -> bool:
    """Picked up while we were hanging up: the PBX has no answer on record."""
    return leg.answered is not None and leg.ended is not None and leg.ended - leg.answered < REPEATED + CROSSING


def _same_talk(leg: PhoneCall, talk: LoggedTalk) -> bool:
    assert leg.answered is not None
    if leg.call != talk.call or abs(leg.answered - talk.answered) > TOLERANCE:
        return False
    if leg.ended is None or talk.ended is None:
        return leg.ended is talk.ended
    return abs(leg.ended - talk.ended) <= TOLERANCE
