# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of docs/networking.md, from the code that decides: ports of components, the policy, reverse zones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import catalogue
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import networkd, offers, zones
from ansible_collections.ringmaster.hosting.plugins.module_utils.services import firewall

#: A VM as an example; its numbers are those of the text.
VM: dict[str, Any] = {
    "inventory_hostname": "myapp00",
    "ringmaster_project": "myapp",
    "ringmaster_management_networks": ["10.77.0.0/24"],
    "ringmaster_project_addresses": ["172.20.1.1", "2001:db8:3::1000", "172.20.1.2", "2001:db8:3::1001"],
    "ringmaster_project_firewall": {
        "frontend": "closed",
        "allow": [
            {"from": ["192.0.2.0/24"], "to": ["5432"], "proto": "tcp", "network": "server", "comment": "the office"},
        ],
    },
    "ringmaster_components": ["webgateway", "postgresql"],
    "firewall_monitoring_addresses": ["172.20.0.20"],
    "firewall_monitoring_ports": ["9100-9999"],
}


def tables() -> dict[str, str]:
    """Return all tables in Markdown by name."""
    policy = [list(row.values()) for row in firewall.table(firewall.policy(VM))]
    ports = [
        [f"`{name}`", ", ".join(f"{port}/{protocol}" for protocol, port, _public in found), _public_ports(found)]
        for name, found in sorted(catalogue.PORTS.items())
    ]
    routes = [[f"`{name}`", str(table)] for name, table in networkd.TABLES.items()]
    routes.append(["`ethsrv`, public IPv4 addresses", str(networkd.PUBLIC_TABLE)])
    reverse = [
        [f"`{prefix}`", ", ".join(f"`{name}`" for name, _network in zones.reverse_zones(prefix)[:4])]
        for prefix in ("172.20.0.0/22", "198.51.100.0/24", "198.51.100.64/26", "2001:db8:3::/64")
    ]
    icmp = [
        ["everybody", "IPv4", ", ".join(firewall.ICMP)],
        ["everybody", "IPv6", ", ".join(firewall.ICMPV6)],
        ["the local link", "IPv6", ", ".join(firewall.ICMPV6_LINK)],
    ]
    return {
        "policy": _table(["interface", "from", "protocol", "ports", "why"], policy),
        "components": _table(["component", "ports", "open on a closed frontend"], ports),
        "offers": _table(["service", "port", "what for", "from", "one address gets"], offers.table()),
        "icmp": _table(["from", "family", "types"], icmp),
        "routes": _table(["interface", "table and priority of its rule"], routes),
        "reverse": _table(["network", "reverse zones"], reverse),
    }


def _public_ports(found: Sequence[tuple[str, str, bool]]) -> str:
    return ", ".join(port for _protocol, port, public in found if public) or "none"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def renew(text: str) -> str:
    """Return the page with its tables as they are now: each stands between two comments with its name."""
    for name, table in tables().items():
        parts = re.split(rf"(?<=<!-- table {name} -->\n).*?(?=<!-- end -->)", text, flags=re.DOTALL)
        if len(parts) != 2:
            raise ValueError(f"the page has {len(parts) - 1} places for table {name}")
        text = f"\n{table}\n".join(parts)
    return text
