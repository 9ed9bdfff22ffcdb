"""The center in which the stories play."""

from __future__ import annotations

from collections.abc import Callable

from telephony.core.plan import DirectoryEntry, Farewell, Group, OutboundRule, Overflow, Phone, Plan, Queue, Trunk
from telephony.testing.story import Story

NewStory = Callable[..., Story]
"""Makes a story, of another plan or with another seed."""

BOOKING = Queue(
    name="booking",
    label="Booking",
    numbers=("1300",),
    transfer_number="801",
    require={"booking": 1},
    wrap_up=10,
    greeting="welcome",
)
PLAN = Plan(
    queues=(
        BOOKING,
        Queue(
            name="children",
            label="Children",
            numbers=("1301",),
            transfer_number="802",
            require={"children": 3},
            wrap_up=0,
            overflow=(Overflow(after=30, require={"booking": 3}), Overflow(after=60, add_group="seniors")),
        ),
        Queue(name="urgent", label="Urgent", numbers=("1302",), priority=10, require={"booking": 1}, wrap_up=5),
        Queue(
            name="results",
            label="Results",
            numbers=("1303",),
            require={"results": 1},
            max_wait=120,
            overflow=(Overflow(after=40, to_queue="booking"),),
        ),
        Queue(
            name="paid",
            label="Paid",
            numbers=("1304",),
            transfer_number="805",
            require={"paid": 1},
            wrap_up=0,
            max_wait=90,
            at_max_wait=Farewell(prompt="call-later"),
            nobody=Farewell(prompt="nobody-now"),
        ),
        Queue(
            name="patient",
            label="Patient",
            numbers=("1305",),
            require={"booking": 1},
            overflow=(Overflow(after=20, hang_up=Farewell(prompt="too-long")),),
        ),
        Queue(
            name="polite",
            label="Polite",
            numbers=("1306",),
            require={"booking": 1},
            greeting="long-welcome",
            hear_out=True,
            sticky=600,
            wrap_up=0,
        ),
    ),
    groups=(Group(name="seniors", require={"senior": 1}),),
    directory=(
        DirectoryEntry(number="201", label="Doctor", phone="doctor01", ring=25),
        DirectoryEntry(number="202", label="Laboratory", dial="500202", trunk="city"),
    ),
    outbound=(OutboundRule(pattern="[2-9][0-9]{5}", trunk="city"),),
    phones=tuple(Phone(name=name) for name in ("phone01", "phone02", "phone03", "phone04", "doctor01")),
    trunks=(Trunk(name="city"),),
)
