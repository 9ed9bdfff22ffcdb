"""A picture of the PBX, looked up by channel, with what the PBX's own record says of the calls that go on."""

from __future__ import annotations

from datetime import datetime

from telephony.core.center import Center
from telephony.core.events import PictureTaken
from telephony.core.picture import SeenBridge, SeenChannel


class Picture:
    """`together`: who stands in which mixing bridge. `on_hold`: who is in a holding bridge."""

    def __init__(self, event: PictureTaken) -> None:
        self.starting = event.why == "start"
        self.after_break = event.why in ("start", "reconnect")
        self.bridges = event.bridges
        self.alive: dict[str, SeenChannel] = {seen.channel: seen for seen in event.channels}
        self.together: dict[str, SeenBridge] = {}
        self.on_hold: set[str] = set()
        for bridge in event.bridges:
            for channel in bridge.channels:
                if bridge.kind == "mixing":
                    self.together[channel] = bridge
                elif bridge.kind == "holding":
                    self.on_hold.add(channel)
        self.records = {record.call: record for record in event.records}
        self.legs = {leg.channel: leg for record in event.records for leg in record.legs}

    def unknown(self, center: Center) -> list[SeenChannel]:
        """Channels in our application that we know nothing of, oldest first."""
        known = center.channels.keys() | center.strangers.keys() | center.snoops.keys()
        found = [seen for seen in self.alive.values() if seen.where == "ours" and seen.channel not in known]
        return sorted(found, key=lambda seen: (seen.created, seen.channel))

    def answered(self, channel: str) -> datetime | None:
        """When this leg was picked up, if the PBX's record tells."""
        return self.legs[channel].answered if channel in self.legs else None

    def ended(self, channel: str) -> datetime | None:
        return self.legs[channel].ended if channel in self.legs else None

    def dialed(self, channel: str) -> bool:
        """Whether an operator's phone has made this call."""
        return "GUDOK_PHONE" in self.alive[channel].variables

    def same_bridge(self, one: str, other: str) -> bool:
        return one in self.together and self.together[one] is self.together.get(other)
