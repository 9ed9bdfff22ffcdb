"""From what shall happen to what Asterisk is asked: effects become ARI requests.

Effects of one call leave in order, each answered before the next is sent; different calls do not wait for each other.
An effect is carried out by a small generator that yields the answers it waits for; no task per effect. What Asterisk
refuses comes back as PbxRefused.
"""

from __future__ import annotations

from asyncio import Future
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from telephony.core import effects as do
from telephony.core.effects import HangUpReason
from telephony.core.events import TIMED_OUT, AnyEvent, Bridged, PbxRefused
from telephony.core.plan import Plan
from telephony.pbx.ari import AriClient, AriError, ConnectionLost, RequestFailed
from telephony.pbx.ringing import announcement_variables, caller_named, leg_variables
from telephony.pbx.translate import Translator

Answers = Iterator[Future[Any] | tuple[Future[Any], ...]]

DEFAULT_MUSIC = "default"
REASON_CODES = {HangUpReason.BUSY: 17, HangUpReason.NO_ANSWER: 19, HangUpReason.CONGESTION: 34}
PROGRESS = {
    "progress": "channel_progress",
    "success": "channel_answered",
    "unavailable": "channel_unavailable",
    "declined": "channel_declined",
}
PARTICIPANT = "holding_participant"
"""Without this role ARI puts a channel into a holding bridge in silence (measured)."""
MUSIC_CLASS = "CHANNEL(musicclass)"
ANNOUNCING = "gudok-announce"
"""The context in which what is announced is said."""


def holding_bridge(music: str) -> str:
    """The id of the bridge in which callers wait with this music."""
    return f"gudok-hold-{music}"


class Performer:
    """Carries out call effects through one ARI client."""

    def __init__(
        self,
        ari: AriClient,
        plan: Plan,
        translator: Translator,
        deliver: Callable[[AnyEvent], None],
        number: Callable[[str], str | None],
        take_back: Callable[[do.TakeBack], None],
    ) -> None:
        self._ari = ari
        self._app = ari.app
        self._translator = translator
        self._deliver = deliver
        self._number = number
        self._take_back_caller = take_back
        self._sounds = {prompt.name: prompt.sound for prompt in plan.prompts if prompt.sound is not None}
        self._texts = {prompt.name: prompt.text for prompt in plan.prompts if prompt.text is not None}
        self._music_differs = any(queue.music != DEFAULT_MUSIC for queue in plan.queues)
        self._chains: dict[str, deque[do.CallEffect]] = {}
        self._steps: dict[type[do.CallEffect], Callable[[Any], Answers]] = {
            do.Answer: self._answer,
            do.Ring: self._ring,
            do.Hold: self._hold,
            do.Play: self._play,
            do.StopPlay: self._stop_play,
            do.CreateLeg: self._create_leg,
            do.DialLeg: self._dial_leg,
            do.Connect: self._connect,
            do.Join: self._join,
            do.Dissolve: self._dissolve,
            do.HangUp: self._hang_up,
            do.SetVariables: self._set_variables,
            do.ReportTransfer: self._report_transfer,
            do.TakeBack: self._take_back,
            do.Watch: self._watch,
            do.Announce: self._announce,
            do.Snoop: self._snoop,
            do.EndSnoop: self._end_snoop,
        }

    def perform(self, effect: do.CallEffect) -> None:
        if isinstance(effect, do.ReportTransfer):
            self._translator.tellings.begin(effect.channel)  # not later: hang-ups may be in other calls' chains
        chain = self._chains.get(effect.call)
        if chain is not None:
            chain.append(effect)
            return
        self._chains[effect.call] = deque()
        self._begin(effect)

    def _begin(self, effect: do.CallEffect) -> None:
        self._go_on(effect, self._steps[type(effect)](effect))

    def _go_on(self, effect: do.CallEffect, steps: Answers) -> None:
        """Run the effect until it waits; when it has ended begin the next of its call."""
        while True:
            waits = next(steps, None)
            if waits is None:
                break
            futures = waits if isinstance(waits, tuple) else (waits,)
            if self._must_wait(effect, steps, futures):
                return
            if self._failed(effect, futures):
                break
        self._next(effect.call)

    def _must_wait(self, effect: do.CallEffect, steps: Answers, futures: tuple[Future[Any], ...]) -> bool:
        """Whether an answer is still to come; then the effect goes on by itself when it has."""
        for future in futures:
            if not future.done():
                future.add_done_callback(lambda _: self._answered(effect, steps, futures))
                return True
        return False

    def _answered(self, effect: do.CallEffect, steps: Answers, futures: tuple[Future[Any], ...]) -> None:
        if self._must_wait(effect, steps, futures):
            return
        if self._failed(effect, futures):
            self._next(effect.call)
        else:
            self._go_on(effect, steps)

    def _next(self, call: str) -> None:
        chain = self._chains[call]
        if chain:
            self._begin(chain.popleft())
        else:
            del self._chains[call]

    def _failed(self, effect: do.CallEffect, futures: tuple[Future[Any], ...]) -> bool:
        """Whether one of the answers was a refusal; the first is delivered, all are looked at."""
        errors = [error for error in map(_error_of, futures) if error is not None]
        if not errors:
            return False
        error = errors[0]
        status = error.status if isinstance(error, RequestFailed) else 0 if _is_lost(error) else TIMED_OUT
        reason = error.reason if isinstance(error, RequestFailed) else str(error)
        if isinstance(effect, do.CreateLeg):
            self._translator.forget(effect.leg)
        elif isinstance(effect, do.Watch | do.Announce):
            self._translator.forget(effect.channel)
        elif isinstance(effect, do.ReportTransfer):
            self._translator.tellings.told(effect.channel)
        self._deliver(
            PbxRefused(
                effect=type(effect).__name__,
                status=status,
                reason=reason,
                call=effect.call,
                channel=getattr(effect, "channel", "") or getattr(effect, "leg", ""),
                bridge=getattr(effect, "bridge", ""),
            )
        )
        return True

    # -- the effects

    def _answer(self, effect: do.Answer) -> Answers:
        yield self._ari.channels.answer(effect.channel)

    def _ring(self, effect: do.Ring) -> Answers:
        yield self._ari.channels.ring(effect.channel)

    def _hold(self, effect: do.Hold) -> Answers:
        """Into the holding bridge, where each hears music of their own: music of the bridge would die whenever it
        empties. Which, the channel says; where all queues have the same, that needs no saying."""
        channels, bridge = self._ari.channels, holding_bridge(effect.music)
        named = (channels.set_variable(effect.channel, MUSIC_CLASS, effect.music),) if self._music_differs else ()
        yield *named, self._ari.bridges.add_channel(bridge, effect.channel, role=PARTICIPANT)

    def _play(self, effect: do.Play) -> Answers:
        """Its name stands in the channel: ARI lists no playbacks, and the next life of the router may have to stop
        it before it can connect the caller."""
        self._translator.expect_playback(effect.playback)
        media = [f"sound:{self._file(name)}" for name in effect.prompts]
        channels = self._ari.channels
        yield (
            channels.set_variable(effect.channel, "GUDOK_PLAYBACK", effect.playback),
            channels.play(effect.channel, media, playback_id=effect.playback),
        )

    def _file(self, prompt: str) -> str:
        """The prompt's sound, as the PBX names it."""
        return self._sounds.get(prompt) or f"gudok/{prompt}"

    def _stop_play(self, effect: do.StopPlay) -> Answers:
        """Awaited before the channel is moved: joining a bridge waits for a running prompt, 2 s were measured."""
        self._translator.drop_playback(effect.playback)
        yield self._ari.playbacks.stop(effect.playback)

    def _create_leg(self, effect: do.CreateLeg) -> Answers:
        self._translator.expect_leg(effect.leg)
        yield self._ari.channels.create(
            self._endpoint(effect),
            self._app,
            app_args="leg",
            channel_id=effect.leg,
            originator=effect.originator,
            variables=leg_variables(effect, self._shown(effect.shows)),
        )

    def _endpoint(self, effect: do.CreateLeg) -> str:
        number = self._shown(effect.number or "")
        if effect.phone is not None:
            return f"PJSIP/{effect.phone}"
        return f"PJSIP/{number}@{effect.trunk}"

    def _shown(self, token: str) -> str:
        """The number behind a token; what is no token stands for itself."""
        return self._number(token) or token

    def _dial_leg(self, effect: do.DialLeg) -> Answers:
        yield self._ari.channels.dial(effect.leg, ring_timeout=effect.seconds)

    def _connect(self, effect: do.Connect) -> Answers:
        """dtmf_events keeps the bridge from native RTP, which would hide the digits from us (measured)."""
        bridges = self._ari.bridges
        yield (
            bridges.create("mixing,dtmf_events", bridge_id=effect.bridge, name=effect.bridge),
            *(
                bridges.add_channel(effect.bridge, channel, absorb_dtmf=channel in effect.staff or None)
                for channel in effect.channels
            ),
        )
        self._deliver(Bridged(call=effect.call, bridge=effect.bridge, channels=effect.channels))

    def _join(self, effect: do.Join) -> Answers:
        yield self._ari.bridges.add_channel(effect.bridge, effect.channel, absorb_dtmf=effect.staff or None)
        self._deliver(Bridged(call=effect.call, bridge=effect.bridge, channels=(effect.channel,)))

    def _dissolve(self, effect: do.Dissolve) -> Answers:
        yield self._ari.bridges.destroy(effect.bridge)

    def _hang_up(self, effect: do.HangUp) -> Answers:
        yield self._translator.tellings.before_hanging_up(effect.channel)
        yield self._ari.channels.hangup(effect.channel, reason_code=REASON_CODES.get(effect.reason))

    def _set_variables(self, effect: do.SetVariables) -> Answers:
        channels = self._ari.channels
        yield tuple(channels.set_variable(effect.channel, name, value) for name, value in effect.variables.items())

    def _report_transfer(self, effect: do.ReportTransfer) -> Answers:
        self._translator.tellings.asking(effect.channel)
        yield self._ari.channels.transfer_progress(effect.channel, PROGRESS[effect.state])

    def _take_back(self, effect: do.TakeBack) -> Answers:
        self._take_back_caller(effect)
        yield from ()

    def _watch(self, effect: do.Watch) -> Answers:
        """What is announced may have been picked up before Asterisk tells us of it (measured, of a phone that picks up
        by itself): we look."""
        self._translator.watch(effect.channel)
        yield self._ari.applications.subscribe(self._app, f"channel:{effect.channel}")
        if self._translator.is_leg(effect.channel):
            seen = self._ari.channels.get(effect.channel)
            yield seen
            self._translator.looked_at(seen.result())

    def _announce(self, effect: do.Announce) -> Answers:
        """In the dialplan, not in our application: it needs nothing of us any more, and leaves no call on record. The
        phone shows the words that it will say. Whether it is picked up is heard as of a leg."""
        self._translator.expect_leg(effect.channel)
        yield self._ari.channels.originate(
            f"PJSIP/{effect.phone}",
            context=ANNOUNCING,
            extension="s",
            priority=1,
            caller_id=caller_named("".join(self._texts.get(name, "") for name in effect.prompts)),
            dial_timeout=effect.seconds,
            channel_id=effect.channel,
            variables=announcement_variables(effect, "&".join(map(self._file, effect.prompts))),
        )

    def _snoop(self, effect: do.Snoop) -> Answers:
        """`out` is what goes to the operator's phone: heard there alone (measured)."""
        entered = self._translator.expect_snoop(effect.snoop)
        bridges, channels = self._ari.bridges, self._ari.channels
        whisper = "out" if effect.mode == "whisper" else "none"
        yield (
            bridges.create("mixing,dtmf_events", bridge_id=effect.bridge, name=effect.bridge),
            channels.snoop(
                effect.operator, self._app, spy="both", whisper=whisper, app_args="snoop", snoop_id=effect.snoop
            ),
        )
        yield entered  # before that no bridge takes it (measured: 422)
        yield (
            bridges.add_channel(effect.bridge, effect.snoop),
            bridges.add_channel(effect.bridge, effect.helper, absorb_dtmf=True),
        )
        self._deliver(Bridged(call=effect.call, bridge=effect.bridge, channels=(effect.helper, effect.snoop)))

    def _end_snoop(self, effect: do.EndSnoop) -> Answers:
        yield self._ari.bridges.destroy(effect.bridge), self._ari.channels.hangup(effect.snoop)


def _error_of(future: Future[Any]) -> AriError | None:
    error = future.exception()
    if error is not None and not isinstance(error, AriError):
        raise error
    return error


def _is_lost(error: AriError) -> bool:
    return isinstance(error, ConnectionLost)
