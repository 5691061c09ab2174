# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses may be fetched for a project. Names are resolved before, so none can say something else later."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

WELL_KNOWN = 1024
WEB_PORTS = (80, 443)


@dataclass(frozen=True)
class Rules:
    """What the description says: addresses of projects, networks of the platform."""

    projects: Mapping[str, frozenset[Address]]
    machines: frozenset[Address]
    """Of hypervisors and service machines, this one among them."""
    denied: tuple[Network, ...]
    """Management and server networks."""
    frontend: tuple[Network, ...]
    """Where VMs face the Internet; open to all, though the network may be a private one."""
    special: tuple[Network, ...]
    """Loopback, private, link-local and the like, which are no public addresses."""

    def refusal(self, project: str, address: str, port: int) -> str:
        """Return why an address may not be fetched for a project; empty where it may."""
        found = normal(address)
        if port not in WEB_PORTS and not WELL_KNOWN <= port <= 65535:
            return f"port {port} is no port of web pages"
        if found in self.machines:
            return "it belongs to a machine of the platform"
        if found in self.projects.get(project, ()):
            return ""
        if _within(found, self.denied):
            return "it is in a network of the platform"
        if _within(found, self.frontend):
            return ""
        return "it is no public address" if _within(found, self.special) else ""


def load(path: Path) -> Rules:
    """Read the rules as ``module_utils/services/fetching.py`` writes them."""
    content = json.loads(path.read_text())
    return Rules(
        projects={name: frozenset(map(normal, found)) for name, found in content["projects"].items()},
        machines=frozenset(map(normal, content["machines"])),
        **{name: tuple(map(ipaddress.ip_network, content[name])) for name in ("denied", "frontend", "special")},
    )


def normal(text: str) -> Address:
    """Return an address as packets will have it: one of IPv4 that is written as IPv6 is one of IPv4."""
    found = ipaddress.ip_address(text.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
