# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From domain XML to semantic facts.

The persistent (inactive) and the running (live) XML of a domain give the same flat dictionary, so
they can be compared with each other and with the declaration, field by field. Devices are found by
role (alias ``ua-<role>``), never by position. Whole XML is never compared: libvirt rewrites it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import metadata, nwfilter
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.spec import (
    DISK_ROLES,
    LIMITS,
    NIC_ROLES,
)

ALIAS_PREFIX = "ua-"
SEED_ROLE = "seed"

IOTUNE = {
    "read_iops": "read_iops_sec",
    "write_iops": "write_iops_sec",
    "read_bytes": "read_bytes_sec",
    "write_bytes": "write_bytes_sec",
}
"""Our limit -> libvirt's element in ``<iotune>`` (the typed parameter has the same name)."""

_UNITS = {
    "b": 1, "bytes": 1, "KB": 1000, "k": 1024, "KiB": 1024, "MB": 1000**2, "M": 1024**2, "MiB": 1024**2,
    "GB": 1000**3, "G": 1024**3, "GiB": 1024**3, "TB": 1000**4, "T": 1024**4, "TiB": 1024**4,
}  # fmt: skip


@dataclass(frozen=True)
class DomainFacts:
    """What one domain definition says, in our terms."""

    name: str
    uuid: str
    fields: dict[str, Any]
    """Flat: ``memory_mib``, ``cores``, ``disks.root.volume``, ``nics.ethfe.mac`` …"""
    machine: str
    targets: dict[str, str] = field(default_factory=dict)
    """Role of a disk -> target device (``vda``), the name that libvirt's block calls take."""
    foreign: tuple[str, ...] = ()
    """Disks and network cards that are not ours; they are kept and reported."""
    metadata: metadata.Metadata | None = None


def role_of(device: ET.Element) -> str:
    """Role of a device by its alias; empty for a device that is not ours."""
    alias = device.find("alias")
    name = alias.get("name", "") if alias is not None else ""
    return name.removeprefix(ALIAS_PREFIX) if name.startswith(ALIAS_PREFIX) else ""


def to_mib(element: ET.Element | None) -> int:
    """Convert a libvirt memory element to MiB, rounded to the nearest; 0 when it is missing."""
    if element is None or not element.text:
        return 0
    return round(int(element.text) * _UNITS[element.get("unit", "KiB")] / 1024**2)


def volume_name(disk: ET.Element) -> str:
    """Name of the volume behind a disk: the last part of its path, whatever the pool's type."""
    source = disk.find("source")
    if source is None:
        return ""
    location = source.get("file") or source.get("dev") or source.get("volume") or source.get("name") or ""
    return location.rsplit("/", 1)[-1]


def _disk_fields(role: str, disk: ET.Element) -> dict[str, Any]:
    driver = disk.find("driver")
    tune = disk.find("iotune")
    fields: dict[str, Any] = {
        f"disks.{role}.volume": volume_name(disk),
        f"disks.{role}.cache": driver.get("cache", "default") if driver is not None else "default",
    }
    for limit in LIMITS:
        value = tune.findtext(IOTUNE[limit], "0") if tune is not None else "0"
        fields[f"disks.{role}.{limit}"] = int(value)
    return fields


def _nic_fields(role: str, nic: ET.Element) -> dict[str, Any]:
    source, mac, link, mtu = (nic.find(tag) for tag in ("source", "mac", "link", "mtu"))
    filter_name, addresses = nwfilter.from_element(nic.find("filterref"))
    return {
        f"nics.{role}.mac": mac.get("address", "").lower() if mac is not None else "",
        f"nics.{role}.bridge": (source.get("bridge") or "") if source is not None else "",
        f"nics.{role}.link": link.get("state", "up") if link is not None else "up",
        f"nics.{role}.mtu": int(mtu.get("size", "0")) if mtu is not None else None,
        f"nics.{role}.filter": filter_name,
        f"nics.{role}.addresses": addresses,
    }


def parse_domain(text: str) -> DomainFacts:
    """Parse a domain XML, inactive or live, into facts."""
    domain = ET.fromstring(text)
    vcpu = domain.find("vcpu")
    cores_max = int(vcpu.text or "1") if vcpu is not None else 1
    cores = int(vcpu.get("current", cores_max)) if vcpu is not None else cores_max
    current_memory = domain.find("currentMemory")
    memory_max = to_mib(domain.find("memory"))
    fields: dict[str, Any] = {
        "virtualization": domain.get("type", ""),
        "memory_mib": to_mib(current_memory) if current_memory is not None else memory_max,
        "memory_max_mib": memory_max,
        "cores": cores,
        "cores_max": cores_max,
        "console_log": "",
    }
    targets: dict[str, str] = {}
    foreign: list[str] = []
    for disk in domain.iterfind("devices/disk"):
        role = role_of(disk)
        target = disk.find("target")
        device = target.get("dev", "") if target is not None else ""
        if role in DISK_ROLES:
            fields.update(_disk_fields(role, disk))
            targets[role] = device
        elif role == SEED_ROLE:
            fields["seed_volume"] = volume_name(disk)
            targets[role] = device
        else:
            foreign.append(f"disk {device}: {volume_name(disk) or 'empty'}")
    for nic in domain.iterfind("devices/interface"):
        role = role_of(nic)
        if role in NIC_ROLES:
            fields.update(_nic_fields(role, nic))
        else:
            mac = nic.find("mac")
            foreign.append(f"network card {mac.get('address') if mac is not None else 'without MAC'}")
    log = domain.find("devices/serial/log")
    if log is not None:
        fields["console_log"] = log.get("file", "")
    os_type = domain.find("os/type")
    return DomainFacts(
        name=domain.findtext("name", ""),
        uuid=domain.findtext("uuid", "").lower(),
        fields=fields,
        machine=os_type.get("machine", "") if os_type is not None else "",
        targets=targets,
        foreign=tuple(foreign),
        metadata=metadata.from_domain(domain),
    )


def target_of_path(text: str, path: str) -> str:
    """Target device of the disk with this path in a domain XML; empty when it has none."""
    for disk in ET.fromstring(text).iterfind("devices/disk"):
        source, target = disk.find("source"), disk.find("target")
        if source is not None and target is not None and path in (source.get("file"), source.get("dev")):
            return target.get("dev", "")
    return ""
