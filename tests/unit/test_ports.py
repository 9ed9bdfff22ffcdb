"""Ports that are given to one program are given to no other."""

from __future__ import annotations

import socket

import pytest

from telephony.testing.ports import HeldPorts, free_ports


def test_free_ports_are_all_another() -> None:
    assert len(set(free_ports(200))) == 200


def test_held_ports_are_given_to_the_phone_alone() -> None:
    phones = [HeldPorts() for _ in range(100)]
    try:
        taken = [port for phone in phones for port in (phone.sip, phone.sip + 1, phone.control)]
        assert len(set(taken)) == 300
        for port in taken[:3]:
            with socket.socket() as another, pytest.raises(OSError, match="in use"):
                another.bind(("127.0.0.1", port))
            with socket.socket() as baresip:
                baresip.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                baresip.bind(("127.0.0.1", port))
                baresip.listen()
                with socket.create_connection(("127.0.0.1", port), timeout=5):
                    connected, _ = baresip.accept()
                    connected.close()
    finally:
        for phone in phones:
            phone.release()
    with socket.socket() as another:
        another.bind(("127.0.0.1", taken[-1]))  # nobody was connected there: it has nothing to wait for
