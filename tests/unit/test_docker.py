"""What is deployed: compose files, Dockerfiles and the systemd unit, held against the code they start."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from telephony.cli import COMMANDS, main
from telephony.config.site import Site
from telephony.core.plan import Plan
from telephony.exits import Exit
from telephony.resources import default_folder
from telephony.secrets import SECRET_VARIABLES
from telephony.settings import OTHER_VARIABLES, scalars_of

DOCKER = Path(__file__).parents[2] / "docker"
KNOWN = {f"GUDOK_{key.upper()}" for part in (Plan, Site) for key in scalars_of(part)} | OTHER_VARIABLES


class ComposeLoader(yaml.SafeLoader):
    """YAML with compose's `!reset`."""


ComposeLoader.add_constructor("!reset", lambda loader, node: None)


def compose(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((DOCKER / name).read_text("utf-8"), ComposeLoader)
    return loaded


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose("compose.yaml")["services"]
    return found


def test_nothing_is_published_beyond_loopback_by_default(services: dict[str, dict[str, Any]]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(published) == {"asterisk"}
    assert all(port.startswith("${GUDOK_ADDRESS:-127.0.0.1}:") for port in published["asterisk"])


def test_every_service_is_confined_and_those_that_stay_are_watched(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert ("healthcheck" in service) != (name == "prepare"), name


def test_what_the_containers_are_told_is_known_to_the_settings(services: dict[str, dict[str, Any]]) -> None:
    told = {key for name in ("prepare", "gudok") for key in services[name]["environment"]}
    told |= set(compose("compose.host.yaml")["x-address"])
    told |= set(re.findall(r"\b(GUDOK_[A-Z_]+)=", (DOCKER / "Dockerfile").read_text("utf-8")))
    assert {key for key in told if key.startswith("GUDOK_")} - KNOWN == set()
    assert told & set(SECRET_VARIABLES) == set()


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.asterisk"])
def test_images_come_from_official_ones_and_do_not_run_as_root(name: str) -> None:
    text = (DOCKER / name).read_text("utf-8")
    assert all(re.match(r"debian:\w+-slim\b", image) for image in re.findall(r"^FROM (\S.*)", text, re.MULTILINE))
    assert re.findall(r"^USER (\w+)", text, re.MULTILINE)[-1] in ("gudok", "asterisk")


def test_both_images_know_each_other_by_the_same_number(services: dict[str, dict[str, Any]]) -> None:
    numbers = {
        number
        for name in ("Dockerfile", "Dockerfile.asterisk")
        for number in re.findall(r"--[ug]id (\d+)", (DOCKER / name).read_text("utf-8"))
    }
    assert len(numbers) == 1
    assert services["postgres"]["user"] == ":".join([*numbers, *numbers])


def test_the_unit_runs_a_command_there_is_and_knows_its_exit_statuses() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((DOCKER / "gudok.service").read_text("utf-8"))
    service = unit["Service"]
    program, command = service["ExecStart"].split()
    assert Path(program).name == "gudok"
    assert command in COMMANDS
    assert set(map(int, service["RestartPreventExitStatus"].split())) == {Exit.MISTAKE, Exit.REPLACED}
    text = (DOCKER / "gudok.service").read_text("utf-8")
    assert set(re.findall(r"\b(GUDOK_[A-Z_]+)=", text)) - KNOWN == set()


def test_a_pbx_of_the_site_gets_its_configuration_and_its_secrets_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUDOK_STATE_DIR", str(tmp_path / "state"))
    out = tmp_path / "rendered"
    assert main(["pbx", "render", "--config", str(default_folder("config")), "--out", str(out)]) == Exit.OK
    before = (out / "pjsip.conf").read_bytes()
    assert main(["pbx", "render", "--config", str(default_folder("config")), "--out", str(out)]) == Exit.OK
    assert (out / "pjsip.conf").read_bytes() == before
    assert (out / "pjsip.conf").stat().st_mode & 0o077 == 0
