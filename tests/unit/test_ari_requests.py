"""What goes out over ARI's WebSocket: in order, each answered once, or failed with a reason; never sent twice."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from telephony.pbx.ari import OPERATIONS, AriClient, ConnectionLost, RequestFailed, RequestTimeout, TooManyRequests
from telephony.pbx.ari.connection import Connection
from telephony.pbx.ari.operation import Operation, Resource, Response
from tests.unit._scripted_asterisk import line


def send(connection: Connection, uri: str = "channels/c1/answer", **given: Any) -> asyncio.Future[Any]:
    query, body, timeout = given.get("query"), given.get("body"), given.get("timeout", 5.0)
    return connection.request("POST", uri, query, body, timeout, None)


async def test_requests_leave_in_the_order_of_the_calls_without_being_awaited() -> None:
    async with line() as here:
        futures = [send(here.connection, f"channels/c{n}/answer") for n in range(50)]

        requests = await here.asterisk.requested(50)
        assert [request["uri"] for request in requests] == [f"channels/c{n}/answer" for n in range(50)]
        for request in reversed(requests):
            here.asterisk.answer(request["request_id"], 204)
        assert [response.status for response in await asyncio.gather(*futures)] == [204] * 50


async def test_parameters_are_written_as_ari_wants_them() -> None:
    async with line() as here:
        query = {"endpoint": "PJSIP/3001", "timeout": 20, "mute": True, "absorbDTMF": False, "app": None, "x": ""}
        done = send(here.connection, query=query, body={"variables": {"TOKEN": "т1"}})
        (request,) = await here.asterisk.requested(1)

        assert {pair["name"]: pair["value"] for pair in request["query_strings"]} == {
            "endpoint": "PJSIP/3001", "timeout": "20", "mute": "true", "absorbDTMF": "false", "x": "",
        }  # fmt: skip
        assert request["content_type"] == "application/json"
        assert request["message_body"] == '{"variables":{"TOKEN":"т1"}}'
        here.asterisk.answer(request["request_id"])
        assert await done == Response(200, "Reason", "")


async def test_a_refusal_is_one_clear_line() -> None:
    async with line() as here:
        refused = send(here.connection, query={"endpoint": "PJSIP/79000000001"})
        (request,) = await here.asterisk.requested(1)
        here.asterisk.answer(request["request_id"], 500, {"message": "Allocation\n failed"})

        with pytest.raises(RequestFailed) as caught:
            await refused
        assert str(caught.value) == "POST channels/c1/answer: 500 Allocation failed"
        assert caught.value.status == 500


async def test_a_request_without_an_answer_times_out_and_its_late_answer_is_counted() -> None:
    async with line() as here:
        slow = send(here.connection, timeout=0.01)
        patient = send(here.connection)
        with pytest.raises(RequestTimeout, match="channels/c1/answer: no answer in time"):
            await slow

        first, second = await here.asterisk.requested(2)
        here.asterisk.answer(first["request_id"])
        here.asterisk.answer(second["request_id"])
        assert (await patient).status == 200
        assert [problem.kind for problem in here.heard.problems] == ["late"]


async def test_an_answer_to_no_request_is_counted() -> None:
    async with line() as here:
        here.asterisk.answer("", 400)
        await here.heard.until(lambda heard: bool(heard.problems))

        assert here.heard.problems[0].kind == "malformed"


async def test_waiting_requests_fail_when_the_line_is_lost_and_later_ones_at_once() -> None:
    async with line() as here:
        waiting = send(here.connection)
        await here.asterisk.requested(1)
        assert here.asterisk.transport is not None
        here.asterisk.transport.disconnect(graceful=False)

        with pytest.raises(ConnectionLost):
            await waiting
        with pytest.raises(ConnectionLost):
            await send(here.connection)
        assert len(here.asterisk.requests) == 1


async def test_too_many_waiting_requests_are_refused_unsent() -> None:
    async with line(max_pending=2) as here:
        kept = [send(here.connection), send(here.connection)]
        with pytest.raises(TooManyRequests):
            await send(here.connection)

        for request in await here.asterisk.requested(2):
            here.asterisk.answer(request["request_id"])
        await asyncio.gather(*kept)
        assert len(here.asterisk.requests) == 2


async def test_a_cancelled_waiter_does_not_mind_the_answer() -> None:
    async with line() as here:
        impatient, other = send(here.connection), send(here.connection)
        impatient.cancel()
        for request in await here.asterisk.requested(2):
            here.asterisk.answer(request["request_id"])

        assert (await other).status == 200
        assert here.heard.problems == []


async def test_an_unconnected_client_says_so() -> None:
    ari = AriClient("http://127.0.0.1:1", "user", "secret", "app", on_message=lambda _: None)
    with pytest.raises(ConnectionLost, match="not connected to Asterisk"):
        await ari.channels.answer("c1")


def test_ids_are_encoded_only_where_a_path_needs_it() -> None:
    operation: Operation[Response] = Operation("PUT", "/deviceStates/{deviceName}")
    assert operation.uri("Stasis:op-3001") == "deviceStates/Stasis:op-3001"
    assert operation.uri("1764000000.17") == "deviceStates/1764000000.17"
    assert operation.uri("a/b c+d?э") == "deviceStates/a%2Fb%20c%2Bd%3F%D1%8D"


class Recorder:
    """Stands where the client stands and writes down what a method would send."""

    def __init__(self) -> None:
        self.calls: list[tuple[Operation[Any], tuple[str, ...], Any, Any]] = []

    def call(
        self, operation: Operation[Any], *path: str, query: Any = None, body: Any = None, timeout: float | None = None
    ) -> asyncio.Future[Any]:
        self.calls.append((operation, path, query, body))
        return None  # type: ignore[return-value]


METHODS = [
    (resource, name)
    for resource in Resource.__subclasses__()
    for name, method in vars(resource).items()
    if inspect.isfunction(method)
]


@pytest.mark.parametrize(("resource", "name"), METHODS, ids=lambda part: getattr(part, "__name__", part))
def test_a_method_sends_only_what_its_operation_declares(resource: type[Resource], name: str) -> None:
    recorder = Recorder()
    method = getattr(resource(recorder), name)
    arguments = {
        parameter: {"V": "1"} if parameter == "variables" else ["x"] if parameter == "allowed" else "x"
        for parameter in inspect.signature(method).parameters
    }
    method(**arguments)

    ((operation, path, query, body),) = recorder.calls
    assert operation in OPERATIONS
    assert len(path) == operation.path.count("{")
    assert set(query or ()) == operation.params
    assert bool(body) == bool(operation.body)


def test_every_declared_operation_has_a_method() -> None:
    recorder = Recorder()
    for resource, name in METHODS:
        method = getattr(resource(recorder), name)
        method(**{p: {} if p == "variables" else "x" for p in inspect.signature(method).parameters})

    assert {id(call[0]) for call in recorder.calls} == {id(operation) for operation in OPERATIONS}
