"""Logs: structlog, as lines for people or as JSON, with every phone number masked.

The masking is the last step before the text is made, on the one way out that structlog's and the standard library's
loggers share: no logger can pass it by. It sees nested values, and the text of exceptions.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

HIDDEN = 5
"""Digits of a phone number that are never shown; of a long one the first two and the last four are."""

DATE = (
    r"(?<!\d)(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?)?(?!\d)"
)
OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
IP_ADDRESS = rf"(?<![\d.]){OCTET}(?:\.{OCTET}){{3}}(?![\d.])(?![ \u00a0()-]{{1,3}}\d)"
"""With more digits behind it, it may be a phone number written with dots: better one address masked too many."""
UNIQUE_ID = r"1\d{9}\.\d{1,9}(?!\d)(?:-(?!\d{7})[A-Za-z0-9]{1,12}(?![A-Za-z0-9]))*"
CHANNEL_ID = rf"\b[A-Za-z][A-Za-z_]*-{UNIQUE_ID}"
NUMBER = r"(?P<number>\d(?:[ \u00a0()./-]{0,3}\d){6,})"

IN_TEXT = re.compile(rf"{DATE}|{IP_ADDRESS}|{CHANNEL_ID}|\+?{NUMBER}")
IN_ID = re.compile(rf"{DATE}|{IP_ADDRESS}|{CHANNEL_ID}|(?<![\d.]){UNIQUE_ID}|\+?{NUMBER}")
ID_KEYS = frozenset(
    {
        *("call", "channel", "channels", "leg", "bridge", "playback", "originator", "consultation", "party"),
        *("uniqueid", "linkedid", "call_id", "channel_id", "bridge_id", "subject", "key"),
    }
)
"""Keys whose values are ids of the PBX: a bare `1700000000.12` stays readable there."""

UNTOUCHED = (bool, float, datetime, date, timedelta, type(None))


def mask(text: str, pattern: re.Pattern[str] = IN_TEXT) -> str:
    """`text` with its phone numbers masked: +7 900 123-45-67 becomes 79*****4567.

    A phone number is seven digits or more, with the signs that people write between them. Dates, IP addresses and
    channel ids stay as they are.
    """
    return pattern.sub(lambda match: match[0] if match["number"] is None else masked(match["number"]), text)


def masked(number: str) -> str:
    digits = "".join(filter(str.isdigit, number))
    before = min(2, max(0, len(digits) - HIDDEN - 4))
    after = min(4, len(digits) - HIDDEN - before)
    return digits[:before] + "*" * HIDDEN + digits[len(digits) - after :]


def mask_numbers(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The structlog processor: masks every value of the event, and every key."""
    return {mask(key): _masked_value(key, value) for key, value in event.items()}


def _masked_value(key: str, value: Any) -> Any:
    if isinstance(value, UNTOUCHED):
        return value
    pattern = IN_ID if key in ID_KEYS else IN_TEXT
    if isinstance(value, str):
        return mask(str(value), pattern)
    if isinstance(value, int):
        return value if abs(value) < 10**9 else mask(str(value), pattern)
    if isinstance(value, Mapping):
        return {mask(str(inner)): _masked_value(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked_value(key, item) for item in value]
    return mask(repr(value), pattern)


TALKATIVE = ("picows", "aiosqlite", "asyncio", "panoramisk", "alembic")
"""Libraries whose daily business is no news."""


def configure(log_format: str = "console", level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (standard error), as "console" lines or as "json".

    To be called once at start; calling it again replaces what was set before.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            mask_numbers,
            _renderer(log_format, stream or sys.stderr),
        ],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for library in TALKATIVE:
        logging.getLogger(library).setLevel(max(root.level, logging.WARNING))
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    sys.excepthook = _log_uncaught


def _renderer(log_format: str, stream: TextIO) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What would have gone to standard error past every logger, numbers and all."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("gudok").critical("uncaught exception", exc_info=(kind, error, trace))
