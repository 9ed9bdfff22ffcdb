"""Passwords and keys: made on first run into a file only its owner can read, or given by the environment."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

FILE = "secrets.json"
TRUNK_PASSWORD = "GUDOK_TRUNK_PASSWORD_"
SECRET_VARIABLES = (
    "GUDOK_ARI_PASSWORD",
    "GUDOK_AMI_PASSWORD",
    "GUDOK_TOKEN_KEY",
    "GUDOK_PHONE_KEY",
    TRUNK_PASSWORD,
)
"""Environment variables that go before the file; one that ends with _ begins the names of many."""


class SecretsError(Exception):
    """The secrets cannot be used as they are. One line: what is wrong and what would be right."""


class Secrets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All secrets of one installation. Never printed: repr() shows no value."""

    ari_password: str
    ami_password: str
    token_key: str
    """Turns phone numbers into tokens; with another key, old tokens find their numbers no more."""
    phone_key: str
    """The phones' passwords are derived from it, so that a new phone needs no new secret."""
    trunk_passwords: dict[str, str] = {}
    """Trunk, with _ for - in its name -> password."""

    def __repr__(self) -> str:
        return "Secrets(...)"

    def phone_password(self, phone: str) -> str:
        """The SIP password of `phone`: 24 letters and digits."""
        digest = hmac.new(self.phone_key.encode(), f"phone:{phone}".encode(), hashlib.sha256).digest()
        return base64.b32encode(digest)[:24].decode().lower()

    def trunk_password(self, trunk: str) -> str:
        """The password our provider gave us for `trunk`. Raises SecretsError where it is not known."""
        key = trunk.replace("-", "_")
        if key not in self.trunk_passwords:
            variable = f"{TRUNK_PASSWORD}{key.upper()}"
            raise SecretsError(f"the password of trunk {trunk} is not known; set {variable}")
        return self.trunk_passwords[key]


def load_secrets(state_dir: Path, env: Mapping[str, str]) -> Secrets:
    """The secrets of `state_dir`, with what `env` gives in their place; the file is made where there is none.

    Raises SecretsError where others may read the file, or where it is damaged.
    """
    file = state_dir / FILE
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        _create(file)
    except FileExistsError:
        _refuse_open(file)
    try:
        stored = msgspec.json.decode(file.read_bytes(), type=Secrets)
    except msgspec.DecodeError as error:
        raise SecretsError(f"{file} is damaged ({error}); restore it from a backup") from error
    given = {name[len("GUDOK_") :].lower(): value for name, value in env.items() if name in SECRET_VARIABLES}
    trunks = {
        name[len(TRUNK_PASSWORD) :].lower(): value for name, value in env.items() if name.startswith(TRUNK_PASSWORD)
    }
    given = {field: value for field, value in given.items() if value}
    return msgspec.structs.replace(stored, **given, trunk_passwords={**stored.trunk_passwords, **trunks})


def _create(file: Path) -> None:
    """Make the file complete or not at all, also when two processes start at once. Raises FileExistsError."""
    if file.exists():
        raise FileExistsError(file)
    fresh = Secrets(
        ari_password=secrets.token_hex(16),
        ami_password=secrets.token_hex(16),
        token_key=secrets.token_hex(32),
        phone_key=secrets.token_hex(32),
    )
    draft = file.with_name(f"{FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(fresh), indent=2) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        os.link(draft, file)  # unlike a rename, refuses to replace what another process has just made
    finally:
        draft.unlink()


def _refuse_open(file: Path) -> None:
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        raise SecretsError(f"{file} can be read by others (mode {mode:04o}); chmod 600 {file}")
