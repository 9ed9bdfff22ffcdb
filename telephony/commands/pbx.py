"""`gudok pbx`: the embedded Asterisk, or the configuration for one the site already has."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from telephony.commands.common import Problem, first_line, settings_of
from telephony.exits import Exit

if TYPE_CHECKING:
    from telephony.pbx.embedded import EmbeddedPbx
    from telephony.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("install", help="fetch what is missing, speak the prompts, write the configuration")
    actions.add_parser("start", help="install where needed, then start; one that runs reads its configuration anew")
    actions.add_parser("stop", help="end it, and all its calls")
    actions.add_parser("status", help="whether it runs; exit status 1 when it does not")
    console = actions.add_parser("console", help="its console, or what that answers to a command")
    console.add_argument("command", nargs="*", help="for example: core show channels")
    render = actions.add_parser("render", help="write the configuration for a PBX the site already has")
    render.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write it")
    render.add_argument("--sounds", type=Path, metavar="DIR", help="speak the prompts too, into DIR/gudok")


def run(args: argparse.Namespace) -> int:
    from telephony.pbx.embedded import EmbeddedPbx, PbxError
    from telephony.pbx.programs.machine import InstallError
    from telephony.pbx.prompts import SpeechError
    from telephony.secrets import SecretsError

    settings = settings_of(args)
    try:
        if args.action == "render":
            return _render(settings, args.out, args.sounds)
        return _embedded(EmbeddedPbx(settings), args)
    except (InstallError, PbxError, SpeechError, SecretsError, OSError) as error:
        raise Problem(first_line(error)) from error


def _render(settings: Settings, out: Path, sounds: Path | None) -> int:
    from telephony.pbx.install import ensure
    from telephony.pbx.prompts import speak_prompts
    from telephony.pbx.render import render

    changed = render(settings, out)
    if sounds is not None:
        changed += speak_prompts(settings.plan, sounds, ensure("espeak-ng")["espeak-ng"])
    for file in changed:
        print(file)
    return Exit.OK


def _embedded(pbx: EmbeddedPbx, args: argparse.Namespace) -> int:
    match args.action:
        case "install":
            pbx.install()
            print(f"installed in {pbx.home}")
        case "start":
            return _start(pbx)
        case "stop":
            print("stopped" if pbx.stop() else "was not running")
        case "status":
            print(pbx.status())
            return Exit.OK if pbx.pid is not None else Exit.FAILED
        case _:
            return _console(pbx, " ".join(args.command))
    return Exit.OK


def _start(pbx: EmbeddedPbx) -> int:
    """One that runs reads its configuration anew, whoever has written it since; its calls go on."""
    runs = pbx.pid is not None
    pbx.install()
    print(f"Asterisk runs as process {pbx.start()}")
    if runs:
        kept = pbx.reload()
        print("it has read its configuration anew; its calls go on")
        if kept:
            print(f"what is new in {', '.join(kept)} needs `gudok pbx stop` and `gudok pbx start`, which end its calls")
    return Exit.OK


def _console(pbx: EmbeddedPbx, command: str) -> int:
    if pbx.pid is None:
        raise Problem(f"Asterisk does not run ({pbx.home})")
    if command:
        print(pbx.console(command), end="")
        return Exit.OK
    line = pbx.console_command()
    environment = {**os.environ, **pbx.program("asterisk").env}
    os.execvpe(line[0], line, environment)
    raise AssertionError("execvpe does not return")
