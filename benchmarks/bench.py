"""`make bench`: Gudok beside app_queue, recovery, and what a decision costs.

    python -m benchmarks.bench [--only ten_operators …] [--seconds 30] [--out benchmarks/latest.json]

Everything runs on this machine, on loopback and in a folder of its own, and ends with the command. docs/benchmarks.md
says what is measured and how. A figure that is not reached is told and is no failure of the command: it may be the
machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import bench_center as center
from benchmarks import bench_recovery as recovery
from benchmarks import breaks, matching, policy
from benchmarks.bench_load import Load, Result, measure
from benchmarks.world import World, to_the_end
from telephony.pbx.install import ensure
from telephony.pbx.programs.program import Program

LOADS = {
    "ten_operators": Load(operators=10, waiting=15, talk_ms=1000, ring_ms=50, seconds=30, per_second=30),
    "two_hundred_operators": Load(operators=200, waiting=40, talk_ms=3700, ring_ms=200, seconds=25, per_second=60),
}
NATIVE = {"ten_operators": ("leastrecent", "rrmemory"), "two_hundred_operators": ("leastrecent",)}
PARTS = (*LOADS, "recovery", "matching", "policy", "breaks")
Say = Callable[[str], None]


class Bench:
    """One run. `results` holds what has been measured so far, in the shape of benchmarks/latest.json."""

    def __init__(self, only: list[str], seconds: float | None, say: Say) -> None:
        self.results: dict[str, Any] = {"machine": machine(), "measured": datetime.now(UTC).isoformat("T", "seconds")}
        self._only = only or list(PARTS)
        self._say = say
        self._loads = {name: load for name, load in LOADS.items() if name in self._only}
        if seconds is not None:
            self._loads = {name: msgspec.structs.replace(load, seconds=seconds) for name, load in self._loads.items()}

    async def run(self) -> None:
        if "matching" in self._only:
            self.results["matching"] = await asyncio.to_thread(matching.run, self._say)
        if "policy" in self._only:
            self.results["policy"] = await asyncio.to_thread(policy.run, self._say)
        if self._loads:
            async with pbx() as (world, sipp):
                self.results["machine"]["asterisk"] = world.pbx.program("asterisk").version
                await self._native(world, sipp)
                await self._gudok(world, sipp)
        if "recovery" in self._only:
            await self._recovery()
        if "breaks" in self._only:
            async with pbx() as (world, sipp):
                found = await breaks.measure(world, sipp)
            self.results["breaks"] = msgspec.to_builtins(found)
            self._say(breaks.line(found))

    async def _native(self, world: World, sipp: Program) -> None:
        """Gudok does not even run meanwhile."""
        for name, load in self._loads.items():
            for strategy in NATIVE[name]:
                number = center.native_number(strategy, load.operators)
                self._keep(name, f"app_queue_{strategy}", await measure(world, sipp, load, number))

    async def _gudok(self, world: World, sipp: Program) -> None:
        await center.add_operators(world)
        await world.start_service()
        assert world.service is not None
        for name, load in self._loads.items():
            processes = [(await world.status()).pid, world.service.pid]
            self._keep(name, "gudok", await measure(world, sipp, load, center.NUMBER, processes))
        await world.stop_service()

    async def _recovery(self) -> None:
        file = await recovery.past(self._say)
        async with pbx(GUDOK_DATABASE_URL=f"sqlite:///{file}") as (world, sipp):
            await center.add_operators(world)
            await world.start_service()
            found = await recovery.measure(world, sipp, file.stat().st_size // 1_000_000)
        self.results["recovery"] = msgspec.to_builtins(found)
        self._say(
            f"recovery, {found.calls_in_database:,} calls on record:"
            f" {found.survived} of {found.talking + found.waiting} calls survive;"
            f" first match {found.to_match_s:.2f} s after process start,"
            f" {found.to_match_from_reserve_s:.2f} s after the kill with a router in reserve"
        )

    def _keep(self, load: str, system: str, result: Result) -> None:
        part = self.results.setdefault(load, {})
        if not part:
            self._say(HEAD.format(load.replace("_", " ")))
        part[system] = msgspec.to_builtins(result)
        self._say(row(system, result))


HEAD = "{:24}  free -> next ring, ms: p50     p90     p99     max   served  lost   CPU ms/call  events/call"


def row(system: str, result: Result) -> str:
    gaps = "".join(f"{result.gap_ms.get(name, float('nan')):8.1f}" for name in ("p50", "p90", "p99", "max"))
    cpu = "-" if result.cpu_ms_per_call is None else f"{result.cpu_ms_per_call:.2f}"
    events = "-" if result.events_per_call is None else f"{result.events_per_call:.1f}"
    return f"  {system:40}{gaps}{result.served:9}{result.lost:6}{cpu:>14}{events:>13}"


@asynccontextmanager
async def pbx(**env: str) -> AsyncIterator[tuple[World, Program]]:
    """A PBX of our own with the native queues beside Gudok's, in a folder that goes at the end; and SIPp."""
    folder = Path(tempfile.mkdtemp(prefix="gudok-bench-"))
    world = World(center.write_config(folder / "config"), folder, **env)
    try:
        sipp = (await asyncio.to_thread(ensure, "sipp"))["sipp"]
        await to_the_end(world.pbx.install)
        center.add_native_queues(world, tuple(sorted({load.operators for load in LOADS.values()})))
        await to_the_end(world.pbx.start)
        yield world, sipp
    finally:
        await world.stop()
        shutil.rmtree(folder, ignore_errors=True)


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def missed(results: dict[str, Any]) -> list[str]:
    """What falls short of the figures that docs/benchmarks.md names, a line each."""
    wrong = []
    if (ten := results.get("ten_operators")) is not None:
        wrong += _missed_gaps("ten operators", ten, times_better=20, most={"p50": 10, "p99": 40})
        if ten["gudok"]["served"] < 1.1 * max(one["served"] for name, one in ten.items() if name != "gudok"):
            wrong.append("ten operators: fewer than 1.1 times the calls of app_queue are served")
    if (many := results.get("two_hundred_operators")) is not None:
        wrong += _missed_gaps("200 operators", many, times_better=5, most={})
        if many["gudok"]["lost"]:
            wrong.append(f"200 operators: {many['gudok']['lost']} callers are lost")
        if many["gudok"]["cpu_ms_per_call"] > 3:
            wrong.append(f"200 operators: {many['gudok']['cpu_ms_per_call']} ms of CPU per call, more than 3")
    if (fall := results.get("recovery")) is not None:
        if fall["survived"] < fall["talking"] + fall["waiting"]:
            wrong.append(f"recovery: only {fall['survived']} calls survive")
        if max(fall["to_match_s"], fall["to_match_from_reserve_s"]) > 1:
            wrong.append("recovery: the first match comes later than 1 s")
    if (pauses := results.get("breaks")) is not None:
        p99 = pauses["everywhere_ms"].get("p99", float("inf"))
        if p99 > breaks.MOST_MS:
            wrong.append(f"breaks: p99 {p99} ms, more than {breaks.MOST_MS}")
        if pauses["missing"]:
            wrong.append(f"breaks: {pauses['missing']} of {pauses['dialed']} were not seen everywhere")
    return wrong


def _missed_gaps(name: str, part: dict[str, Any], times_better: float, most: dict[str, float]) -> list[str]:
    gaps = part["gudok"]["gap_ms"]
    wrong = [f"{name}: {key} {gaps[key]} ms, more than {limit}" for key, limit in most.items() if gaps[key] > limit]
    best = min(one["gap_ms"]["p50"] for system, one in part.items() if system != "gudok")
    if gaps["p50"] * times_better > best:
        wrong.append(f"{name}: p50 {gaps['p50']} ms is not {times_better} times better than app_queue's {best} ms")
    return wrong


async def _interruptible(bench: Bench) -> None:
    """Ctrl-C or a SIGTERM end the run in order: what was started is stopped."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await bench.run()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=[], help="measure these parts only")
    parser.add_argument("--seconds", type=float, help="of each load; shorter runs are for development")
    parser.add_argument("--out", type=Path, help="where to write (default: benchmarks/latest.json, for a whole run)")
    args = parser.parse_args(argv)
    bench = Bench(args.only, args.seconds, lambda text: print(text, flush=True))
    begun = time.monotonic()
    try:
        asyncio.run(_interruptible(bench))
    except asyncio.CancelledError:
        print("interrupted: everything is stopped, nothing was written", file=sys.stderr)
        return 130
    whole = not args.only and args.seconds is None
    out = args.out or (Path(__file__).with_name("latest.json") if whole else None)
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(bench.results), indent=2) + b"\n")
        print(f"written to {out}")
    wrong = missed(bench.results)
    for line in wrong:
        print(f"not reached: {line}")
    print(f"done in {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
