"""From what Asterisk says to what happened: ARI events become the events of `telephony.core.events`.

Only channels we have been told of (arrived, created by us, watched, adopted from a picture) are spoken of, each end
once; phone numbers are replaced by tokens before anything leaves this module.
"""

from __future__ import annotations

import re
from asyncio import Future, get_running_loop
from collections.abc import Callable
from datetime import UTC
from typing import Literal

from telephony.core import events as ev
from telephony.core.epoch import moment
from telephony.core.picture import SeenChannel
from telephony.core.plan import Plan
from telephony.pbx.ari import events as heard
from telephony.pbx.ari.models import Channel
from telephony.pbx.tellings import Tellings

HEARD: tuple[type[heard.Event], ...] = (
    heard.StasisStart,
    heard.StasisEnd,
    heard.ChannelDestroyed,
    heard.ChannelStateChange,
    heard.ChannelDtmfReceived,
    heard.ChannelHold,
    heard.ChannelUnhold,
    heard.ChannelTransfer,
    heard.PlaybackFinished,
)
"""All that the router needs to hear. Everything else Asterisk is told to keep to itself."""


class Translator:
    """Keeps the little memory that translation needs. `deliver` gets the events, `token` hides a number."""

    def __init__(self, plan: Plan, token: Callable[[str], str], deliver: Callable[[ev.AnyEvent], None]) -> None:
        self._token = token
        self._deliver = deliver
        self._outbound = [(re.compile(rule.pattern), rule.trunk) for rule in plan.outbound]
        self._internal = {entry.number for entry in plan.directory}
        for queue in plan.queues:
            self._internal.update((*queue.numbers, queue.transfer_number or ""))
        self.extensions: frozenset[str] = frozenset()
        """Operators' own numbers; they come before any outbound rule."""
        self._phones = {phone.name for phone in plan.phones}
        self._known: set[str] = set()
        self._legs: set[str] = set()
        self._playbacks: set[str] = set()
        self._entering: dict[str, Future[None]] = {}
        """Snoop channels that are on their way into our application."""
        self.tellings = Tellings()
        self._handlers: dict[type, Callable[..., None]] = {
            heard.StasisStart: self._stasis_start,
            heard.StasisEnd: self._stasis_end,
            heard.ChannelDestroyed: self._destroyed,
            heard.ChannelStateChange: self._state_change,
            heard.ChannelDtmfReceived: self._dtmf,
            heard.ChannelHold: self._hold,
            heard.ChannelUnhold: self._unhold,
            heard.ChannelTransfer: self._transfer,
            heard.PlaybackFinished: self._playback_finished,
        }
        self.gone: set[str] | None = None
        """While a picture is being taken: the channels that went meanwhile."""

    # -- what we are told by our own side

    def expect_leg(self, channel: str) -> None:
        """We are about to create this leg."""
        self._known.add(channel)
        self._legs.add(channel)

    def is_leg(self, channel: str) -> bool:
        return channel in self._legs

    def watch(self, channel: str) -> None:
        """Speak of this channel from now on."""
        self._known.add(channel)

    def expect_snoop(self, channel: str) -> Future[None]:
        """We are about to make this snoop channel. Done when it has entered our application, or will not any more."""
        self._known.add(channel)
        entered: Future[None] = get_running_loop().create_future()
        self._entering[channel] = entered
        return entered

    def _has_entered(self, channel: str) -> None:
        entered = self._entering.pop(channel, None)
        if entered is not None and not entered.done():
            entered.set_result(None)

    def expect_playback(self, playback: str) -> None:
        self._playbacks.add(playback)

    def drop_playback(self, playback: str) -> None:
        """It is being stopped by us: its end is no news."""
        self._playbacks.discard(playback)

    def forget(self, channel: str) -> None:
        """It never came to be, or is known to be gone."""
        self._has_entered(channel)
        self.tellings.gone(channel)
        self._known.discard(channel)
        self._legs.discard(channel)

    def known(self) -> set[str]:
        """The channels we speak of now."""
        return set(self._known)

    def drop(self, channels: set[str]) -> None:
        """A picture does not show these: they will not be heard of again."""
        for channel in channels & self._entering.keys():
            self._has_entered(channel)
        for channel in channels:
            self.tellings.gone(channel)
        self._known -= channels
        self._legs -= channels

    # -- what Asterisk says

    def hear(self, event: heard.Event) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _stasis_start(self, event: heard.StasisStart) -> None:
        channel = event.channel
        match event.args:
            case ["leg"]:
                if channel.id in self._known:
                    self._deliver(ev.LegReady(channel=channel.id))
            case ["inbound", number, arrived]:
                self._arrived(channel, number, arrived)
            case ["back", number, arrived, queue, queued]:
                self._arrived(channel, number, arrived, queue, queued)
            case ["back", number, arrived, queue, queued, handed_to]:
                self._arrived(channel, number, arrived, queue, queued, handed_to)
            case ["own", phone, number]:
                self._known.add(channel.id)
                public, trunk = self.public(number)
                self._deliver(ev.OwnCallStarted(channel=channel.id, phone=phone, number=public, trunk=trunk))
            case ["help", phone, mode, extension]:
                self._known.add(channel.id)
                self._deliver(ev.HelperArrived(channel=channel.id, phone=phone, mode=MODES[mode], extension=extension))
            case ["snoop"]:
                self._has_entered(channel.id)
            case _:
                raise ValueError(f"Stasis() with arguments this service does not know: {event.args[:1]}")

    def _arrived(
        self,
        channel: Channel,
        number: str,
        arrived: str,
        queue: str | None = None,
        queued: str = "",
        handed_to: str | None = None,
    ) -> None:
        self._known.add(channel.id)
        came = moment(arrived) or channel.creationtime.astimezone(UTC)
        to, trunk = (None, None) if handed_to is None else self.public(handed_to)
        self._deliver(
            ev.CallerArrived(
                channel=channel.id,
                number=self.public(number)[0],
                caller=self._token(channel.caller.number),
                arrived=came,
                via="trunk" if queue is None else "fallback",
                queue=queue,
                queued=None if queue is None else moment(queued) or came,
                up=channel.state == "Up",
                handed_to=to,
                trunk=trunk,
            )
        )

    def public(self, number: str) -> tuple[str, str | None]:
        """A dialed number, by a phone or by a caller, as it may stand in the journal: our own numbers, and those too
        short to be anybody's, as they are; others as tokens, with the trunk an outbound rule names for them."""
        if number in self._internal or number in self.extensions:
            return number, None
        trunk = next((trunk for pattern, trunk in self._outbound if pattern.fullmatch(number)), None)
        if trunk is not None or len(number) > 6:
            return self._token(number), trunk
        return number, None

    def _stasis_end(self, event: heard.StasisEnd) -> None:
        if event.channel.id not in self._legs:  # a leg's own end says why it ended
            self._went(event.channel.id)

    def _destroyed(self, event: heard.ChannelDestroyed) -> None:
        self._went(event.channel.id, event.cause, event.tech_cause or 0)

    def _went(self, channel: str, cause: int = 0, tech_cause: int = 0) -> None:
        if self.gone is not None:
            self.gone.add(channel)
        if channel in self._known:
            self.forget(channel)
            self._deliver(ev.ChannelGone(channel=channel, cause=cause, tech_cause=tech_cause))

    def _state_change(self, event: heard.ChannelStateChange) -> None:
        self.looked_at(event.channel)

    def looked_at(self, channel: Channel) -> None:
        """It is in this state; told once more, that changes nothing."""
        if channel.id not in self._legs:
            return
        if channel.state == "Ringing":
            self._deliver(ev.ChannelRinging(channel=channel.id))
        elif channel.state == "Up":
            self._deliver(ev.ChannelAnswered(channel=channel.id))

    def _dtmf(self, event: heard.ChannelDtmfReceived) -> None:
        if event.channel.id in self._known:
            self._deliver(ev.DigitPressed(channel=event.channel.id, digit=event.digit))

    def _hold(self, event: heard.ChannelHold) -> None:
        if event.channel.id in self._known:
            self._deliver(ev.ChannelHeld(channel=event.channel.id))

    def _unhold(self, event: heard.ChannelUnhold) -> None:
        if event.channel.id in self._known:
            self._deliver(ev.ChannelResumed(channel=event.channel.id))

    def _transfer(self, event: heard.ChannelTransfer) -> None:
        by = event.referred_by.source_channel.id
        if event.state:  # how a transfer goes on that we are carrying out
            self.tellings.told(by)
            return
        consultation = event.refer_to.destination_channel
        self.tellings.asked(by, None if consultation is None else consultation.id)
        number, trunk = self.public(event.refer_to.requested_destination.destination)
        self._deliver(
            ev.TransferAsked(
                channel=by,
                number=number if consultation is None else "",
                trunk=trunk if consultation is None else None,
                consultation=None if consultation is None else consultation.id,
            )
        )

    def _playback_finished(self, event: heard.PlaybackFinished) -> None:
        playback = event.playback
        if playback.id in self._playbacks:
            self._playbacks.discard(playback.id)
            self._deliver(ev.PlayEnded(playback=playback.id, failed=playback.state == "failed"))

    # -- pictures

    def seen(self, channel: Channel) -> SeenChannel:
        """A channel as it stands in a picture."""
        phone = endpoint_of(channel.name)
        variables = {name: value for name, value in channel.channelvars.items() if value and name.startswith("GUDOK_")}
        if channel.name.startswith("Snoop/"):
            variables["GUDOK_ROLE"] = "snoop"
        number, _trunk = self.public(variables.get("GUDOK_NUMBER", ""))
        return SeenChannel(
            channel=channel.id,
            state=STATES.get(channel.state, "ringing"),
            created=channel.creationtime.astimezone(UTC),
            phone=phone if phone in self._phones else None,
            where=where_is(channel),
            number=number,
            caller="" if phone in self._phones else self._token(channel.caller.number),
            variables=variables | ({"GUDOK_NUMBER": number} if number else {}),
        )

    def adopt(self, seen: SeenChannel) -> None:
        """A channel of a picture is ours: speak of it from now on."""
        if seen.where == "ours":
            playback = seen.variables.get("GUDOK_PLAYBACK")
            if playback is not None and seen.channel not in self._known:
                self.expect_playback(playback)
            self._known.add(seen.channel)
            self._has_entered(seen.channel)
            if "GUDOK_CALL" in seen.variables:
                self._legs.add(seen.channel)


MODES: dict[str, Literal["listen", "whisper", "join"]] = {
    "listen": "listen",
    "whisper": "whisper",
    "join": "join",
}
STATES: dict[str, Literal["down", "ringing", "up"]] = {"Down": "down", "Rsrvd": "down", "Up": "up"}


def where_is(channel: Channel) -> Literal["ours", "fallback", "elsewhere"]:
    """In our application (a leg we created counts from its creation), in the fallback queue, or elsewhere."""
    made_by_us = channel.name.startswith("Snoop/") or channel.channelvars.get("GUDOK_CALL")
    if made_by_us or channel.dialplan.app_name == "Stasis":
        return "ours"
    return "fallback" if channel.dialplan.app_name == "Queue" else "elsewhere"


def endpoint_of(name: str) -> str:
    """The endpoint of a channel name: PJSIP/phone01-0000001a -> phone01."""
    technology, _, rest = name.partition("/")
    return rest.rpartition("-")[0] if technology == "PJSIP" else ""
