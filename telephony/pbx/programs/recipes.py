"""Where each program comes from, which versions of it will do, and how it is asked for its version."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Version = tuple[int, ...]


@dataclass(frozen=True)
class Recipe:
    """Where a set of programs comes from, and which versions of installed ones will do."""

    packages: tuple[str, ...]
    programs: Mapping[str, str]  # name -> its file in the packages, a glob pattern
    show_version: str = "--version"
    accepts: Callable[[Version], bool] = lambda version: True
    wants: str = "a working one"
    from_new_suite: bool = True
    env: Mapping[str, str] = field(default_factory=dict)  # variable -> path in the packages, a glob pattern


def has_rest_over_websocket(version: Version) -> bool:
    """True for an Asterisk that takes REST requests over the ARI WebSocket: 20.14, 21.9, 22.4 and later."""
    return version >= {20: (20, 14), 21: (21, 9)}.get(version[0], (22, 4))


SOUNDS = ("asterisk-core-sounds-ru-wav", "asterisk-core-sounds-en-wav", "asterisk-moh-opsound-wav")
RECIPES: Mapping[str, Recipe] = {
    "asterisk": Recipe(
        ("asterisk", *SOUNDS),
        {"asterisk": "usr/sbin/asterisk"},
        show_version="-V",
        accepts=has_rest_over_websocket,
        wants="20.14+ or 22.4+",
    ),
    "sounds": Recipe(SOUNDS, {}),
    "sipp": Recipe(
        ("sip-tester",),
        {"sipp": "usr/bin/sipp"},
        show_version="-v",
        accepts=lambda version: version >= (3, 6),
        wants="3.6+",
    ),
    "baresip": Recipe(("baresip-core",), {"baresip": "usr/bin/baresip"}, show_version="-h"),
    "espeak-ng": Recipe(
        ("espeak-ng",),
        {"espeak-ng": "usr/bin/espeak-ng"},
        env={"ESPEAK_DATA_PATH": "usr/lib/*/espeak-ng-data"},
    ),
    "postgresql": Recipe(
        ("postgresql",),
        {name: f"usr/lib/postgresql/*/bin/{name}" for name in ("postgres", "initdb", "pg_ctl", "psql")},
        accepts=lambda version: version >= (13,),
        wants="13+",
        from_new_suite=False,
    ),
    "mosquitto": Recipe(("mosquitto",), {"mosquitto": "usr/sbin/mosquitto"}, show_version="-h", from_new_suite=False),
}


def ask_version(recipe: Recipe, argv: Sequence[str], env: Mapping[str, str]) -> str | None:
    """Run a program to learn its version, None when it says none. (Some say it and exit non-zero.)"""
    try:
        done = subprocess.run(
            [*argv, recipe.show_version],
            env={**os.environ, **env, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\d+(\.\d+)+", done.stdout)
    return match.group() if match else None
