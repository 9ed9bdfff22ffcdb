"""What an operator hears after dialing a code."""

from __future__ import annotations

import asyncio

import pytest

from telephony.core import commands
from telephony.core import events as ev
from telephony.core.break_facts import BreakKind
from telephony.core.commands import AnyCommand
from telephony.core.effects import Reply
from telephony.core.plan import Plan, Prompt
from telephony.core.staff import Operator
from telephony.pbx.agi import AgiRequest
from telephony.router.phone_codes import MOST_VERIFYING, Denied, PhoneCodes, Spoken

PLAN = Plan(prompts=(Prompt(name="logged-in", sound="beep"), Prompt(name="wrong-pin", text="Неверно")))
ANNA = Operator(login="anna", name="Анна", extension="11")


class Center:
    """The router and the roster, as far as a code meets them."""

    def __init__(self) -> None:
        self.asked: list[AnyCommand | ev.LogInRefused] = []
        self.silent = False
        self.broken = False
        self.codes = PhoneCodes(ask=self.ask, verify=self.verify, plan=PLAN)

    async def ask(self, command: AnyCommand | ev.LogInRefused, wait: float) -> Reply:
        self.asked.append(command)
        if self.silent:
            raise TimeoutError
        if isinstance(command, ev.LogInRefused):
            return Reply(command=command.command, ok=False, code="wrong-pin", say=("wrong-pin",))
        return Reply(command=command.command, ok=True, code="logged-in", say=("logged-in",))

    async def verify(self, extension: str, pin: str) -> Operator | Denied:
        if self.broken:
            raise OSError("disk full")
        if extension == "12":
            return "disabled"
        if extension != ANNA.extension:
            return "unknown"
        return ANNA if pin == "4321" else "wrong_pin"


async def test_the_right_pin_logs_in_on_the_phone_it_was_dialed_on() -> None:
    center = Center()
    assert await center.codes.answer("login", ("11", "4321", "101"), "gudok-5.1") == Spoken(True, ("logged-in",))
    [command] = center.asked
    assert isinstance(command, commands.LogIn)
    assert (command.login, command.phone, command.channel) == ("anna", "101", "gudok-5.1")
    assert command.extension == "11"


@pytest.mark.parametrize(
    ("extension", "pin", "reason"),
    [("11", "0000", "wrong_pin"), ("99", "4321", "unknown"), ("12", "4321", "disabled")],
)
async def test_what_is_said_to_a_wrong_pin_is_the_router_s_to_decide(extension: str, pin: str, reason: Denied) -> None:
    center = Center()
    assert await center.codes.answer("login", (extension, pin, "101"), None) == Spoken(False, ("wrong-pin",))
    [asked] = center.asked
    assert asked == ev.LogInRefused(command=asked.command, extension=extension, phone="101", reason=reason)
    assert asked.command


async def test_the_pin_of_a_locked_extension_is_not_looked_at() -> None:
    center = Center()
    looked_at: list[str] = []

    async def verify(extension: str, pin: str) -> Operator | Denied:
        looked_at.append(extension)
        return await center.verify(extension, pin)

    codes = PhoneCodes(ask=center.ask, verify=verify, plan=PLAN, locked={"11"}.__contains__)
    assert not (await codes.answer("login", ("11", "4321", "101"), None)).ok
    assert not (await codes.answer("login", ("12", "4321", "101"), None)).ok
    assert [asked.reason for asked in center.asked if isinstance(asked, ev.LogInRefused)] == ["locked", "disabled"]
    assert looked_at == ["12"]


async def test_who_would_not_hear_the_answer_in_time_is_told_at_once() -> None:
    center = Center()
    free = asyncio.Event()

    async def verify(extension: str, pin: str) -> Operator | Denied:
        await free.wait()
        return ANNA

    codes = PhoneCodes(ask=center.ask, verify=verify, plan=PLAN)
    early = [asyncio.create_task(codes.answer("login", ("11", "4321", "101"), None)) for _ in range(MOST_VERIFYING)]
    await asyncio.sleep(0)
    assert await codes.answer("login", ("11", "4321", "101"), None) == Spoken(False, ("service-away",))
    free.set()
    assert all(spoken.ok for spoken in await asyncio.gather(*early))
    assert (await codes.answer("login", ("11", "4321", "101"), None)).ok


async def test_each_other_code_is_one_command_of_the_phone() -> None:
    center = Center()
    for code in ("logout", "back", "status"):
        assert (await center.codes.answer(code, ("101",), "gudok-5.1")).ok
    assert [type(command) for command in center.asked] == [commands.LogOut, commands.ComeBack, commands.TellState]
    assert len({command.command for command in center.asked}) == 3


async def test_breaks_hands_and_outcomes_are_commands_with_what_was_dialed() -> None:
    center = Center()
    for code in ("technical", "management", "hand"):
        assert (await center.codes.answer(code, ("101",), "gudok-5.1")).ok
    for code in ("emergency", "outcome"):
        assert (await center.codes.answer(code, ("101", "2"), "gudok-5.1")).ok
    names = [command.command for command in center.asked]
    where = {"phone": "101", "channel": "gudok-5.1"}
    assert center.asked == [
        commands.TakeBreak(command=names[0], kind=BreakKind.TECHNICAL, **where),
        commands.TakeBreak(command=names[1], kind=BreakKind.MANAGEMENT, **where),
        commands.RaiseHand(command=names[2], **where),
        commands.TakeBreak(command=names[3], kind=BreakKind.EMERGENCY, reason="2", **where),
        commands.GiveOutcome(command=names[4], digits="2", **where),
    ]


@pytest.mark.parametrize(("code", "arguments"), [("login", ("11",)), ("logout", ()), ("dance", ("101",)), ("", ())])
async def test_what_is_not_understood_is_counted(code: str, arguments: tuple[str, ...]) -> None:
    center = Center()
    assert await center.codes.answer(code, arguments, None) == Spoken(False, ("service-away",))
    assert center.codes.counters["unknown_request"] == 1


async def test_a_router_that_does_not_answer_in_time_is_told_as_away() -> None:
    center = Center()
    center.silent = True
    assert await center.codes.answer("status", ("101",), None) == Spoken(False, ("service-away",))


async def test_a_database_that_fails_is_told_as_service_away() -> None:
    center = Center()
    center.broken = True
    assert await center.codes.answer("login", ("11", "4321", "101"), None) == Spoken(False, ("service-away",))
    assert center.codes.counters["verify_failed"] == 1


async def test_the_dialplan_gets_sounds_it_can_play() -> None:
    center = Center()
    request = AgiRequest("login", ("11", "4321", "101"), {"uniqueid": "gudok-5.1"})
    assert await center.codes.serve(request) == {"GUDOK_SAY": "beep"}
    refused = AgiRequest("login", ("11", "0000", "101"), {"uniqueid": "gudok-5.2"})
    assert await center.codes.serve(refused) == {"GUDOK_SAY": "gudok/wrong-pin"}
