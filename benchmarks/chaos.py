"""Chaos: kill, freeze and starve every part of a center under load, and compare three logs after each.

    python -m benchmarks.chaos                       everything (make chaos)
    python -m benchmarks.chaos --only talking --kills 5

Writes benchmarks/chaos.json. Exit status 1 when any call differs, is missing, doubled or cut.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from benchmarks import chaos_kills as kills
from benchmarks import chaos_report as report
from benchmarks.chaos_arena import Arena
from benchmarks.chaos_report import Round

OUT = Path(__file__).with_suffix(".json")
KILLS = 100
Work = Callable[[Arena], Awaitable[Round]]


def plan(total: int) -> list[list[tuple[str, Work]]]:
    """The rounds, in lanes: each lane is a world of its own, both run at the same time."""
    moments = [*kills.AT, "transfer", "fallback"]
    share = {name: total // len(moments) + (n < total % len(moments)) for n, name in enumerate(moments)}
    by_load: list[tuple[str, Work]] = [(name, partial(kills.kill, what=name, times=share[name])) for name in kills.AT]
    others: list[tuple[str, Work]] = [
        ("transfer", partial(kills.kill_in_transfer, times=share["transfer"])),
        ("fallback", partial(kills.kill_in_fallback, times=share["fallback"])),
    ]
    return [by_load[:5], by_load[5:] + others]


async def run(lanes: Sequence[Sequence[tuple[str, Work]]], keep: Path | None) -> list[Round]:
    opening = asyncio.Lock()
    done = await asyncio.gather(*(_lane(n, lane, keep, opening) for n, lane in enumerate(lanes) if lane))
    return [one for lane in done for one in lane]


async def _lane(seed: int, works: Sequence[tuple[str, Work]], keep: Path | None, opening: asyncio.Lock) -> list[Round]:
    found = []
    async with AsyncExitStack() as stack:
        async with opening:  # migrations share what is global in this process
            arena = await stack.enter_async_context(Arena.open(seed=seed, keep=keep))
        for _, work in works:
            begun = time.monotonic()
            found.append(one := await work(arena))
            verdict = "equal" if one.equal else f"{len(one.differences) + len(one.broken)} DIFFERENCES"
            seconds = time.monotonic() - begun
            print(f"{one.what}: {len(one.blows)} blows, {one.calls} calls, {verdict}, {seconds:.0f} s", flush=True)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=KILLS, help="how many SIGKILLs of the router in all")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="only these rounds")
    parser.add_argument("--keep", type=Path, help="keep logs and database of rounds that differ in this folder")
    parser.add_argument("--out", type=Path, default=OUT, help="where the table goes, as JSON")
    args = parser.parse_args(argv)
    lanes = plan(args.kills)
    if args.only:
        chosen = [[one for one in lane if one[0] in args.only] for lane in plan(args.kills * len(lanes[0] + lanes[1]))]
        lanes = chosen
    begun = time.monotonic()
    rounds = asyncio.run(run(lanes, args.keep))
    report.write(args.out, rounds, seconds=time.monotonic() - begun)
    print(report.table(rounds))
    return 0 if all(one.equal for one in rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
