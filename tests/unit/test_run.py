"""What `gudok run` keeps of its configuration, and what becomes of it when the files change under it."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

import pytest

from telephony.commands.common import Problem
from telephony.commands.run import Config
from telephony.exits import Exit
from telephony.resources import default_folder


@pytest.fixture
def args(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    """An installation whose PBX is away."""
    shutil.copytree(default_folder("config"), tmp_path / "config")
    monkeypatch.setenv("GUDOK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("GUDOK_AMI_PORT", "1")
    return argparse.Namespace(config=str(tmp_path / "config"))


async def test_secrets_that_are_damaged_later_keep_nobody_from_being_handed_over(
    args: argparse.Namespace, tmp_path: Path
) -> None:
    config = Config(args)
    (tmp_path / "state" / "secrets.json").write_text("{}")
    with pytest.raises(OSError, match="cannot connect to AMI"):
        await config.rescue()


def test_damaged_secrets_are_a_mistake_at_the_start(args: argparse.Namespace, tmp_path: Path) -> None:
    Config(args)
    file = tmp_path / "state" / "secrets.json"
    file.write_text("{}")
    with pytest.raises(Problem, match=r"secrets\.json is damaged") as problem:
        Config(args)
    assert problem.value.status == Exit.MISTAKE


async def test_a_check_that_hangs_is_given_up(args: argparse.Namespace, tmp_path: Path) -> None:
    config = Config(args, patience=0.5)
    os.mkfifo(tmp_path / "config" / "hung.yaml")  # nobody will ever write into it
    before = config.settings
    with pytest.raises(TimeoutError):
        await config.reload()
    assert config.settings is before
