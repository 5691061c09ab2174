# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking ports, and comparing the answers with the policy."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import probe
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import firewall

VM: dict[str, Any] = {"ringmaster_management_networks": ["10.77.0.0/24"], "ringmaster_project_firewall": {}}


def test_open_and_refused_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        ports = [server.getsockname()[1], unused.getsockname()[1]]
        answers = probe.ask([("127.0.0.1", port) for port in ports])
    assert [one["answer"] for one in answers] == ["open", "refused"]
    assert {one["source"] for one in answers} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("port", "answer", "said"),
    [
        (22, "open", []),
        (80, "refused", []),
        (5432, "rejected", []),
        (5432, "silence", []),
        (22, "rejected", ["not reached (rejected), and the description allows it"]),
        (5432, "refused", ["reached (refused), and the description does not allow it"]),
    ],
)
def test_what_is_not_as_described(port: int, answer: str, said: list[str]) -> None:
    asked = {"from": "shop00", "vm": "myapp00", "interface": "ethsrv", "source": "172.20.0.99", "address": "172.20.1.1"}
    found = firewall.compare({"myapp00": VM}, [{**asked, "port": port, "answer": answer}])
    assert found["asked"] == 1
    assert len(found["wrong"]) == len(said)
    for sentence, part in zip(found["wrong"], said, strict=True):
        assert part in sentence
        assert sentence.startswith("shop00 (172.20.0.99) to myapp00 ethsrv 172.20.1.1 port")
