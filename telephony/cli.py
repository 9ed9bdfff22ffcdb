"""The `gudok` command. Each subcommand lives in `telephony.commands` and is imported when it is called."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from telephony.commands.common import Problem, first_line
from telephony.exits import Exit

COMMANDS = {
    "run": "start the service and keep it running",
    "check": "check the configuration and tell all mistakes",
    "status": "tell how the running service is",
    "watch": "show queues, operators and calls live in the terminal",
    "pbx": "install, start and look after the embedded Asterisk",
    "operators": "import, list and change the people who answer",
    "roster": "plan shifts, breaks, absences and substitutions, and check them",
    "breaks": "show breaks, ask for them, order them, review emergencies",
    "calls": "list the latest calls of the call log",
    "journal": "export the journal of all inputs",
    "replay": "run a recorded journal through the rules and compare the decisions",
    "rebuild": "make the call log again from the journal",
}
"""Name -> summary. The module of `name` is `telephony.commands.<name>`."""

EPILOG = """\
A first day:
  gudok pbx start                  an Asterisk of its own, without root
  gudok operators import people.csv
  gudok run

The configuration is a directory of YAML files: --config, else $GUDOK_CONFIG, else the example that comes with
Gudok. Exit status: 0 done, 1 failed, 2 mistakes in the configuration or on the command line, 78 another router
is alive."""


CONFIG_OPTION: dict[str, Any] = {
    "metavar": "DIR",
    "default": argparse.SUPPRESS,
    "help": "directory of the configuration (default: $GUDOK_CONFIG)",
}


class CommandModule(Protocol):
    def arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    argv = sys.argv[1:] if argv is None else list(argv)
    # --config is understood wherever it stands, before and after any subcommand.
    common, rest = _common().parse_known_args(argv, argparse.Namespace(config=None))
    parser, modules = _parser(rest)
    args = parser.parse_args(rest, common)
    try:
        status = modules[args.subcommand].run(args)
        sys.stdout.flush()  # here, where a pipe that nobody reads any more is still ours to handle
        return status
    except Problem as problem:
        print(f"gudok: {problem}", file=sys.stderr)
        return problem.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has enough of it; Python must not complain while it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except OSError as error:
        if error.filename is None:  # a defect: a time that ran out, a line that broke, and nobody minded it
            raise
        # A file or a folder that is not as it should be is no mistake of the program.
        print(f"gudok: {first_line(error)}", file=sys.stderr)
        return Exit.FAILED


def _common() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gudok", add_help=False, allow_abbrev=False)
    parser.add_argument("--config", **CONFIG_OPTION)
    return parser


def _parser(argv: Sequence[str]) -> tuple[argparse.ArgumentParser, dict[str, CommandModule]]:
    """Only the subcommand that is called gets its arguments: the others stay unimported."""
    parser = argparse.ArgumentParser(
        prog="gudok",
        description="A contact center on Asterisk: Asterisk holds the calls, Gudok decides, the database remembers.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_common()],
    )
    parser.add_argument("--version", action="version", version=f"gudok {_version()}")
    subparsers = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    called = next((word for word in argv if word in COMMANDS), None)
    modules: dict[str, CommandModule] = {}
    for name, summary in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, description=summary.capitalize() + ".")
        subparser.add_argument("--config", **CONFIG_OPTION)  # for its help: it is read before
        if name == called:
            modules[name] = importlib.import_module(f"telephony.commands.{name}")
            modules[name].arguments(subparser)
    return parser, modules


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("gudok")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
