"""Logs: whatever way a phone number takes to them, it arrives masked; ids stay readable."""

from __future__ import annotations

import io
import ipaddress
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import assume, example, given
from hypothesis import strategies as st

from telephony import logs
from telephony.pbx.agi import AgiProblem
from telephony.router.service import _agi_problem

NUMBER = "79001234567"
WRITTEN = "+7 (900) 123-45-67"


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    root = logging.getLogger()
    before, level, hook = root.handlers[:], root.level, sys.excepthook
    yield
    root.handlers[:] = before
    root.setLevel(level)
    sys.excepthook = hook
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture(params=["console", "json"])
def out(request: pytest.FixtureRequest) -> io.StringIO:
    stream = io.StringIO()
    logs.configure(request.param, "info", stream)
    return stream


def assert_masked(out: io.StringIO) -> None:
    assert "79*****4567" in out.getvalue()
    assert "1234567" not in re.sub(r"[^\d*]", "", out.getvalue())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+79001234567", "79*****4567"),
        ("8 (900) 123-45-67", "89*****4567"),
        ("8.900.123.45.67", "89*****4567"),
        ("tel:79001234567@trunk", "tel:79*****4567@trunk"),
        ("PJSIP/79001234567@city-00000012", "PJSIP/79*****4567@city-*****012"),
        ("123-45-67", "*****67"),
        ("+44 20 7946 0958 12", "44*****5812"),
        ("1300", "1300"),
        ("127.0.0.1:5060", "127.0.0.1:5060"),
        ("192.168.100.25", "192.168.100.25"),
        ("2026-11-21 23:10:11.123456", "2026-11-21 23:10:11.123456"),
        ("gudok-1700000000.12", "gudok-1700000000.12"),
        ("gudok-1700000000.12-a1b2c3-7", "gudok-1700000000.12-a1b2c3-7"),
        ("gudok-1700000000.12-79001234567", "gudok-1700000000.12-79*****4567"),
    ],
)
def test_what_is_masked_and_what_is_not(text: str, shown: str) -> None:
    assert logs.mask(text) == shown


def test_values_nested_values_and_keys(out: io.StringIO) -> None:
    log = structlog.get_logger("test")
    log.info("arrived", caller=WRITTEN, nested={"list": [{"to": NUMBER}], NUMBER: 1}, pair=(NUMBER, 7))
    assert_masked(out)
    assert NUMBER not in out.getvalue()


def test_the_event_and_its_arguments(out: io.StringIO) -> None:
    structlog.get_logger("test").warning("call from %s", WRITTEN)
    assert_masked(out)


def test_numbers_as_numbers_bytes_and_objects(out: io.StringIO) -> None:
    class Caller:
        def __repr__(self) -> str:
            return f"Caller({NUMBER})"

    log = structlog.get_logger("test")
    log.info("a", n=int(NUMBER))
    log.info("b", n=NUMBER.encode())
    log.info("c", n=Caller())
    assert out.getvalue().count("79*****4567") == 3
    assert NUMBER not in out.getvalue()


def test_a_handler_that_raised_leaves_its_traceback_and_a_peer_that_went_none(out: io.StringIO) -> None:
    def look_up() -> None:
        raise LookupError("nobody at +7 900 000-01-23")

    with pytest.raises(LookupError) as caught:
        look_up()
    _agi_problem(AgiProblem("handler", "the handler raised LookupError", caught.value))
    assert "in look_up" in out.getvalue()
    assert "LookupError: nobody at 79*****0123" in out.getvalue()
    out.truncate(out.seek(0))
    _agi_problem(AgiProblem("closed", "the line broke", caught.value))
    assert "the line broke" in out.getvalue()
    assert "look_up" not in out.getvalue()


def test_the_text_of_exceptions(out: io.StringIO) -> None:
    try:
        try:
            raise LookupError(WRITTEN)
        except LookupError as error:
            raise ValueError(f"no such caller {NUMBER}") from error
    except ValueError:
        structlog.get_logger("test").exception("failed")
        logging.getLogger("library").exception("failed too")
    assert_masked(out)
    assert "Traceback" in out.getvalue()
    assert NUMBER not in out.getvalue()


def test_loggers_of_the_standard_library(out: io.StringIO) -> None:
    logging.getLogger("asyncio").error("task %s died", NUMBER, extra={"caller": WRITTEN})
    assert_masked(out)


def test_context_variables(out: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(caller=NUMBER):
        structlog.get_logger("test").info("here")
    assert_masked(out)


def test_an_exception_that_nobody_caught() -> None:
    program = "from telephony import logs; logs.configure('json'); raise KeyError('+79001234567')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    line = json.loads(done.stderr)
    assert line["level"] == "critical"
    assert "KeyError: '79*****4567'" in line["exception"]


def test_ids_stay_readable_under_their_keys_only(out: io.StringIO) -> None:
    structlog.get_logger("test").info("x", uniqueid="1700000000.12", number="1700000000.12")
    assert out.getvalue().count("1700000000.12") == 1


def test_json_is_one_object_a_line_with_an_utc_time() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    structlog.get_logger("telephony.router.router").info("started", queues=5, share=0.25, ok=True, label="Запись")
    line: dict[str, Any] = json.loads(stream.getvalue())
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert line == {
        "event": "started",
        "level": "info",
        "logger": "telephony.router.router",
        "queues": 5,
        "share": 0.25,
        "ok": True,
        "label": "Запись",
    }


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    logs.configure("console", "warning", stream)
    structlog.get_logger("a").info("quiet")
    logging.getLogger("b").info("quiet")
    structlog.get_logger("a").warning("loud")
    assert "quiet" not in stream.getvalue()
    assert "loud" in stream.getvalue()


def test_configuring_twice_writes_once() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    logs.configure("json", "info", stream)
    structlog.get_logger("a").info("once")
    assert stream.getvalue().count("once") == 1


separators = st.sampled_from(["", "", " ", "-", ".", " (", ") ", "\u00a0", "/"])
around = st.text(st.characters(exclude_categories=["N", "C"]), max_size=12)


@st.composite
def phone_numbers(draw: st.DrawFn) -> tuple[str, str]:
    """A phone number of 9 to 15 digits as people write it, and its digits."""
    digits = draw(st.text("0123456789", min_size=9, max_size=15))
    assume(digits[:2] not in ("19", "20"))  # or it might be a date
    written = digits[0] + "".join(draw(separators) + digit for digit in digits[1:])
    assume(not is_ip_address(written.partition("/")[0]))  # an address, or a network
    return draw(st.sampled_from(["", "+"])) + written, digits


def is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@example(number=("0.0.0.0 00000", "000000000"), before="", after="", key="x")
@given(number=phone_numbers(), before=around, after=around, key=st.sampled_from(["caller", "call", "subject", "x"]))
def test_no_phone_number_survives(number: tuple[str, str], before: str, after: str, key: str) -> None:
    written, digits = number
    event = logs.mask_numbers(None, "info", {key: [f"{before}{written}{after}"], "n": {"deep": written}})
    text = json.dumps(event, ensure_ascii=False)
    assert written not in text
    for run in re.findall(r"\d+", text):
        assert len(run) <= 4, f"{run} of {digits} is to be read"


@given(st.text())
def test_masking_never_fails_and_masks_nothing_twice(text: str) -> None:
    once = logs.mask(text)
    assert logs.mask(once) == once
