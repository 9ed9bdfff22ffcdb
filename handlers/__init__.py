"""What the center does when something happens: one explicit table from event to handler.

`handle(center, event, now)` is a plain synchronous function: it changes the center and returns what shall follow, in
order. No I/O, no clock, no await: the same inputs give the same decisions, which is what `gudok replay` checks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from handlers import (
    agents,
    announcements,
    breaks,
    bridging,
    claims,
    hands,
    helping,
    inbound,
    lamps,
    legs,
    logins,
    operators,
    orders,
    outcomes,
    own_calls,
    records,
    recovery,
    reseating,
    scripts,
    slots,
    transfers,
    violations,
    waiting,
)
from handlers.turn import Turn
from telephony.core import commands, events
from telephony.core.center import Center
from telephony.core.effects import Effects
from telephony.core.event import Event


def timer_fired(turn: Turn, event: events.TimerFired) -> None:
    """A timer's key says by its beginning whose it is."""
    for prefix, handler in TIMERS.items():
        if event.key.startswith(prefix):
            handler(turn, event)
            return


def digit_pressed(turn: Turn, event: events.DigitPressed) -> None:
    """In a call: a helper's change the mode, an operator's may raise a hand. The bridge keeps them from the caller."""
    if event.channel in turn.center.helps:
        helping.key_pressed(turn, event)
    else:
        hands.key_pressed(turn, event)


def bridged(turn: Turn, event: events.Bridged) -> None:
    """Two channels of a call hear each other, or a helper hears a conversation."""
    if event.call in turn.center.helps:
        helping.let_in(turn, event)
    else:
        bridging.bridged(turn, event)


def continued(turn: Turn, event: events.Continued) -> None:
    """The rest of a long piece of work."""
    WORK[event.work](turn, event)


WORK: dict[str, Callable[[Turn, events.Continued], None]] = {
    waiting.SEND_AWAY: waiting.go_on,
    orders.ORDER_WORK: orders.go_on,
}

TIMERS: dict[str, Callable[[Turn, events.TimerFired], None]] = {
    waiting.WAIT_TIMER: waiting.wait_over,
    waiting.DOUBT_TIMER: waiting.doubt_over,
    logins.ANSWER_TIMER: logins.answer_due,
    agents.WRAP_UP_TIMER: agents.wrap_up_over,
    breaks.END_TIMER: breaks.time_up,
    breaks.WARNING_TIMER: breaks.warning_due,
    announcements.IDLE_TIMER: announcements.not_idle,
    orders.ORDER_TIMER: orders.order_over,
    violations.TAIL_TIMER: violations.tail_too_long,
    records.RECORD_TIMER: records.record_overdue,
    records.PICTURE_TIMER: records.picture_due,
    hands.HEADS_TIMER: hands.heads_due,
    hands.ALARM_TIMER: hands.alarm_due,
}

HANDLERS: dict[type[Event], Callable[[Turn, Any], None]] = {
    events.Started: recovery.started,
    events.PictureTaken: recovery.picture_taken,
    events.PbxLost: recovery.pbx_lost,
    events.CallRecorded: records.call_recorded,
    events.RecordRead: records.record_read,
    events.CallerArrived: inbound.caller_arrived,
    events.OwnCallStarted: own_calls.own_call_started,
    events.HelperArrived: helping.helper_arrived,
    events.LegReady: legs.leg_ready,
    events.ChannelRinging: legs.channel_ringing,
    events.ChannelAnswered: legs.channel_answered,
    events.Bridged: bridged,
    events.ChannelHeld: legs.channel_held,
    events.ChannelResumed: legs.channel_resumed,
    events.HoldsSeen: reseating.holds_seen,
    events.ChannelGone: legs.channel_gone,
    events.PlayEnded: scripts.play_ended,
    events.DigitPressed: digit_pressed,
    events.TransferAsked: transfers.transfer_asked,
    events.PhoneChanged: operators.phone_changed,
    events.PbxRefused: legs.pbx_refused,
    events.TimerFired: timer_fired,
    events.Continued: continued,
    events.OperatorsChanged: operators.operators_changed,
    commands.LogIn: operators.log_in,
    commands.LogOut: operators.log_out,
    commands.ComeBack: operators.come_back,
    commands.TellState: operators.tell_state,
    commands.TakeBreak: breaks.take_break,
    commands.GiveOrder: orders.give_order,
    commands.WithdrawOrder: orders.withdraw_order,
    commands.ReviewEmergency: orders.review_emergency,
    events.RosterChanged: slots.roster_changed,
    events.NativePauseSeen: violations.native_pause_seen,
    events.NativeMemberSeen: violations.native_member_seen,
    commands.RaiseHand: hands.raise_hand,
    commands.GiveOutcome: outcomes.give_outcome,
    events.LogInRefused: logins.refused,
}


def handle(center: Center, event: events.AnyEvent, now: datetime) -> Effects:
    """Decide what follows from `event`, which entered at `now` (aware UTC). Changes `center`."""
    turn = Turn(center, now)
    HANDLERS[type(event)](turn, event)
    if center.claims:
        claims.serve(turn)
    lamps.end_turn(turn, event)
    return turn.effects
