"""What operators dial on their phones: log in, take a break, I am back, a senior please. Each is one request of the
dialplan and one spoken answer."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import structlog

from telephony.core import commands
from telephony.core import events as ev
from telephony.core.break_facts import BreakKind
from telephony.core.commands import AnyCommand
from telephony.core.effects import Reply
from telephony.core.plan import Plan
from telephony.core.staff import Operator
from telephony.pbx.agi import AgiRequest

log = structlog.get_logger(__name__)

Denied = Literal["wrong_pin", "unknown", "disabled", "locked"]
Verify = Callable[[str, str], Awaitable[Operator | Denied]]
"""(extension, PIN) -> the operator who proved who they are, or why not. Must not keep the loop busy."""

Ask = Callable[[str, str, str | None], AnyCommand]
"""(name of the command, phone, channel of the code's own call) -> the command."""


def _pause(kind: BreakKind) -> Ask:
    return lambda name, phone, channel: commands.TakeBreak(command=name, kind=kind, phone=phone, channel=channel)


ASKED: dict[str, Ask] = {
    "logout": lambda name, phone, channel: commands.LogOut(command=name, phone=phone, channel=channel),
    "back": lambda name, phone, channel: commands.ComeBack(command=name, phone=phone, channel=channel),
    "status": lambda name, phone, channel: commands.TellState(command=name, phone=phone, channel=channel),
    "technical": _pause(BreakKind.TECHNICAL),
    "management": _pause(BreakKind.MANAGEMENT),
    "hand": lambda name, phone, channel: commands.RaiseHand(command=name, phone=phone, channel=channel),
}

MOST_VERIFYING = 40
"""PINs that are being looked at, one after the other: whoever came later would not hear the answer in time."""
ANSWER_SECONDS = 1.5
"""The FastAGI server gives us two seconds, the dialplan five."""
SERVICE_AWAY = "service-away"


@dataclass(frozen=True)
class Spoken:
    """What the dialplan plays, prompts by name, and whether it went well."""

    ok: bool
    say: tuple[str, ...]


class PhoneCodes:
    """Answers the requests `/login` (extension, PIN, phone), `/outcome` and `/emergency` (phone, digits), and those of
    ASKED by the phone alone."""

    def __init__(
        self,
        *,
        ask: Callable[[AnyCommand | ev.LogInRefused, float], Awaitable[Reply]],
        verify: Verify,
        plan: Plan,
        locked: Callable[[str], bool] = lambda extension: False,
    ) -> None:
        """`locked`: whether nobody can log in by this extension now, so that its PIN is not worth the work."""
        self._ask = ask
        self._verify = verify
        self._locked = locked
        self._verifying = 0
        self._sounds = {prompt.name: prompt.sound for prompt in plan.prompts if prompt.sound is not None}
        self._numbers = itertools.count(1)
        self.counters: Counter[str] = Counter()

    async def serve(self, request: AgiRequest) -> Mapping[str, str]:
        """For the AGI server: GUDOK_SAY is what Playback() shall play."""
        spoken = await self.answer(request.script.strip("/"), request.args, request.channel_id or None)
        say = "&".join(self._sounds.get(name, f"gudok/{name}") for name in spoken.say)
        return {"GUDOK_SAY": say}

    async def answer(self, code: str, arguments: tuple[str, ...], channel: str | None) -> Spoken:
        """`channel` is the one in which the code was dialed: it keeps the phone busy until it ends.

        Never raises: what cannot be understood or answered in time is told as "service away".
        """
        match code, arguments:
            case "login", (extension, pin, phone):
                return await self._log_in(extension, pin, phone, channel)
            case "emergency", (phone, digits):
                kind = BreakKind.EMERGENCY
                name = self._name()
                return await self._told(
                    commands.TakeBreak(command=name, kind=kind, phone=phone, reason=digits, channel=channel)
                )
            case "outcome", (phone, digits):
                name = self._name()
                return await self._told(commands.GiveOutcome(command=name, phone=phone, digits=digits, channel=channel))
            case _, (phone,) if code in ASKED:
                return await self._told(ASKED[code](self._name(), phone, channel))
        self.counters["unknown_request"] += 1
        log.warning("unknown phone code", code=code[:40], arguments=len(arguments))
        return Spoken(False, (SERVICE_AWAY,))

    async def _log_in(self, extension: str, pin: str, phone: str, channel: str | None) -> Spoken:
        try:
            verdict = await self._verdict(extension, pin)
        except Exception:
            self.counters["verify_failed"] += 1
            log.exception("PIN not verified")
            return Spoken(False, (SERVICE_AWAY,))
        if verdict is None:
            self.counters["too_many_logins"] += 1
            return Spoken(False, (SERVICE_AWAY,))
        if isinstance(verdict, str):
            self.counters[f"login_{verdict}"] += 1
            refused = ev.LogInRefused(command=self._name(), extension=extension, phone=phone, reason=verdict)
            return await self._told(refused)
        name, login = self._name(), verdict.login
        return await self._told(
            commands.LogIn(command=name, login=login, phone=phone, channel=channel, extension=extension)
        )

    async def _verdict(self, extension: str, pin: str) -> Operator | Denied | None:
        """None: too many others are before this one."""
        if self._locked(extension):
            return "locked"
        if self._verifying >= MOST_VERIFYING:
            return None
        self._verifying += 1
        try:
            return await self._verify(extension, pin)
        finally:
            self._verifying -= 1

    async def _told(self, command: AnyCommand | ev.LogInRefused) -> Spoken:
        try:
            reply = await self._ask(command, ANSWER_SECONDS)
        except TimeoutError:
            self.counters["unanswered"] += 1
            return Spoken(False, (SERVICE_AWAY,))
        return Spoken(reply.ok, reply.say or (SERVICE_AWAY,))

    def _name(self) -> str:
        return f"phone-{os.getpid()}-{next(self._numbers)}"
