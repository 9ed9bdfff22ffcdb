"""What a phone that we ring is told besides: headers of the INVITE, and what it shows."""

from __future__ import annotations

from telephony.core.effects import Announce, CreateLeg

AUTO_ANSWER = {
    "PJSIP_HEADER(add,Call-Info)": "<sip:gudok>;answer-after=0",
    "PJSIP_HEADER(add,Alert-Info)": "<http://127.0.0.1>;info=alert-autoanswer",
}
"""Asks the phone to pick up by itself: makers understand the one or the other."""
LONGEST_NAME = 60
"""Letters of a caller's name; phones show fewer."""
_UNQUOTED = str.maketrans({'"': "'", "\\": None, "<": None, ">": None, "\n": " "})


def leg_variables(effect: CreateLeg, shown: str) -> dict[str, str]:
    """Channel variables of a leg; `shown` is the number that its phone displays, if any."""
    variables = dict(effect.variables)
    variables["PJSIP_HEADER(add,X-Gudok-Call)"] = effect.call
    if shown:
        variables["CONNECTEDLINE(num,i)"] = shown
    if effect.label:
        variables["CONNECTEDLINE(name,i)"] = effect.label
    return variables | AUTO_ANSWER if effect.auto_answer else variables


def announcement_variables(effect: Announce, files: str) -> dict[str, str]:
    """Those of an announcement, which the dialplan says: `files` as Playback() takes them."""
    variables = {"GUDOK_SAY": files}
    return variables | AUTO_ANSWER if effect.auto_answer else variables


def caller_named(words: str) -> str:
    """A caller ID that shows these words in place of a name, as ARI takes it."""
    return f'"{words.translate(_UNQUOTED)[:LONGEST_NAME] or "Gudok"}" <gudok>'
