"""The control socket, spoken to over a real Unix socket: by the real client, and by peers that talk nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from telephony.commands.watch import watched
from telephony.control import wire
from telephony.control.board import Board
from telephony.control.board_rows import Snapshot
from telephony.control.client import ControlClient, ServiceAway, ServiceRefused
from telephony.control.server import Control
from telephony.core import facts as fact
from telephony.core.commands import AnyCommand, GiveOrder, LogOut
from telephony.core.effects import Reply
from telephony.core.events import Started
from telephony.core.plan import Plan, Queue
from telephony.core.staff import Operator
from telephony.logs import mask
from telephony.testing.patience import PATIENCE

EIGHT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class Service:
    """A control socket over a board, with answers the test decides on."""

    def __init__(self, path: Path, pulse: float = PATIENCE) -> None:
        self.path = path
        self.board = Board(now=EIGHT.timestamp())
        self.board.start(Started(plan=Plan(queues=(Queue(name="main", label="Регистратура"),))))
        self.asked: list[AnyCommand] = []
        self.late = False
        self.control = Control(
            path,
            board=self.board,
            ask=self.ask,
            reload=self.reload,
            status=self.status,
            coalesce=0.001,
            pulse=pulse,
        )

    async def ask(self, command: AnyCommand) -> Reply:
        self.asked.append(command)
        if self.late:
            raise TimeoutError
        return Reply(command=command.command, ok=True, code="done", text="gone home")

    async def reload(self, what: wire.Reloaded) -> Reply:
        return Reply(command="", ok=True, code="reloaded", text=what)

    def status(self, asked: int, picture: Snapshot) -> wire.StatusAnswer:
        return wire.StatusAnswer(
            id=asked, pid=1, run="r1", handled=7, inbox=0, picture=picture, counters={"x": 1}, latency={}
        )

    def work(self, login: str, state: str = "ready") -> None:
        self.board.publish([fact.OperatorChanged(login=login, state=state, at=EIGHT, phone="101")], [])


def order(until: str, asked: int) -> bytes:
    event = {"type": "GiveOrder", "command": "", "by": "boris", "logins": ["anna"], "until": until, "why": "a meeting"}
    return msgspec.msgpack.encode({"op": "do", "id": asked, "event": event})


def status_of(path: Path) -> wire.StatusAnswer:
    with ControlClient(path) as client:
        return client.status()


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    service = Service(tmp_path / "control.sock")
    await service.control.open()
    yield service
    await service.control.close()


@pytest.fixture
async def raw(service: Service) -> AsyncIterator[Raw]:
    raw = Raw(*await asyncio.open_unix_connection(str(service.path)))
    yield raw
    raw.writer.close()
    with contextlib.suppress(ConnectionError):
        await raw.writer.wait_closed()


class Raw:
    """A peer that writes whatever it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, body: bytes) -> None:
        self.writer.write(wire.LENGTH.pack(len(body)) + body)

    async def receive(self) -> dict[str, object]:
        async with asyncio.timeout(5):
            (length,) = wire.LENGTH.unpack(await self.reader.readexactly(4))
            answer = msgspec.msgpack.decode(await self.reader.readexactly(length))
        assert isinstance(answer, dict)
        return answer


async def test_status_and_commands_in_one_conversation(service: Service) -> None:
    def talk() -> tuple[wire.StatusAnswer, Reply, Reply]:
        with ControlClient(service.path) as client:
            return client.status(), client.do(LogOut(command="", login="anna")), client.reload("roster")

    status, reply, reloaded = await asyncio.to_thread(talk)
    assert (status.handled, status.counters, status.picture.queues[0].label) == (7, {"x": 1}, "Регистратура")
    assert (reply.ok, reply.text, reloaded.text) == (True, "gone home", "roster")
    [asked] = service.asked
    assert isinstance(asked, LogOut)
    assert asked.login == "anna"
    assert asked.command != ""


async def test_only_the_owner_may_open_the_socket(service: Service) -> None:
    assert stat.S_IMODE(service.path.stat().st_mode) == 0o600


async def test_a_watcher_sees_the_whole_then_changes_coalesced(service: Service, raw: Raw) -> None:
    service.work("anna")
    raw.send(msgspec.msgpack.encode({"op": "watch", "id": 5}))
    first = await raw.receive()
    assert first["whole"] is True
    for state in ("ringing", "talking", "wrap-up"):
        service.work("anna", state)
    change = msgspec.convert(await raw.receive(), wire.WatchAnswer)
    assert change.id == 5
    assert [(row.login, row.state) for row in change.picture.operators] == [("anna", "wrap-up")]


async def test_the_client_watches(service: Service) -> None:
    seen: asyncio.Queue[wire.WatchAnswer] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def watch() -> None:
        with ControlClient(service.path) as client:
            for answer in itertools.islice(client.watch(), 2):
                loop.call_soon_threadsafe(seen.put_nowait, answer)

    watching = asyncio.create_task(asyncio.to_thread(watch))
    assert (await seen.get()).whole
    service.work("boris")
    assert [row.login for row in (await seen.get()).picture.operators] == ["boris"]
    await watching


async def test_who_watches_is_told_also_that_nothing_has_changed(tmp_path: Path) -> None:
    service = Service(tmp_path / "control.sock", pulse=0.01)
    service.work("anna")
    await service.control.open()

    def watch() -> list[wire.WatchAnswer]:
        with ControlClient(service.path) as client:
            return list(itertools.islice(client.watch(), 4))

    whole, *changes = await asyncio.to_thread(watch)
    assert [row.login for row in whole.picture.operators] == ["anna"]
    assert [change.whole for change in changes] == [False] * 3
    assert changes[-1].picture.operators == []
    await service.control.close()


async def test_a_service_that_stands_still_is_noticed_by_who_watches(service: Service) -> None:
    """The fixture's tells of changes alone: without one it is as silent as if it stood still."""

    def watch() -> list[wire.WatchAnswer | None]:
        return list(itertools.islice(watched(service.path, patience=PATIENCE, silence=0.05), 3))

    before, silence, after = await asyncio.to_thread(watch)
    assert silence is None
    assert before is not None
    assert before.whole
    assert after is not None
    assert after.whole, "it moves again"


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (b"\xc1", 0),
        (b"", 0),
        (msgspec.msgpack.encode([1, 2]), 0),
        (msgspec.msgpack.encode({"op": "explode", "id": 9}), 9),
        (msgspec.msgpack.encode({"op": "do", "id": 3, "event": {"type": "PbxLost", "reason": "x"}}), 3),
        (msgspec.msgpack.encode({"op": "do", "id": 4, "event": {"type": "LogIn"}}), 4),
        (b"\x82\xa2op\xa2\xff\xfe\xa2id\x05", 5),
        (b"\x83\xa2op\xa6status\xa2id\x06\xa4more" + b"\x91" * 100_000 + b"\xc0", 0),
        (order("2026-01-05T18:00:00", 7), 7),
        (order("9999-12-31T23:59:59-23:00", 8), 8),
        (order("0001-01-01T00:00:00+23:00", 9), 9),
    ],
)
async def test_nonsense_is_refused_and_the_conversation_goes_on(
    service: Service, raw: Raw, body: bytes, asked: int
) -> None:
    raw.send(body)
    refusal = await raw.receive()
    assert (refusal["answer"], refusal["id"]) == ("refusal", asked)
    raw.send(msgspec.msgpack.encode({"op": "status", "id": 10}))
    assert (await raw.receive())["id"] == 10
    assert service.asked == []


async def test_an_order_until_a_moment_with_its_time_zone_is_passed_on(service: Service, raw: Raw) -> None:
    raw.send(order("2026-01-05T18:00:00+03:00", 1))
    assert (await raw.receive())["answer"] == "reply"
    [asked] = service.asked
    assert isinstance(asked, GiveOrder)
    assert asked.until == datetime(2026, 1, 5, 15, 0, tzinfo=UTC)


async def test_an_endless_frame_is_refused_and_ends_the_conversation(service: Service, raw: Raw) -> None:
    raw.writer.write(wire.LENGTH.pack(0xFFFFFFFF))
    refusal = await raw.receive()
    assert refusal["answer"] == "refusal"
    assert refusal["error"] == "a frame of 4,294,967,295 bytes is longer than 4,194,304"
    assert mask(str(refusal["error"])) == refusal["error"], "counts of bytes are no phone numbers"
    assert await raw.reader.read() == b""


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (wire.LENGTH.pack(100) + b"half", "the peer went after 4 of 100 bytes"),
        (wire.LENGTH.pack(100), "the peer went after 0 of 100 bytes"),
        (wire.LENGTH.pack(100)[:3], "the peer went after 3 of 4 bytes"),
    ],
)
async def test_a_peer_that_goes_in_the_middle_of_a_frame_disturbs_nobody(
    service: Service, raw: Raw, sent: bytes, told: str
) -> None:
    with capture_logs() as logs:
        raw.writer.write(sent)
        raw.writer.write_eof()
        assert await raw.reader.read() == b""
    assert [(line["reason"], line["refused"]) for line in logs] == [(told, 1)]
    status = await asyncio.to_thread(status_of, service.path)
    assert status.handled == 7
    assert service.control.refused == 1, "a conversation that ends in its place is none"


async def test_a_peer_too_many_is_turned_away_with_a_line(service: Service) -> None:
    peers = [await asyncio.open_unix_connection(str(service.path)) for _ in range(64)]
    with capture_logs() as logs:
        reader, writer = await asyncio.open_unix_connection(str(service.path))
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    assert [(line["reason"], line["refused"]) for line in logs] == [("64 peers are served already", 1)]
    for _, other in [*peers, (reader, writer)]:
        other.close()


async def test_a_watch_goes_on_from_one_life_of_the_router_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    seen: asyncio.Queue[wire.WatchAnswer | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def watch() -> None:
        for answer in itertools.islice(watched(path, patience=20, silence=PATIENCE), 3):
            loop.call_soon_threadsafe(seen.put_nowait, answer)

    first, second = Service(path), Service(path)
    second.work("boris")
    await first.control.open()
    watching = asyncio.create_task(asyncio.to_thread(watch))
    answer = await seen.get()
    assert answer is not None
    assert answer.picture.operators == []
    await first.control.close()
    assert await seen.get() is None, "nobody tells anything"
    await second.control.open()
    answer = await seen.get()
    assert answer is not None
    assert answer.whole
    assert [row.login for row in answer.picture.operators] == ["boris"]
    await watching
    await second.control.close()
    with pytest.raises(ServiceAway):
        list(watched(path, patience=0))


async def test_a_slow_watcher_is_cut_off(service: Service, raw: Raw) -> None:
    raw.send(msgspec.msgpack.encode({"op": "watch", "id": 1}))
    await raw.receive()
    raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
    service.board.set_people([Operator(login="anna", name="x" * 300_000, extension="1")])
    async with asyncio.timeout(20):
        while service.control.cut_off == 0:
            service.work("anna")
            await asyncio.sleep(0)
    assert service.control.cut_off == 1


async def test_a_command_without_answer_in_time_is_told_so(service: Service) -> None:
    service.late = True

    def talk() -> None:
        with ControlClient(service.path) as client:
            client.do(LogOut(command="", login="anna"))

    with pytest.raises(ServiceRefused, match="no answer in time"):
        await asyncio.to_thread(talk)


async def test_a_dead_routers_socket_file_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    with pytest.raises(ServiceAway, match="not running"):
        ControlClient(path)
    service = Service(path)
    await service.control.open()
    status = await asyncio.to_thread(status_of, path)
    assert status.handled == 7
    await service.control.close()
    with pytest.raises(ServiceAway, match="not running"):
        ControlClient(path)
