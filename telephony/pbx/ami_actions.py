"""What Asterisk may be told and asked by AMI: its native queues, channels and contacts."""

from __future__ import annotations

from abc import ABC, abstractmethod

from telephony.pbx.ami_line import Fields, Row
from telephony.pbx.ami_types import ActionFailed


class AmiActions(ABC):
    """Each action as a method, which raises what `action` raises."""

    @abstractmethod
    async def action(self, name: str, fields: Fields | None = None, *, within: float | None = None) -> list[Row]:
        """Send an action; the answer and, where it is a list, its events, as they come from AMI.

        A sequence as a value gives the header several times; None leaves it out. Raises `ActionFailed`,
        `ActionTimeout` (after `within` seconds), `AmiConnectionLost`, or ValueError for a line break in a value.
        """

    async def queue_add(
        self, queue: str, interface: str, *, name: str = "", paused: bool = False, reason: str = ""
    ) -> None:
        """Make a phone (`PJSIP/3001`) a member of a native queue."""
        who: Fields = {"Queue": queue, "Interface": interface, "MemberName": name or None}
        await self.action("QueueAdd", {**who, "Paused": paused, "Reason": reason or None})

    async def queue_remove(self, queue: str, interface: str) -> None:
        """Take a member out."""
        await self.action("QueueRemove", {"Queue": queue, "Interface": interface})

    async def queue_pause(self, queue: str | None, interface: str, *, paused: bool, reason: str = "") -> None:
        """Pause or unpause a member, in one queue or (None) in all. `reason` comes back in the event."""
        fields: Fields = {"Interface": interface, "Paused": paused, "Queue": queue, "Reason": reason or None}
        await self.action("QueuePause", fields)

    async def queue_ring_in_use(self, queue: str, interface: str, *, on: bool) -> None:
        """Whether a member is rung also while in a call."""
        fields: Fields = {"Interface": interface, "RingInUse": "yes" if on else "no", "Queue": queue}
        await self.action("QueueMemberRingInUse", fields)

    async def queue_penalty(self, queue: str | None, interface: str, *, penalty: int) -> None:
        """A member is rung only when nobody with a smaller penalty is free; in one queue or (None) in all."""
        await self.action("QueuePenalty", {"Interface": interface, "Penalty": penalty, "Queue": queue})

    async def queue_status(self, queue: str | None = None) -> list[Row]:
        """Rows with Event QueueParams, QueueMember or QueueEntry, of one native queue or of all."""
        return _rows(await self.action("QueueStatus", {"Queue": queue}))

    async def queue_members(self, queue: str | None = None) -> list[Row]:
        """The members of native queues: Queue, Interface, MemberName, Paused ("0", "1"), PausedReason, LastPause,
        Penalty, …"""
        rows = await self.queue_status(queue)
        return [
            {**row, "Interface": row["Location"], "MemberName": row["Name"]}
            for row in rows
            if row["Event"] == "QueueMember"
        ]

    async def channels(self) -> list[Row]:
        """All channels: Channel (name), Uniqueid, Linkedid, Application, ApplicationData, BridgeId, Duration, …"""
        return _rows(await self.action("CoreShowChannels"))

    async def get_variable(self, channel: str, name: str) -> str:
        """A channel's variable by the channel's name; empty when unset."""
        return (await self.action("Getvar", {"Channel": channel, "Variable": name}))[0].get("Value", "")

    async def set_variable(self, name: str, value: str, channel: str | None = None) -> None:
        """Set a variable (or a function that can be written) of a channel, by its name; else a global variable."""
        await self.action("Setvar", {"Channel": channel, "Variable": name, "Value": value})

    async def redirect(self, channel: str, context: str, exten: str, priority: int = 1) -> None:
        """Send a channel to a place in the dialplan."""
        fields: Fields = {"Channel": channel, "Context": context, "Exten": exten, "Priority": priority}
        await self.action("Redirect", fields)

    async def hang_up(self, channel: str, cause: int | None = None) -> None:
        """Hang a channel up, with a Q.850 cause."""
        await self.action("Hangup", {"Channel": channel, "Cause": cause})

    async def database(self, family: str) -> dict[str, str]:
        """What Asterisk's own database holds under a family: key -> value."""
        rows = _rows(await self.action("DBGetTree", {"Family": family}))
        return {row["Key"].removeprefix(f"/{family}/"): row["Val"] for row in rows}

    async def database_put(self, family: str, key: str, value: str) -> None:
        await self.action("DBPut", {"Family": family, "Key": key, "Val": value})

    async def database_delete(self, family: str, key: str) -> None:
        await self.action("DBDel", {"Family": family, "Key": key})

    async def contacts(self) -> list[Row]:
        """The contacts of all phones: Uri, Aor (in ObjectName's place), Status, Endpoint, RoundtripUsec, …"""
        try:
            return _rows(await self.action("PJSIPShowContacts"))
        except ActionFailed as error:
            if error.reason.lower() == "no contacts found":
                return []
            raise


def _rows(answer: list[Row]) -> list[Row]:
    """The list without its first and last message, which only frame it."""
    return answer[1:-1]
