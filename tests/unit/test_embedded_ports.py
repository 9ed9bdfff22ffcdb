"""The ports of the embedded PBX are looked at before it starts: it would boot without those it does not get."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from telephony.pbx.embedded import EmbeddedPbx, PbxError, check_ports
from telephony.resources import default_folder
from telephony.settings import Settings, load

STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Three free ports."""
    with ExitStack() as stack:
        trials = [stack.enter_context(socket.socket()) for _ in range(3)]
        for trial in trials:
            trial.bind(("127.0.0.1", 0))
        numbers = [str(trial.getsockname()[1]) for trial in trials]
    ports = dict(zip(("GUDOK_SIP_PORT", "GUDOK_HTTP_PORT", "GUDOK_AMI_PORT"), numbers, strict=True))
    return load(default_folder("config"), {"GUDOK_STATE_DIR": str(tmp_path / "state"), **ports})


@pytest.mark.parametrize(
    ("kind", "setting", "purpose"),
    [
        (DATAGRAM, "sip_port", "SIP over UDP"),
        (STREAM, "sip_port", "SIP over TCP"),
        (STREAM, "http_port", "HTTP (ARI)"),
        (STREAM, "ami_port", "AMI"),
    ],
)
def test_a_port_that_is_taken_is_named_with_its_setting(
    settings: Settings, kind: socket.SocketKind, setting: str, purpose: str
) -> None:
    pbx = EmbeddedPbx(settings)
    pbx.config_file.parent.mkdir(parents=True)
    pbx.config_file.write_text("")
    port = getattr(settings.site, setting)
    with socket.socket(type=kind) as somebody:
        somebody.bind(("127.0.0.1", port))
        if kind == STREAM:
            somebody.listen()
        with pytest.raises(PbxError) as refused:
            pbx.start()
    said = str(refused.value)
    assert f"127.0.0.1 port {port} for {purpose} (Address already in use; change {setting})" in said
    assert said.count(" port ") == 1
    check_ports(settings.site)
