# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab whose networks cover what this machine needs is refused before anything is made."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.image import apt_sources
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import overlap


@pytest.mark.parametrize(
    ("networks", "address", "is_covered"),
    [
        (["10.77.0.1/24"], "10.77.0.53", True),
        (["10.77.0.1/24"], "10.78.0.53", False),
        (["10.77.0.0/16", "fd77::1/64"], "fd77::53", True),
        (["fd77::1/64"], "10.77.0.53", False),
        (["0.0.0.0/0"], "127.0.0.53", False),
        (["::/0"], "fe80::1%eth0", False),
        (["10.77.0.1/24"], "no address", False),
    ],
)
def test_what_is_covered(networks: list[str], address: str, is_covered: bool) -> None:
    found = overlap.problems(networks, {address: "its resolver"})
    assert bool(found) is is_covered
    if is_covered:
        assert found[0].startswith("the lab's network ") and found[0].endswith(f"covers {address}, its resolver")


def test_everything_that_this_machine_needs_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    links = [{"ifname": "eth0", "addr_info": [{"local": "10.1.0.7", "scope": "global"}]}]
    links[0]["addr_info"].append({"local": "fe80::1", "scope": "link"})

    def answer(argv: list[str]) -> SimpleNamespace:
        said = links if "address" in argv else [{"gateway": "10.1.0.1"}] if "-4" in argv else []
        return SimpleNamespace(stdout=json.dumps(said))

    monkeypatch.setattr(overlap, "run", answer)
    monkeypatch.setattr(overlap, "nameservers", lambda: ["10.2.0.53"])
    monkeypatch.setattr(apt_sources, "host_options", lambda: ['Acquire::http::Proxy "http://10.3.0.1:3142";'])
    assert overlap.in_use(apt_sources.hosts()) == {
        "10.1.0.7": "an address of this machine (eth0)",
        "10.1.0.1": "the router of its uplink",
        "10.2.0.53": "its resolver",
        "10.3.0.1": "its package source 10.3.0.1",
    }
