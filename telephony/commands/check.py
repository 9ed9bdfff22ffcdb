"""`gudok check`: all mistakes of the configuration, each with its file and line."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from telephony.commands.common import Problem, config_dir_of, counted, first_line, settings_of, told, with_database
from telephony.exits import Exit

if TYPE_CHECKING:
    from telephony.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing more than the configuration."""


def run(args: argparse.Namespace) -> int:
    from telephony import settings as reader
    from telephony.store.operators import list_operators

    settings = settings_of(args)
    _look_at_secrets(settings)
    checked = "the roster too"
    try:
        operators = with_database(settings, list_operators)
    except Problem as problem:
        if problem.status == Exit.MISTAKE:
            raise
        operators, checked = [], f"not the roster: {problem}"
    mistakes = reader.check(settings, operators)
    if mistakes:
        raise Problem(told(mistakes), Exit.MISTAKE)
    plan = settings.plan
    print(
        f"{config_dir_of(args)}: no mistakes in {counted(plan.queues, 'queue')}, {counted(plan.phones, 'phone')} and "
        f"{counted(plan.trunks, 'trunk')} ({checked})"
    )
    return Exit.OK


def _look_at_secrets(settings: Settings) -> None:
    """What would keep the service from starting. Where there are none yet, it makes them."""
    from telephony.secrets import FILE, SecretsError

    try:
        (settings.state_dir / FILE).stat()
        settings.secrets  # noqa: B018 - read for what it raises
    except FileNotFoundError:
        return
    except (SecretsError, OSError) as error:
        raise Problem(first_line(error), Exit.MISTAKE) from error
