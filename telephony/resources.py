"""The default configuration that Gudok carries, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent


def default_folder(name: Literal["config", "dialplan"]) -> Path:
    """The folder `name`: beside the package in a checkout, inside it (`telephony/_data`) in a wheel.

    Raises FileNotFoundError when neither is there, which means a damaged installation.
    """
    for folder in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the default {name} folder is missing beside {_PACKAGE}: install gudok again")
