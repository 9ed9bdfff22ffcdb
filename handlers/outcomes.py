"""How a conversation ended, as the operator says it by a code afterwards."""

from __future__ import annotations

from handlers import operators
from handlers.turn import Turn
from telephony.core.break_facts import OutcomeGiven
from telephony.core.commands import GiveOutcome
from telephony.core.effects import Reply
from telephony.core.operators import IN_CALL, Agent


def give_outcome(turn: Turn, event: GiveOutcome) -> None:
    """Of the last conversation with a caller: in its wrap-up, or until the next. A second time corrects the first."""
    agent = operators.asked_by(turn, event.phone, event.login)
    if agent is not None and agent.at_work:
        operators.busy_with_code(turn, agent, event.channel)
    outcome = next((outcome for outcome in turn.center.plan.outcomes if outcome.code == event.digits), None)
    refusal = _why_not(agent)
    if refusal is None and outcome is None:
        refusal = "outcome-unknown"
    if refusal is not None or agent is None or agent.talked is None or outcome is None:
        operators.answer(turn, event.command, refusal or "outcome-no-call", ok=False)
        return
    turn.do(
        OutcomeGiven(call=agent.talked, login=agent.login, outcome=outcome.label, at=turn.now),
        Reply(command=event.command, ok=True, code="outcome-noted", say=("outcome-noted", outcome.prompt)),
    )


def _why_not(agent: Agent | None) -> str | None:
    if agent is None or not agent.at_work:
        return "not-logged-in"
    if agent.state in IN_CALL:
        return "finish-call-first"
    return "outcome-no-call" if agent.talked is None else None
