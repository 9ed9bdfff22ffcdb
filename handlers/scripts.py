"""Walking a call's script: what it says, when it queues, when it ends."""

from __future__ import annotations

from handlers import waiting
from handlers.turn import Turn
from telephony.core.calls import Call
from telephony.core.effects import Alarm, Play, StopPlay
from telephony.core.events import PbxRefused, PlayEnded
from telephony.core.script import Enqueue, Finish, Say, Script, advance


def run(turn: Turn, call: Call, script: Script) -> None:
    """Drop what the call was hearing and start `script`."""
    drop(turn, call)
    call.script = script
    _go_on(turn, call)


def drop(turn: Turn, call: Call) -> None:
    """What is being said is cut off, what was to come is not said."""
    call.script = ()
    if call.playback is not None:
        turn.center.playbacks.pop(call.playback, None)
        turn.do(StopPlay(call=call.id, playback=call.playback))
        call.playback = None


def play_ended(turn: Turn, event: PlayEnded) -> None:
    call = turn.center.playbacks.pop(event.playback, None)
    if call is not None and call.playback == event.playback:
        call.playback = None
        _go_on(turn, call)


def skip(turn: Turn, call: Call) -> None:
    """Go on as if what is being said had ended: its end may have been lost."""
    script = call.script
    drop(turn, call)
    call.script = script
    _go_on(turn, call)


def _go_on(turn: Turn, call: Call) -> None:
    due, call.script = advance(call.script)
    for step in due:
        match step:
            case Say():
                call.playback = turn.center.name_playback(call)
                turn.center.playbacks[call.playback] = call
                turn.do(Play(call=call.id, channel=call.party, playback=call.playback, prompts=step.prompts))
            case Enqueue():
                waiting.enter(turn, call, turn.center.queues[step.queue], "arrival")
                if not call.eligible:  # sent away at once: another script runs now
                    return
            case Finish():
                call.outcome, call.ended_by = step.outcome, "center"
                turn.hang_up(call, call.party)


def play_failed(turn: Turn, event: PbxRefused) -> None:
    """A prompt that cannot be played must not strand the caller: the script goes on as if it had been heard."""
    call = turn.center.calls.get(event.call)
    if call is not None and call.playback is not None and not call.ended:
        turn.do(Alarm(code="prompt_failed", text=f"{event.status} {event.reason}", subject=call.playback))
        play_ended(turn, PlayEnded(playback=call.playback, failed=True))
