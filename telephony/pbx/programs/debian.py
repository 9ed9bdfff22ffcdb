"""Debian's archive without root: a private apt with a configuration and state of its own.

It takes the mirror, proxy, certificates and time limits from the machine's apt, but none of its hooks, pins
or laxity, changes nothing of it, and accepts only what Debian's keys sign. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from telephony.pbx.programs.machine import InstallError, UnknownKeyError, explain, os_release, run, say


@dataclass(frozen=True)
class Deb:
    """A package as the archive offers it: size in bytes, version without what Debian adds to it."""

    package: str
    version: str
    file: str
    size: int


class Archive:
    """One suite of the archive; its lists and downloads lie in `home`, below the cache."""

    def __init__(self, home: Path, source: str | None) -> None:
        """`source` is a line of sources.list, None for the machine's own sources as they are."""
        self.home, self.downloads = home, home / "archives"
        for folder in ("lists/partial", "archives/partial", "no-archives/partial", "empty"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        (home / "status").touch()
        (home / "sources.list").write_text(source or "")
        (home / "apt.conf").write_text(self._configuration(of_machine=source is None))

    def _configuration(self, of_machine: bool) -> str:
        wanted = re.compile(r"Acquire::(?!IndexTargets|Languages|Changelogs|GzipIndexes|Allow)\S+ ")
        machine = [line for line in run(["apt-config", "dump"]).splitlines() if wanted.match(line)]
        empty = self.home / "empty"
        own: dict[str, Path | str] = {
            "Dir::State": self.home,
            "Dir::State::lists": self.home / "lists",
            "Dir::State::status": self.home / "status",
            "Dir::Cache": self.home,
            "Dir::Cache::archives": self.downloads,
            "Dir::Etc::main": "/dev/null",
            "Dir::Etc::parts": empty,
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": empty,
            "Debug::NoLocking": "true",  # the cache has its own lock
            "APT::Sandbox::User": "root",  # apt's own user could not write here
            "APT::Install-Recommends": "false",
            "APT::Get::AllowUnauthenticated": "false",
            "APT::Update::Error-Mode": "any",
            # Signed all the same. A mirror frozen on purpose must do, and it runs on loopback, for demo and tests.
            "Acquire::Check-Valid-Until": "false",
            "Acquire::Languages": "none",
            "Acquire::GzipIndexes": "true",
        }
        if not of_machine:
            own |= {"Dir::Etc::sourcelist": self.home / "sources.list", "Dir::Etc::sourceparts": empty}
        defaults = ['Acquire::Retries "3";', 'Acquire::http::Timeout "30";', 'Acquire::https::Timeout "30";']
        return "\n".join([*defaults, *machine, *(f'{key} "{value}";' for key, value in own.items()), ""])

    def apt(self, *arguments: str) -> str:
        env = {"APT_CONFIG": str(self.home / "apt.conf")}
        return run(["apt-get", "-q", "-y", *arguments], env=env, cwd=self.downloads)

    def update(self) -> None:
        """Bring the package lists up to date; raises UnknownKeyError when no known key signs them."""
        self.apt("update")

    def closure(self, packages: Sequence[str]) -> list[Deb]:
        """The packages with everything they depend on, as if on an empty machine."""
        nothing_there = f"Dir::Cache::archives={self.home / 'no-archives'}"
        listing = self.apt("install", "--print-uris", "-o", nothing_there, *packages)
        debs = []
        for file, size in re.findall(r"^'\S+' (\S+\.deb) (\d+)", listing, re.MULTILINE):
            package, version, _ = file.split("_")
            program_version = re.sub(r"^\d+:|[+~-].*", "", urllib.parse.unquote(version))
            debs.append(Deb(package, program_version, file, int(size)))
        return debs

    def download(self, packages: Sequence[str]) -> None:
        """Fetch the closure, going on where an interrupted run stopped; apt checks every hash."""
        self.apt("install", "--download-only", *packages)

    def forget(self) -> None:
        """Remove lists and downloads, when nothing more is wanted."""
        shutil.rmtree(self.home)


def open_archive(cache: Path, suite: str) -> Archive:
    """The archive's `suite`, "" for the machine's own, with its package lists up to date."""
    for tool in ("apt-get", "dpkg-deb", "tar"):
        if shutil.which(tool) is None:
            raise InstallError(f"no {tool} here to fetch Debian's packages: install the programs, or use docker/")
    mirror, own_suite = find_mirror(os_release())
    if not suite and not own_suite:
        raise InstallError("this machine is no Debian: install postgresql and mosquitto with its own tools")
    keyring = find_keyring(cache) or fetch_keyring(cache, mirror, own_suite)
    home = cache / "apt" / (suite or own_suite)
    archive = Archive(home, source_line(mirror, suite or own_suite, keyring))
    say(f"reading the package lists of Debian {suite or own_suite}")
    try:
        archive.update()
    except UnknownKeyError:
        say("signed by a key newer than this machine's keyring: fetching debian-archive-keyring")
        archive = Archive(home, source_line(mirror, suite or own_suite, fetch_keyring(cache, mirror, own_suite)))
        archive.update()
    return archive


def source_line(mirror: str, suite: str, keyring: Path) -> str:
    return f"deb [signed-by={keyring}] {mirror} {suite} main\n"


def find_mirror(release: Mapping[str, str], etc: Path = Path("/etc/apt")) -> tuple[str, str]:
    """Address of Debian's archive, and this machine's own suite in it ("" when the machine is no Debian).

    `release` is what the machine says it is, `etc` where its apt is configured.
    """
    codename = release.get("VERSION_CODENAME", "") if release.get("ID") == "debian" else ""
    if mirror := os.environ.get("GUDOK_DEBIAN_MIRROR"):
        return mirror, codename
    if codename:
        names = {codename, "oldstable", "stable", "testing", "unstable", "sid"}
        own = [(uri, suite) for uri, suite in apt_sources(etc) if suite in names]
        # Others publish for Debian's suites too; a mirror of Debian keeps the name of its folder.
        own.sort(key=lambda source: not re.search(r"/debian/?$", urllib.parse.urlsplit(source[0]).path))
        if own:
            return own[0]
    raise InstallError("no Debian archive among this machine's apt sources: set GUDOK_DEBIAN_MIRROR to a mirror's URL")


def apt_sources(etc: Path) -> Iterator[tuple[str, str]]:
    """(URI, suite) of the enabled binary sources with a component main, one-line files first, then deb822."""
    for path in [etc / "sources.list", *sorted(etc.glob("sources.list.d/*.list"))]:
        lines = path.read_text(errors="replace") if path.exists() else ""
        line = r"^\s*deb\s+(?:\[[^]\n]*\]\s*)?(\S+)\s+(\S+)\s+([^#\n]*)"
        for uri, suite, components in re.findall(line, lines, re.MULTILINE):
            if "main" in components.split() and not uri.startswith("cdrom:"):
                yield uri, suite
    for path in sorted(etc.glob("sources.list.d/*.sources")):
        text = re.sub(r"^#.*\n", "", path.read_text(errors="replace"), flags=re.MULTILINE)
        for stanza in re.split(r"\n[ \t]*\n", text):
            pairs = re.findall(r"^([\w-]+):(.*(?:\n[ \t].*)*)", stanza, re.MULTILINE)
            fields = {key.lower(): value.split() for key, value in pairs}
            binary = "deb" in fields.get("types", []) and fields.get("enabled") != ["no"]
            if binary and "main" in fields.get("components", []):
                yield from ((uri, suite) for uri in fields.get("uris", []) for suite in fields["suites"])


def find_keyring(cache: Path) -> Path | None:
    """Debian's keys: a newer set fetched earlier, else the machine's."""
    for folder in (cache / "keyring", Path("/")):
        for suffix in ("pgp", "gpg"):
            if (path := folder / f"usr/share/keyrings/debian-archive-keyring.{suffix}").exists():
                return path
    return None


def fetch_keyring(cache: Path, mirror: str, own_suite: str) -> Path:
    """Take newer keys from the package debian-archive-keyring of a suite that this machine already trusts."""
    keyring, target = find_keyring(cache), cache / "keyring"
    # Another distribution carries the package too, under its own signature.
    source = source_line(mirror, own_suite, keyring) if own_suite and keyring else None
    trusted = Archive(cache / "apt/keyring", source)
    try:
        # Among another distribution's sources some third party's may be broken: the download decides.
        with contextlib.suppress(*(() if source else (InstallError,))):
            trusted.update()
        trusted.apt("download", "debian-archive-keyring")
    except InstallError as error:
        raise InstallError(f"no trusted key for Debian's archive: install debian-archive-keyring ({error})") from error
    shutil.rmtree(target, ignore_errors=True)
    unpack(sorted(trusted.downloads.glob("*.deb"))[-1:], target)
    trusted.forget()
    found = find_keyring(cache)
    assert found is not None, "the package debian-archive-keyring holds no keyring"
    return found


# Of no use to us, and a quarter of the size: nothing runs Perl, Python or compiled queries out of a bundle.
LEFT_OUT = (
    *("share/doc", "share/man", "share/info", "share/locale", "share/perl*", "lib/*/perl*", "lib/*/gconv"),
    *("lib/python3*", "lib/postgresql/*/lib/llvmjit*", "lib/*/libLLVM*", "lib/*/libz3*", "lib/llvm*"),
)


def unpack(debs: Sequence[Path], root: Path) -> None:
    """Extract packages into a new folder, without owners or set-user-id bits. No script of theirs is run."""
    root.mkdir(parents=True)
    tar = [
        "tar",
        "-x",
        "-C",
        str(root),
        "--no-same-owner",
        "--no-same-permissions",
        "--keep-directory-symlink",
    ]
    tar += [f"--exclude=./usr/{path}" for path in LEFT_OUT]

    def unpack_one(deb: Path) -> None:
        read = ["dpkg-deb", "--fsys-tarfile", str(deb)]
        with subprocess.Popen(read, stdout=subprocess.PIPE, close_fds=False) as contents:
            written = subprocess.run(tar, stdin=contents.stdout, capture_output=True, text=True, close_fds=False)
        if contents.returncode or written.returncode:
            raise InstallError(f"cannot unpack {deb.name}: {explain(written.stderr)}")

    workers = ThreadPoolExecutor(os.cpu_count())
    try:
        list(workers.map(unpack_one, debs))
    finally:
        workers.shutdown(cancel_futures=True)
