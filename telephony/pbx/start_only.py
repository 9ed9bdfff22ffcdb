"""What of its configuration a PBX reads when it starts, and never again: no reload brings it a change of that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from telephony.pbx.render import write_whole

_ALL = re.compile(r"^[^;\n].*", re.MULTILINE)
LINES = {
    "asterisk.conf": _ALL,
    "modules.conf": _ALL,
    "stasis.conf": _ALL,
    "pjsip.conf": re.compile(r"^(?:protocol|bind) = .*", re.MULTILINE),
}
"""File -> the lines that count only at a start. HTTP and AMI listen anew at a reload, SIP does not."""


def keep(etc: Path, file: Path) -> None:
    """Note in `file` what a PBX that starts now reads from `etc`."""
    write_whole(file, msgspec.json.encode(_read(etc)).decode())


def changed(etc: Path, file: Path) -> list[str]:
    """The files of `etc` that now say something else than at the start that was noted in `file`; none where nothing
    was noted, as the PBX is older than this."""
    if not file.exists():
        return []
    noted: Mapping[str, list[str]] = msgspec.json.decode(file.read_bytes(), type=dict[str, list[str]])
    return [name for name, lines in _read(etc).items() if lines != noted.get(name, lines)]


def _read(etc: Path) -> dict[str, list[str]]:
    return {name: lines.findall((etc / name).read_text("utf-8")) for name, lines in LINES.items()}
