"""SIGKILLs of the router, each at a moment that is seen on the PBX."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

from benchmarks import chaos_moments as moments
from benchmarks.chaos_arena import Arena
from benchmarks.chaos_load import ANNA, BORIS, DESK, extension_of, login_of
from benchmarks.chaos_report import Round
from telephony.testing.phones.baresip import PhoneError
from telephony.testing.phones.softphone import Softphone

AT = {
    "greeting": moments.greeting,
    "waiting": moments.waiting,
    "ringing": moments.ringing,
    "just answered": moments.just_answered,
    "bridging": moments.bridging,
    "talking": moments.talking,
    "wrap-up": moments.wrap_up,
}
LIVES = 5
"""Kills between two orderly restarts: after each the parent waits a little longer before it starts a router again."""


async def kill(arena: Arena, what: str, times: int) -> Round:
    """So many kills at one moment of the load's calls."""
    await arena.load.begin()
    for n in range(times):
        sees = moments.arrival if what == "greeting" and n % 3 == 2 else AT[what]
        await arena.kill_at(what, sees(arena.chance))
        if n % LIVES == LIVES - 1:
            await arena.restart_service()
    return await arena.finish(f"killed {what}")


async def kill_in_fallback(arena: Arena, times: int) -> Round:
    """In turn: the router is killed, and the next one held up until a caller has fallen into the native queue; that
    one is killed when it takes the first caller back."""
    await arena.load.begin()
    for n in range(0, times, 2):
        async with arena.away("fallback", moments.talking(arena.chance)) as next_one:
            await arena.watcher.at(moments.in_fallback(arena.chance))
            if n + 1 < times:
                again = arena.arm("fallback", moments.coming_back(arena.chance), next_one)
        if n + 1 < times:
            await again
        if n // 2 % LIVES == LIVES - 1:
            await arena.restart_service()
    return await arena.finish("killed in fallback")


async def kill_in_transfer(arena: Arena, times: int) -> Round:
    """Blind transfers between two operators; the router is killed when the transfer is asked for, when the colleague's
    phone rings, and when it is picked up. Whatever becomes of the transfer, the caller stays."""
    world = arena.world
    phones = [await world.phone(name) for name in (ANNA, BORIS)]
    for name in (ANNA, BORIS):
        await world.log_in(login_of(name), name)
    caller = await world.caller("79000990001")
    await arena.load.begin()
    for n, when in zip(range(times), itertools.cycle(("asked", "ringing", "answered")), strict=False):
        await _transfer(arena, caller, phones, when)
        if n % LIVES == LIVES - 1:
            await arena.restart_service()
    return await arena.finish("killed in transfer")


async def _transfer(arena: Arena, caller: Softphone, phones: list[Softphone], when: str) -> None:
    call = await caller.dial(DESK)
    by, to = await _whose_phone_rings(phones)
    talk = await by.answer()
    await arena.world.operator(login_of(by.number), "talking")
    await arena.world.operator(login_of(to.number), "ready")
    sees = {
        "asked": moments.transfer_asked(arena.chance),
        "ringing": moments.phone_is(to.number, "Ringing"),
        "answered": moments.phone_is(to.number, "Up"),
    }[when]
    struck = arena.arm("transfer", sees, await arena.router())
    with contextlib.suppress(TimeoutError):  # nobody may be left to answer the REFER
        await by.transfer(extension_of(to.number), talk, within=5)
    if when == "answered":
        await to.answer()
    await struck
    with contextlib.suppress(TimeoutError, PhoneError):  # it need not ring: the transfer may never have been heard of,
        await to.answer(within=4)  # or be given up by the next router at this moment
    if not call.live:
        arena.broken.append(f"caller cut off, transfer {when}: {call.record.sip_call_id}")
        return
    await caller.hang_up(call)
    for phone in phones:
        for dialog in phone.dialogs:
            if dialog.live:
                await phone.closed(dialog)
    await arena.world.operator(login_of(by.number), "ready")
    await arena.world.operator(login_of(to.number), "ready")


async def _whose_phone_rings(phones: list[Softphone]) -> tuple[Softphone, Softphone]:
    """That one, and the other."""
    waits = {asyncio.create_task(phone.ringing(20)): phone for phone in phones}
    done, rest = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    first = waits[done.pop()]
    return first, next(phone for phone in phones if phone is not first)
