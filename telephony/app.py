"""The router's process.

    python -m telephony.app --config DIR --beat FD

It is started by the parent (`gudok run`), and tells by its exit status (`telephony.exits`) what to do next.
"""

from __future__ import annotations

from telephony import quick_start

if __name__ == "__main__":
    quick_start.begin()

import argparse
import asyncio
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from telephony import logs, settings
from telephony.exits import Exit
from telephony.parent import lifeline
from telephony.router.service import Service
from telephony.secrets import SecretsError
from telephony.settings import ConfigErrors, Settings
from telephony.store.database import DatabaseUnusableError, DatabaseUrlError
from telephony.store.lock import LockedError
from telephony.store.migrate import FutureSchemaError

log = structlog.get_logger(__name__)


async def serve(config: Settings, beat: int | None, *, first: bool, began: float) -> int:
    """One life of the router, from its start to its exit status."""
    service = Service(config, first=first, began=began)
    loop = asyncio.get_running_loop()
    for stop in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop, service.leave, Exit.OK)
    line = None
    if beat is not None:
        line = await lifeline.Lifeline.open(beat, service.state, service.orphan)
        service.begins_serving = line.beat
    try:
        await service.open()
        quick_start.over()
        return await service.live()
    except LockedError as error:
        log.error("not started", reason=str(error))
        return Exit.REPLACED
    except (DatabaseUnusableError, SQLAlchemyError, OSError) as error:
        log.error("not started", reason=str(error).partition("\n")[0])
        return Exit.UNAVAILABLE
    finally:
        await service.close()
        if line is not None:
            line.close()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="telephony.app", description="The router. Started by `gudok run`.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--beat", type=int, help="descriptor of the line to the parent")
    parser.add_argument("--standby", action="store_true", help="load everything, then wait for the parent's word")
    parser.add_argument("--first", action="store_true", help="refuse to start when the roster does not fit the plan")
    args = parser.parse_args(argv)
    try:
        config = settings.load(args.config, os.environ)
    except ConfigErrors as errors:
        return _mistaken(errors)
    logs.configure(config.log_format, config.log_level)
    began = process_began()
    if args.standby:
        if not told_to_go(args.beat):
            return Exit.OK
        began = time.clock_gettime(time.CLOCK_BOOTTIME)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return int(runner.run(serve(config, args.beat, first=args.first, began=began)))
    except ConfigErrors as errors:
        return _mistaken(errors)
    except (DatabaseUrlError, SecretsError, FutureSchemaError) as error:
        print(error, file=sys.stderr)
        return Exit.MISTAKE


def process_began() -> float:
    """By CLOCK_BOOTTIME, in seconds."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return ticks / os.sysconf("SC_CLK_TCK")


def told_to_go(beat: int) -> bool:
    """Wait until the parent needs a router; False when it has died or needs none any more."""
    gc.collect()
    with socket.socket(fileno=os.dup(beat)) as line:
        return line.recv(1) == lifeline.GO


def _mistaken(errors: ConfigErrors) -> int:
    for mistake in errors.mistakes:
        print(mistake, file=sys.stderr)
    return Exit.MISTAKE


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: it halves what an event costs."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
