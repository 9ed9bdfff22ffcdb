"""Each queue is an extension of the dialplan under its own name, and the PBX has its ways with some names."""

from __future__ import annotations

from collections.abc import Iterator

from telephony.core.plan import Plan


def queue_name_mistakes(plan: Plan) -> Iterator[tuple[tuple[str, str], str, str]]:
    """(where it stands, what is wrong, what would be right) of each queue that callers would not get to, or that others
    would: `h` is where the PBX goes at every hang-up. It passes over hyphens."""
    taken: dict[str, str] = {}
    for queue in plan.queues:
        here, heard = ("queues", queue.name), queue.name.replace("-", "")
        if len(heard) == 1:
            yield here, f"to the PBX the letter {heard} alone has a meaning of its own", "give a longer name"
        elif heard in taken:
            yield here, f"to the PBX, which passes over hyphens, this is {taken[heard]}", "give another name"
        taken.setdefault(heard, queue.name)
