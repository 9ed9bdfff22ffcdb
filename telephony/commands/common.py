"""What the subcommands share: their one-line problems, the settings, the database, the service."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import pwd
from collections.abc import Awaitable, Callable, Iterable, Sized
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from telephony.exits import Exit

if TYPE_CHECKING:
    from telephony.control.board_rows import LockRow
    from telephony.control.client import ControlClient
    from telephony.control.wire import Reloaded
    from telephony.core.commands import AnyCommand
    from telephony.core.effects import Reply
    from telephony.settings import Settings
    from telephony.store.database import Database

T = TypeVar("T")


class Problem(Exception):  # noqa: N818 - told to the user, in a line
    """Why the command cannot do what was asked."""

    def __init__(self, text: str, status: int = Exit.FAILED) -> None:
        super().__init__(text)
        self.status = status


def given_file(file: Path) -> bytes:
    """What is in the file that was named. Raises Problem: one that cannot be read is as wrong as one with mistakes."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise Problem(first_line(error), Exit.MISTAKE) from error


def config_dir_of(args: argparse.Namespace) -> Path:
    """Where the configuration lies: what was said, else $GUDOK_CONFIG, else Gudok's own example."""
    given = args.config or os.environ.get("GUDOK_CONFIG")
    if given:
        return Path(given)
    from telephony.resources import default_folder

    return default_folder("config")


def settings_of(args: argparse.Namespace) -> Settings:
    """Raises Problem with all mistakes, a line each, and exit status 2."""
    from telephony import settings

    try:
        return settings.load(config_dir_of(args), os.environ)
    except settings.ConfigErrors as errors:
        raise Problem(told(errors.mistakes), Exit.MISTAKE) from errors


def told(mistakes: object) -> str:
    """All mistakes of the configuration as one text."""
    lines = [str(mistake) for mistake in mistakes]  # type: ignore[attr-defined]
    return "\n".join([f"the configuration has {len(lines)} mistake{'s' * (len(lines) > 1)}:", *lines])


def service_of(args: argparse.Namespace) -> ControlClient:
    """The running service, asked by its control socket. Raises Problem when there is none.

    A service that runs can be asked although its configuration has been spoilt since."""
    from telephony import settings
    from telephony.control.client import ControlClient, ServiceAway

    try:
        socket = settings.load(config_dir_of(args), os.environ).control_socket
    except settings.ConfigErrors as errors:
        if errors.socket is None or not errors.socket.exists():
            raise Problem(told(errors.mistakes), Exit.MISTAKE) from errors
        socket = errors.socket
    try:
        return ControlClient(socket)
    except ServiceAway as away:
        raise Problem(str(away)) from away


def ask_service(args: argparse.Namespace, command: AnyCommand) -> int:
    """Have the running service carry out a command, and print its answer. Raises Problem when it says no."""
    from telephony.control.client import ServiceAway, ServiceRefused

    with service_of(args) as service:
        try:
            reply = service.do(command)
        except (ServiceAway, ServiceRefused) as error:
            raise Problem(first_line(error)) from error
    if not reply.ok:
        raise Problem(refusal(reply))
    print(reply.text or reply.code)
    return Exit.OK


def tell_service(settings: Settings, what: Reloaded) -> None:
    """Have a running service take over what was just changed on record; none running is all right. Raises Problem
    where one runs and goes on with what it knew."""
    from telephony.control.client import ControlClient, ServiceAway, ServiceNotRunning, ServiceRefused

    try:
        with ControlClient(settings.control_socket) as service:
            service.reload(what)
    except ServiceNotRunning:
        return
    except (ServiceAway, ServiceRefused) as error:
        raise Problem(f"it is on record, but the running service has not taken it over: {first_line(error)}") from error


def refusal(reply: Reply) -> str:
    """The service's own words; where it has none, its code."""
    return reply.text or f"not done; the service says: {reply.code.replace('-', ' ')}"


def with_database(settings: Settings, work: Callable[[Database], Awaitable[T]], *, create: bool = False) -> T:
    """Run `work` on the database of the settings; `create` makes it where there is none.

    Raises Problem when there is none, it is gone, or it cannot be used.
    """
    from telephony.store.database import Database, DatabaseUnusableError, DatabaseUrlError, refuse_lost
    from telephony.store.migrate import FutureSchemaError, ensure_current

    async def run() -> T:
        database = Database(settings.database_url)
        try:
            with database.in_use():
                refuse_lost(database, settings.spool_file)
                if create:
                    await ensure_current(database)
                elif database.file is not None and not database.file.exists():
                    raise Problem(f"there is no database yet ({database.file}): gudok run makes it")
                return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except DatabaseUrlError as error:
        raise Problem(f"database_url: {error}", Exit.MISTAKE) from error
    except DatabaseUnusableError as error:
        raise Problem(str(error)) from error
    except (FutureSchemaError, OSError) as error:
        raise Problem(f"the database cannot be used: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """What went wrong, in a line; of a file also whose it is, where that is what hinders us."""
    if isinstance(error, OSError) and isinstance(error.filename, str):
        whose = _whose(Path(error.filename)) if isinstance(error, PermissionError) else ""
        return f"{error.filename}: {error.strerror}{whose}"
    return (str(error) or type(error).__name__).splitlines()[0]


def _whose(file: Path) -> str:
    """The owner of the file, or of the nearest folder on the way to it that can be seen."""
    for place in (file, *file.absolute().parents):
        with contextlib.suppress(OSError):
            return f" ({place} belongs to {_user(place.stat().st_uid)}, this is run by {_user(os.geteuid())})"
    return ""


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def counted(things: Sized, noun: str) -> str:
    """`1 trunk`, `2 trunks`."""
    return f"{len(things)} {noun}{'s' * (len(things) != 1)}"


def table(rows: list[list[str]], head: list[str]) -> str:
    """Columns aligned with spaces, readable by people and by `awk`."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]
    )


def noted(pending: str, hand: str) -> str:
    """What is to be said of an operator beside their state."""
    notes = [f"{pending} break after the call"] if pending else []
    if hand:
        notes.append("RAISED HAND" if hand == "raised" else f"helped by {hand}")
    return ", ".join(notes)


def clock(at: float | None, zone: str) -> str:
    """Seconds since 1970 as the center's clocks show them, in the time zone of this name; nothing for None."""
    return "" if at is None else datetime.fromtimestamp(at, ZoneInfo(zone)).strftime("%H:%M")


def locks_told(locked: Iterable[LockRow], zone: str, now: float) -> str:
    """The extensions that are locked at `now`, in a line; nothing when there is none."""
    told = ", ".join(f"{lock.extension} until {clock(lock.until, zone)}" for lock in locked if lock.until > now)
    return told and f"LOCKED after wrong PINs: {told}"


def duration(seconds: float) -> str:
    """`0:07`, `12:30`, `3:05:00`."""
    whole = max(0, int(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
