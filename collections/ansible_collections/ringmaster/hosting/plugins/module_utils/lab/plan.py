# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab holds for a platform: pure arithmetic from the inventory's variables to bridges, routes, machines.

Controller side only: it uses netaddr.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

try:
    import netaddr
except ImportError:  # sanity tests import module_utils without third-party libraries
    netaddr = None  # type: ignore[assignment]

MANAGEMENT_BRIDGE, FRONTEND_BRIDGE, SERVER_BRIDGE = "lab-mgmt", "lab-fe", "lab-srv"
MANAGEMENT_IPV6 = "fd77::/64"
OUTSIDE_ADDRESS = "198.18.0.7/32"
"""An address of the namespace outside the management networks: where 'the Internet' asks from."""


def lab_plan(
    hostvars: Mapping[str, Mapping[str, Any]], groups: Mapping[str, list[str]], light: bool = False
) -> dict[str, Any]:
    """Return {bridges, routes, machines} as the modules lab_network and lab_machine take them.

    Its service machines are machines of the lab. With `light`, so are the platform's VMs, and the namespace is their
    gateway; otherwise its hypervisors are, and the namespace routes to the host of `service_gateway`.
    Raises ValueError when the platform does not say what the lab needs.
    """
    some = next(iter(hostvars[name] for name in [*groups.get("vms", []), *groups.get("hypervisors", [])]), None)
    if some is None:
        raise ValueError("the platform has neither a hypervisor nor a VM: nothing to make a lab for")
    management = next(
        (net for net in some["ringmaster_management_networks"] if netaddr.IPNetwork(net).version == 4), None
    )
    if management is None:
        raise ValueError("management_networks names no IPv4 network, and the lab needs one to reach its machines")
    networks = some["ringmaster_networks"]
    if not light:
        _refuse_addresses(hostvars, [*groups.get("hypervisors", []), *groups.get("machines", [])], management)
    own = [_first(management), _first(MANAGEMENT_IPV6), OUTSIDE_ADDRESS]
    bridges = [
        {"name": MANAGEMENT_BRIDGE, "addresses": own},
        {"name": FRONTEND_BRIDGE, "addresses": _gateways(networks["frontend"]) if light else []},
        {"name": SERVER_BRIDGE, "addresses": _server_gateways(networks) if light else []},
    ]
    services = [_service_machine(name, hostvars[name], management, networks) for name in groups.get("machines", [])]
    if light:
        vms = [_light_vm(name, hostvars[name], networks) for name in groups.get("vms", [])]
        return {"bridges": bridges, "routes": [], "machines": services + vms}
    hypervisors = [_hypervisor(name, hostvars[name], management) for name in groups.get("hypervisors", [])]
    routes = _routes(hostvars, groups, management, networks)
    return {"bridges": bridges, "routes": routes, "machines": hypervisors + services}


def _first(prefix: str) -> str:
    network = netaddr.IPNetwork(prefix)
    return f"{network[1]}/{network.prefixlen}"


def _with_length(address: str, prefix: str) -> str:
    return f"{address}/{netaddr.IPNetwork(prefix).prefixlen}"


def _families(network: Mapping[str, str]) -> list[str]:
    return [family for family in ("ipv4", "ipv6") if network.get(family)]


def _gateways(network: Mapping[str, str]) -> list[str]:
    return [_with_length(network[f"{family}_gateway"], network[family]) for family in _families(network)]


def _server_gateways(networks: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [*_gateways(networks["server"]), *_gateways(networks.get("server_public") or {})]


def _routes(
    hostvars: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, list[str]],
    management: str,
    networks: Mapping[str, Mapping[str, str]],
) -> list[dict[str, str]]:
    gateway = next(iter(groups.get("service_gateway", [])), None)
    if gateway is None:
        return []
    ipv4 = hostvars[gateway]["ansible_host"]
    via = {"ipv4": ipv4, "ipv6": _management_ipv6(ipv4, management)}
    return [
        {"to": network[family], "via": via[family]} for network in networks.values() for family in _families(network)
    ]


def _refuse_addresses(hostvars: Mapping[str, Mapping[str, Any]], names: list[str], management: str) -> None:
    """Raise ValueError when a host has an address that a machine of the lab cannot have."""
    network = netaddr.IPNetwork(management)
    used = Counter(str(hostvars[name]["ansible_host"]) for name in names)
    for name in names:
        address = str(hostvars[name]["ansible_host"])
        if not netaddr.valid_ipv4(address) or netaddr.IPAddress(address) not in network:
            raise ValueError(f"{name} has address {address}, and a lab reaches its machines in {management} only")
        if address == str(network[1]):
            raise ValueError(f"{name} has address {address}, which the lab itself has: give it another one")
        if used[address] > 1:
            raise ValueError(f"{name} has address {address}, and another host has the same one")


def _management_ipv6(ipv4: str, management: str) -> str:
    """Return the IPv6 management address: the bytes of the host in the IPv4 one, read the same.

    10.77.0.20 in 10.77.0.0/24 is fd77::20, and 10.77.1.20 in 10.77.0.0/16 is fd77::1:20.
    """
    of_host = ipv4.split(".")[min(netaddr.IPNetwork(management).prefixlen // 8, 3) :]
    return str(netaddr.IPAddress(f"fd77::{':'.join(of_host)}"))


def _management_nic(host: Mapping[str, Any], management: str) -> dict[str, Any]:
    ipv4 = host["ansible_host"]
    ipv6 = _management_ipv6(ipv4, management)
    return {
        "name": "host0",
        "bridge": MANAGEMENT_BRIDGE,
        "addresses": [_with_length(ipv4, management), _with_length(ipv6, MANAGEMENT_IPV6)],
        "gateways": [str(netaddr.IPNetwork(prefix)[1]) for prefix in (management, MANAGEMENT_IPV6)],
    }


def _hypervisor(name: str, host: Mapping[str, Any], management: str) -> dict[str, Any]:
    nics = [
        _management_nic(host, management),
        {"name": "fe", "bridge": FRONTEND_BRIDGE},
        {"name": "srv", "bridge": SERVER_BRIDGE},
    ]
    return {"name": name, "nics": nics, "hypervisor": True}


def _service_machine(
    name: str, host: Mapping[str, Any], management: str, networks: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    server = networks["server"]
    addresses = [
        _with_length(host[f"ringmaster_srv_{family}"], server[family])
        for family in _families(server)
        if host.get(f"ringmaster_srv_{family}")
    ]
    nics = [
        _management_nic(host, management),
        {"name": host.get("ringmaster_srv_interface") or "srv", "bridge": SERVER_BRIDGE, "addresses": addresses},
    ]
    if host.get("ringmaster_fe_interface"):
        # Role machine_network gives it its addresses.
        nics.append({"name": host["ringmaster_fe_interface"], "bridge": FRONTEND_BRIDGE})
    return {"name": name, "nics": nics, "hypervisor": False}


def _light_vm(name: str, host: Mapping[str, Any], networks: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    nics = []
    for nic, bridge, network in (
        ("ethsrv", SERVER_BRIDGE, networks["server"]),
        ("ethfe", FRONTEND_BRIDGE, networks["frontend"]),
    ):
        short = nic.removeprefix("eth")
        families = [family for family in _families(network) if host.get(f"ringmaster_{short}_{family}")]
        nics.append(
            {
                "name": nic,
                "bridge": bridge,
                "addresses": [
                    _with_length(host[f"ringmaster_{short}_{family}"], network[family]) for family in families
                ],
                "gateways": [network[f"{family}_gateway"] for family in families],
            }
        )
    return {"name": name, "nics": nics, "hypervisor": False}
