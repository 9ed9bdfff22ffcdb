"""`gudok replay FILE`: what the rules decide on a recorded journal, and where that differs from what was done."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import msgspec

from telephony.commands.common import Problem, first_line
from telephony.core.center import Center
from telephony.exits import Exit
from telephony.replay import Replay, Step


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="what `gudok journal export` wrote")
    parser.add_argument("--quiet", action="store_true", help="only the differences")


def run(args: argparse.Namespace) -> int:
    import handlers
    from telephony.store.reader import JournalFileError, read_file

    replay = Replay(handle=handlers.handle, begin=Center)
    try:
        for step in replay.steps(read_file(args.file)):
            if step.differs or not args.quiet:
                print("\n".join(described(step)))
    except OSError as error:
        raise Problem(f"{args.file}: {error.strerror}") from error
    except JournalFileError as error:
        raise Problem(first_line(error)) from error
    if not replay.entries:
        raise Problem(f"{args.file}: there is no start of a router to begin from")
    skipped = f", {replay.skipped} without their start skipped" if replay.skipped else ""
    print(
        f"{replay.entries} entries in {replay.lives} lives of the router{skipped}: "
        f"{replay.differing or 'none'} decided differently"
    )
    return Exit.FAILED if replay.differing else Exit.OK


def described(step: Step) -> Iterator[str]:
    """The entry, then its decisions: `->` as before, `-` only then, `+` only now."""
    if step.gap:
        yield f"entries before {step.entry.seq} are missing"
    yield f"{step.entry.seq} {step.entry.at.isoformat(timespec='milliseconds')} {_short(step.entry.event)}"
    then, now = [_short(one) for one in step.then], [_short(one) for one in step.now]
    if step.failed:
        yield f"  !  {step.failed}"
    if not step.differs:
        yield from (f"  -> {one}" for one in now)
        return
    import difflib

    for line in difflib.ndiff(then, now):
        if not line.startswith("?"):
            yield f"  {'->' if line.startswith(' ') else line[0]:2} {line[2:]}"


def _short(what: msgspec.Struct) -> str:
    """`LogIn(login='anna', phone='101')`; the plan of a start is too long to be told."""
    fields = msgspec.to_builtins(what)
    name = fields.pop("type")
    if name == "Started":
        fields = {"run": fields.get("run", "")}
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in fields.items())})"
