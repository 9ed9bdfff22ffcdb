"""Loopback ports for programs that are about to start."""

from __future__ import annotations

import contextlib
import socket


def free_ports(count: int) -> list[int]:
    """Ports, each another, that nobody uses at this moment, for TCP and UDP alike."""
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            tcp = held.enter_context(socket.socket())
            udp = held.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            tcp.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                udp.bind(tcp.getsockname())
                ports.append(tcp.getsockname()[1])
        return ports


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]


class HeldPorts:
    """TCP ports for a baresip, held as long as it lives. It asks for none: it shares a port with whoever has it
    (SO_REUSEPORT), and the kernel gives each half of what comes there. Two phones, or the SIP and the control line of
    one, were on the same port once in 5,000 starts, and a command was never answered (measured).

    `sip`: for TLS it takes the next one, too. `control`: for commands.
    """

    def __init__(self) -> None:
        self._held: list[socket.socket] = []
        try:
            self.control = self._hold(0)
            self.sip = self._hold_two()
        except BaseException:
            self.release()
            raise
        for one in self._held:  # shared with that phone alone: whoever else asks for it is refused, or given another
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)

    def _hold_two(self) -> int:
        while True:
            first = self._hold(0)
            with contextlib.suppress(OSError, OverflowError):  # somebody has the next one, or there is none
                self._hold(first + 1)
                return first

    def _hold(self, port: int) -> int:
        one = socket.socket()
        self._held.append(one)
        one.bind(("127.0.0.1", port))
        return int(one.getsockname()[1])

    def release(self) -> None:
        for one in self._held:
            one.close()
        self._held.clear()
