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
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from telephony.pbx.debian import Archive, InstallError, locked, open_archive, os_release, run, say, unpack

__all__ = ["RECIPES", "InstallError", "Program", "ensure", "main"]

NEW_SUITE = "forky"  # the first Debian that has Asterisk 22
LAYOUT = 1  # raise when bundles made by an older version of this file must not be used
STAMP = ".gudok.json"  # in a bundle that is whole: its recipe's key, its programs' version
DATA_FOLDERS = ("usr/share/asterisk", "var/lib/asterisk")  # of Asterisk: Debian's, and its own choice
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # not in an ordinary user's PATH

Version = tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """How to run one program: `[*argv, ...]`, with `env` added to the environment."""

    name: str
    argv: tuple[str, ...]
    version: str
    root: Path | None = None  # of its bundle; None when it is installed on this machine
    env: Mapping[str, str] = field(default_factory=dict)
    sounds: Path | None = None  # a bundle of sounds, for an installed Asterisk without Russian ones

    def path(self, relative: str) -> Path:
        """Where a file of the program's packages lies, for example "usr/share/asterisk"."""
        return (self.root or Path("/")) / relative

    @property
    def module_dir(self) -> Path:
        """Loadable modules of asterisk (`astmoddir`) or baresip (`module_path`)."""
        return self._find("modules", f"usr/lib/*/{self.name}/modules", f"usr/lib*/{self.name}/modules")

    @property
    def data_dir(self) -> Path:
        """Asterisk's `astdatadir`: rest-api, documentation, sounds."""
        return self._find("data", *DATA_FOLDERS)

    @property
    def sounds_dir(self) -> Path:
        """The folder that holds `ru` and `en`, Asterisk's spoken prompts."""
        return self._find("Russian sounds", *(f"{data}/sounds/ru" for data in DATA_FOLDERS)).parent

    @property
    def music_dir(self) -> Path:
        """Asterisk's music on hold."""
        return self._find("music on hold", *(f"{data}/moh" for data in DATA_FOLDERS))

    def _find(self, what: str, *patterns: str) -> Path:
        for root in filter(None, (self.sounds, self.path(""))):
            for pattern in patterns:
                for found in sorted(root.glob(pattern)):
                    return found
        raise InstallError(f"{self.name}: no {what} under {self.path('')}")


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


def cache_dir() -> Path:
    """The cache. Root's is in /var/cache: a server that refuses root runs from it as another user."""
    if chosen := os.environ.get("GUDOK_CACHE"):
        return Path(chosen).absolute()
    if os.geteuid() == 0:
        return Path("/var/cache/gudok")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gudok"


def suite_folder(name: str) -> str:
    return NEW_SUITE if RECIPES[name].from_new_suite else os_release().get("VERSION_CODENAME", "unknown")


def recipe_key(name: str) -> str:
    """Changes with everything that decides what is in a bundle, save the archive's own versions."""
    return digest(LAYOUT, os.uname().machine, *RECIPES[name].packages)


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:8]


def read_stamp(root: Path) -> dict[str, str]:
    """What the stamp of a bundle says, empty when it has none."""
    stamp = root / STAMP
    return dict(json.loads(stamp.read_text())) if stamp.exists() else {}


def find_bundle(name: str) -> Path | None:
    """The newest whole bundle of this recipe in the cache."""
    key = recipe_key(name)
    stamps = (cache_dir() / suite_folder(name)).glob(f"{name}-*/{STAMP}")
    whole = [stamp for stamp in stamps if read_stamp(stamp.parent).get("recipe") == key]
    newest = max(whole, key=lambda stamp: stamp.stat().st_mtime, default=None)
    return newest.parent if newest else None


def programs_of(name: str, root: Path) -> dict[str, Program]:
    """The programs of an unpacked bundle."""
    recipe, version = RECIPES[name], read_stamp(root).get("version", "")
    env = {variable: str(first(root, pattern)) for variable, pattern in recipe.env.items()}
    libraries = ":".join(map(str, library_folders(root)))
    loader: tuple[str, ...] = ()
    if recipe.from_new_suite and recipe.programs:
        # Not from the cache of the host's libraries: a missing library must be an error, not a mixture.
        loader = (str(first(root, "usr/lib/*/ld-linux*.so*")), "--inhibit-cache", "--library-path", libraries)
    else:
        env["LD_LIBRARY_PATH"] = libraries
    return {
        program: Program(program, (*loader, str(first(root, pattern))), version, root, env)
        for program, pattern in recipe.programs.items()
    }


def first(root: Path, pattern: str) -> Path:
    for found in sorted(root.glob(pattern)):
        return found
    raise InstallError(f"no {pattern} in {root}: remove that folder and run again")


def library_folders(root: Path) -> list[Path]:
    """The folders with shared libraries: the architecture's, and private ones below it (pulseaudio, blas)."""
    patterns = ("lib/*-linux-gnu*", "usr/lib/*-linux-gnu*", "usr/lib/*-linux-gnu*/*")
    folders = (folder for pattern in patterns for folder in sorted(root.glob(pattern)))
    return [folder for folder in folders if any(folder.glob("lib*.so*"))]


def make_bundles(names: Sequence[str], refresh: bool) -> dict[str, Program]:
    """Make the bundles that are still missing once no other installation is at it."""
    archives: dict[str, Archive] = {}
    made: dict[str, Program] = {}
    with locked(cache_dir()):
        for name in names:
            bundle = None if refresh else find_bundle(name)
            if bundle is None:
                suite = NEW_SUITE if RECIPES[name].from_new_suite else ""
                if suite not in archives:
                    archives[suite] = open_archive(cache_dir(), suite)
                bundle = make_bundle(name, archives[suite])
            made |= programs_of(name, bundle)
        for archive in archives.values():
            archive.forget()
    return made


def make_bundle(name: str, archive: Archive) -> Path:
    """Unpack what the archive has now, beside older bundles; return its root."""
    recipe, started = RECIPES[name], time.monotonic()
    debs = archive.closure(recipe.packages)
    # PostgreSQL's numbered package has the program's version, the metapackage only the number.
    names = re.compile(rf"{recipe.packages[0]}(-\d+)?")
    main = max((deb for deb in debs if names.fullmatch(deb.package)), key=lambda deb: len(deb.package))
    contents = digest(recipe_key(name), *(deb.file for deb in debs))
    root = cache_dir() / suite_folder(name) / f"{name}-{main.version}-{contents}"
    if (root / STAMP).exists():
        return root
    size = sum(deb.size for deb in debs) / 1e6
    say(f"{name}: downloading {len(debs)} packages, {size:.0f} MB")
    archive.download(recipe.packages)
    say(f"{name}: unpacking into {root}")
    unfinished = root.with_name(root.name + ".partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    # A C library needs the very loader it was built with: what the host's loader runs takes the host's.
    wanted = [deb for deb in debs if recipe.from_new_suite or deb.package != "libc6"]
    unpack([archive.downloads / deb.file for deb in wanted], unfinished)
    link_what_scripts_would(unfinished)
    version = check(name, unfinished) or main.version
    (unfinished / STAMP).write_text(json.dumps({"recipe": recipe_key(name), "version": version}))
    unfinished.rename(root)
    say(f"{name}: ready in {time.monotonic() - started:.0f} s")
    return root


def link_what_scripts_would(root: Path) -> None:
    """Make the links that packages leave to their scripts: sonames, languages of Asterisk's sounds."""
    for folder in library_folders(root):
        run(["/sbin/ldconfig", "-n", folder])
    for language, voices in {"ru": "ru_RU_*", "en": "en_US_*"}.items():
        for voice in root.glob(f"usr/share/asterisk/sounds/{voices}"):
            (voice.parent / language).symlink_to(voice.name)


def check(name: str, root: Path) -> str | None:
    """The version that the bundle's programs say when they are run, None for a bundle without programs."""
    version = None
    for program in programs_of(name, root).values():
        version = ask_version(RECIPES[name], program.argv, program.env)
        if version is None:
            raise InstallError(f"{name}: unpacked, but does not run; see {' '.join(program.argv)}")
    return version


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
