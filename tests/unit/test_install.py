"""Programs come from the machine where they are new enough, else from an archive that is not trusted blindly."""

from __future__ import annotations

import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from telephony.pbx import install
from telephony.pbx.programs import bundles, debian, machine, recipes
from telephony.resources import default_folder

HERE = Path(__file__).resolve()
CHECKOUT = HERE.parents[2]
ARCHIVE = HERE.parents[1] / "fixtures" / "archive"
BOOKWORM = {"ID": "debian", "VERSION_CODENAME": "bookworm"}

needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="only Debian and its kin have apt")


class Mirror:
    """Serves the archive in small; a package named in `held` is not sent before `release` is called."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.held, self.served = folder, "", list[str]()
        self.reached, self._free = threading.Event(), threading.Event()
        mirror = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                if mirror.held and mirror.held in self.path:
                    mirror.reached.set()
                    mirror._free.wait(30)
                mirror.served.append(self.path.rsplit("/", 1)[-1])
                super().do_GET()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
                """The test says what was served."""

            def __init__(self, *args: object) -> None:
                super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def release(self) -> None:
        self._free.set()

    def close(self) -> None:
        self.release()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    served = tmp_path / "mirror"
    shutil.copytree(ARCHIVE, served)
    running = Mirror(served)
    yield running
    running.close()


@pytest.fixture
def cache(tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache that trusts the key of the archive in small."""
    cache = tmp_path / "cache"
    trust(cache, "key.gpg")
    direct = tmp_path / "apt.conf"  # whatever proxy this machine's apt has
    direct.write_text('Acquire::http::Proxy::127.0.0.1 "DIRECT";\n')
    monkeypatch.setenv("APT_CONFIG", str(direct))
    monkeypatch.setenv("GUDOK_CACHE", str(cache))
    monkeypatch.setenv("GUDOK_DEBIAN_MIRROR", mirror.url)
    return cache


def trust(cache: Path, key: str) -> None:
    keyrings = cache / "keyring/usr/share/keyrings"
    keyrings.mkdir(parents=True, exist_ok=True)
    shutil.copy(ARCHIVE / key, keyrings / "debian-archive-keyring.gpg")


def start_installation() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "telephony.pbx.install", "sounds"]
    return subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True)


def finish(installation: subprocess.Popen[str]) -> str:
    _, said = installation.communicate(timeout=50)
    assert installation.returncode == 0, said
    return said


# --- which Asterisk will do -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(20, 14, 0), (20, 17, 1), (21, 9, 0), (22, 4), (22, 10, 1), (23, 0, 0)])
def test_an_asterisk_with_rest_over_websocket_is_new_enough(version: tuple[int, ...]) -> None:
    assert recipes.has_rest_over_websocket(version)


@pytest.mark.parametrize("version", [(16, 28, 0), (18, 10, 0), (20, 6, 0), (20, 13, 9), (21, 8, 5), (22, 3, 0)])
def test_an_older_asterisk_is_passed_over(version: tuple[int, ...]) -> None:
    assert not recipes.has_rest_over_websocket(version)


def put_on_path(folder: Path, name: str, prints: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{prints}'\nexit 99\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    install.find_installed.cache_clear()


@pytest.fixture(autouse=True)
def _look_again_at_what_is_installed() -> Iterator[None]:
    yield
    install.find_installed.cache_clear()


def test_an_installed_program_is_used_and_an_old_one_said_to_be_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_on_path(tmp_path, "sipp", "SIPp v3.7.3-TLS-PCAP", monkeypatch)
    sipp = install.ensure("sipp")["sipp"]
    assert (sipp.argv, sipp.version, sipp.root) == ((str(tmp_path / "sipp"),), "3.7.3", None)

    put_on_path(tmp_path, "sipp", "SIPp v3.3", monkeypatch)
    assert install.find_installed("sipp") == {}
    assert f"passing over {tmp_path / 'sipp'}: it is 3.3, 3.6+ is needed" in capsys.readouterr().err


@needs_apt
def test_an_installed_asterisk_without_russian_sounds_gets_them_from_the_archive(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if Path("/usr/share/asterisk/sounds/ru").exists():
        pytest.skip("this machine's own Asterisk speaks Russian")
    put_on_path(tmp_path, "asterisk", "Asterisk 22.10.1", monkeypatch)

    asterisk = install.ensure("asterisk")["asterisk"]

    assert asterisk.root is None
    assert (asterisk.sounds_dir / "ru" / "hello.wav").read_text() == "привет\n"
    assert (asterisk.music_dir / "tune.wav").exists()


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(machine.InstallError, match="unknown: asterix; known: asterisk, sounds, sipp"):
        install.ensure("asterix")


@pytest.mark.asterisk
def test_the_asterisk_that_the_tests_use_runs_and_has_what_it_needs() -> None:
    asterisk = install.ensure("asterisk")["asterisk"]
    said = subprocess.run([*asterisk.argv, "-V"], capture_output=True, text=True, timeout=30, check=True).stdout
    assert said.startswith(f"Asterisk {asterisk.version}")
    assert (asterisk.module_dir / "res_ari.so").exists()
    assert (asterisk.data_dir / "rest-api" / "resources.json").exists()
    assert any((asterisk.sounds_dir / "ru").glob("*.wav"))


# --- where the archive is ---------------------------------------------------------------------------------------

DEB822 = """
# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm
  bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
ONE_LINE = """
deb cdrom:[Debian 12]/ bookworm main
# deb http://commented.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://vendor.example/linux bookworm main
deb [signed-by=/d.gpg] https://one-line.example/debian/ bookworm main contrib # ours
"""


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("GUDOK_DEBIAN_MIRROR", raising=False)
    (tmp_path / "etc/sources.list.d").mkdir(parents=True)
    return tmp_path / "etc"


def test_the_mirror_is_the_one_of_the_machine_in_the_new_format(etc: Path) -> None:
    (etc / "sources.list.d/debian.sources").write_text(DEB822)
    assert debian.find_mirror(BOOKWORM, etc) == ("http://mirror.example/debian", "bookworm")


def test_the_mirror_is_the_one_of_the_machine_in_the_old_format(etc: Path) -> None:
    (etc / "sources.list").write_text(ONE_LINE)
    assert debian.find_mirror(BOOKWORM, etc) == ("https://one-line.example/debian/", "bookworm")


def test_a_disabled_source_is_no_mirror(etc: Path) -> None:
    (etc / "sources.list.d/debian.sources").write_text(DEB822.replace("Types: deb", "Enabled: no\nTypes: deb"))
    with pytest.raises(machine.InstallError, match="set GUDOK_DEBIAN_MIRROR"):
        debian.find_mirror(BOOKWORM, etc)


def test_another_system_is_asked_to_name_a_mirror(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fedora = {"ID": "fedora"}
    with pytest.raises(machine.InstallError, match="set GUDOK_DEBIAN_MIRROR"):
        debian.find_mirror(fedora, etc)
    monkeypatch.setenv("GUDOK_DEBIAN_MIRROR", "http://chosen.example/debian")
    assert debian.find_mirror(fedora, etc) == ("http://chosen.example/debian", "")


@needs_apt
def test_the_private_apt_takes_the_machines_proxy_but_not_its_hooks_nor_its_laxity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    its_own = tmp_path / "machine.conf"
    its_own.write_text(
        'Acquire::http::Proxy "http://proxy.example:3128";\n'
        'Acquire::AllowInsecureRepositories "true";\n'
        'APT::Get::AllowUnauthenticated "true";\n'
        'APT::Update::Post-Invoke { "touch /should-never-run"; };\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(its_own))
    archive = debian.Archive(tmp_path / "apt", "deb http://mirror.example/debian forky main\n")

    configuration = machine.run(["apt-config", "dump"], env={"APT_CONFIG": str(archive.home / "apt.conf")})

    assert 'Acquire::http::Proxy "http://proxy.example:3128";' in configuration
    assert "Post-Invoke" not in configuration
    assert 'AllowInsecureRepositories "true"' not in configuration
    assert 'APT::Get::AllowUnauthenticated "false";' in configuration
    assert f'Dir::State::lists "{archive.home}/lists";' in configuration


# --- making a bundle --------------------------------------------------------------------------------------------


@needs_apt
def test_a_bundle_is_made_once_from_the_signed_archive_and_leaves_no_downloads(cache: Path, mirror: Mirror) -> None:
    finish(start_installation())

    bundle = bundles.find_bundle("sounds")
    assert bundle is not None
    assert bundle.parent == cache / "forky"
    assert bundle.name.startswith("sounds-1.6.1-")
    assert (bundle / "usr/share/asterisk/sounds/ru/hello.wav").read_text() == "привет\n"
    assert not (bundle / "usr/share/doc").exists()
    assert list((cache / "apt").iterdir()) == []

    mirror.close()
    assert finish(start_installation()) == "", "the second time the archive is not asked at all"


@needs_apt
def test_an_archive_signed_by_a_stranger_is_refused(cache: Path) -> None:
    trust(cache, "stranger.gpg")
    with pytest.raises(
        machine.InstallError, match="no trusted key for Debian's archive: install debian-archive-keyring"
    ):
        install.ensure("sounds")
    assert bundles.find_bundle("sounds") is None


@needs_apt
def test_a_package_changed_on_its_way_is_refused(cache: Path, mirror: Mirror) -> None:
    package = next((mirror.folder / "pool").glob("*-ru-*"))
    package.write_bytes(package.read_bytes()[:-1] + b"!")
    with pytest.raises(machine.InstallError, match="apt-get: Failed to fetch"):
        install.ensure("sounds")
    assert bundles.find_bundle("sounds") is None


@needs_apt
def test_a_mirror_without_the_suite_is_told_so(cache: Path, mirror: Mirror) -> None:
    shutil.rmtree(mirror.folder / "dists")
    with pytest.raises(machine.InstallError, match="set GUDOK_DEBIAN_MIRROR to a full one"):
        install.ensure("sounds")


@needs_apt
def test_killed_during_the_download_it_goes_on_with_what_it_has(cache: Path, mirror: Mirror) -> None:
    mirror.held = "asterisk-moh-opsound-wav"  # the last of the three
    first = start_installation()
    assert mirror.reached.wait(30)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=10)
    assert bundles.find_bundle("sounds") is None
    mirror.release()

    finish(start_installation())

    assert bundles.find_bundle("sounds") is not None
    fetched = [name for name in mirror.served if "sounds-ru" in name]
    assert len(fetched) == 1, "what was there is not fetched again"


@needs_apt
def test_what_a_killed_unpacking_left_is_thrown_away(cache: Path) -> None:
    finish(start_installation())
    bundle = bundles.find_bundle("sounds")
    assert bundle is not None
    half = bundle.with_name(bundle.name + ".partial")
    bundle.rename(half)
    (half / bundles.STAMP).unlink()
    (half / "usr/share/asterisk/sounds/ru").unlink()

    finish(start_installation())

    assert bundles.find_bundle("sounds") == bundle
    assert (bundle / "usr/share/asterisk/sounds/ru/hello.wav").exists()
    assert not half.exists()


@needs_apt
def test_of_two_installations_at_once_one_works_and_the_other_waits(cache: Path, mirror: Mirror) -> None:
    mirror.held = "asterisk-moh-opsound-wav"
    first = start_installation()
    assert mirror.reached.wait(30)
    second = start_installation()
    assert second.stderr is not None
    assert second.stderr.readline() == "gudok: waiting for another installation\n"
    mirror.release()

    finish(first)
    assert finish(second) == ""
    assert len([name for name in mirror.served if name.endswith(".deb")]) == 3


@needs_apt
def test_programs_of_a_new_debian_run_on_its_own_loader_and_others_on_the_hosts(tmp_path: Path) -> None:
    libraries = tmp_path / "usr/lib/x86_64-linux-gnu"
    for file in ("usr/bin/sipp", "usr/sbin/mosquitto", "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (libraries / "libz.so.1").touch()

    sipp = bundles.programs_of("sipp", tmp_path)["sipp"]
    mosquitto = bundles.programs_of("mosquitto", tmp_path)["mosquitto"]

    assert sipp.argv[0] == str(libraries / "ld-linux-x86-64.so.2")
    assert sipp.argv[-3:] == ("--library-path", str(libraries), str(tmp_path / "usr/bin/sipp"))
    assert sipp.env == {}
    assert mosquitto.argv == (str(tmp_path / "usr/sbin/mosquitto"),)
    assert mosquitto.env == {"LD_LIBRARY_PATH": str(libraries)}


def test_root_keeps_its_cache_where_other_users_can_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GUDOK_CACHE", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert bundles.cache_dir() == Path("/var/cache/gudok")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert bundles.cache_dir() == Path("/somewhere/gudok")


# --- the package itself -----------------------------------------------------------------------------------------


def test_the_wheel_works_outside_the_checkout_with_its_own_configuration(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run([*build, str(CHECKOUT)], check=True, timeout=50, stdout=subprocess.DEVNULL)
    wheel = next(tmp_path.glob("gudok-*.whl"))
    with zipfile.ZipFile(wheel) as contents:
        contents.extractall(tmp_path / "site")

    ask = "from telephony.resources import default_folder as f; print(f('config')); print(f('dialplan'))"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", ask], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )

    found = [Path(line) for line in done.stdout.splitlines()]
    assert found == [tmp_path / "site/telephony/_data/config", tmp_path / "site/telephony/_data/dialplan"]
    for name, folder in zip(("config", "dialplan"), found, strict=True):
        own = default_folder("config" if name == "config" else "dialplan")
        assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in own.iterdir())
