"""A caller reaches a service number."""

from __future__ import annotations

from handlers import records, scripts, transfers, waiting
from handlers.turn import Turn
from telephony.core.calls import Call
from telephony.core.effects import Answer
from telephony.core.events import CallerArrived
from telephony.core.facts import CallKind, CallOpened, Outcome
from telephony.core.plan import Queue
from telephony.core.script import Enqueue, farewell, welcome


def caller_arrived(turn: Turn, event: CallerArrived) -> None:
    """Open the record, answer, greet, queue. A number nobody serves is told so. One call, one record: a caller whom
    the fallback queue had in between goes on in the record that was opened first."""
    center = turn.center
    if event.channel in center.channels:
        return
    queue = center.queues.get(event.queue or "") or center.by_number.get(event.number)
    call = open_inbound(turn, event, queue)
    if not event.up:
        turn.do(Answer(call=call.id, channel=call.party))
    if event.handed_to is not None:
        transfers.handed_over(turn, call, event, queue)
    elif queue is None:
        scripts.run(turn, call, farewell(center.plan.unknown_number, Outcome.UNKNOWN_NUMBER))
    elif event.via == "fallback":
        waiting.enter(turn, call, queue, "return", since=event.queued)
    else:
        greeted = center.pbx_up or queue.hear_out
        scripts.run(turn, call, welcome(queue) if greeted else (Enqueue(queue.name),))


def open_inbound(turn: Turn, event: CallerArrived, queue: Queue | None) -> Call:
    center = turn.center
    known = center.remembered.pop(event.channel, None)
    call = Call(
        id=event.channel,
        kind=CallKind.INBOUND,
        number=event.number,
        caller=event.caller,
        arrived=event.arrived if known is None else known.arrived,
        opened=turn.now,
        party=event.channel,
        attempts=0 if known is None else known.attempts,
        answered=None if known is None else known.answered,
    )
    center.open(call)
    if known is None:
        turn.do(
            CallOpened(
                call=call.id,
                kind=call.kind,
                number=call.number,
                caller=call.caller,
                arrived=call.arrived,
                via_fallback=event.via == "fallback",
            )
        )
    if event.channel in center.past:
        records.catch_up(turn, call, center.past.pop(event.channel), alive=frozenset())
    return call
