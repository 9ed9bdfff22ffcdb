"""The cache of bundles: each a root file system with one program and its libraries, unpacked from Debian."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from telephony.pbx.programs.debian import Archive, open_archive, unpack
from telephony.pbx.programs.machine import InstallError, locked, os_release, run, say
from telephony.pbx.programs.program import Program
from telephony.pbx.programs.recipes import RECIPES, ask_version

NEW_SUITE = "forky"  # the first Debian that has Asterisk 22
LAYOUT = 1  # raise when bundles made by an older version of this file must not be used
STAMP = ".gudok.json"  # in a bundle that is whole: its recipe's key, its programs' version


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
