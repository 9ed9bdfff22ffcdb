"""The service's answer to `gudok status`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping

from telephony.control.board_rows import Snapshot
from telephony.control.wire import StatusAnswer
from telephony.core.center import Center
from telephony.router.router import Router


def status_answer(
    asked: int,
    run: str,
    router: Router[Center],
    center: Center,
    picture: Snapshot,
    counted: Mapping[str, Counter[str]],
    *,
    serving: bool,
    deaf: bool,
) -> StatusAnswer:
    """`asked`: the id of the request. `counted`: what the parts have counted, by the part's name."""
    counters: Counter[str] = Counter(router.counters)
    for name, counts in counted.items():
        counters.update({f"{name}.{key}": count for key, count in counts.items()})
    return StatusAnswer(
        id=asked,
        pid=os.getpid(),
        serving=serving,
        deaf=deaf,
        run=run,
        handled=router.handled,
        inbox=router.waiting,
        picture=picture,
        counters=+counters,
        phones=len(center.phones),
        phones_away=sorted(center.unreachable),
        latency={"inbox wait": router.inbox_wait.summary_ms(), "decision": router.decision.summary_ms()},
    )
