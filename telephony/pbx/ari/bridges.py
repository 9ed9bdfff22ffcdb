"""ARI's operations on bridges."""

from __future__ import annotations

from asyncio import Future

from telephony.pbx.ari.models import Bridge, Playback
from telephony.pbx.ari.operation import Resource, Response, command, joined, question

_ONE = "/bridges/{bridgeId}"

LIST = question("GET", "/bridges", result=list[Bridge])
GET = question("GET", _ONE, result=Bridge)
CREATE = question("POST", "/bridges", "type bridgeId name", result=Bridge)
DESTROY = command("DELETE", _ONE)
ADD = command("POST", f"{_ONE}/addChannel", "channel role absorbDTMF mute inhibitConnectedLineUpdates")
REMOVE = command("POST", f"{_ONE}/removeChannel", "channel")
MOH = command("POST", f"{_ONE}/moh", "mohClass")
MOH_STOP = command("DELETE", f"{_ONE}/moh")
PLAY = question("POST", f"{_ONE}/play", "media lang offsetms skipms playbackId", result=Playback)


class Bridges(Resource):
    """`ari.bridges`."""

    __slots__ = ()

    def all(self) -> Future[list[Bridge]]:
        """Every bridge there is now, with the ids of its channels."""
        return self._call(LIST)

    def get(self, bridge_id: str) -> Future[Bridge]:
        """One bridge; 404 when it is gone."""
        return self._call(GET, bridge_id)

    def create(self, kind: str = "mixing", *, bridge_id: str | None = None, name: str | None = None) -> Future[Bridge]:
        """Make a bridge. `kind` is mixing or holding, with attributes after commas (`mixing,dtmf_events`).

        The id of a destroyed bridge answers 409 for a while: never use one twice.
        """
        return self._call(CREATE, query={"type": kind, "bridgeId": bridge_id, "name": name})

    def destroy(self, bridge_id: str) -> Future[Response]:
        """Destroy the bridge; its channels stay in the application."""
        return self._call(DESTROY, bridge_id)

    def add_channel(
        self, bridge_id: str, channel: str | list[str], *, role: str | None = None,
        absorb_dtmf: bool | None = None, mute: bool | None = None,
        inhibit_connected_line_updates: bool | None = None,
    ) -> Future[Response]:  # fmt: skip
        """Put channels into the bridge, out of any other. It waits for the channel's playback: stop that."""
        query = {
            "channel": joined(channel), "role": role, "absorbDTMF": absorb_dtmf, "mute": mute,
            "inhibitConnectedLineUpdates": inhibit_connected_line_updates,
        }  # fmt: skip
        return self._call(ADD, bridge_id, query=query)

    def remove_channel(self, bridge_id: str, channel: str | list[str]) -> Future[Response]:
        """Take channels out of the bridge."""
        return self._call(REMOVE, bridge_id, query={"channel": joined(channel)})

    def moh(self, bridge_id: str, moh_class: str | None = None) -> Future[Response]:
        """Play music to all in the bridge. It dies when the bridge empties: ask again on every join."""
        return self._call(MOH, bridge_id, query={"mohClass": moh_class})

    def moh_stop(self, bridge_id: str) -> Future[Response]:
        """Stop the bridge's music."""
        return self._call(MOH_STOP, bridge_id)

    def play(
        self, bridge_id: str, media: str | list[str], *, lang: str | None = None,
        offset_ms: int | None = None, skip_ms: int | None = None, playback_id: str | None = None,
    ) -> Future[Playback]:  # fmt: skip
        """Play to all in the bridge; fails while the bridge's music runs."""
        query = {
            "media": joined(media), "lang": lang, "offsetms": offset_ms, "skipms": skip_ms,
            "playbackId": playback_id,
        }  # fmt: skip
        return self._call(PLAY, bridge_id, query=query)
