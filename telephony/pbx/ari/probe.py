"""Who is there? Asked over HTTP, before the WebSocket takes the application from its present owner."""

from __future__ import annotations

import re
import ssl

import msgspec

from telephony.pbx.ari import http
from telephony.pbx.ari.errors import CannotConnect, WrongPassword, WrongVersion
from telephony.pbx.ari.models import AsteriskInfo, SystemInfo

FIRST_WITH_REST = {20: 14, 21: 9, 22: 4}  # major: minor; from 23 on every version has it

_VERSION = re.compile(r"(?:Asterisk )?(?:certified[/-])?(\d+)\.(\d+)")


async def probe(
    url: str, user: str, password: str, *, patience: float, tls: ssl.SSLContext | None = None
) -> SystemInfo:
    """The Asterisk at `url`. Raises `CannotConnect`, `WrongPassword` or `WrongVersion`."""
    info = f"{url}/ari/asterisk/info?only=system"
    status, body = await http.get(info, user, password, patience=patience, tls=tls)
    if status == 401:
        raise WrongPassword(f"Asterisk at {url} rejects the ARI user {user!r} or the password")
    if status != 200:
        raise CannotConnect(f"Asterisk at {url} answers {status} for ARI: it is not loaded, or not enabled")
    try:
        system = msgspec.json.decode(body, type=AsteriskInfo).system
    except msgspec.DecodeError as error:
        raise CannotConnect(f"what listens at {url} is no Asterisk: {error}") from error
    if system is None:
        raise CannotConnect(f"Asterisk at {url} does not tell its version")
    check_version(system.version)
    return system


def check_version(version: str) -> None:
    """Raise `WrongVersion` if this Asterisk has no REST over WebSocket; unnumbered builds pass."""
    found = _VERSION.match(version)
    if found is None:
        return
    major, minor = int(found[1]), int(found[2])
    if major < 23 and minor < FIRST_WITH_REST.get(major, 1_000_000):
        needed = "20.14, 21.9, 22.4 or newer"
        raise WrongVersion(f"Asterisk {version} has no REST over WebSocket; {needed} is needed")
