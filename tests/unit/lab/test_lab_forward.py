# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of links, the operators' password, and what is written for HAProxy."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import forward
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import LabError


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Return three ports that are free, and the only ones that links may have."""
    held = [socket.create_server(("127.0.0.1", 0)) for _number in range(3)]
    numbers = sorted(one.getsockname()[1] for one in held)
    for one in held:
        one.close()
    monkeypatch.setattr(forward, "PORTS", numbers)
    yield numbers


def taken(listeners: dict[str, dict[str, socket.socket]]) -> dict[str, set[int]]:
    """Return the ports by name, and close the sockets."""
    found = {name: {one.getsockname()[1] for one in families.values()} for name, families in listeners.items()}
    for families in listeners.values():
        for one in families.values():
            assert one.getsockname()[0] in ("127.0.0.1", "::1")
            one.close()
    return found


def test_each_link_has_a_port_of_its_own_on_loopback(ports: list[int]) -> None:
    assert taken(forward.listeners(["a", "b"], {})) == {"a": {ports[0]}, "b": {ports[1]}}


def test_a_port_in_use_is_passed_over(ports: list[int]) -> None:
    with socket.create_server(("127.0.0.1", ports[0])):
        assert taken(forward.listeners(["a", "b"], {})) == {"a": {ports[1]}, "b": {ports[2]}}


def test_a_port_that_somebody_has_for_ipv6_only_is_in_use(ports: list[int]) -> None:
    try:
        other = socket.create_server(("::1", ports[0]), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with other:
        assert taken(forward.listeners(["a"], {})) == {"a": {ports[1]}}


@pytest.mark.parametrize("what", ["no family", "no address"])
def test_no_ipv6_on_the_host(ports: list[int], monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    class Without(socket.socket):
        def __init__(self, family: int, kind: int) -> None:
            if family == socket.AF_INET6 and what == "no family":
                raise OSError(forward.errno.EAFNOSUPPORT, "Address family not supported")
            super().__init__(family, kind)

        def bind(self, address: tuple[str, int]) -> None:
            if self.family == socket.AF_INET6:
                raise OSError(forward.errno.EADDRNOTAVAIL, "Cannot assign requested address")
            super().bind(address)

    monkeypatch.setattr(forward.socket, "socket", Without)
    found = forward.listeners(["a"], {})
    assert [*found["a"]] == ["IPV4"]
    assert taken(found) == {"a": {ports[0]}}


def test_a_port_once_given_is_taken_again(ports: list[int]) -> None:
    assert taken(forward.listeners(["a", "b"], {"b": ports[0]})) == {"a": {ports[1]}, "b": {ports[0]}}


def test_no_port_left(ports: list[int]) -> None:
    with pytest.raises(LabError, match=f"no port from {ports[0]} to {ports[2]} is free on 127.0.0.1"):
        forward.listeners("abcd", {})
    # What was opened meanwhile is closed.
    assert len(taken(forward.listeners("abc", {}))) == 3


def test_ports_are_none_that_browsers_refuse() -> None:
    """Chromium's list, net/base/port_util.cc, above 1023."""
    refused = {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080}
    assert not refused & {*forward.PORTS}


def test_the_password_is_kept_as_a_digest_of_what_browsers_send() -> None:
    # echo -n 'Basic '$(echo -n operator:secret | base64) | sha256sum
    assert forward.digest("secret") == "321924dd90e3db24e75ad397faf1cc2b7424ab5957603449755c47e4c6f52b99"


def test_what_is_kept_and_broken_counts_as_nothing(tmp_path: Path) -> None:
    for text in ("", "{", "[]", '{"ports": 7}', '{"ports": {"a": "x"}, "operator": ""}'):
        (tmp_path / forward.STATE).write_text(text)
        assert forward._read(tmp_path) == forward.Forward()
