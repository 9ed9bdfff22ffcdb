"""One small HTTP GET, for what is not asked over the WebSocket: who is there, and the resource listing."""

from __future__ import annotations

import asyncio
import re
import ssl
from binascii import b2a_base64
from urllib.parse import urlsplit

from telephony.pbx.ari.errors import CannotConnect

MAX_ANSWER = 8 * 1024 * 1024  # bytes; the whole listing of one resource is under 200 KiB

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)


def basic_auth(user: str, password: str) -> str:
    """The value of an `Authorization` header. A header, so the password is in no URL and no log."""
    return "Basic " + b2a_base64(f"{user}:{password}".encode(), newline=False).decode()


async def get(
    url: str, user: str, password: str, *, patience: float = 5.0, tls: ssl.SSLContext | None = None
) -> tuple[int, bytes]:
    """GET `url`; the status and the body, within `patience` seconds. Raises `CannotConnect`."""
    where = urlsplit(url)
    name = f"{where.scheme}://{where.netloc}"
    try:
        async with asyncio.timeout(patience):
            head, body = await _exchange(url, basic_auth(user, password), tls)
    except ConnectionRefusedError as error:
        raise CannotConnect(f"cannot connect to Asterisk at {name}: connection refused") from error
    except TimeoutError as error:
        raise CannotConnect(f"cannot connect to Asterisk at {name}: no answer in {patience:g} s") from error
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
        raise CannotConnect(f"cannot connect to Asterisk at {name}: {error}") from error
    status = _STATUS.match(head)
    if status is None:
        raise CannotConnect(f"what listens at {name} does not speak HTTP")
    return int(status[1]), body


async def _exchange(url: str, authorization: str, tls: ssl.SSLContext | None) -> tuple[bytes, bytes]:
    where = urlsplit(url)
    secure: ssl.SSLContext | bool | None = (tls or True) if where.scheme == "https" else None
    port = where.port or (443 if where.scheme == "https" else 80)
    reader, writer = await asyncio.open_connection(where.hostname, port, ssl=secure)
    try:
        target = where.path + (f"?{where.query}" if where.query else "")
        writer.write(
            f"GET {target} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: {authorization}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is None:
            raise ValueError("its answer has no Content-Length")
        if int(length[1]) > MAX_ANSWER:
            raise ValueError(f"its answer is longer than {MAX_ANSWER} bytes")
        return head, await reader.readexactly(int(length[1]))
    finally:
        writer.close()
