"""What a chaos run has found: one line for each kind of blow, a table for the terminal, a file for comparing runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec


class Blow(msgspec.Struct, kw_only=True):
    """One thing that was done to the center. `alive`: callers there at that moment; `cut`: those of them whom nobody
    but the blow sent away. `back`: seconds until a router served again."""

    what: str
    at: datetime
    alive: int = 0
    cut: int = 0
    back: float | None = None
    fatal: bool = False


class Round(msgspec.Struct, kw_only=True):
    """Blows of one kind under load, and the three witnesses compared after the last call."""

    what: str
    blows: list[Blow]
    calls: int
    differences: list[str]
    broken: list[str] = []
    """Promises beside the record that did not hold, in words."""
    repaired: int = 0
    """What audits had to set right; zero is normal."""

    @property
    def equal(self) -> bool:
        return not self.differences and not self.broken

    @property
    def alive(self) -> int:
        return sum(blow.alive for blow in self.blows)

    @property
    def survived(self) -> int:
        return self.alive - sum(blow.cut for blow in self.blows)


def table(rounds: Sequence[Round]) -> str:
    head = ("what", "times", "alive", "survived", "back p50", "back max", "calls", "differences")
    rows = [head, *(_row(one) for one in rounds)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(_cell(*pair) for pair in zip(row, widths, strict=True)) for row in rows]
    for one in rounds:
        lines += [f"{one.what}: {text}" for text in (*one.broken, *one.differences)]
    return "\n".join(lines)


def _cell(text: str, width: int) -> str:
    return text.rjust(width) if text[:1].isdigit() or text == "-" else text.ljust(width)


def _row(one: Round) -> tuple[str, ...]:
    back = sorted(blow.back for blow in one.blows if blow.back is not None)
    p50, longest = (f"{back[len(back) // 2]:.1f} s", f"{back[-1]:.1f} s") if back else ("-", "-")
    found = len(one.differences) + len(one.broken)
    numbers = (len(one.blows), one.alive, one.survived)
    return (one.what, *map(str, numbers), p50, longest, str(one.calls), str(found))


def write(file: Path, rounds: Sequence[Round], *, seconds: float) -> None:
    kills = [blow for one in rounds for blow in one.blows if one.what.startswith("killed ")]
    found = {
        "seconds": round(seconds),
        "equal": all(one.equal for one in rounds),
        "router_kills": len(kills),
        "rounds": [
            {
                "what": one.what,
                "times": len(one.blows),
                "alive": one.alive,
                "survived": one.survived,
                "back_seconds": [round(blow.back, 2) for blow in one.blows if blow.back is not None],
                "calls_compared": one.calls,
                "differences": one.differences,
                "broken": one.broken,
                "repaired": one.repaired,
            }
            for one in rounds
        ],
    }
    file.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
