"""What a phone has heard, and waiting until it hears something: by the recordings and the log in its folder."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from telephony.testing.patience import PATIENCE
from telephony.testing.phones.sound import Recording


class Ear:
    """The hearing of the phone `number`, whose program writes into `folder`. All waits raise TimeoutError."""

    def __init__(self, number: str, folder: Path) -> None:
        self.number = number
        self.folder = folder

    def recordings(self) -> list[Recording]:
        """Audio received so far, oldest first: one recording per media session, in which only what came from the PBX
        counts (nothing received takes no time). A call, its hold and its resumption are three sessions."""
        return [Recording.read(path) for path in self._recorded()]

    def keys_heard(self) -> str:
        """Keys pressed at the far end that came in as RFC 4733 events: no recording has them."""
        log = (self.folder / "log").read_text(errors="replace")
        return "".join(re.findall(r"received in-band DTMF event: '(.)' \(end=0\)", log))

    async def hears_keys(self, keys: str, within: float = PATIENCE) -> None:
        """Wait until exactly these have come in."""
        for _ in range(int(within * 20)):
            if self.keys_heard() == keys:
                return
            await asyncio.sleep(0.05)  # a log gives no event
        raise TimeoutError(f"phone {self.number}: heard the keys {self.keys_heard()!r}, not {keys!r}")

    async def hears_tone(self, hertz: int, within: float = PATIENCE) -> None:
        """Wait until the next half second received is that pure tone: the phone that sends it is on the line."""
        await self._hears(lambda part: part.seconds >= 0.4 and part.tone(hertz) > 0.8, f"a tone of {hertz} Hz", within)

    async def hears_silence(self, within: float = PATIENCE) -> None:
        """Wait for half a second in which nothing comes, or nothing loud."""
        await self._hears(lambda part: part.loudness() < 0.003, "silence", within)

    async def hears_sound(self, within: float = PATIENCE) -> None:
        """Music, speech or a tone."""
        await self._hears(lambda part: part.seconds >= 0.4 and part.loudness() > 0.01, "any sound", within)

    async def _hears(self, told: Callable[[Recording], bool], what: str, within: float) -> None:
        """Judge what comes in, half a second at a time: a file that grows gives no event."""
        for _ in range(max(1, round(within * 2))):
            before = {path: path.stat().st_size for path in self._recorded()}
            await asyncio.sleep(0.5)
            news = [Recording.read(path, start=before.get(path, 0)) for path in self._recorded()]
            if told(max(news, key=lambda part: part.seconds, default=Recording.nothing())):
                return
        raise TimeoutError(f"phone {self.number}: did not hear {what} within {within} s")

    def _recorded(self) -> list[Path]:
        return sorted(self.folder.glob("heard/dump-*-dec.wav"))
