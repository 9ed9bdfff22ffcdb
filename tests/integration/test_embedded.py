"""The life of the embedded PBX: started, killed, started again, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from telephony.pbx.embedded import EmbeddedPbx, PbxError
from telephony.pbx.pulse import Pulse
from tests.integration._gudok_pbx import settings_on_free_ports

pytestmark = [pytest.mark.asterisk, pytest.mark.integration]


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[EmbeddedPbx]:
    embedded = EmbeddedPbx(settings_on_free_ports(tmp_path))
    embedded.install()
    yield embedded
    embedded.stop()


def test_it_starts_answers_and_stops(pbx: EmbeddedPbx) -> None:
    assert pbx.status().startswith("not running")
    pid = pbx.start()
    assert pbx.pid == pid
    assert "gudok" in pbx.console("core show settings"), "its system name"
    assert pbx.stop()
    assert pbx.status().startswith("not running")
    assert not pbx.stop()


def test_it_answers_the_pulse_and_writes_no_line_about_it(pbx: EmbeddedPbx) -> None:
    pulse = Pulse(*pbx.settings.sip_address, lambda deaf: None, lambda: True, family=pbx.settings.sip_family)
    pbx.start()
    written = (pbx.home / "log" / "messages.log").read_text()
    assert asyncio.run(pulse.ask()) is True
    assert (pbx.home / "log" / "messages.log").read_text() == written
    pbx.stop()
    assert asyncio.run(pulse.ask()) is False


def test_what_it_writes_is_for_its_owner_alone(tmp_path: Path) -> None:
    settings = settings_on_free_ports(tmp_path / "deep" / "state")
    EmbeddedPbx(settings).install()
    for folder in (settings.state_dir, settings.pbx_dir, settings.pbx_dir / "etc"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_it_outlives_who_started_it_and_is_found_by_the_next(pbx: EmbeddedPbx) -> None:
    pid = pbx.start()
    next_one = EmbeddedPbx(pbx.settings)
    assert next_one.pid == pid
    assert next_one.start() == pid
    assert os.getsid(pid) == pid, "a Ctrl-C in our terminal must not reach it"


def test_after_a_kill_it_starts_again(pbx: EmbeddedPbx) -> None:
    first = pbx.start()
    pidfd = os.pidfd_open(first)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT)
    os.close(pidfd)
    assert (pbx.home / "run" / "asterisk.ctl").exists(), "what it leaves behind must not be taken for it"
    second = pbx.start()
    assert second != first
    assert pbx.pid == second


def test_a_process_id_that_is_somebody_elses_or_nobodys_is_not_taken_for_it(pbx: EmbeddedPbx) -> None:
    for written in (f"{os.getpid()}\n", "99999999\n", "no number", ""):
        (pbx.home / "run" / "asterisk.pid").write_text(written)
        assert pbx.pid is None
        assert not pbx.stop()


def test_a_console_without_a_pbx(pbx: EmbeddedPbx) -> None:
    with pytest.raises(PbxError, match="is not reached"):
        pbx.console("core show uptime")


def test_what_it_dies_of_is_told(pbx: EmbeddedPbx) -> None:
    (pbx.home / "etc" / "asterisk.conf").write_text("[directories]\nastmoddir => /nonexistent\n")
    with pytest.raises(PbxError, match="Asterisk"):
        pbx.start()


def test_what_was_never_installed_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(PbxError, match="install it first"):
        EmbeddedPbx(settings_on_free_ports(tmp_path / "new")).start()


def test_a_home_too_deep_for_a_socket(tmp_path: Path) -> None:
    settings = settings_on_free_ports(tmp_path / ("deep" * 12), GUDOK_CONTROL_SOCKET=str(tmp_path / "control"))
    if len(str(settings.pbx_dir)) < 100:
        settings = settings_on_free_ports(tmp_path / ("deep" * 24), GUDOK_CONTROL_SOCKET=str(tmp_path / "control"))
    with pytest.raises(PbxError, match="too long a path"):
        EmbeddedPbx(settings).install()


def test_erasing_leaves_nothing(pbx: EmbeddedPbx) -> None:
    pbx.start()
    pbx.erase()
    assert not pbx.home.exists()
