"""`gudok run`: the parent process. It starts the router, keeps it alive and guards the callers."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from telephony.commands.common import config_dir_of, settings_of
from telephony.parent import Parent


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing more than the configuration."""


def run(args: argparse.Namespace) -> int:
    from telephony import logs

    settings = settings_of(args)
    logs.configure(settings.log_format, settings.log_level)
    return asyncio.run(_keep_running(args))


async def _keep_running(args: argparse.Namespace) -> int:
    from telephony.guard import Guard

    guard = Guard(config_dir_of(args))
    router = [sys.executable, "-m", "telephony.app", "--config", str(config_dir_of(args))]
    parent = Parent(router, rescue=guard.rescue, mistakes=guard.reload)
    loop = asyncio.get_running_loop()
    for stop in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop, parent.stop)
    loop.add_signal_handler(signal.SIGHUP, parent.restart)
    return await parent.run()
