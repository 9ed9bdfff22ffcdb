"""The base of all inputs of the inbox, and the names of what they speak of."""

from __future__ import annotations

import msgspec

ChannelId = str
"""Begins with the node's system name (`systemname` of asterisk.conf), so unique among all PBX nodes and restarts."""
BridgeId = str
CallId = str
"""The id of the channel the call began with: the PBX's own linked id."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, tag_field="type"):
    """Base of all inputs of the inbox."""
