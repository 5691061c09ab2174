# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What listens on an open frontend: real sockets of this machine, and tables as the kernel writes them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from ringmaster.firewall import exposed

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def line(place: str, state: str, uid: int) -> str:
    """Return a socket as proc_net(5) shows it."""
    return f"   0: {place} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  {uid}        0 1\n"


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("0.0.0.0", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_program_on_all_addresses_is_named_until_somebody_declares_it(port: int) -> None:
    others = [[one.protocol, str(one.port)] for one in exposed.listeners(exposed.NET, ()) if one.port != port]
    status, sentence = exposed.exposed(others)
    assert (status, sentence.partition(":")[0]) == (1, "1 port can be reached from the Internet and is not declared")
    assert f"{port}/tcp of root" in sentence
    assert exposed.exposed([*others, ["tcp", f"{port - 1}-{port + 1}"]])[0] == 0


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_what_listens_on_this_machine_alone_is_not(family: int, address: str, kind: int) -> None:
    with socket.socket(family, kind) as listening:
        try:
            listening.bind((address, 0))
        except OSError:
            pytest.skip("no IPv6 here")
        if kind == socket.SOCK_STREAM:
            listening.listen()
        assert listening.getsockname()[1] not in {one.port for one in exposed.listeners(exposed.NET, ())}
        own = {one.port for one in exposed.listeners(exposed.NET, {address})}
        # A port that the kernel chose may be one that only waits for an answer.
        assert (listening.getsockname()[1] in own) is (kind == socket.SOCK_STREAM)


def test_tables_of_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        "tcp": [
            ("00000000:1F90", "0A", 0),
            ("0100007F:1F91", "0A", 0),
            ("026433C6:1F92", "0A", 20100),
            ("00000000:1F93", "01", 0),
            ("030010AC:1F94", "0A", 0),
        ],
        "tcp6": [
            ("00000000000000000000000000000000:1F95", "0A", 4294967294),
            ("B80D0120000002000000000000100000:1F96", "0A", 0),
        ],
        "udp": [("00000000:0202", "07", 0), ("00000000:9C40", "07", 0)],
    }
    for name, sockets in found.items():
        (tmp_path / name).write_text(HEAD + "".join(line(*one) for one in sockets))
    monkeypatch.setattr(exposed, "addresses", lambda _interface: {"198.51.100.2", "2001:db8:2::1000"})
    own = exposed.addresses("ethfe")
    assert [(one.protocol, one.port, one.uid) for one in exposed.listeners(tmp_path, own)] == [
        ("tcp", 0x1F90, 0),
        ("tcp", 0x1F92, 20100),
        ("tcp", 0x1F95, 4294967294),
        ("tcp", 0x1F96, 0),
        ("udp", 0x202, 0),
    ]
    status, sentence = exposed.exposed([["tcp", "8080"], ["udp", "514"]], net=tmp_path)
    assert status == 1
    assert (
        "3 ports can be reached from the Internet and are not declared: 8082/tcp of uid 20100, 8085/tcp of uid"
        in sentence
    )
