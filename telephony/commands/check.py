"""`gudok check`: all mistakes of the configuration, each with its file and line."""

from __future__ import annotations

import argparse

from telephony.commands.common import Problem, config_dir_of, counted, settings_of, told, with_database
from telephony.exits import Exit


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing more than the configuration."""


def run(args: argparse.Namespace) -> int:
    from telephony import settings as reader
    from telephony.store.operators import list_operators

    settings = settings_of(args)
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
