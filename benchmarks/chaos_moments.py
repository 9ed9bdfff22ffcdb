"""Moments in the life of calls, seen on the PBX as they happen: what is to be done at such a moment is done in the very
callback that sees it, within a millisecond of the router's seeing it too."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import Callable

from telephony.parent.guard import HOLDING
from telephony.pbx.ari import AriClient, AriError, Message
from telephony.pbx.ari import events as ari
from telephony.settings import Settings

APP = "chaos"
HEARD = (
    ari.ChannelCreated,
    ari.ChannelDestroyed,
    ari.ChannelDialplan,
    ari.ChannelEnteredBridge,
    ari.ChannelStateChange,
    ari.ChannelTransfer,
    ari.PlaybackStarted,
)
_LEG = re.compile(r".+-[a-z2-7]+-\d+")
_BRIDGE = re.compile(r".+-[a-z2-7]+-b\d+")
Sees = Callable[[ari.Event], bool]


class Watcher:
    """Hears everything that happens on the PBX, beside the router."""

    def __init__(self, settings: Settings) -> None:
        self._client = AriClient(
            settings.ari_url,
            settings.ari_user,
            settings.secrets.ari_password,
            APP,
            on_message=self._heard,
            events=HEARD,
        )
        self._orders: list[tuple[Sees, Callable[[], None], asyncio.Future[ari.Event]]] = []

    async def __aenter__(self) -> Watcher:
        await self._client.start()
        await self._client.applications.subscribe(APP, ["channel:", "bridge:"])
        return self

    async def again(self) -> None:
        """The PBX is a new process, which knows nothing of us."""
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(AriError):
                    await self._client.applications.subscribe(APP, ["channel:", "bridge:"])
                    return
                await asyncio.sleep(0.05)  # the client connects again by itself

    async def __aexit__(self, *exc: object) -> None:
        await self._client.close()

    async def at(self, sees: Sees, act: Callable[[], None] = lambda: None, within: float = 20.0) -> ari.Event:
        """Do `act` the moment an event satisfies `sees`; the event. Raises TimeoutError."""
        seen: asyncio.Future[ari.Event] = asyncio.get_running_loop().create_future()
        order = (sees, act, seen)
        self._orders.append(order)
        try:
            async with asyncio.timeout(within):
                return await seen
        finally:
            if order in self._orders:
                self._orders.remove(order)

    def _heard(self, message: Message) -> None:
        if not isinstance(message, ari.Event):
            return
        for order in [order for order in self._orders if order[0](message)]:
            self._orders.remove(order)
            order[1]()
            order[2].set_result(message)


# -- the moments: each makes a fresh predicate, some of which remember what came before


def arrival(_: random.Random) -> Sees:
    """A caller's INVITE has reached the PBX."""
    return lambda event: isinstance(event, ari.ChannelCreated) and not _LEG.fullmatch(event.channel.id)


def greeting(_: random.Random) -> Sees:
    return lambda event: isinstance(event, ari.PlaybackStarted)


def waiting(_: random.Random) -> Sees:
    """A caller has just joined those who wait."""
    return lambda event: isinstance(event, ari.ChannelEnteredBridge) and event.bridge.id.startswith(HOLDING)


def ringing(_: random.Random) -> Sees:
    return lambda event: _leg_is(event, "Ringing")


def just_answered(_: random.Random) -> Sees:
    return lambda event: _leg_is(event, "Up")


def _leg_is(event: ari.Event, state: str) -> bool:
    if not isinstance(event, ari.ChannelStateChange):
        return False
    return event.channel.state == state and _LEG.fullmatch(event.channel.id) is not None


def bridging(_: random.Random) -> Sees:
    """The first of two has entered their bridge."""
    return lambda event: isinstance(event, ari.ChannelEnteredBridge) and _BRIDGE.fullmatch(event.bridge.id) is not None


def talking(chance: random.Random) -> Sees:
    """Some events after two have begun to hear each other."""
    return _after(_second_in_bridge(), chance.randrange(1, 40))


def _second_in_bridge() -> Sees:
    inside: set[str] = set()

    def sees(event: ari.Event) -> bool:
        if not isinstance(event, ari.ChannelEnteredBridge) or not _BRIDGE.fullmatch(event.bridge.id):
            return False
        second = event.bridge.id in inside
        inside.add(event.bridge.id)
        return second

    return sees


def _after(first: Sees, events: int) -> Sees:
    """So many events after the first that `first` sees."""
    left = events + 1

    def sees(event: ari.Event) -> bool:
        nonlocal left
        if left <= events or first(event):
            left -= 1
        return left == 0

    return sees


def wrap_up(_: random.Random) -> Sees:
    """The leg of an operator who has talked is gone."""
    return lambda event: (
        isinstance(event, ari.ChannelDestroyed)
        and _LEG.fullmatch(event.channel.id) is not None
        and event.channel.state == "Up"
    )


def transfer_asked(_: random.Random) -> Sees:
    return lambda event: isinstance(event, ari.ChannelTransfer)


def phone_is(phone: str, state: str) -> Sees:
    """A leg to this phone is Ringing, or Up."""
    return lambda event: (
        isinstance(event, ari.ChannelStateChange)
        and event.channel.state == state
        and event.channel.name.startswith(f"PJSIP/{phone}-")
    )


def in_fallback(_: random.Random) -> Sees:
    """A caller has fallen into the native queue."""
    return lambda event: isinstance(event, ari.ChannelDialplan) and event.dialplan_app == "Queue"


def coming_back(chance: random.Random) -> Sees:
    """A caller from the native queue enters Stasis again; or, where an operator was faster, the next one waits."""
    waits = waiting(chance)
    return lambda event: (
        waits(event)
        or (
            isinstance(event, ari.ChannelDialplan)
            and event.dialplan_app == "Stasis"
            and event.channel.dialplan.context == "gudok-return"
        )
    )
