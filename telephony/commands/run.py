"""`gudok run`: the parent process. It starts the router, keeps it alive and guards the callers."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from typing import TYPE_CHECKING

from telephony.commands.common import Problem, config_dir_of, first_line, settings_of
from telephony.exits import Exit
from telephony.parent.parent import Parent

if TYPE_CHECKING:
    from telephony.settings import Settings

CHECK_SECONDS = 30.0
"""A `gudok check` that takes longer hangs: at a database, or at a file system that does not answer."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing more than the configuration."""


def run(args: argparse.Namespace) -> int:
    from telephony import logs

    config = Config(args)
    logs.configure(config.settings.log_format, config.settings.log_level)
    return asyncio.run(_keep_running(config))


class Config:
    """The settings as last read without a mistake, with their secrets: a file that is damaged later must not keep
    callers from being handed over. Raises Problem."""

    def __init__(self, args: argparse.Namespace, patience: float = CHECK_SECONDS) -> None:
        self._args = args
        self._patience = patience
        self.settings = self._read()

    def _read(self) -> Settings:
        from telephony.secrets import SecretsError

        settings = settings_of(self._args)
        try:
            settings.secrets  # noqa: B018 - read here, and kept
        except (SecretsError, OSError) as error:
            raise Problem(first_line(error), Exit.MISTAKE) from error
        return settings

    @property
    def folder(self) -> str:
        return str(config_dir_of(self._args))

    async def reload(self) -> list[str]:
        """Read it again; what is wrong with it, a line each, and then the old settings stay.

        `gudok check` does it, in a process of its own: it looks into the database too, which we do not. Raises
        TimeoutError when it does not end, OSError when it cannot be started.
        """
        check = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "telephony.cli", "check", "--config", self.folder),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(self._patience):
                _, said = await check.communicate()
        finally:
            if check.returncode is None:
                check.kill()
                await check.wait()
        if check.returncode != Exit.OK:
            return said.decode(errors="replace").splitlines()
        self.settings = self._read()
        return []

    async def rescue(self) -> int:
        from telephony.parent.guard import rescue

        return await rescue(self.settings)


async def _keep_running(config: Config) -> int:
    router = [sys.executable, "-m", "telephony.app", "--config", config.folder]
    parent = Parent(router, rescue=config.rescue, mistakes=config.reload)
    loop = asyncio.get_running_loop()
    for stop in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop, parent.stop)
    loop.add_signal_handler(signal.SIGHUP, parent.restart)
    return await parent.run()
