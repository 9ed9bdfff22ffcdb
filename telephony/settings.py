"""The settings of one installation: config files + environment -> typed, checked.

All `*.yaml` files of the config directory are read as one; which key stands in which file is up to the site.
Each plain value of the top level can be overridden by an environment variable: `sip_port` by GUDOK_SIP_PORT.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import yaml

from telephony.config.check import SECTIONS, check_plan
from telephony.config.mistakes import ConfigErrors, Mistake, Place, suggest
from telephony.config.reader import Reader
from telephony.config.roster import check_skills
from telephony.config.site import LogFormat, LogLevel, Site, check_site
from telephony.config.values import Places, cut, hints_of, is_nothing, names_of_range
from telephony.core.plan import (
    Code,
    DirectoryEntry,
    Disposition,
    Farewell,
    Group,
    Phone,
    Plan,
    Prompt,
    Queue,
    Record,
    Trunk,
)
from telephony.core.staff import Operator
from telephony.secrets import SECRET_VARIABLES, Secrets, load_secrets

__all__ = ["ConfigErrors", "Mistake", "Settings", "Site", "check", "load"]

KEYED: dict[type, str] = {
    Queue: "name",
    Group: "name",
    DirectoryEntry: "number",
    Code: "code",
    Disposition: "code",
    Prompt: "name",
    Phone: "name",
    Trunk: "name",
}
SHORT: dict[type, str] = {Farewell: "prompt", Prompt: "text", Code: "action", Disposition: "label"}
OTHER_VARIABLES = frozenset(
    {
        *("GUDOK_CONFIG", "GUDOK_CACHE", "GUDOK_DEBIAN_MIRROR"),
        *("GUDOK_ADDRESS", "GUDOK_CONFIG_DIR"),  # of docker/compose.yaml
        *SECRET_VARIABLES,
    }
)
"""Variables that are ours but no key of a config file. GUDOK_CONFIG names the config directory."""
UNIX_PATH_MAX = 107
PATHS = ("state_dir", "control_socket", "cel_file")


@dataclass(frozen=True)
class Settings:
    """All settings. `plan` is what the center is, `site` where it lives."""

    plan: Plan
    site: Site
    config_dir: Path
    places: Places = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    """May hold passwords: never shown."""

    @cached_property
    def state_dir(self) -> Path:
        if self.site.state_dir is not None:
            return (self.config_dir / Path(self.site.state_dir).expanduser()).resolve()
        home = self.environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        return Path(home) / "gudok"

    @cached_property
    def secrets(self) -> Secrets:
        """Passwords and keys, made on first use. Raises SecretsError where the file is open to others."""
        return load_secrets(self.state_dir, self.environment)

    @property
    def database_url(self) -> str:
        return self.site.database_url or f"sqlite+aiosqlite:///{self.state_dir / 'gudok.sqlite'}"

    @property
    def control_socket(self) -> Path:
        return self._path(self.site.control_socket, "control.sock")

    @property
    def spool_file(self) -> Path:
        """Entries of the journal that the database has not taken; as old as the database."""
        return self.state_dir / "journal.spool"

    @property
    def pbx_dir(self) -> Path:
        """Everything the embedded PBX writes."""
        return self.state_dir / "pbx"

    @property
    def cel_file(self) -> Path:
        return self._path(self.site.cel_file, "pbx/log/cel-custom/gudok.csv")

    @property
    def ari_url(self) -> str:
        """The PBX's HTTP server; the client adds the path of ARI."""
        return f"http://{bracketed(self.site.pbx_host)}:{self.site.http_port}"

    @property
    def ari_user(self) -> str:
        return self.site.ari_user

    @property
    def ami_host(self) -> str:
        return self.site.pbx_host

    @property
    def ami_port(self) -> int:
        return self.site.ami_port

    @property
    def ami_user(self) -> str:
        return self.site.ami_user

    @property
    def agi_host(self) -> str:
        """The address Gudok listens on for FastAGI."""
        return self.site.agi_bind

    @property
    def agi_port(self) -> int:
        return self.site.agi_port

    @property
    def sip_port(self) -> int:
        return self.site.sip_port

    @property
    def sip_address(self) -> tuple[str, int]:
        """Where the PBX is asked whether it serves SIP."""
        bound = self.site.sip_bind
        return self.site.pbx_host if ip_address(bound).is_unspecified else bound, self.site.sip_port

    @property
    def sip_family(self) -> socket.AddressFamily:
        """Of its addresses there, those that it serves: bound to ::, it takes nothing by IPv4."""
        return socket.AF_INET6 if ip_address(self.site.sip_bind).version == 6 else socket.AF_INET

    @property
    def log_format(self) -> LogFormat:
        return self.site.log_format

    @property
    def log_level(self) -> LogLevel:
        return self.site.log_level

    def _path(self, given: str | None, default: str) -> Path:
        return (self.config_dir / Path(given).expanduser()).resolve() if given else self.state_dir / default


def load(config_dir: Path, env: Mapping[str, str] | None = None) -> Settings:
    """Read and check everything that can be checked without a database.

    Raises ConfigErrors with all mistakes at once. Only reads: no secret is made before it is asked for.
    """
    env = os.environ if env is None else env
    reader = Reader(keyed=KEYED, short=SHORT, expand={Phone: names_of_range})
    reader.places.unknown = Place(str(config_dir))
    nodes = _nodes_of(reader, config_dir, env)
    parts: dict[type[Record], Any] = {}
    for part in (Plan, Site):
        own = {key: node for key, node in nodes.items() if key in hints_of(part)}
        parts[part] = reader.record_of(part, own)
    plan, site = parts[Plan], parts[Site]
    settings = Settings(plan, site, config_dir, reader.places, dict(env))
    mistakes = [*reader.mistakes, *check_site(site, reader.places)]
    mistakes += check_plan(plan, reader.places, site.music, unread_sections(reader, nodes))
    if len(os.fsencode(settings.control_socket)) > UNIX_PATH_MAX:
        what = f"{settings.control_socket} is longer than the {UNIX_PATH_MAX} bytes a socket's path may have"
        mistakes.append(Mistake(reader.places.at("control_socket"), what, "give a shorter control_socket"))
    if mistakes:
        raise ConfigErrors(mistakes, socket=settings.control_socket)
    return settings


def check(settings: Settings, operators: tuple[Operator, ...] | list[Operator]) -> list[Mistake]:
    """What shows only beside the roster: skills nobody has, logins nobody bears, extensions taken."""
    return check_skills(settings.plan, settings.places, operators)


def unread_sections(reader: Reader, nodes: Mapping[str, yaml.Node]) -> set[str]:
    """The sections whose names are not known: they are no sections, or may stand in a file nobody could read."""
    given = {key: nodes[key] for key in SECTIONS.values() if key in nodes}
    unread = {key for key, node in given.items() if not isinstance(node, yaml.MappingNode) and not is_nothing(node)}
    return unread | (SECTIONS.values() - nodes.keys() if reader.unread else set())


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _nodes_of(reader: Reader, config_dir: Path, env: Mapping[str, str]) -> dict[str, yaml.Node]:
    """The top level of all files as one mapping, the environment laid over it."""
    known = [*hints_of(Plan), *hints_of(Site)]
    nodes: dict[str, yaml.Node] = {}
    files = sorted(config_dir.glob("*.yaml"))
    if not files:
        raise ConfigErrors([Mistake(Place(str(config_dir)), "no *.yaml file is there", "name the config directory")])
    for stray in sorted(config_dir.glob("*.yml")):
        reader.wrong(Place(str(stray)), "is not read", f"rename it to {stray.stem}.yaml")
    for file in files:
        before = dict(nodes)
        for key, node in reader.mapping_of(file, str(file)).items():
            place = reader.places.at(key)
            if key not in known:
                reader.wrong(place, f"{cut(key)} is not a known key", suggest(key, known))
            elif key in before:
                other = before[key].start_mark
                reader.wrong(place, f"{key} stands in {other.name}:{other.line + 1} too", "keep one of them")
            else:
                nodes[key] = node
    for variable, value in env.items():
        _override(reader, nodes, variable, value)
    return nodes


def _override(reader: Reader, nodes: dict[str, yaml.Node], variable: str, value: str) -> None:
    if not variable.startswith("GUDOK_") or variable in OTHER_VARIABLES:
        return
    if variable.startswith(tuple(name for name in SECRET_VARIABLES if name.endswith("_"))):
        return
    if not value:
        return
    names = {f"GUDOK_{key.upper()}": key for part in (Plan, Site) for key in scalars_of(part)}
    place = Place(f"environment variable {variable}")
    if variable not in names:
        reader.wrong(place, "is not known", suggest(variable, [*names, *OTHER_VARIABLES]))
        return
    key = names[variable]
    if key in PATHS:  # in a file a path is relative to the config directory, here to where we are
        value = str(Path(value).expanduser().absolute())
    mark = yaml.Mark(place.file, 0, -1, 0, "", 0)
    nodes[key] = yaml.ScalarNode("", value, start_mark=mark, end_mark=mark, style="'")
    reader.places.put((key,), place)


def scalars_of(part: type[Record]) -> list[str]:
    """The fields of `part` that one line of text can give."""
    return [name for name, hint in hints_of(part).items() if not is_section(hint)]


def is_section(hint: Any) -> bool:
    return (isinstance(hint, type) and issubclass(hint, Record)) or any(w in str(hint) for w in ("tuple[", "dict["))
