"""How to run one program, and where the files of its packages lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from telephony.pbx.programs.machine import InstallError

DATA_FOLDERS = ("usr/share/asterisk", "var/lib/asterisk")  # of Asterisk: Debian's, and its own choice


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
