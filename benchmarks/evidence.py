"""What the three witnesses of a world tell, gathered once its calls are over, and compared call by call."""

from __future__ import annotations

import asyncio
import csv
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace

from benchmarks import plain_record
from benchmarks.world import World
from telephony.core.events import CallRecorded
from telephony.pbx.cel import CelReader, sip_call_ids
from telephony.store.database import Database
from telephony.store.tables import call_log
from telephony.testing.phones.marks import overlaps
from telephony.testing.phones.sip import PhoneCall
from telephony.testing.reconcile import Difference, LoggedCall, LoggedTalk, Reconciliation, reconcile

SETTLE_SECONDS = 20.0
"""The longest that the last lines of the record and of the log may take to be written."""
LOOK_SECONDS = 0.2
Outage = tuple[datetime, datetime]


async def compare(
    world: World,
    calls: Iterable[PhoneCall],
    *,
    pbx_died: Sequence[datetime] = (),
    outages: Sequence[Outage] = (),
    within: float = SETTLE_SECONDS,
) -> Reconciliation:
    """Phones, PBX and Gudok, once every call is over. `calls`: what the phones saw, all phones of the world.

    `pbx_died`: when the PBX was killed. Phones hear nothing of that, and the PBX's record breaks off: for both, the
    calls of that moment ended then. `outages`: when no router lived. An operator who picks up then is connected by the
    next router, and a leg that ends then is noticed by it. Raises TimeoutError when a call of Gudok's goes on.
    """
    await world.until(lambda center: center.totals.calls == 0, "all calls over", within)
    phones = [cut_by_death(call, pbx_died) for call in calls if not call.number.startswith("*")]
    deadline = asyncio.get_running_loop().time() + within
    while True:
        result = await _look(world, phones, pbx_died, outages)
        if result.equal or asyncio.get_running_loop().time() > deadline:
            return result
        await asyncio.sleep(LOOK_SECONDS)  # record and log are written behind the calls: files give no event


async def _look(
    world: World, phones: Sequence[PhoneCall], pbx_died: Sequence[datetime], outages: Sequence[Outage]
) -> Reconciliation:
    rows = await world.calls()
    talks = [
        LoggedTalk(call=row.call, phone=row.phone or row.number or "unknown", answered=row.answered, ended=row.ended)
        for row in await world.attempts()
        if row.answered is not None
    ]
    read_by_product = recorded(world, pbx_died)
    result = reconcile(
        phones=[_as_connected(call, talks, outages) for call in phones],
        call_ids=call_ids(world, phones),
        recorded=read_by_product,
        logged=[
            LoggedCall(call=row.id, arrived=row.arrived, answered=row.answered, ended=row.ended, outcome=row.outcome)
            for row in rows
        ],
        talks=talks,
        unconnected={call.sip_call_id for call in phones if is_undecided(call, outages)},
        outages=outages,
    )
    names = {phone.name for phone in world.settings.plan.phones}
    plain = plain_record.disagreements(plain_record.read(world.settings.cel_file, names), read_by_product, names)
    found = [*result.differences, *(Difference(call=call, what=what) for call, what in plain)]
    return msgspec.structs.replace(result, differences=found)


def recorded(world: World, pbx_died: Sequence[datetime] = ()) -> list[CallRecorded]:
    """All calls of the PBX's own record that are over."""
    plan = world.settings.plan
    names = {phone.name for phone in plan.phones}
    reader = CelReader(world.settings.cel_file, token=str, is_phone=names.__contains__)
    found: list[CallRecorded] = []
    while True:
        found += reader.read()
        if reader.caught_up:
            break
    reader.close()
    broken_off = [replace(record, ended=died) for died in sorted(pbx_died) for record in reader.cut_off(died)]
    return found + broken_off


def cut_by_death(call: PhoneCall, pbx_died: Collection[datetime]) -> PhoneCall:
    """The call as it was for both ends: over when the PBX that carried it was killed."""
    end = min((died for died in pbx_died if call.invited <= died and not _over(call, died)), default=None)
    if end is None:
        return call
    kept = {name: getattr(call, name) for name in call.__struct_fields__}
    answered = call.answered if call.answered is not None and call.answered <= end else None
    return PhoneCall(**{**kept, "answered": answered, "ended": end, "ended_by": "peer"})


def _as_connected(call: PhoneCall, talks: Sequence[LoggedTalk], outages: Sequence[Outage]) -> PhoneCall:
    """A leg that was picked up, or ended, while no router lived: it was connected, or missed, when one was back. The
    log may say so, but nothing beyond."""
    if call.direction == "out" or call.answered is None:
        return call
    answer, end = _end_of(call.answered, outages), _end_of(call.ended, outages)
    for talk in talks:
        if (talk.call, talk.phone) != (call.call, call.phone):
            continue
        kept = {name: getattr(call, name) for name in call.__struct_fields__}
        if answer is not None and call.answered <= talk.answered <= answer:
            kept["answered"] = talk.answered
        if end is not None and call.ended is not None and talk.ended is not None and call.ended <= talk.ended <= end:
            kept["ended"] = talk.ended
        return PhoneCall(**kept)
    return call


def is_undecided(call: PhoneCall, outages: Sequence[Outage]) -> bool:
    """Picked up while no router lived, and over before the next one can be seen to have connected it or to have left it
    alone. One who still talks well after that was connected."""
    end = _end_of(call.answered, outages) if call.direction == "in" else None
    return end is not None and (call.ended is None or call.ended <= end + REASON)


def _end_of(moment: datetime | None, outages: Sequence[Outage]) -> datetime | None:
    """The end of the outage in which that moment lies; of the last such, as they may overlap."""
    return max((end for begin, end in outages if moment is not None and begin <= moment <= end), default=None)


def _over(call: PhoneCall, at: datetime) -> bool:
    return call.ended is not None and call.ended <= at


# -- who survived


REASON = timedelta(seconds=1)
"""An operator's hanging up this close before the PBX's BYE to the caller is its reason."""


def alive(calls: Iterable[PhoneCall], at: datetime) -> list[PhoneCall]:
    """Callers' calls that were under way at that moment."""
    return [call for call in calls if call.direction == "out" and call.invited <= at and not _over(call, at)]


async def cut_calls(world: World, calls: Sequence[PhoneCall], outages: Sequence[Outage]) -> dict[str, str]:
    """Callers whom the PBX sent off though no operator had hung up and nobody sent them away: SIP Call-ID -> call. One
    whose operator hangs up while no router lives is sent off by whichever comes next, however short it lives."""
    ids = call_ids(world, calls)
    sent_away = {row.id for row in await world.calls() if row.outcome in ("sent_away", "unknown_number")}
    reasons: dict[str, list[Outage]] = defaultdict(list)
    for leg in calls:
        if leg.direction == "in" and leg.answered and leg.ended and leg.ended_by == "phone":
            last = _end_of(leg.ended, outages) or leg.ended
            reasons[leg.call or ""].append((leg.ended - REASON, last + REASON))
    return {
        call.sip_call_id: known
        for call in calls
        if call.direction == "out" and call.ended is not None and call.ended_by == "peer"
        for known in [ids.get(call.sip_call_id, "")]
        if known not in sent_away and not any(begin <= call.ended <= end for begin, end in reasons[known])
    }


def doubled(calls: Iterable[PhoneCall]) -> list[str]:
    """Phones that were rung while they had a call, in words."""
    return [
        f"{one.phone} was rung for {other.call} while it had {one.call}"
        for one, other in overlaps(call for call in calls if call.direction == "in")
    ]


async def repairs(world: World) -> int:
    """How often an audit had to set the router's state right, in all its lives."""
    database = Database(world.settings.database_url)
    try:
        async with database.engine.connect() as connection:
            return (await connection.execute(sa.select(sa.func.count()).select_from(call_log.repairs))).scalar_one()
    finally:
        await database.close()


def call_ids(world: World, calls: Iterable[PhoneCall]) -> dict[str, str]:
    """SIP Call-ID of callers -> call id. A call whose PBX died before it had written the Call-ID is known by who
    dialed, and when."""
    found = sip_call_ids(world.settings.cel_file)
    named = set(found.values())
    nameless = [row for row in started(world.settings.cel_file) if row.call not in named]
    for call in calls:
        if call.direction == "out" and call.sip_call_id not in found:
            for row in nameless:
                if row.caller == call.phone and abs(row.at - call.invited) < REASON:
                    found[call.sip_call_id] = row.call
    return found


class StartedCall(NamedTuple):
    call: str
    caller: str
    at: datetime


def started(cel_file: Path) -> list[StartedCall]:
    """Channels that calls began with, as the PBX's record tells."""
    rows = csv.reader(cel_file.read_text(errors="replace").splitlines())
    return [
        StartedCall(row[2], row[5], datetime.fromtimestamp(float(row[1]), UTC))
        for row in rows
        if row[0] == "CHAN_START" and row[2] == row[3]
    ]


def keep(world: World, calls: Sequence[PhoneCall], outages: Sequence[Outage], folder: Path) -> None:
    """Lay aside what the witnesses said: the phones' calls, the PBX's record, database and log of the service."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "outages.json").write_bytes(msgspec.json.encode(outages))
    (folder / "phones.json").write_bytes(b"[" + b",\n".join(map(msgspec.json.encode, calls)) + b"]\n")
    database = Path(Database(world.settings.database_url).file or "")
    for file in (world.settings.cel_file, world.log, database, database.with_name(f"{database.name}-wal")):
        if file.is_file():
            shutil.copy(file, folder)


def now() -> datetime:
    return datetime.now(UTC)
