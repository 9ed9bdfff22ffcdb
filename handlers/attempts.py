"""Somebody is rung for a call: a leg is made towards them, which is on record as one attempt."""

from __future__ import annotations

from handlers.turn import Turn
from telephony.core.calls import Call, Leg
from telephony.core.effects import CreateLeg
from telephony.core.facts import AttemptMade

ASKS_US = {"PJSIP_TRANSFER_HANDLING()": "ari-only"}
"""On every leg to a phone of the house: its transfer key is ours to answer. Otherwise the PBX carries the transfer out
by itself, and somebody is rung past us. Trunks are not allowed to transfer at all."""


def make_leg(
    turn: Turn,
    call: Call,
    leg: Leg,
    *,
    trunk: str | None = None,
    number: str | None = None,
    label: str = "",
    auto_answer: bool = False,
) -> None:
    """Ask for this leg of the call: to its phone, or by `trunk` to a number outside."""
    turn.do(
        CreateLeg(
            call=call.id,
            leg=leg.channel,
            originator=call.party,
            phone=leg.phone,
            trunk=trunk,
            number=number,
            shows=call.caller,
            label=label,
            auto_answer=auto_answer,
            variables={
                "GUDOK_ROLE": leg.role.value,
                **({} if leg.phone is None else ASKS_US),
                **names(call, leg),
            },
        )
    )
    put_on_record(turn, call, leg, number)


def names(call: Call, leg: Leg) -> dict[str, str]:
    """The variables by which the next life of the router knows the leg."""
    return {"GUDOK_CALL": call.id, "GUDOK_ATTEMPT": str(leg.n), "GUDOK_WHY": leg.why}


def put_on_record(turn: Turn, call: Call, leg: Leg, number: str | None) -> None:
    """`number`: that was dialed, where it is no operator's."""
    turn.do(
        AttemptMade(
            call=call.id,
            n=leg.n,
            channel=leg.channel,
            why=leg.why,
            operator=leg.login,
            phone=leg.phone,
            number=number,
            queue=call.queue,
            at=turn.now,
        )
    )
