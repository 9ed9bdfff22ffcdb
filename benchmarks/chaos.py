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
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from benchmarks import chaos_faults as faults
from benchmarks import chaos_kills as kills
from benchmarks import chaos_report as report
from benchmarks.chaos_arena import Arena
from benchmarks.chaos_disk import SmallDisk
from benchmarks.chaos_report import Round

OUT = Path(__file__).with_suffix(".json")
KILLS = 100
Work = Callable[[Arena], Awaitable[Round]]


def plan(total: int, only: Sequence[str] | None) -> list[dict[str, Work]]:
    """The rounds, in lanes: each lane is a world of its own, all run at the same time."""
    moments = [*kills.AT, "transfer", "fallback"]
    chosen = [name for name in moments if not only or name in only]
    share = dict.fromkeys(moments, 0)
    share |= {name: total // len(chosen) + (n < total % len(chosen)) for n, name in enumerate(chosen)}
    by_load: dict[str, Work] = {name: partial(kills.kill, what=name, times=share[name]) for name in kills.AT}
    others: dict[str, Work] = {
        "wrap-up": by_load.pop("wrap-up"),
        "transfer": partial(kills.kill_in_transfer, times=share["transfer"]),
        "fallback": partial(kills.kill_in_fallback, times=share["fallback"]),
        "locked": faults.database_locked,
    }
    broken: dict[str, Work] = {
        "frozen": partial(faults.frozen, times=3),
        "held up": faults.held_up,
        "parent": partial(faults.parent_killed, times=2),
        "second": faults.second_router,
        "ami": faults.ami_cut,
        "asterisk": partial(faults.pbx_killed, times=2),
    }
    lanes = [by_load, others, broken]
    return [{name: work for name, work in lane.items() if not only or name in only} for lane in lanes]


async def run(names: Sequence[str] | None, total: int, seed: int, keep: Path | None) -> list[Round]:
    lanes = plan(total, names)
    opening = asyncio.Lock()
    works = [_lane(seed + n, lane, keep, opening) for n, lane in enumerate(lanes) if lane]
    found = [one for lane in await asyncio.gather(*works) for one in lane]
    if not names or "disk" in names:
        with SmallDisk.make() as disk:
            found.append(tell(await faults.disk_full(disk, seed + len(lanes), keep)))
    return found


async def _lane(seed: int, works: Mapping[str, Work], keep: Path | None, opening: asyncio.Lock) -> list[Round]:
    async with AsyncExitStack() as stack:
        async with opening:  # migrations share what is global in this process
            arena = await stack.enter_async_context(Arena.open(seed=seed, keep=keep))
        return [tell(await work(arena)) for work in works.values()]


def tell(one: Round) -> Round:
    verdict = "equal" if one.equal else f"{len(one.differences) + len(one.broken)} DIFFERENCES"
    print(f"{one.what}: {len(one.blows)} times, {one.calls} calls, {verdict}", flush=True)
    return one


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=KILLS, help="how many SIGKILLs of the router in all")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="only these rounds")
    parser.add_argument("--seed", type=int, default=1, help="of everything random: callers, phones, moments")
    parser.add_argument("--keep", type=Path, help="keep logs and database of rounds that differ in this folder")
    parser.add_argument("--out", type=Path, default=OUT, help="where the table goes, as JSON")
    args = parser.parse_args(argv)
    begun = time.monotonic()
    rounds = asyncio.run(run(args.only, args.kills, args.seed, args.keep))
    report.write(args.out, rounds, seconds=time.monotonic() - begun)
    print(report.table(rounds))
    return 0 if all(one.equal for one in rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
