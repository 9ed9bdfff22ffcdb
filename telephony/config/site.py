"""The site: where Gudok and the PBX live and listen. Nothing here decides about a call."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from telephony.config.database_url import wrong_with
from telephony.config.mistakes import Mistake
from telephony.config.values import Places
from telephony.core.plan import Name, Record

Port = Annotated[int, Meta(ge=1, le=65_535, description="a port, 1 to 65535")]
Host = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:_-]{1,253}\Z", description="a host name or an IP address")]
Address = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f.:]{2,45}\Z", description="an IP address")]
PathText = Annotated[str, Meta(pattern=r"^[^\x00-\x1f]{1,4096}\Z", description="a path")]


class LogFormat(StrEnum):
    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Site(Record, frozen=True):
    """One installation on its machine. Every plain value can be given by the environment too."""

    state_dir: PathText | None = None
    """Database, secrets, sockets, files of the embedded PBX. None: $XDG_STATE_HOME/gudok, else
    ~/.local/state/gudok."""
    database_url: str | None = None
    """None: SQLite in the state directory."""
    control_socket: PathText | None = None
    cel_file: PathText | None = None
    """The PBX's own record, where the PBX is not the embedded one."""
    log_format: LogFormat = LogFormat.CONSOLE
    log_level: LogLevel = LogLevel.INFO

    pbx_host: Host = "127.0.0.1"
    """Where Gudok finds the PBX (ARI and AMI)."""
    ari_user: str = "gudok"
    ami_user: str = "gudok"
    http_bind: Address = "127.0.0.1"
    http_port: Port = 8088
    """ARI, and WebSocket for phones in browsers."""
    ami_bind: Address = "127.0.0.1"
    ami_port: Port = 5038
    agi_bind: Address = "127.0.0.1"
    """Where Gudok answers the PBX's FastAGI requests..."""
    agi_host: Host = "127.0.0.1"
    """...and where the PBX finds it."""
    agi_port: Port = 4573
    sip_bind: Address = "127.0.0.1"
    sip_port: Port = 5060
    public_address: Host | None = None
    """What phones beyond a NAT are told."""
    local_networks: tuple[str, ...] = ()
    """Networks this side of that NAT."""
    rtp_from: Port = 10_000
    rtp_to: Port = 20_000
    qualify: Annotated[int, Meta(ge=0, le=3600, description="whole seconds, 0 to 3600")] = 30
    """How often a phone is asked whether it is there, in seconds; 0 never."""
    music: dict[Name, PathText] = {}  # noqa: RUF012 - msgspec copies it
    """Music classes besides `default`: name -> directory of sound files."""


def check_site(site: Site, places: Places) -> list[Mistake]:
    """Addresses, networks and ports that cannot be, and a database that cannot be used."""
    found: list[Mistake] = []
    if site.database_url and (wrong := wrong_with(site.database_url)):
        found.append(Mistake(places.at("database_url"), f"database_url: {wrong}"))
    for key in ("http_bind", "ami_bind", "agi_bind", "sip_bind"):
        try:
            ipaddress.ip_address(getattr(site, key))
        except ValueError:
            what = f"{key}: {getattr(site, key)!r} is not an IP address"
            found.append(Mistake(places.at(key), what, "for example 127.0.0.1 or 0.0.0.0"))
    for index, network in enumerate(site.local_networks):
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            found.append(Mistake(places.at("local_networks", index), str(error), "for example 192.168.0.0/16"))
    if site.rtp_to - site.rtp_from < 3:
        what = f"rtp_to: {site.rtp_to} leaves no ports from rtp_from {site.rtp_from} on"
        found.append(Mistake(places.at("rtp_to"), what, "a call needs two for each leg"))
    if site.rtp_from <= site.sip_port <= site.rtp_to:
        what = f"sip_port: {site.sip_port} is among the ports of media, {site.rtp_from} to {site.rtp_to}"
        found.append(Mistake(places.at("sip_port"), what, "give another, or other rtp_from and rtp_to"))
    ports = {key: getattr(site, key) for key in ("http_port", "ami_port", "agi_port", "sip_port")}  # all of them TCP
    for key, port in ports.items():
        twin = next((other for other in ports if other != key and ports[other] == port), None)
        if twin is not None and key > twin:
            found.append(Mistake(places.at(key), f"{key}: {port} is the port of {twin} too", "give another"))
    return found
