"""Exit statuses: how a process of Gudok says why it ended."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the parent (and systemd) understands."""

    OK = 0
    FAILED = 1
    MISTAKE = 2
    """The configuration is wrong: starting again does not help before it is mended."""
    UNAVAILABLE = 69
    """Something needed at the start is away: it may come back."""
    HANDLER = 70
    """A handler raised: start again from the PBX's picture."""
    REPLACED = 78
    """Another router is alive, or has taken the PBX over."""
