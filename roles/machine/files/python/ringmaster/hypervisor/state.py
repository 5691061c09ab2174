# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the VMs of this hypervisor from libvirt once: one connection, one listing."""

from __future__ import annotations

import json
import re
import subprocess
import xml.etree.ElementTree as ET
from typing import Any

import libvirt

NAMESPACE = "urn:ringmaster:vm:1"  # as module_utils/libvirt/metadata.py writes it
STATES = {
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_PAUSED: "paused",
    libvirt.VIR_DOMAIN_SHUTOFF: "stopped",
    libvirt.VIR_DOMAIN_CRASHED: "crashed",
}
MIB = 1024 * 1024


def read(uri: str, pool: str) -> dict[str, Any]:
    """Return the VMs by name, and figures of the pool. Raises libvirt.libvirtError."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)  # errors are raised, too
    connection = libvirt.openReadOnly(uri)
    try:
        chains = bridge_chains()
        found = {domain.name(): _domain(domain, chains) for domain in connection.listAllDomains()}
        return {"vms": {name: vm for name, vm in sorted(found.items()) if vm}, "pool": _pool(connection, pool)}
    finally:
        connection.close()


def bridge_chains() -> set[str] | None:
    """Return the kernel's packet filter chains for bridges, one for each filtered tap; None if unreadable."""
    argv = ["/usr/sbin/nft", "list", "chains", "bridge"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else set(re.findall(r"^\s*chain (\S+) {", done.stdout, re.M))


def _cards(text: str, chains: set[str] | None) -> dict[str, str]:
    """Return how it is with what each tap of a running VM sends: filtered, lost (the filter), unknown, or free."""
    cards = {}
    for card in ET.fromstring(text).iterfind("devices/interface"):
        target = card.find("target")
        tap = target.get("dev", "") if target is not None else ""
        if card.find("filterref") is None:
            cards[tap] = "free"
        elif chains is None:
            cards[tap] = "unknown"
        else:
            cards[tap] = "filtered" if f"libvirt-I-{tap}" in chains else "lost"
    return cards


def _domain(domain: Any, chains: set[str] | None) -> dict[str, Any]:
    """Describe one of our VMs; nothing for a foreign domain."""
    element = _element(domain, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    if element is None:
        return {}
    is_running = bool(domain.isActive())
    return {
        "state": STATES.get(domain.state()[0], "other"),
        "project": element.get("project", ""),
        "wanted": bool(domain.autostart()) and not element.get("moved_to"),
        "memory_mib": domain.maxMemory() // 1024,
        "cards": _cards(domain.XMLDesc(), chains) if is_running else {},
        "pending_restart": [
            {
                "field": entry.get("field", ""),
                "live": json.loads(entry.get("live") or "null"),
                "wanted": json.loads(entry.get("wanted") or "null"),
                "reason": entry.get("reason", ""),
            }
            for entry in (pending(domain) if is_running else [])
        ],
    }


def pending(domain: Any) -> list[ET.Element]:
    """Return what of a running VM waits for its restart, as is noted in it."""
    element = _element(domain, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    return [] if element is None else element.findall(f"{{{NAMESPACE}}}pending") + element.findall("pending")


def _element(domain: Any, whose: int) -> ET.Element | None:
    try:
        return ET.fromstring(domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE, whose))
    except libvirt.libvirtError as error:
        if error.get_error_code() in (libvirt.VIR_ERR_NO_DOMAIN_METADATA, libvirt.VIR_ERR_OPERATION_INVALID):
            return None
        raise


def _pool(connection: Any, name: str) -> dict[str, Any]:
    pool = connection.storagePoolLookupByName(name)
    _state, capacity, allocation, available = pool.info()
    promised = sum(volume.info()[1] for volume in pool.listAllVolumes()) if pool.isActive() else 0
    return {
        "active": bool(pool.isActive()),
        "capacity_mib": capacity // MIB,
        "used_mib": (capacity - available) // MIB,
        "allocated_mib": allocation // MIB,
        "promised_mib": promised // MIB,
    }


def metrics(found: dict[str, Any]) -> str:
    """Return the same for node exporter's textfile collector."""
    vms = found["vms"].items()
    lines = [
        "# HELP ringmaster_vm_state State of the VM on its hypervisor; 1 for the one it has.",
        "# TYPE ringmaster_vm_state gauge",
        *(f'ringmaster_vm_state{{vm="{name}",state="{vm["state"]}"}} 1' for name, vm in vms),
        "# HELP ringmaster_vm_pending_restart Settings that wait for a restart of the VM.",
        "# TYPE ringmaster_vm_pending_restart gauge",
        *(f'ringmaster_vm_pending_restart{{vm="{name}"}} {len(vm["pending_restart"])}' for name, vm in vms),
        "# HELP ringmaster_vm_memory_bytes Memory that is booked for the VM.",
        "# TYPE ringmaster_vm_memory_bytes gauge",
        *(f'ringmaster_vm_memory_bytes{{vm="{name}"}} {vm["memory_mib"] * MIB}' for name, vm in vms),
    ]
    for key in ("capacity", "used", "promised"):
        lines += [
            f"# TYPE ringmaster_pool_{key}_bytes gauge",
            f"ringmaster_pool_{key}_bytes {found['pool'][f'{key}_mib'] * MIB}",
        ]
    return "\n".join(lines) + "\n"
