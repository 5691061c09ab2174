# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""memcached: what its settings become, what differs from the running server, and what its answers mean."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ringmaster.memcached import converge
from ringmaster.memcached.client import Client, MemcachedError

WANTED: dict[str, Any] = {
    "addresses": ["127.0.0.1", "::1"],
    "memory_mib": 768,
    "threads": 2,
    "connections": 1024,
    "item_kib": 1024,
}
LIVE = {
    "maxbytes": str(768 << 20),
    "maxconns": "1024",
    "num_threads": "2",
    "item_size_max": str(1 << 20),
    "inter": "127.0.0.1,::1",
    "udpport": "0",
}


def test_options() -> None:
    assert converge.words(WANTED) == ["-m", "768", "-c", "1024", "-t", "2", "-I", "1024k"]
    assert converge.listening(WANTED) == ["-U", "0", "-p", "11211", "-l", "127.0.0.1,::1"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {}),
        ({"maxbytes": str(64 << 20)}, {"memory_mib": ("64", "768")}),
        ({"inter": "127.0.0.1"}, {"addresses": ("127.0.0.1", "127.0.0.1,::1")}),
        ({"udpport": "11211"}, {"addresses": ("with UDP", "127.0.0.1,::1")}),
        ({"num_threads": "4", "maxconns": "9"}, {"connections": ("9", "1024"), "threads": ("4", "2")}),
    ],
)
def test_what_differs(change: dict[str, str], expected: dict[str, tuple[str, str]]) -> None:
    assert converge.compare({**LIVE, **change}, WANTED) == expected


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Any]:
    """Return a function that lets a server give one answer, and returns a client of it."""
    servers = []

    def answer(text: str) -> Client:
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path = str(tmp_path / f"socket{len(servers)}")
        server.bind(path)
        server.listen()
        servers.append(server)

        def serve() -> None:
            client, _address = server.accept()
            with client:
                client.recv(4096)
                client.sendall(text.encode())

        threading.Thread(target=serve, daemon=True).start()
        return Client(path, timeout=5)

    yield answer
    for server in servers:
        server.close()


def test_figures(answering: Any) -> None:
    with answering("STAT pid 7\r\nSTAT version 1.6.38\r\nSTAT empty\r\nEND\r\n") as client:
        assert client.stats() == {"pid": "7", "version": "1.6.38", "empty": ""}


def test_a_value(answering: Any) -> None:
    with answering("VALUE a 0 4\r\nkept\r\nEND\r\n") as client:
        assert client.get("a") == "kept"
    with answering("END\r\n") as client:
        assert client.get("a") is None


@pytest.mark.parametrize(
    "text", ["ERROR\r\n", "SERVER_ERROR out of memory\r\n", "STAT pid 1\r\nnonsense\r\n", "", "END"]
)
def test_other_answers_are_an_error(answering: Any, text: str) -> None:
    with answering(text) as client, pytest.raises(MemcachedError):
        client.stats()
