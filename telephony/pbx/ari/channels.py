"""ARI's operations on channels (the legs of calls)."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Mapping, Sequence

from telephony.pbx.ari.models import Channel, Playback, Variable
from telephony.pbx.ari.operation import Resource, Response, command, joined, question

_ONE = "/channels/{channelId}"

LIST = question("GET", "/channels", result=list[Channel])
GET = question("GET", _ONE, result=Channel)
CREATE = question(
    "POST", "/channels/create", "endpoint app appArgs channelId otherChannelId originator formats",
    body="variables", result=Channel,
)  # fmt: skip
ORIGINATE = question(
    "POST", "/channels",
    "endpoint extension context priority label app appArgs callerId timeout channelId otherChannelId"
    " originator formats",
    body="variables", result=Channel,
)  # fmt: skip
DIAL = command("POST", f"{_ONE}/dial", "caller timeout")
ANSWER = command("POST", f"{_ONE}/answer")
RING = command("POST", f"{_ONE}/ring")
RING_STOP = command("DELETE", f"{_ONE}/ring")
HANGUP = command("DELETE", _ONE, "reason reason_code")
CONTINUE = command("POST", f"{_ONE}/continue", "context extension priority label")
MOVE = command("POST", f"{_ONE}/move", "app appArgs")
REDIRECT = command("POST", f"{_ONE}/redirect", "endpoint")
TRANSFER_PROGRESS = command("POST", f"{_ONE}/transfer_progress", "states")
PLAY = question("POST", f"{_ONE}/play", "media lang offsetms skipms playbackId", result=Playback)
DTMF = command("POST", f"{_ONE}/dtmf", "dtmf before between duration after")
GET_VARIABLE = question("GET", f"{_ONE}/variable", "variable", result=Variable)
SET_VARIABLE = command("POST", f"{_ONE}/variable", "variable value")
MOH = command("POST", f"{_ONE}/moh", "mohClass")
MOH_STOP = command("DELETE", f"{_ONE}/moh")
HOLD = command("POST", f"{_ONE}/hold")
UNHOLD = command("DELETE", f"{_ONE}/hold")
MUTE = command("POST", f"{_ONE}/mute", "direction")
UNMUTE = command("DELETE", f"{_ONE}/mute", "direction")
SNOOP = question("POST", f"{_ONE}/snoop", "spy whisper app appArgs snoopId", result=Channel)


class Channels(Resource):
    """`ari.channels`. Ids are channel ids; times are in the units of ARI (seconds unless named ms)."""

    __slots__ = ()

    def all(self) -> Future[list[Channel]]:
        """Every channel that is up now."""
        return self._call(LIST)

    def get(self, channel_id: str) -> Future[Channel]:
        """One channel; 404 when it is gone."""
        return self._call(GET, channel_id)

    def create(
        self, endpoint: str, app: str, *, app_args: str | None = None, channel_id: str | None = None,
        other_channel_id: str | None = None, originator: str | None = None,
        formats: str | Sequence[str] | None = None, variables: Mapping[str, str] | None = None,
    ) -> Future[Channel]:  # fmt: skip
        """Make a channel without dialing it. Dial only after its StasisStart, else Asterisk answers 409.

        `originator` is the channel whose linked id the new one gets (and whose formats, if none are given).
        An endpoint that is unknown or has no reachable contact is answered with 500.
        """
        query = {
            "endpoint": endpoint, "app": app, "appArgs": app_args, "channelId": channel_id,
            "otherChannelId": other_channel_id, "originator": originator, "formats": _formats(formats),
        }  # fmt: skip
        return self._call(CREATE, query=query, body=_variables(variables))

    def originate(
        self, endpoint: str, *, app: str | None = None, app_args: str | None = None,
        context: str | None = None, extension: str | None = None, priority: int | None = None,
        label: str | None = None, caller_id: str | None = None, dial_timeout: int | None = None,
        channel_id: str | None = None, other_channel_id: str | None = None, originator: str | None = None,
        formats: str | Sequence[str] | None = None, variables: Mapping[str, str] | None = None,
    ) -> Future[Channel]:  # fmt: skip
        """Make a channel and dial it at once, to an application or a place in the dialplan."""
        query = {
            "endpoint": endpoint, "app": app, "appArgs": app_args, "context": context, "extension": extension,
            "priority": priority, "label": label, "callerId": caller_id, "timeout": dial_timeout,
            "channelId": channel_id, "otherChannelId": other_channel_id, "originator": originator,
            "formats": _formats(formats),
        }  # fmt: skip
        return self._call(ORIGINATE, query=query, body=_variables(variables))

    def dial(self, channel_id: str, *, caller: str | None = None, ring_timeout: int | None = None) -> Future[Response]:
        """Dial a created channel; `ring_timeout` in whole seconds, none or 0 for ever."""
        return self._call(DIAL, channel_id, query={"caller": caller, "timeout": ring_timeout})

    def answer(self, channel_id: str) -> Future[Response]:
        """Answer the channel."""
        return self._call(ANSWER, channel_id)

    def ring(self, channel_id: str) -> Future[Response]:
        """Tell the caller it rings (180)."""
        return self._call(RING, channel_id)

    def ring_stop(self, channel_id: str) -> Future[Response]:
        """Stop telling so."""
        return self._call(RING_STOP, channel_id)

    def hangup(self, channel_id: str, *, reason: str | None = None, reason_code: int | None = None) -> Future[Response]:
        """Hang up, with a word (`busy`, `no_answer`, …) or a Q.850 cause, not both; 404 when it is gone."""
        return self._call(HANGUP, channel_id, query={"reason": reason, "reason_code": reason_code})

    def continue_(
        self, channel_id: str, *, context: str | None = None, extension: str | None = None,
        priority: int | None = None, label: str | None = None,
    ) -> Future[Response]:  # fmt: skip
        """Leave the application and go on in the dialplan."""
        query = {"context": context, "extension": extension, "priority": priority, "label": label}
        return self._call(CONTINUE, channel_id, query=query)

    def move(self, channel_id: str, app: str, *, app_args: str | None = None) -> Future[Response]:
        """Hand the channel to another application."""
        return self._call(MOVE, channel_id, query={"app": app, "appArgs": app_args})

    def redirect(self, channel_id: str, endpoint: str) -> Future[Response]:
        """Send the far side elsewhere (SIP 302); only before the answer."""
        return self._call(REDIRECT, channel_id, query={"endpoint": endpoint})

    def transfer_progress(self, channel_id: str, states: str) -> Future[Response]:
        """Tell the transferring phone how its transfer goes (see ChannelTransfer)."""
        return self._call(TRANSFER_PROGRESS, channel_id, query={"states": states})

    def play(
        self, channel_id: str, media: str | list[str], *, lang: str | None = None,
        offset_ms: int | None = None, skip_ms: int | None = None, playback_id: str | None = None,
    ) -> Future[Playback]:  # fmt: skip
        """Play media URIs (`sound:hello`, `digits:12`, …). A missing file is accepted, then fails."""
        query = {
            "media": joined(media), "lang": lang, "offsetms": offset_ms, "skipms": skip_ms,
            "playbackId": playback_id,
        }  # fmt: skip
        return self._call(PLAY, channel_id, query=query)

    def dtmf(
        self, channel_id: str, digits: str, *, before: int | None = None, between: int | None = None,
        duration: int | None = None, after: int | None = None,
    ) -> Future[Response]:  # fmt: skip
        """Send keys to the channel; times in ms."""
        query = {"dtmf": digits, "before": before, "between": between, "duration": duration, "after": after}
        return self._call(DTMF, channel_id, query=query)

    def get_variable(self, channel_id: str, variable: str) -> Future[Variable]:
        """A channel variable or function; 404 when a plain variable is unset."""
        return self._call(GET_VARIABLE, channel_id, query={"variable": variable})

    def set_variable(self, channel_id: str, variable: str, value: str) -> Future[Response]:
        """Set a channel variable or write to a function."""
        return self._call(SET_VARIABLE, channel_id, query={"variable": variable, "value": value})

    def moh(self, channel_id: str, moh_class: str | None = None) -> Future[Response]:
        """Start music on hold. It goes on into a mixing bridge: stop it before."""
        return self._call(MOH, channel_id, query={"mohClass": moh_class})

    def moh_stop(self, channel_id: str) -> Future[Response]:
        """Stop music on hold."""
        return self._call(MOH_STOP, channel_id)

    def hold(self, channel_id: str) -> Future[Response]:
        """Put on hold."""
        return self._call(HOLD, channel_id)

    def unhold(self, channel_id: str) -> Future[Response]:
        """Take off hold."""
        return self._call(UNHOLD, channel_id)

    def mute(self, channel_id: str, direction: str = "both") -> Future[Response]:
        """Silence a direction: both, in (from the channel) or out (to it)."""
        return self._call(MUTE, channel_id, query={"direction": direction})

    def unmute(self, channel_id: str, direction: str = "both") -> Future[Response]:
        """End the silence."""
        return self._call(UNMUTE, channel_id, query={"direction": direction})

    def snoop(
        self, channel_id: str, app: str, *, spy: str | None = None, whisper: str | None = None,
        app_args: str | None = None, snoop_id: str | None = None,
    ) -> Future[Channel]:  # fmt: skip
        """Listen to (`spy`) or speak to (`whisper`) a channel: none, both, in or out, seen from the PBX."""
        query = {"spy": spy, "whisper": whisper, "app": app, "appArgs": app_args, "snoopId": snoop_id}
        return self._call(SNOOP, channel_id, query=query)


def _formats(formats: str | Sequence[str] | None) -> str | None:
    return None if formats is None else formats if isinstance(formats, str) else ",".join(formats)


def _variables(variables: Mapping[str, str] | None) -> Mapping[str, Mapping[str, str]] | None:
    return None if variables is None else {"variables": variables}
