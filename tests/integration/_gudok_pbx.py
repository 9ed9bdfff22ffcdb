"""The PBX as Gudok renders it, for tests: the default configuration on random ports, with lines to watch it by."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from telephony.pbx.ami import Ami, AmiConnected
from telephony.pbx.ami import Message as AmiMessage
from telephony.pbx.ari import AriClient
from telephony.pbx.ari import Message as AriMessage
from telephony.pbx.ari.events import StasisStart
from telephony.pbx.embedded import EmbeddedPbx
from telephony.pbx.install import ensure
from telephony.resources import default_folder
from telephony.settings import Settings, load
from telephony.testing.patience import PATIENCE
from telephony.testing.phones.baresip import PhoneError
from telephony.testing.phones.softphone import Softphone
from telephony.testing.ports import free_ports
from tests.integration._ami_events import EVENTS

M = TypeVar("M")

CENTER = Path(__file__).parent.parent / "fixtures" / "small_center"
"""The configuration of a center with short times and few words."""


def settings_on_free_ports(home: Path, config: Path | None = None, **more: str) -> Settings:
    sip, http, ami, agi = free_ports(4)
    media = 16_000 + 500 * random.randrange(30)  # below the ports that the kernel gives away
    env = {
        "GUDOK_STATE_DIR": str(home),
        "GUDOK_SIP_PORT": str(sip),
        "GUDOK_HTTP_PORT": str(http),
        "GUDOK_AMI_PORT": str(ami),
        "GUDOK_AGI_PORT": str(agi),
        "GUDOK_RTP_FROM": str(media),
        "GUDOK_RTP_TO": str(media + 499),
    }
    return load(config or default_folder("config"), env | more)


class Heard:
    """Everything a line told, and a way to wait for the next thing of a kind."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self._more = asyncio.Event()

    def __call__(self, message: AmiMessage | AriMessage) -> None:
        self.told.append(message)
        self._more.set()

    async def until(self, kind: type[M], which: Callable[[M], bool] = lambda _: True, within: float = PATIENCE) -> M:
        """The first of `kind` that was told since the last `until`, or is told within `within` seconds."""
        async with asyncio.timeout(within):
            while True:
                for index, message in enumerate(self.told):
                    if isinstance(message, kind) and which(message):
                        del self.told[: index + 1]
                        return message
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def manager(settings: Settings) -> AsyncIterator[tuple[Ami, Heard]]:
    """AMI, logged in."""
    heard = Heard()
    ami = Ami(settings.ami_host, settings.ami_port, settings.ami_user, settings.secrets.ami_password, events=EVENTS)
    ami.listen(heard)
    running = asyncio.create_task(ami.run(), name="ami")
    try:
        await heard.until(AmiConnected)
        yield ami, heard
    finally:
        await ami.close()
        await running


@asynccontextmanager
async def router(settings: Settings) -> AsyncIterator[tuple[AriClient, Heard]]:
    """The application `gudok`, present; beating is up to the test."""
    heard = Heard()
    client = AriClient(
        settings.ari_url,
        settings.ari_user,
        settings.secrets.ari_password,
        "gudok",
        on_message=heard,
        events=(StasisStart,),
    )
    async with client:
        yield client, heard


@asynccontextmanager
async def phone(settings: Settings, name: str) -> AsyncIterator[Softphone]:
    """The phone `name` of the plan, registered."""
    async with await Softphone.start(
        ensure("baresip")["baresip"],
        name,
        settings.secrets.phone_password(name),
        ("127.0.0.1", settings.sip_port),
        lifetime=90,
    ) as softphone:
        await softphone.register()
        yield softphone


@asynccontextmanager
async def caller(settings: Settings, number: str) -> AsyncIterator[Softphone]:
    """Somebody outside. The trunk knows no accounts: it refuses the registration, and takes the calls."""
    async with await Softphone.start(
        ensure("baresip")["baresip"], number, "none", ("127.0.0.1", settings.sip_port), lifetime=90
    ) as softphone:
        try:
            await softphone.register()
        except PhoneError:
            yield softphone
        else:
            raise AssertionError("anybody can register")


def complaints(pbx: EmbeddedPbx, explained: Mapping[str, str]) -> list[str]:
    """Warnings and errors in the PBX's log that no entry of `explained` (part of the line -> why) covers."""
    lines = (pbx.home / "log" / "messages.log").read_text("utf-8").splitlines()
    bad = [line for line in lines if "] WARNING[" in line or "] ERROR[" in line]
    return [line for line in bad if not any(part in line for part in explained)]
