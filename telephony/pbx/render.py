"""Writes the PBX's configuration: the templates of dialplan/, filled with the plan and the site.

In a template `@name@` stands for a value; alone on a line it may stand for many lines, or for none. `$`, `{` and `;`
belong to the PBX and are left alone.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from telephony.config.site import Site
from telephony.core.plan import Phone, Plan, Queue, Strategy, Trunk
from telephony.pbx import dialplan
from telephony.pbx.prompts import playable
from telephony.resources import default_folder
from telephony.secrets import Secrets
from telephony.settings import Settings

T = TypeVar("T")
PLACEHOLDER = re.compile(r"@([a-z_]+)@")

CHANNEL_VARIABLES = (
    *("GUDOK_CALL", "GUDOK_ROLE", "GUDOK_NUMBER", "GUDOK_ARRIVED", "GUDOK_QUEUE", "GUDOK_QUEUED"),
    *("GUDOK_ATTEMPT", "GUDOK_WHY", "GUDOK_PHONE", "GUDOK_PLAYBACK", "GUDOK_TRANSFER"),
)
"""Shown by ARI with every channel: what a restarted router goes by."""

CEL_COLUMNS = (
    *("eventtype", "eventtime", "CHANNEL(uniqueid)", "CHANNEL(linkedid)", "CHANNEL(channame)"),
    *("CALLERID(num)", "CHANNEL(exten)", "CHANNEL(context)", "CHANNEL(appname)", "CHANNEL(appdata)"),
    *("CHANNEL(peer)", "CHANNEL(userfield)", "eventextra"),
)

AMI_EVENTS = (
    *("FullyBooted", "Shutdown", "Reload", "ContactStatus", "OriginateResponse"),
    *("QueueMemberAdded", "QueueMemberRemoved", "QueueMemberPause", "QueueMemberPenalty", "QueueMemberRinginuse"),
    *("QueueCallerJoin", "QueueCallerLeave", "QueueCallerAbandon"),
)

STRATEGIES = {
    Strategy.LONGEST_IDLE: "leastrecent",
    Strategy.SKILL_LEVEL: "leastrecent",  # the native queue knows no levels
    Strategy.ROUND_ROBIN: "rrmemory",
    Strategy.FEWEST_CALLS: "fewestcalls",
}


@dataclass(frozen=True)
class PbxPaths:
    """The directories of a PBX, as asterisk.conf names them."""

    etc: Path
    modules: Path
    data: Path
    lib: Path
    db: Path
    keys: Path
    spool: Path
    run: Path
    log: Path
    agi_bin: Path
    moh: Path

    @classmethod
    def of_system(cls) -> PbxPaths:
        """Those of an Asterisk installed from Debian's packages."""
        lib, share = Path("/var/lib/asterisk"), Path("/usr/share/asterisk")
        modules = next(iter(sorted(Path("/usr/lib").glob("*/asterisk/modules"))), Path("/usr/lib/asterisk/modules"))
        return cls(
            etc=Path("/etc/asterisk"),
            modules=modules,
            data=share,
            lib=lib,
            db=lib,
            keys=lib,
            spool=Path("/var/spool/asterisk"),
            run=Path("/run/asterisk"),
            log=Path("/var/log/asterisk"),
            agi_bin=share / "agi-bin",
            moh=share / "moh",
        )


def render(settings: Settings, out: Path, paths: PbxPaths | None = None) -> list[Path]:
    """Write all files into `out`; returns those that changed. Each is replaced as a whole, or not at all.

    `paths` are the directories of the PBX it is for, by default those of an installed one. The files hold passwords
    and are readable by their owner only. Raises SecretsError where a password is missing.
    """
    values = values_of(settings, paths or PbxPaths.of_system())
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [
        target
        for template in sorted(default_folder("dialplan").glob("*.conf"))
        if write_whole(target := out / template.name, fill(template.read_text("utf-8"), values, template.name))
    ]


def fill(template: str, values: dict[str, str], name: str = "") -> str:
    """The template with its placeholders replaced. Raises KeyError for one that nobody knows."""

    def value(match: re.Match[str]) -> str:
        try:
            return values[match[1]]
        except KeyError:
            raise KeyError(f"{name}: nothing is known for {match[0]}") from None

    lines: list[str] = []
    for line in template.splitlines():
        block = PLACEHOLDER.fullmatch(line)
        if block is None:
            lines.append(PLACEHOLDER.sub(value, line))
        elif filled := value(block):
            lines.append(filled)
    return "\n".join(lines) + "\n"


def write_whole(file: Path, text: str) -> bool:
    """Replace `file` by `text` in one step; False where it says so already."""
    if file.exists() and file.read_text("utf-8") == text:
        return False
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
    draft.replace(file)
    return True


def values_of(settings: Settings, paths: PbxPaths) -> dict[str, str]:
    """What each placeholder stands for."""
    plan, site, secrets = settings.plan, settings.site, settings.secrets
    values = {name: str(getattr(paths, name)) for name in PbxPaths.__dataclass_fields__}
    values |= {name: str(getattr(site, name)) for name in ("http_bind", "http_port", "ami_bind", "ami_port")}
    values |= {name: str(getattr(site, name)) for name in ("rtp_from", "rtp_to", "qualify", "ari_user", "ami_user")}
    values |= {
        "language": plan.language,
        "default_ring": str(plan.default_ring),
        "sip_address": address(site.sip_bind, site.sip_port),
        "agi": address(site.agi_host, site.agi_port),
        "nat": nat(site),
        "media": media(site),
        "ari_password": conf(secrets.ari_password),
        "ami_password": conf(secrets.ami_password),
        "channel_variables": ",".join(CHANNEL_VARIABLES),
        "cel_columns": ",".join(f"${{CSV_QUOTE(${{{column}}})}}" for column in CEL_COLUMNS),
        "ami_events": "\n".join(f"eventfilter(action(include),name({event})) =" for event in AMI_EVENTS),
        "trunks": blocks(plan.trunks, lambda trunk: trunk_sections(trunk, secrets)),
        "phones": blocks(plan.phones, lambda phone: phone_sections(phone, secrets)),
        "queues": blocks(plan.queues, queue_section),
        "music_classes": blocks(sorted(site.music.items()), lambda item: music_section(*item)),
    }
    return values | prompts_heard(plan) | dialplan.blocks_of(plan)


def prompts_heard(plan: Plan) -> dict[str, str]:
    """The prompts that the dialplan itself plays."""
    asked = ("ask-extension", "ask-pin", "ask-reason", "ask-outcome")
    names = (*asked, "nothing-entered", "nothing-dialed", "service-away")
    heard = {name.replace("-", "_"): playable(plan, name) for name in names}
    return heard | {"unknown_number": playable(plan, plan.unknown_number)}


def conf(text: str) -> str:
    """`text` as a value in a file of the PBX: a comment sign is told from one, a line stays one."""
    return " ".join(text.split()).replace("\\", "\\\\").replace(";", "\\;")


def address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def blocks(items: Iterable[T], section: Callable[[T], str]) -> str:
    return "\n\n".join(map(section, items))


def media(site: Site) -> str:
    """Media uses the address that SIP is bound to, or Asterisk would take it on every one."""
    if ipaddress.ip_address(site.sip_bind).is_unspecified:
        return ""
    return f"media_address = {site.sip_bind}\nbind_rtp_to_media_address = yes"


def nat(site: Site) -> str:
    if site.public_address is None:
        return ""
    lines = [f"external_media_address = {site.public_address}", f"external_signaling_address = {site.public_address}"]
    return "\n".join(lines + [f"local_net = {network}" for network in site.local_networks])


def phone_sections(phone: Phone, secrets: Secrets) -> str:
    template = "gudok-phone-webrtc" if phone.webrtc else "gudok-phone"
    label = conf(phone.label or phone.name).replace('"', "'")
    return f"""\
[{phone.name}]({template})
auth = {phone.name}
aors = {phone.name}
callerid = "{label}" <{phone.name}>
[{phone.name}](gudok-auth)
username = {phone.name}
password = {secrets.phone_password(phone.name)}
[{phone.name}](gudok-aor)"""


def trunk_sections(trunk: Trunk, secrets: Secrets) -> str:
    lines = [f"[{trunk.name}](gudok-trunk)", f"aors = {trunk.name}"]
    if trunk.username is not None:
        lines += [f"outbound_auth = {trunk.name}", f"from_user = {conf(trunk.username)}"]
    lines += [f"[{trunk.name}]", "type = aor"]
    if trunk.contact is not None:
        lines += [f"contact = {conf(trunk.contact)}"]
    if trunk.match:
        lines += [f"[{trunk.name}]", "type = identify", f"endpoint = {trunk.name}"]
        lines += [f"match = {match}" for match in trunk.match]
    if trunk.username is not None:
        lines += trunk_login(trunk, conf(trunk.username), conf(secrets.trunk_password(trunk.name)))
    return "\n".join(lines)


def trunk_login(trunk: Trunk, username: str, password: str) -> list[str]:
    assert trunk.contact is not None  # the check of the plan demands it
    server = conf(trunk.contact)
    host = re.sub(r"^sips?:([^@]*@)?", "", server)
    return [
        *(f"[{trunk.name}](gudok-auth)", f"username = {username}", f"password = {password}"),
        *(f"[{trunk.name}]", "type = registration", f"outbound_auth = {trunk.name}", f"server_uri = {server}"),
        *(f"client_uri = sip:{username}@{host}", "retry_interval = 30", "max_retries = 1000000"),
    ]


def queue_section(queue: Queue) -> str:
    return f"""\
[gudok-{queue.name}](gudok-queue)
strategy = {STRATEGIES[queue.strategy]}
musicclass = {queue.music}
timeout = {queue.ring}
wrapuptime = {queue.wrap_up}
servicelevel = {queue.service_level.seconds}
weight = {max(0, queue.priority)}"""


def music_section(name: str, directory: str) -> str:
    return f"[{name}]\nmode = files\ndirectory = {conf(directory)}\nsort = random"
