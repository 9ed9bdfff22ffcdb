"""A manager that says what a test tells it to, for what no real Asterisk can be made to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class ScriptedAmi:
    """A manager that logs everybody in and answers with what the test has put in `answers`, by name of the action."""

    def __init__(self) -> None:
        self.answers: dict[str, str | None] = {}
        self.actions: list[dict[str, str]] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.came = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                block = (await reader.readuntil(b"\r\n\r\n")).decode()
                action = dict(line.split(": ", 1) for line in block.strip().split("\r\n"))
                self.actions.append(action)
                self.came.set()
                answer = self.answers.get(action["Action"], "Response: Success\r\n\r\n")
                if answer is not None:
                    for part in answer.split("\r\n\r\n")[:-1]:
                        self.say(f"{part}\r\nActionID: {action['ActionID']}\r\n\r\n")
        writer.close()

    def say(self, text: str) -> None:
        self.writers[-1].write(text.encode())

    def sent(self, name: str) -> list[dict[str, str]]:
        return [action for action in self.actions if action["Action"] == name]

    async def asked(self, name: str) -> None:
        async with asyncio.timeout(5):
            while not self.sent(name):
                self.came.clear()
                await self.came.wait()


@asynccontextmanager
async def manager() -> AsyncIterator[tuple[ScriptedAmi, str, int]]:
    """A scripted manager that listens."""
    script = ScriptedAmi()
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield script, host, port
    finally:
        server.close()
        for writer in script.writers:
            writer.close()
        await server.wait_closed()
