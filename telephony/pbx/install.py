"""Asterisk and the other outside programs, without root: the machine's own where new enough, else Debian's.

What the machine lacks is unpacked from Debian's packages into a cache:

    $GUDOK_CACHE, else /var/cache/gudok for root, else ${XDG_CACHE_HOME:-~/.cache}/gudok
        apt/forky/                        package lists and downloads, until all is unpacked
        forky/asterisk-22.10.1-1f3a9c2e/  one bundle: a root file system with one program, its libraries

Programs of a newer Debian run through that Debian's own loader and C library; programs that start others
(PostgreSQL) come from the machine's own suite. A bundle appears by one rename, when it is whole and its
program has run, so an interrupted installation is simply started again. `GUDOK_DEBIAN_MIRROR` names Debian's
archive where the machine's apt does not, `GUDOK_CACHE` the cache.

Standard library only, so that it runs before the virtual environment exists:

    python3 -m telephony.pbx.install asterisk sipp
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from telephony.pbx.programs.bundles import find_bundle, make_bundles, programs_of
from telephony.pbx.programs.machine import InstallError, say
from telephony.pbx.programs.program import Program
from telephony.pbx.programs.recipes import RECIPES, ask_version

SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # not in an ordinary user's PATH


def ensure(*names: str, private: bool = False, refresh: bool = False) -> dict[str, Program]:
    """Provide the programs of the recipes `names`; the keys of the answer are names of programs.

    "postgresql" gives postgres, initdb, pg_ctl and psql, every other recipe one program of its own name.
    With `private`, programs installed on this machine are passed over; with `refresh`, the archive is asked
    for newer packages than the cache has. Raises InstallError. Takes milliseconds when nothing is missing.
    """
    if unknown := set(names) - set(RECIPES):
        raise InstallError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(RECIPES)}")
    found: dict[str, Program] = {}
    missing: list[str] = []
    for name in names:
        installed = {} if private else find_installed(name)
        bundle = None if refresh else find_bundle(name)
        if installed:
            found |= installed
        elif bundle:
            found |= programs_of(name, bundle)
        else:
            missing.append(name)
    if missing:
        found |= make_bundles(missing, refresh)
    if "asterisk" in found and not has_russian_sounds(found["asterisk"]):
        if find_bundle("sounds") is None:
            make_bundles(["sounds"], refresh)
        found["asterisk"] = replace(found["asterisk"], sounds=find_bundle("sounds"))
    return found


@functools.cache
def find_installed(name: str) -> dict[str, Program]:
    """The recipe's programs as installed on this machine; empty unless all are there and new enough."""
    recipe = RECIPES[name]
    folders = [*os.environ.get("PATH", os.defpath).split(":"), *SYSTEM_FOLDERS]
    folders += sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    found: dict[str, Program] = {}
    for program in recipe.programs:
        executable = shutil.which(program, path=":".join(folders))
        if executable is None:
            return {}
        version = ask_version(recipe, (executable,), {})
        if version is None or not recipe.accepts(tuple(map(int, version.split(".")))):
            say(f"passing over {executable}: it is {version or 'not working'}, {recipe.wants} is needed")
            return {}
        found[program] = Program(program, (executable,), version)
    return found


def has_russian_sounds(asterisk: Program) -> bool:
    try:
        return asterisk.sounds_dir.is_dir() and asterisk.music_dir.is_dir()
    except InstallError:
        return False


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="telephony.pbx.install", description="Provide the outside programs.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(RECIPES)}; all when none is given")
    parser.add_argument("--private", action="store_true", help="pass over what is installed on this machine")
    parser.add_argument("--refresh", action="store_true", help="take newer packages than the cache has, if any")
    chosen = parser.parse_args(arguments)
    names = chosen.names or [name for name, recipe in RECIPES.items() if recipe.programs]
    try:
        for program in ensure(*names, private=chosen.private, refresh=chosen.refresh).values():
            print(f"{program.name:10} {program.version:9} {program.argv[-1]}")
    except InstallError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; run again to go on")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
