"""What phones are just being told of their transfers: until they are, nobody of the transfer is hung up.

Asterisk has said yes to us before it sends the NOTIFY, from a thread of its own; when it has, it tells us so (a
ChannelTransfer with a state). A hang-up in between does harm (measured, Asterisk 22.10):

- to the phone that asks for the transfer: its BYE may come first, and the transfer is a failed one for it;
- to the channel that is to be replaced, of an attended transfer: `res_pjsip_refer` looks at it without holding it. If
  it goes just then, a lock is waited for that nobody ever gives free, by the thread that serves all SIP: the PBX is
  deaf for every phone and trunk until it is restarted (4 of some 1,500 attended transfers on a busy machine).
"""

from __future__ import annotations

from asyncio import Future, TimerHandle, get_running_loop

LIMIT = 2.0
"""Seconds, at most, in which a phone is told what Asterisk was asked to tell it; after that it never is: it has not
asked for a transfer, or does not listen."""


class _Telling:
    """Asterisk tells of each thing told."""

    def __init__(self, replaced: str | None) -> None:
        loop = get_running_loop()
        self.replaced = replaced
        self.left = 0
        self.limit: TimerHandle | None = None
        self.told: Future[None] = loop.create_future()
        self.told_or_gone: Future[None] = loop.create_future()

    def end(self) -> None:
        if self.limit is not None:
            self.limit.cancel()
        for future in (self.told, self.told_or_gone):
            if not future.done():
                future.set_result(None)


class Tellings:
    """By the channel on which the transfer was asked for."""

    def __init__(self) -> None:
        self._replaced: dict[str, str] = {}
        self._under_way: dict[str, _Telling] = {}

    def asked(self, channel: str, replaced: str | None) -> None:
        """A phone asks for a transfer; `replaced`: the channel of its other call, where that is to be taken over."""
        self._replaced.pop(channel, None)
        if replaced is not None:
            self._replaced[channel] = replaced

    def begin(self, channel: str) -> None:
        """We shall have the phone told something, when what is to happen before has."""
        telling = self._under_way.get(channel)
        if telling is None:
            telling = self._under_way[channel] = _Telling(self._replaced.get(channel))
        telling.left += 1

    def asking(self, channel: str) -> None:
        """Asterisk is being asked to tell it."""
        telling = self._under_way.get(channel)
        if telling is not None:
            if telling.limit is not None:
                telling.limit.cancel()
            telling.limit = get_running_loop().call_later(LIMIT, self._end, channel, telling)

    def told(self, channel: str) -> None:
        """It was told, or Asterisk has refused to."""
        telling = self._under_way.get(channel)
        if telling is None:
            return
        telling.left -= 1
        if not telling.left:
            self._end(channel, telling)

    def gone(self, channel: str) -> None:
        """The phone has hung up; Asterisk may be busy with the telling still, and does not say when it is not."""
        self._replaced.pop(channel, None)
        telling = self._under_way.get(channel)
        if telling is not None and not telling.told_or_gone.done():
            telling.told_or_gone.set_result(None)

    def lost(self) -> None:
        """The line is: what waits is to fail now, not to be sent on the next one."""
        for channel, telling in [*self._under_way.items()]:
            self._end(channel, telling)

    def _end(self, channel: str, telling: _Telling) -> None:
        if self._under_way.get(channel) is telling:
            del self._under_way[channel]
        telling.end()

    def before_hanging_up(self, channel: str) -> tuple[Future[None], ...]:
        """What is to be awaited first."""
        asks = self._under_way.get(channel)
        replaces = [telling.told for telling in self._under_way.values() if telling.replaced == channel]
        return (*([] if asks is None else [asks.told_or_gone]), *replaces)
