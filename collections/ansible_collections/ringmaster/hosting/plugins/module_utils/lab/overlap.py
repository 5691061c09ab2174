# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a lab's networks cover addresses that this machine needs: from inside, those could not be reached."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
from collections.abc import Iterable, Mapping

from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.network import nameservers, reachable
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab.run import run


def problems(networks: Iterable[str], used: Mapping[str, str]) -> list[str]:
    """Return a sentence for each address in use that lies in a network.

    ``networks`` are prefixes, also as address with length; ``used`` is from :func:`in_use`.
    """
    prefixes = sorted({ipaddress.ip_interface(each).network for each in networks}, key=str)
    return [
        f"the lab's network {prefix} covers {address}, {what}"
        for address, what in used.items()
        for prefix in prefixes
        if reachable(address) and ipaddress.ip_address(address) in prefix
    ]


def in_use(package_sources: Iterable[str]) -> dict[str, str]:
    """Return addresses that this machine needs, each with what it is; package sources are names of hosts."""
    found: dict[str, str] = {}
    for link in json.loads(run(["ip", "-j", "address"]).stdout or "[]"):
        for each in link.get("addr_info", []):
            if each.get("scope") == "global":
                found.setdefault(each["local"], f"an address of this machine ({link['ifname']})")
    for family in ("-4", "-6"):
        for route in json.loads(run(["ip", family, "-j", "route", "show", "default"]).stdout or "[]"):
            if "gateway" in route:
                found.setdefault(route["gateway"], "the router of its uplink")
    for address in nameservers():
        found.setdefault(address, "its resolver")
    for name in package_sources:
        # What cannot be resolved now is told by the step that needs it.
        with contextlib.suppress(OSError):
            for *_kind, place in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM):
                found.setdefault(str(place[0]), f"its package source {name}")
    return found
