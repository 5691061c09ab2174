# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be fetched for projects on the platform's behalf: URLs of checks, and webhooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values.addresses import is_address, of_machine

#: Where the proxy listens that fetches for projects: ``ringmaster fetch`` on the monitoring host.
PROXY = "127.0.0.1:9118"
#: Loopback, this host, private, link-local (clouds have their metadata there), shared, reserved, multicast; and forms
#: of IPv6 that carry an IPv4 address to who knows where: compatible, mapped, translated (NAT64), 6to4, Teredo.
SPECIAL = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.88.99.0/24 "
    "192.168.0.0/16 224.0.0.0/4 240.0.0.0/4 "
    "::/96 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/32 2002::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8"
)
FAMILIES = ("ipv4", "ipv6")


def proxy_of(project: str) -> str:
    """Return the proxy's URL for a project, which is the user name there."""
    return f"http://{project}:-@{PROXY}"


def rules(machines: Iterable[Mapping[str, Any]], platform: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules that the proxy reads.

    :param machines: host variables of all machines; VMs have ``ringmaster_project``.
    :param platform: ``ringmaster_networks`` and ``ringmaster_management_networks``.
    :returns: ``{projects, machines, denied, frontend, special}``: addresses of each project, those of hypervisors and
        service machines, management and server networks, frontend networks, and networks that are no public ones.
    """
    projects: dict[str, set[str]] = {}
    others: set[str] = set()
    for machine in machines:
        project = str(machine.get("ringmaster_project") or "")
        # A machine that is reached by a name has its addresses in other variables, or none that is known.
        found = {*of_machine(machine, "fe"), *of_machine(machine, "srv"), str(machine.get("ansible_host"))}
        found = {address for address in found if is_address(address)}
        (projects.setdefault(project, set()) if project else others).update(found)
    networks = platform["ringmaster_networks"]
    return {
        "projects": {name: sorted(found) for name, found in sorted(projects.items())},
        "machines": sorted(others),
        "denied": [
            *map(str, platform["ringmaster_management_networks"]),
            *_networks(networks["server"]),
            *_networks(networks.get("server_public") or {}),
        ],
        "frontend": _networks(networks["frontend"]),
        "special": SPECIAL.split(),
    }


def wall(rules: Mapping[str, Any]) -> str:
    """Return verdicts about packets of the account that fetches, as lines of a chain of nftables, from ``rules``."""
    own = [address for found in rules["projects"].values() for address in found]
    order = (
        (rules["machines"], "reject"),
        (own, "accept"),
        (rules["denied"], "reject"),
        (rules["frontend"], "accept"),
        (rules["special"], "reject"),
    )
    return "".join(
        f"        {family} daddr {address} {verdict}\n"
        for family in ("ip", "ip6")
        for addresses, verdict in order
        for address in addresses
        if (":" in address) == (family == "ip6")
    )


def _networks(network: Mapping[str, Any]) -> list[str]:
    return [str(network[family]) for family in FAMILIES if network.get(family)]
