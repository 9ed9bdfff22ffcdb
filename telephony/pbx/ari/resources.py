"""ARI's other resources: the Asterisk itself, applications, playbacks, device states, endpoints."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Iterable

from telephony.pbx.ari.models import (
    Application,
    AsteriskInfo,
    AsteriskPing,
    DeviceState,
    Endpoint,
    Playback,
    Variable,
)
from telephony.pbx.ari.operation import Resource, Response, command, joined, question

PING = question("GET", "/asterisk/ping", result=AsteriskPing)
INFO = question("GET", "/asterisk/info", "only", result=AsteriskInfo)
GET_GLOBAL = question("GET", "/asterisk/variable", "variable", result=Variable)
SET_GLOBAL = command("POST", "/asterisk/variable", "variable value")

APPLICATION = question("GET", "/applications/{applicationName}", result=Application)
_SUBSCRIPTION = "/applications/{applicationName}/subscription"
SUBSCRIBE = question("POST", _SUBSCRIPTION, "eventSource", result=Application)
UNSUBSCRIBE = question("DELETE", _SUBSCRIPTION, "eventSource", result=Application)
FILTER = question("PUT", "/applications/{applicationName}/eventFilter", body="filter", result=Application)

PLAYBACK = question("GET", "/playbacks/{playbackId}", result=Playback)
PLAYBACK_STOP = command("DELETE", "/playbacks/{playbackId}")

DEVICE_STATES = question("GET", "/deviceStates", result=list[DeviceState])
DEVICE_STATE_SET = command("PUT", "/deviceStates/{deviceName}", "deviceState")
DEVICE_STATE_DELETE = command("DELETE", "/deviceStates/{deviceName}")

ENDPOINTS = question("GET", "/endpoints", result=list[Endpoint])
ENDPOINT = question("GET", "/endpoints/{tech}/{resource}", result=Endpoint)


class Asterisk(Resource):
    """`ari.asterisk`."""

    __slots__ = ()

    def ping(self) -> Future[AsteriskPing]:
        """Is it there?"""
        return self._call(PING)

    def info(self, only: str | None = None) -> Future[AsteriskInfo]:
        """About the Asterisk, or one part of it (`system`, `status`)."""
        return self._call(INFO, query={"only": only})

    def get_variable(self, variable: str) -> Future[Variable]:
        """A global variable; empty when unset."""
        return self._call(GET_GLOBAL, query={"variable": variable})

    def set_variable(self, variable: str, value: str) -> Future[Response]:
        """Set a global variable."""
        return self._call(SET_GLOBAL, query={"variable": variable, "value": value})


class Applications(Resource):
    """`ari.applications`. Filter and subscriptions outlive the WebSocket, not the Asterisk."""

    __slots__ = ()

    def get(self, app: str) -> Future[Application]:
        """The application, its subscriptions and filter."""
        return self._call(APPLICATION, app)

    def filter(self, app: str, allowed: Iterable[str]) -> Future[Application]:
        """Let through only these event types; none at all lets everything through.

        The client's own application must allow `RESTResponse`, or no answer ever comes.
        """
        types = [{"type": name} for name in allowed]
        return self._call(FILTER, app, body={"allowed": types, "disallowed": []})

    def subscribe(self, app: str, source: str | list[str]) -> Future[Application]:
        """Hear of what is not in the application: `channel:ID`, `bridge:ID`, `endpoint:PJSIP/3001`, …"""
        return self._call(SUBSCRIBE, app, query={"eventSource": joined(source)})

    def unsubscribe(self, app: str, source: str | list[str]) -> Future[Application]:
        """Hear of it no more."""
        return self._call(UNSUBSCRIBE, app, query={"eventSource": joined(source)})


class Playbacks(Resource):
    """`ari.playbacks`."""

    __slots__ = ()

    def get(self, playback_id: str) -> Future[Playback]:
        """One playback; 404 when it has ended."""
        return self._call(PLAYBACK, playback_id)

    def stop(self, playback_id: str) -> Future[Response]:
        """Stop it; 404 when it has ended."""
        return self._call(PLAYBACK_STOP, playback_id)


class DeviceStates(Resource):
    """`ari.device_states`, of `Stasis:NAME` devices only (ARI owns no others)."""

    __slots__ = ()

    def all(self) -> Future[list[DeviceState]]:
        """All that were set."""
        return self._call(DEVICE_STATES)

    def set(self, device: str, state: str) -> Future[Response]:
        """Set one: NOT_INUSE, INUSE, BUSY, UNAVAILABLE, RINGING, RINGINUSE, ONHOLD (UNKNOWN answers 500)."""
        return self._call(DEVICE_STATE_SET, device, query={"deviceState": state})

    def delete(self, device: str) -> Future[Response]:
        """Forget one."""
        return self._call(DEVICE_STATE_DELETE, device)


class Endpoints(Resource):
    """`ari.endpoints`."""

    __slots__ = ()

    def all(self) -> Future[list[Endpoint]]:
        """Every endpoint with its state and channels."""
        return self._call(ENDPOINTS)

    def get(self, tech: str, resource: str) -> Future[Endpoint]:
        """One endpoint, as `PJSIP`, `3001`."""
        return self._call(ENDPOINT, tech, resource)
