"""The parent and its router, as real processes: one that beats, hangs, dies, will not end, or may not run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.types import EventDict

from telephony.exits import Exit
from telephony.parent.child import RouterProcess
from telephony.parent.parent import MISTAKEN, Parent, Rhythm
from telephony.testing.patience import PATIENCE

QUICK = Rhythm(start=5.0, beat=0.3, guard=60.0, stop=0.4, settle=60.0, pauses=(0.0, 0.01))
READY = Rhythm(start=5.0, beat=0.3, guard=60.0, stop=0.4, settle=0.0, pauses=(0.0,))

CHILD = """
import asyncio, os, select, signal, socket, sys
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("lives")
parser.add_argument("story")
parser.add_argument("--beat", type=int)
parser.add_argument("--first", action="store_true")
parser.add_argument("--standby", action="store_true")
args = parser.parse_args()
lives, story, beat_fd = args.lives.split(","), args.story, args.beat
words = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
tell = lambda word: words.sendto(f"{word} {os.getpid()}".encode(), story)
if args.standby:
    tell("standby")
    if socket.socket(fileno=os.dup(beat_fd)).recv(1) != b"g":
        sys.exit(0)
with open(story + ".lives", "a+") as count:
    count.write(".")
    count.flush()
    count.seek(0)
    life = lives[min(len(count.read()), len(lives)) - 1]
tell(life)
if life.startswith("exit-"):
    sys.exit(int(life[5:]))
if life == "lifeline":
    from telephony.parent.lifeline import SERVING, Lifeline
    async def live():
        orphaned = asyncio.Event()
        await Lifeline.open(beat_fd, lambda: SERVING, orphaned.set)
        tell("living")
        await orphaned.wait()
        tell("orphaned")
    asyncio.run(live())
    sys.exit(0)
line = socket.socket(fileno=beat_fd)
if life == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if life == "mute":
    signal.pause()
beat = b"s" if life == "starting" else b"."
line.send(beat)
if life == "frozen":
    os.kill(os.getpid(), signal.SIGSTOP)
tell("beating")
while not select.select([line], [], [], 0.05)[0]:
    line.send(beat)
"""


class Story:
    """What the children tell, word by word."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def child(self, *lives: str) -> list[str]:
        """Command line of a child that lives so, the last kind of life again and again."""
        return [sys.executable, "-c", CHILD, ",".join(lives), str(self.path)]

    async def next(self) -> tuple[str, int]:
        async with asyncio.timeout(10):
            word, pid = (await asyncio.get_running_loop().sock_recv(self._socket, 100)).decode().split()
        return word, int(pid)

    async def expect(self, *words: str) -> int:
        """The pid behind the last of the words, which come in this order."""
        pid = 0
        for word in words:
            told, pid = await self.next()
            assert told == word
        return pid

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    story = Story(tmp_path / "story")
    yield story
    story.close()


class Rescue:
    def __init__(self) -> None:
        self.calls = 0
        self.called = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.calls += 1
        self.called.set()
        if self.error is not None:
            raise self.error
        return 3


@pytest.fixture
async def rescue() -> Rescue:
    return Rescue()


class Logged:
    """The log as it is written."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[str] = asyncio.Queue()

    def __call__(self, logger: object, method: str, entry: EventDict) -> EventDict:
        self._events.put_nowait(entry["event"])
        raise structlog.DropEvent

    async def until(self, event: str) -> None:
        """The next line that tells of `event`."""
        async with asyncio.timeout(PATIENCE):
            while await self._events.get() != event:
                pass


@pytest.fixture
async def logged() -> AsyncIterator[Logged]:
    logged = Logged()
    processors = structlog.get_config()["processors"]
    before = processors.copy()
    processors[:] = [logged]
    yield logged
    processors[:] = before


class Program:
    """A file that runs the command it is given, while it is there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def there(self) -> None:
        self.path.write_text('#!/bin/sh\nexec "$@"\n')
        self.path.chmod(0o700)

    def away(self) -> None:
        self.path.unlink()


def make(
    command: list[str],
    rescue: Callable[[], Awaitable[int]],
    rhythm: Rhythm = QUICK,
    mistakes: Callable[[], Awaitable[list[str]]] | None = None,
) -> Parent:
    async def none() -> list[str]:
        return []

    return Parent(command, rescue=rescue, mistakes=mistakes or none, rhythm=rhythm)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_stop_ends_the_router_and_hands_the_callers_over(story: Story, rescue: Rescue) -> None:
    parent = make(story.child("beat"), rescue)
    running = asyncio.create_task(parent.run())
    pid = await story.expect("beat", "beating")
    assert rescue.calls == 0
    parent.stop()
    assert await running == Exit.OK
    assert gone(pid)
    assert (rescue.calls, parent.rescued) == (1, 3)


async def test_a_router_that_dies_is_started_again_at_once(story: Story, rescue: Rescue) -> None:
    parent = make(story.child("beat"), rescue)
    running = asyncio.create_task(parent.run())
    first = await story.expect("beat", "beating")
    os.kill(first, signal.SIGKILL)
    second = await story.expect("beat", "beating")
    assert second != first
    assert rescue.calls == 0
    parent.stop()
    await running


async def test_a_standby_takes_the_place_of_a_router_that_dies(story: Story, rescue: Rescue) -> None:
    parent = make(story.child("beat"), rescue, READY)
    running = asyncio.create_task(parent.run())
    first = await story.expect("beat", "beating")
    standby = await story.expect("standby")
    os.kill(first, signal.SIGKILL)
    assert await story.expect("beat", "beating") == standby
    next_one = await story.expect("standby")
    parent.stop()
    assert await running == Exit.OK
    assert gone(standby)
    assert gone(next_one)
    assert parent.starts == 2


async def test_a_restart_asked_for_takes_no_standby_that_has_loaded_the_old_configuration(
    story: Story, rescue: Rescue
) -> None:
    parent = make(story.child("beat"), rescue, READY)
    running = asyncio.create_task(parent.run())
    await story.expect("beat", "beating")
    standby = await story.expect("standby")
    parent.restart()
    assert await story.expect("beat", "beating") != standby
    assert gone(standby)
    parent.stop()
    await running


async def test_a_standby_that_has_died_is_not_counted_on(story: Story, rescue: Rescue) -> None:
    parent = make(story.child("beat"), rescue, READY)
    running = asyncio.create_task(parent.run())
    first = await story.expect("beat", "beating")
    standby = await story.expect("standby")
    os.kill(standby, signal.SIGKILL)
    os.kill(first, signal.SIGKILL)
    assert await story.expect("beat", "beating") not in (first, standby)
    parent.stop()
    await running


@pytest.mark.parametrize("sick", ["frozen", "mute"])
async def test_a_router_that_does_not_beat_is_killed_and_replaced(story: Story, rescue: Rescue, sick: str) -> None:
    rhythm = Rhythm(start=1.0, beat=0.2, stop=0.4, pauses=(0.0,))
    parent = make(story.child(sick, "beat"), rescue, rhythm)
    running = asyncio.create_task(parent.run())
    first = await story.expect(sick)
    await story.expect("beat", "beating")
    assert gone(first)
    parent.stop()
    assert await running == Exit.OK
    assert parent.starts == 2


async def test_a_router_that_freezes_after_its_first_beat_is_not_given_the_time_of_a_start(
    story: Story, rescue: Rescue
) -> None:
    rhythm = Rhythm(start=60.0, beat=0.2, stop=0.4, pauses=(0.0,))
    parent = make(story.child("frozen", "beat"), rescue, rhythm)
    running = asyncio.create_task(parent.run())
    await story.expect("frozen", "beat", "beating")
    parent.stop()
    await running


async def test_a_router_that_will_not_end_is_killed(story: Story, rescue: Rescue) -> None:
    parent = make(story.child("stubborn"), rescue)
    running = asyncio.create_task(parent.run())
    pid = await story.expect("stubborn", "beating")
    parent.stop()
    assert await running == Exit.OK
    assert gone(pid)


@pytest.mark.parametrize("status", [Exit.REPLACED, Exit.MISTAKE])
async def test_a_router_that_may_not_run_is_not_started_again(story: Story, rescue: Rescue, status: Exit) -> None:
    parent = make(story.child(f"exit-{status}"), rescue)
    assert await parent.run() == status
    assert parent.starts == 1
    assert rescue.calls == 0


async def test_a_mistake_saved_while_callers_are_served_is_waited_out(story: Story, rescue: Rescue) -> None:
    mistaken = f"exit-{Exit.MISTAKE}"
    parent = make(story.child("beat", mistaken, mistaken, "beat"), rescue)
    running = asyncio.create_task(parent.run())
    with capture_logs() as logged:
        os.kill(await story.expect("beat", "beating"), signal.SIGKILL)
        await story.expect(mistaken, mistaken, "beat", "beating")
    assert [line["event"] for line in logged] == ["router ended", MISTAKEN, MISTAKEN]
    assert rescue.calls == 0
    parent.stop()
    assert await running == Exit.OK


async def test_callers_are_handed_over_while_a_mistake_keeps_every_router_from_serving(
    story: Story, rescue: Rescue
) -> None:
    mistaken = f"exit-{Exit.MISTAKE}"
    parent = make(story.child("beat", mistaken), rescue, Rhythm(guard=0.2, stop=0.4, pauses=(0.0, 0.05)))
    running = asyncio.create_task(parent.run())
    os.kill(await story.expect("beat", "beating"), signal.SIGKILL)
    async with asyncio.timeout(10):
        await rescue.called.wait()
    assert not running.done()
    parent.stop()
    assert await running == Exit.OK


async def test_a_program_that_is_away_for_a_while_is_waited_for(
    story: Story, rescue: Rescue, logged: Logged, tmp_path: Path
) -> None:
    """As while a new version is being installed: neither a start nor a restart asked for is lost."""
    program = Program(tmp_path / "program")
    parent = make([str(program.path), *story.child("beat")], rescue, READY)
    running = asyncio.create_task(parent.run())
    await logged.until("router not started")
    program.there()
    first = await story.expect("beat", "beating")
    standby = await story.expect("standby")
    program.away()
    os.kill(standby, signal.SIGKILL)
    await logged.until("no standby")
    parent.restart()
    await logged.until("router not started")
    program.there()
    assert await story.expect("beat", "beating") != first
    await story.expect("standby")
    parent.stop()
    assert await running == Exit.OK


@pytest.mark.parametrize("error", [ConnectionRefusedError("no PBX"), KeyError("Application")])
async def test_callers_without_a_router_are_handed_over_though_the_first_try_fails(
    story: Story, rescue: Rescue, error: Exception
) -> None:
    rescue.error = error
    rhythm = Rhythm(start=5.0, guard=0.2, stop=0.4, pauses=(0.0, 0.05))
    parent = make(story.child("exit-70"), rescue, rhythm)
    running = asyncio.create_task(parent.run())
    await story.expect("exit-70", "exit-70")
    async with asyncio.timeout(10):
        await rescue.called.wait()
        rescue.error = None
        rescue.called.clear()
        await rescue.called.wait()
    parent.stop()
    assert await running == Exit.OK
    assert parent.starts > 1
    assert parent.rescued >= 3


async def test_a_hand_over_that_fails_at_the_end_ends_in_order(story: Story, rescue: Rescue) -> None:
    rescue.error = KeyError("Application")
    parent = make(story.child("beat"), rescue, READY)
    running = asyncio.create_task(parent.run())
    await story.expect("beat", "beating")
    standby = await story.expect("standby")
    parent.stop()
    assert await running == Exit.OK
    assert gone(standby)


async def test_callers_of_a_router_that_never_gets_ready_are_handed_over(story: Story, rescue: Rescue) -> None:
    parent = make(story.child("starting"), rescue, Rhythm(beat=5.0, guard=0.2, stop=0.4))
    running = asyncio.create_task(parent.run())
    pid = await story.expect("starting", "beating")
    async with asyncio.timeout(10):
        await rescue.called.wait()
    assert not gone(pid)
    parent.stop()
    assert await running == Exit.OK
    assert parent.starts == 1


async def test_a_restart_asked_for_is_refused_while_the_configuration_is_wrong(story: Story, rescue: Rescue) -> None:
    mistakes = ["queues.yaml:3: prioriti is not a known key; did you mean priority?"]
    checked = asyncio.Event()

    async def check() -> list[str]:
        checked.set()
        return list(mistakes)

    parent = make(story.child("beat"), rescue, mistakes=check)
    running = asyncio.create_task(parent.run())
    first = await story.expect("beat", "beating")
    parent.restart()
    await checked.wait()
    await asyncio.sleep(0)
    assert not gone(first)
    mistakes.clear()
    parent.restart()
    second = await story.expect("beat", "beating")
    assert parent.starts == 2
    assert gone(first)
    assert not gone(second)
    assert rescue.calls == 0
    parent.stop()
    await running


async def test_a_check_of_the_configuration_that_fails_is_told_and_the_next_one_is_made(
    story: Story, rescue: Rescue, logged: Logged
) -> None:
    failures = [OSError("no process to be had")]

    async def check() -> list[str]:
        if failures:
            raise failures.pop()
        return []

    parent = make(story.child("beat"), rescue, mistakes=check)
    running = asyncio.create_task(parent.run())
    first = await story.expect("beat", "beating")
    parent.restart()
    await logged.until("not restarted: the configuration could not be checked")
    assert not gone(first)
    parent.restart()
    assert await story.expect("beat", "beating") != first
    parent.stop()
    assert await running == Exit.OK


async def test_a_router_learns_that_its_parent_was_killed(story: Story) -> None:
    program = (
        "import asyncio, sys\n"
        "from telephony.parent.parent import Parent\n"
        "async def rescue(): return 0\n"
        "async def check(): return []\n"
        "async def run(): return await Parent(sys.argv[1:], rescue=rescue, mistakes=check).run()\n"
        "asyncio.run(run())\n"
    )
    command = [sys.executable, "-c", program, *story.child("lifeline")]
    parent = await asyncio.create_subprocess_exec(*command)
    try:
        child = await story.expect("lifeline", "living")
        parent.kill()
        assert await story.expect("orphaned") == child
    finally:
        if parent.returncode is None:
            parent.kill()
        await parent.wait()


async def test_a_router_told_to_end_just_as_it_has_ended_keeps_its_exit_status() -> None:
    router = await RouterProcess.start([sys.executable, "-c", "raise SystemExit(7)"], lambda: None)
    with contextlib.suppress(ChildProcessError):  # asyncio may have seen its end already, in a thread of its own
        os.waitid(os.P_PID, router.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 - before the loop sees it
    router.end(patience=PATIENCE)
    assert await router.reap(PATIENCE) == 7
