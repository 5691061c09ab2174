# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall policy of a VM as data, from its host variables; then as nftables ruleset, table and verdicts.

A policy is a list of permissions; what none of them permits is refused. So ``permits`` (for tests and checks)
and ``render`` (for the VM) read the same list and cannot disagree about its order.
"""

from __future__ import annotations

import functools
import ipaddress
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import catalogue
from ansible_collections.ringmaster.hosting.plugins.module_utils.network import offers
from ansible_collections.ringmaster.hosting.plugins.module_utils.network.icmp import ICMP, ICMPV6, ICMPV6_LINK
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.addresses import of_machine

TABLE = "ringmaster"
INTERFACES = ("ethfe", "ethsrv")
NETWORKS = {"frontend": ("ethfe",), "server": ("ethsrv",), "both": INTERFACES}
PROTOCOLS = ("tcp", "udp")
LONGEST_COMMENT = 120
"""Bytes; nft takes 127."""
EVERYWHERE = ("0.0.0.0/0", "::/0")
FRONTEND_OPEN = "frontend: open"


@dataclass(frozen=True)
class Permission:
    """New connections that are let in.

    ``sources`` are prefixes or addresses, empty = from anywhere. ``protocol`` is tcp, udp or "" (any, then
    without ports). ``ports`` are "443" or "8000-8100". ``interfaces`` empty = on any interface.
    """

    reason: str
    interfaces: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    protocol: str = ""
    ports: tuple[str, ...] = ()

    def covers(self, interface: str, source: str, protocol: str, port: int) -> bool:
        """Tell whether a new connection is permitted by this permission."""
        if self.interfaces and interface not in self.interfaces:
            return False
        address = ipaddress.ip_address(source)
        networks = [ipaddress.ip_network(item, strict=False) for item in self.sources]
        if networks and not any(address in network for network in networks):
            return False
        if self.protocol and self.protocol != protocol:
            return False
        return not self.ports or any(low <= port <= high for low, high in map(_port_range, self.ports))


#: What everybody may reach on the server network.
SERVER_NETWORK = Permission("SSH and web", ("ethsrv",), (), "tcp", ("22", "80", "443"))


def _port_range(ports: str) -> tuple[int, int]:
    low, _dash, high = ports.partition("-")
    return int(low), int(high or low)


def ports_of(target: Any, default_protocol: str, vm: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (protocol, port) pairs of a rule's ``to``; none for a component that the VM does not have.

    ``to`` is a port (5432 or "5432"), a range ("8000-8100"), "component:<name>" or a list of these. Raises
    ValueError that says what is allowed.
    """
    if isinstance(target, (list, tuple)):
        return [pair for item in target for pair in ports_of(item, default_protocol, vm)]
    text = str(target)
    if text.startswith("component:"):
        name = text.removeprefix("component:")
        known = {**catalogue.PORTS, **_component_ports(vm)}
        if name not in known:
            names = ", ".join(sorted(known))
            raise ValueError(f"firewall rule to '{text}': no such component; known: {names}")
        present = name in (vm.get("ringmaster_components") or [])
        return [(protocol, port) for protocol, port, _frontend in known[name]] if present else []
    try:
        low, high = _port_range(text)
    except ValueError:
        low, high = 0, 0
    if not 0 < low <= high < 65536:
        raise ValueError(f"firewall rule to '{text}': must be a port (5432), a range (8000-8100) or component:<name>")
    return [(default_protocol, text)]


def _component_ports(vm: Mapping[str, Any]) -> dict[str, tuple[tuple[str, str, bool], ...]]:
    """Return the ports that variable ``firewall_component_ports`` adds: {name: [{proto, port, frontend}]}."""
    return {
        name: tuple((str(p.get("proto", "tcp")), str(p["port"]), bool(p.get("frontend"))) for p in ports)
        for name, ports in (vm.get("firewall_component_ports") or {}).items()
    }


@functools.lru_cache(maxsize=4096)
def _prefix(source: str) -> str:
    """Return a source as a prefix; kept, because a rule of a project is the same for all of its VMs."""
    return str(ipaddress.ip_network(source, strict=False))


def typed_rules(rules: Iterable[Mapping[str, Any]], vm: Mapping[str, Any], owner: str) -> list[Permission]:
    """Return the permissions of typed rules ``{from, to, proto, network, vms, comment}`` that are for this VM.

    ``from`` is in addresses. Without ``network`` (frontend, server or both) a rule is for both interfaces.
    """
    result = []
    for rule in rules:
        if rule.get("vms") and vm.get("inventory_hostname") not in rule["vms"]:
            continue
        interfaces = NETWORKS[str(rule.get("network") or "both")]
        reason = f"rule of {owner}" + (f": {rule['comment']}" if rule.get("comment") else "")
        sources = rule.get("from") or []
        sources = [sources] if isinstance(sources, str) else sources
        checked = tuple(_prefix(str(source)) for source in sources)
        protocol = str(rule.get("proto") or "tcp")
        if protocol not in PROTOCOLS:
            raise ValueError(f"firewall rule: proto must be one of {', '.join(PROTOCOLS)}, got '{protocol}'")
        if not checked:
            continue  # a source that has no address (a project without VMs) permits nobody, not everybody
        pairs = ports_of(rule["to"], protocol, vm)
        for wanted in PROTOCOLS:
            ports = tuple(dict.fromkeys(port for found, port in pairs if found == wanted))
            if ports:
                result.append(Permission(reason, interfaces, checked, wanted, ports))
    return result


def policy(vm: Mapping[str, Any]) -> list[Permission]:
    """Return the permissions of a VM from its host variables; the table in docs/networking.md is made from it.

    Reads ringmaster_management_networks, ringmaster_project, ringmaster_project_addresses,
    ringmaster_project_firewall, ringmaster_components, ringmaster_services, inventory_hostname, and the
    variables of role ``firewall``:
    firewall_allow, firewall_monitoring_addresses, firewall_monitoring_ports, firewall_component_ports.
    """
    project = vm.get("ringmaster_project_firewall") or {}
    management = tuple(str(network) for network in vm.get("ringmaster_management_networks") or [])
    members = tuple(str(address) for address in vm.get("ringmaster_project_addresses") or [] if address)
    monitoring = tuple(str(address) for address in vm.get("firewall_monitoring_addresses") or [] if address)
    result = []
    if management:
        result.append(Permission("management", (), management, "tcp", ("22",)))
    frontend = str(vm.get("firewall_frontend") or project.get("frontend") or "open")
    if frontend == "open":
        result.append(Permission(FRONTEND_OPEN, ("ethfe",)))
    elif frontend == "closed":
        result.append(Permission("SSH", ("ethfe",), (), "tcp", ("22",)))
        known = {**catalogue.PORTS, **_component_ports(vm)}
        for name in vm.get("ringmaster_components") or []:
            for protocol in PROTOCOLS:
                ports = tuple(p for found, p, public in known.get(name, ()) if public and found == protocol)
                if ports:
                    result.append(Permission(f"component {name}", ("ethfe",), (), protocol, ports))
    else:
        raise ValueError(f"frontend of the firewall must be open or closed, got '{frontend}'")
    result.append(SERVER_NETWORK)
    if members:
        result.append(Permission(f"project {vm.get('ringmaster_project', '')}".strip(), ("ethsrv",), members))
    for offer in offers.of(str(vm.get("inventory_hostname", "")), vm):
        # At the name server, who asks decides what is answered, so that everybody may.
        sources = () if offer.everybody else tuple(offers.networks(vm))
        if (offer.protocol, str(offer.port)) not in {("tcp", port) for port in SERVER_NETWORK.ports}:
            result.append(Permission(offer.what, ("ethsrv",), sources, offer.protocol, (str(offer.port),)))
        if offer.everybody and frontend == "closed":
            result.append(Permission(offer.what, ("ethfe",), (), offer.protocol, (str(offer.port),)))
    ports = tuple(str(port) for port in vm.get("firewall_monitoring_ports") or [])
    if monitoring and ports:
        result.append(Permission("monitoring", ("ethsrv",), monitoring, "tcp", ports))
    result += typed_rules(project.get("allow") or [], vm, "the project")
    result += typed_rules(vm.get("firewall_allow") or [], vm, "the VM")
    return result


def explained(variables: Mapping[str, Any], **overrides: Any) -> list[list[str]] | None:
    """Return (protocol, port or range) of what is meant to be reached on a VM's frontend; None where it is closed.

    It is what would be let in if it were closed, and all ports of components.
    """
    vm: Mapping[str, Any] = ChainMap(overrides, variables)  # type: ignore[arg-type]
    if not any(item.reason == FRONTEND_OPEN for item in policy(vm)):
        return None
    closed = policy(ChainMap({"firewall_frontend": "closed"}, vm))  # type: ignore[arg-type]
    there = (item for item in closed if item.ports and (not item.interfaces or "ethfe" in item.interfaces))
    known = {**catalogue.PORTS, **_component_ports(vm)}
    own = ([port[0], str(port[1])] for name in vm.get("ringmaster_components") or [] for port in known.get(name, ()))
    found = [[item.protocol, ports] for item in there for ports in item.ports]
    return [list(one) for one in sorted({tuple(one) for one in [*found, *own]})]


def permits(permissions: Sequence[Permission], interface: str, source: str, protocol: str, port: int) -> bool:
    """Tell whether a new connection to the VM is let in. Protocol "icmp" is a ping; its port is ignored."""
    if protocol == "icmp":
        return True
    return any(item.covers(interface, source, protocol, port) for item in permissions)


def edge(vms: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the gateway lets in from outside, from the same permissions that the VMs have.

    ``server`` and ``frontend`` are lists of ``{from, to, proto, addresses}``: equal permissions of several VMs are one
    entry, "any" as protocol has no ports. ``closed`` are the addresses on the frontend network that nothing
    else may reach. What everybody may reach on the server network is not repeated here.
    """
    opened: dict[tuple[Any, ...], list[str]] = {}
    closed: list[str] = []
    for vm in vms:
        permissions = policy(vm)
        is_open = any(item == Permission(FRONTEND_OPEN, ("ethfe",)) for item in permissions)
        for interface, role in (("ethfe", "fe"), ("ethsrv", "srv")):
            addresses = of_machine(vm, role)
            if interface == "ethfe" and is_open:
                continue
            if interface == "ethfe":
                closed += addresses
            for item in permissions:
                everybodys = item in (SERVER_NETWORK, Permission("management", (), item.sources, "tcp", ("22",)))
                if everybodys or (item.interfaces and interface not in item.interfaces):
                    continue
                key = (interface, item.sources or EVERYWHERE, item.protocol or "any", item.ports)
                opened.setdefault(key, []).extend(addresses)
    result: dict[str, Any] = {"closed": closed, "frontend": [], "server": []}
    for (interface, sources, protocol, ports), addresses in opened.items():
        collapsed = [prefix for _family, prefixes in _by_family(sources) for prefix in prefixes]
        rule = {"from": collapsed, "to": _merged(ports), "proto": protocol, "addresses": addresses}
        result["frontend" if interface == "ethfe" else "server"].append(rule)
    return result


def openings(rules: Iterable[Mapping[str, Any]]) -> str:
    """Return what the gateway lets in as lines of a chain of nftables, from rules as ``edge`` returns them."""
    lines = []
    for rule in rules:
        sources, targets = by_family(rule["from"]), by_family(rule["addresses"])
        what = f" meta l4proto {rule['proto']}" if rule["proto"] != "any" else ""
        if rule["to"]:
            what = f" {rule['proto']} dport {{ {', '.join(map(str, rule['to']))} }}"
        for family in ("ip", "ip6"):
            if sources[family] and targets[family]:
                where = f"{family} saddr {{ {sources[family]} }} {family} daddr {{ {targets[family]} }}"
                lines.append(f"\t\t{where}{what} accept\n")
    return "".join(lines)


def by_family(addresses: Iterable[str]) -> dict[str, str]:
    """Return addresses as elements of sets of nftables: ``{ip, ip6}``, empty where there are none."""
    found: dict[str, list[str]] = {"ip": [], "ip6": []}
    for address in addresses:
        found["ip6" if ":" in address else "ip"].append(str(address))
    return {family: ", ".join(some) for family, some in found.items()}


def edge_texts(vms: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what ``edge`` does as texts: ``server`` and ``frontend`` as ``openings``, ``closed`` as ``by_family``."""
    found = edge(vms)
    return {
        "server": openings(found["server"]),
        "frontend": openings(found["frontend"]),
        "closed": by_family(found["closed"]),
    }


def table(permissions: Sequence[Permission]) -> list[dict[str, str]]:
    """Return the policy for people, a row for each permission."""
    return [
        {
            "interface": ", ".join(item.interfaces) or "any",
            "from": ", ".join(item.sources) or "anywhere",
            "protocol": item.protocol or "any",
            "ports": ", ".join(item.ports) or "any",
            "reason": item.reason,
        }
        for item in permissions
    ]


def shown(variables: Mapping[str, Any], *, lines: bool = False, **overrides: Any) -> list[Any]:
    """Return a VM's policy as a table, or as lines of text; ``overrides`` win over its host variables."""
    permissions = policy(ChainMap(overrides, variables))  # type: ignore[arg-type]
    return in_columns(permissions) if lines else table(permissions)


def ruleset(variables: Mapping[str, Any], **overrides: Any) -> str:
    """Return a VM's policy as text for ``nft -f``; ``overrides`` win over its host variables."""
    return render(policy(ChainMap(overrides, variables)))  # type: ignore[arg-type]


def in_columns(permissions: Sequence[Permission]) -> list[str]:
    """Return the policy in columns, one line for each permission, with a header; many sources are counted."""
    rows = [{key: key for key in ("interface", "from", "protocol", "ports", "reason")}]
    for item, row in zip(permissions, table(permissions), strict=True):
        few = len(item.sources) < 4
        rows.append({**row, "from": row["from"] if few else f"{len(item.sources)} addresses"})
    widths = {key: max(len(row[key]) for row in rows) for key in rows[0]}
    return ["  ".join(value.ljust(widths[key]) for key, value in row.items()).rstrip() for row in rows]


def compare(targets: Mapping[str, Mapping[str, Any]], found: Iterable[Mapping[str, Any]]) -> dict[str, list[str] | int]:
    """Compare what was found with what the policies of VMs permit.

    ``targets`` are host variables by name, ``found`` has ``{from, vm, interface, source, address, port, answer}``.
    Open and refused by the machine itself mean that the firewall let it in. Return ``{asked, wrong: [sentences]}``.
    """
    policies = {name: policy(variables) for name, variables in targets.items()}
    wrong = []
    asked = 0
    for one in found:
        asked += 1
        permitted = permits(policies[one["vm"]], one["interface"], one["source"], "tcp", int(one["port"]))
        reached = one["answer"] in ("open", "refused")
        if reached != permitted:
            says = "allows it" if permitted else "does not allow it"
            where = f"{one['vm']} {one['interface']} {one['address']} port {one['port']}"
            wrong.append(
                f"{one['from']} ({one['source']}) to {where}: {'reached' if reached else 'not reached'}"
                f" ({one['answer']}), and the description {says}"
            )
    return {"asked": asked, "wrong": wrong}


def questions(
    asker: Mapping[str, Any], targets: Mapping[str, Mapping[str, Any]], ports: Sequence[int]
) -> list[dict[str, Any]]:
    """Return what a machine has to find at the addresses of VMs: ``{vm, address, open: [ports], closed: [ports]}``.

    It asks in each network and family in which it has an address itself, so that its source is known: public addresses
    on the server network are another network.
    """
    result = []
    for name, variables in targets.items():
        permissions = policy(variables)
        for interface, role in (("ethsrv", "srv"), ("ethfe", "fe")):
            own = {":" in one: one for one in reversed(of_machine(asker, role))}
            for address in of_machine(variables, role):
                source = own.get(":" in address)
                if not source or (role == "srv" and address in (variables.get("ringmaster_srv_public_ipv4") or [])):
                    continue
                allowed = [port for port in ports if permits(permissions, interface, str(source), "tcp", port)]
                closed = [port for port in ports if port not in allowed]
                result.append({"vm": name, "address": str(address), "open": allowed, "closed": closed})
    return result


def _by_family(sources: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return (nft keyword, collapsed prefixes) for each family that occurs; one ("", []) for anywhere."""
    if not sources:
        return [("", [])]
    networks = [ipaddress.ip_network(source, strict=False) for source in sources]
    result = []
    for keyword, version in (("ip", 4), ("ip6", 6)):
        found: list[Any] = [network for network in networks if network.version == version]
        if found:
            result.append((keyword, [_plain(network) for network in ipaddress.collapse_addresses(found)]))
    return result


def _plain(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def _set(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else "{ " + ", ".join(values) + " }"


def _statements(item: Permission) -> list[str]:
    comment = "".join(letter for letter in item.reason if letter.isalnum() or letter in " -:._")
    comment = comment.encode()[:LONGEST_COMMENT].decode(errors="ignore")
    result = []
    for keyword, prefixes in _by_family(item.sources):
        parts = []
        if item.interfaces:
            parts.append(f"iifname {_set(item.interfaces)}")
        if keyword:
            parts.append(f"{keyword} saddr {_set(prefixes)}")
        if item.protocol:
            ports = f" dport {_set(_merged(item.ports))}" if item.ports else ""
            parts.append(f"{item.protocol}{ports}" if ports else f"meta l4proto {item.protocol}")
        result.append(" ".join([*parts, f'accept comment "{comment}"']))
    return result


def _merged(ports: Sequence[str]) -> list[str]:
    """Return ports in order, overlapping ranges joined: nft refuses overlaps in a set."""
    result: list[list[int]] = []
    for low, high in sorted(map(_port_range, ports)):
        if result and low <= result[-1][1] + 1:
            result[-1][1] = max(result[-1][1], high)
        else:
            result.append([low, high])
    return [str(low) if low == high else f"{low}-{high}" for low, high in result]


def render(permissions: Sequence[Permission]) -> str:
    """Return the ruleset for ``nft -f``: it replaces our table in one transaction and touches no other."""
    accepted = [statement for item in permissions for statement in _statements(item)]
    rules = [
        "iifname lo accept",
        "ct state vmap { established : accept, related : accept, invalid : drop }",
        f"icmp type {_set(ICMP)} accept",
        f"icmpv6 type {_set(ICMPV6)} accept",
        f"icmpv6 type {_set(ICMPV6_LINK)} ip6 hoplimit {{ 1, 255 }} accept",
        *accepted,
        "jump local",
        "iifname ethsrv counter reject with icmpx admin-prohibited",
        "counter drop",
    ]
    lines = [
        "# Managed by Ringmaster: changes made here will be overwritten",
        f"table inet {TABLE}",
        f"delete table inet {TABLE}",
        f"table inet {TABLE} {{",
        "\tchain input {",
        "\t\ttype filter hook input priority filter; policy drop;",
        *[f"\t\t{rule}" for rule in rules],
        "\t}",
        "\t# Rules of the project itself come here, and can only let in what is refused above.",
        "\tchain local {",
        "\t}",
        "}",
    ]
    return "\n".join(lines) + "\n"
