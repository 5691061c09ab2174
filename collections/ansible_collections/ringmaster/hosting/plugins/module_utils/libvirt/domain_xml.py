# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first definition of a domain, and changes to an existing one.

A definition is rendered once. Later changes patch the inactive XML that libvirt gives back, so that
device addresses, the machine version and everything that somebody added by hand stay as they are.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import facts, metadata, nwfilter
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.spec import (
    DISK_ROLES,
    LIMITS,
    NIC_ROLES,
)

PCIE_ROOT_PORTS = 14
"""Eight are taken by our devices; the rest are free, so that disks and cards can be added live."""

TARGETS = {"root": "vda", "swap": "vdb", "tmp": "vdc", facts.SEED_ROLE: "sda"}

TB_CACHE_MIB = 256
"""Translation cache of an emulated guest; QEMU's own default takes up to 1 GiB for each."""


@dataclass(frozen=True)
class Source:
    """Where a volume is: libvirt's disk type (``file`` or ``block``), its path and its format."""

    type: str
    path: str
    format: str


def _element(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def disk_element(role: str, source: Source, fields: Mapping[str, Any]) -> ET.Element:
    """Build the ``<disk>`` of a role. The serial is the role: ``/dev/disk/by-id/virtio-<role>``."""
    disk = ET.Element("disk", {"type": source.type, "device": "disk"})
    _element(
        disk,
        "driver",
        name="qemu",
        type=source.format,
        cache=str(fields[f"disks.{role}.cache"]),
        discard="unmap",
        detect_zeroes="unmap",
    )
    _element(disk, "source", **{"file" if source.type == "file" else "dev": source.path})
    _element(disk, "target", dev=TARGETS[role], bus="virtio")
    _set_limits(disk, role, fields)
    _element(disk, "serial", role)
    if role == "root":
        _element(disk, "boot", order="1")
    _element(disk, "alias", name=facts.ALIAS_PREFIX + role)
    return disk


def seed_element(source: Source) -> ET.Element:
    """Build the seed's CD-ROM, on virtio-scsi: Debian's cloud kernel has no AHCI."""
    disk = ET.Element("disk", {"type": source.type, "device": "cdrom"})
    _element(disk, "driver", name="qemu", type=source.format)
    _element(disk, "source", **{"file" if source.type == "file" else "dev": source.path})
    _element(disk, "target", dev=TARGETS[facts.SEED_ROLE], bus="scsi")
    _element(disk, "readonly")
    _element(disk, "alias", name=facts.ALIAS_PREFIX + facts.SEED_ROLE)
    return disk


def nic_element(role: str, fields: Mapping[str, Any]) -> ET.Element:
    """Build the ``<interface>`` of a role."""
    nic = ET.Element("interface", {"type": "bridge"})
    _element(nic, "mac", address=str(fields[f"nics.{role}.mac"]))
    _element(nic, "source", bridge=str(fields[f"nics.{role}.bridge"]))
    _element(nic, "model", type="virtio")
    if fields.get(f"nics.{role}.mtu"):
        _element(nic, "mtu", size=str(fields[f"nics.{role}.mtu"]))
    _element(nic, "link", state=str(fields[f"nics.{role}.link"]))
    if fields.get(f"nics.{role}.filter"):
        nic.append(nwfilter.to_element(fields[f"nics.{role}.filter"], fields[f"nics.{role}.addresses"]))
    _element(nic, "alias", name=facts.ALIAS_PREFIX + role)
    return nic


def _set_limits(disk: ET.Element, role: str, fields: Mapping[str, Any]) -> None:
    tune = disk.find("iotune")
    limits = {limit: int(fields.get(f"disks.{role}.{limit}") or 0) for limit in LIMITS}
    if not any(limits.values()):
        if tune is not None:
            disk.remove(tune)
        return
    if tune is None:
        tune = _element(disk, "iotune")
    for limit, value in limits.items():
        element = tune.find(facts.IOTUNE[limit])
        if value:
            (_element(tune, facts.IOTUNE[limit]) if element is None else element).text = str(value)
        elif element is not None:
            tune.remove(element)


def _set_virtualization(domain: ET.Element, value: str) -> None:
    """Set the domain type and what hangs on it: the CPU model and the size of the translation cache."""
    domain.set("type", value)
    for cpu in domain.findall("cpu"):
        domain.remove(cpu)
    features = domain.find("features")
    if features is not None:
        for tcg in features.findall("tcg"):
            features.remove(tcg)
        if value == "qemu":
            _element(_element(features, "tcg"), "tb-cache", str(TB_CACHE_MIB), unit="MiB")
    if value == "kvm":
        _element(domain, "cpu", mode="host-model")


def new_domain(
    name: str,
    uuid: str,
    fields: Mapping[str, Any],
    sources: Mapping[str, Source],
    note: metadata.Metadata,
) -> str:
    """Render the first XML of a VM from the flat desired fields and the places of its volumes."""
    domain = ET.Element("domain")
    _element(domain, "name", name)
    _element(domain, "uuid", uuid)
    _element(domain, "metadata").append(metadata.to_element(note))
    _element(domain, "memory", str(fields["memory_max_mib"]), unit="MiB")
    _element(domain, "currentMemory", str(fields["memory_mib"]), unit="MiB")
    _set_cores(domain, fields["cores"], fields["cores_max"])
    operating_system = _element(domain, "os")
    test_driver = fields["virtualization"] == "test"
    if test_driver:
        _element(operating_system, "type", "hvm", arch="i686")
    else:
        _element(operating_system, "type", "hvm", arch="x86_64", machine="q35")
    features = _element(domain, "features")
    _element(features, "acpi")
    _element(features, "apic")
    _set_virtualization(domain, str(fields["virtualization"]))
    _element(domain, "clock", offset="utc")
    for event, reaction in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "restart")):
        _element(domain, f"on_{event}", reaction)
    devices = _element(domain, "devices")
    for role in DISK_ROLES:
        if role in sources:
            devices.append(disk_element(role, sources[role], fields))
    if facts.SEED_ROLE in sources:
        devices.append(seed_element(sources[facts.SEED_ROLE]))
    if not test_driver:
        _element(devices, "controller", type="pci", index="0", model="pcie-root")
        for index in range(1, PCIE_ROOT_PORTS + 1):
            _element(devices, "controller", type="pci", index=str(index), model="pcie-root-port")
        _element(devices, "controller", type="usb", index="0", model="none")
    _element(devices, "controller", type="scsi", index="0", model="virtio-scsi")
    for role in NIC_ROLES:
        if f"nics.{role}.mac" in fields:
            devices.append(nic_element(role, fields))
    serial = _element(devices, "serial", type="pty")
    if fields["console_log"]:
        _element(serial, "log", file=str(fields["console_log"]), append="on")
    _element(serial, "target", port="0")
    _element(_element(devices, "console", type="pty"), "target", type="serial", port="0")
    rng = _element(devices, "rng", model="virtio")
    _element(rng, "backend", "/dev/urandom", model="random")
    _element(devices, "memballoon", model="virtio")
    if not test_driver:
        _element(_element(devices, "video"), "model", type="none")
    return ET.tostring(domain, encoding="unicode")


def find_device(domain: ET.Element, role: str) -> ET.Element | None:
    """Find the disk or network card of a role."""
    for tag in ("disk", "interface"):
        for device in domain.iterfind(f"devices/{tag}"):
            if facts.role_of(device) == role:
                return device
    return None


def device_text(text: str, role: str, without_address: bool = False) -> str:
    """Cut the XML of one device out of a domain XML.

    :param without_address: leave the PCI address out, so that libvirt finds a free one.
    :raises HypervisorError: when the domain has no device of that role.
    """
    device = find_device(ET.fromstring(text), role)
    if device is None:
        raise HypervisorError(f"the domain has no device {facts.ALIAS_PREFIX}{role}")
    address = device.find("address")
    if without_address and address is not None:
        device.remove(address)
    return ET.tostring(device, encoding="unicode")


def patched_nic(text: str, role: str, values: Mapping[str, Any]) -> str:
    """Cut a network card out of a domain XML, with some of its values changed."""
    nic = ET.fromstring(device_text(text, role))
    for field, value in values.items():
        patch_nic(nic, field, value)
    return ET.tostring(nic, encoding="unicode")


def _set_memory(domain: ET.Element, tag: str, value: int) -> None:
    element = domain.find(tag)
    if element is None:
        element = _element(domain, tag)
    element.set("unit", "MiB")
    element.text = str(value)


def _set_cores(domain: ET.Element, cores: int, cores_max: int) -> None:
    # The list of single CPUs states the old numbers; libvirt makes a new one when it needs it.
    for old in ("vcpu", "vcpus"):
        for element in domain.findall(old):
            domain.remove(element)
    _element(domain, "vcpu", str(cores_max), placement="static", current=str(cores))


def patch_nic(nic: ET.Element, field: str, value: Any) -> None:
    """Set ``bridge``, ``link``, ``mtu``, ``mac``, ``filter`` or ``addresses`` in an ``<interface>``."""
    if field in ("filter", "addresses"):
        _set_filter(nic, field, value)
        return
    attribute = {
        "bridge": ("source", "bridge"),
        "link": ("link", "state"),
        "mtu": ("mtu", "size"),
        "mac": ("mac", "address"),
    }
    tag, name = attribute[field]
    element = nic.find(tag)
    if value is None:
        if element is not None:
            nic.remove(element)
        return
    if element is None:
        element = _element(nic, tag)
    element.set(name, str(value))


def _set_filter(nic: ET.Element, field: str, value: str) -> None:
    """Set the filter's name, which takes the filter away when it is empty, or the addresses that it lets through."""
    old = nic.find("filterref")
    name, addresses = nwfilter.from_element(old)
    name, addresses = (value, addresses) if field == "filter" else (name, value)
    if old is not None:
        nic.remove(old)
    if name:
        nic.append(nwfilter.to_element(name, addresses))


def patch_domain(
    text: str,
    changed: Iterable[str],
    fields: Mapping[str, Any],
    sources: Mapping[str, Source],
    note: metadata.Metadata,
) -> str:
    """Set the changed fields in an inactive domain XML and leave everything else untouched.

    :param changed: names of the flat fields to set; their values come from ``fields``.
    :param sources: places of volumes, for disks that are added.
    """
    domain = ET.fromstring(text)
    devices = domain.find("devices")
    if devices is None:
        devices = _element(domain, "devices")
    for field in changed:
        value = fields[field]
        parts = field.split(".")
        if field == "virtualization":
            _set_virtualization(domain, value)
        elif field in ("memory_mib", "memory_max_mib"):
            _set_memory(domain, "memory" if field == "memory_max_mib" else "currentMemory", value)
        elif field in ("cores", "cores_max"):
            _set_cores(domain, fields["cores"], fields["cores_max"])
        elif field == "console_log":
            _set_console_log(devices, value)
        elif field == "seed_volume":
            _replace_device(devices, facts.SEED_ROLE, seed_element(sources[facts.SEED_ROLE]))
        elif parts[0] == "disks":
            disk = find_device(domain, parts[1])
            if disk is None:
                devices.append(disk_element(parts[1], sources[parts[1]], fields))
            elif parts[2] == "cache":
                driver = disk.find("driver")
                (driver if driver is not None else _element(disk, "driver", name="qemu")).set("cache", value)
            elif parts[2] in LIMITS:
                _set_limits(disk, parts[1], fields)
        elif parts[0] == "nics":
            nic = find_device(domain, parts[1])
            if nic is None:
                devices.append(nic_element(parts[1], fields))
            else:
                patch_nic(nic, parts[2], value)
    set_metadata(domain, note)
    return ET.tostring(domain, encoding="unicode")


def _replace_device(devices: ET.Element, role: str, new: ET.Element) -> None:
    for disk in devices.findall("disk"):
        if facts.role_of(disk) == role:
            devices.remove(disk)
    devices.append(new)


def _set_console_log(devices: ET.Element, path: str) -> None:
    for tag in ("serial", "console"):
        for port in devices.findall(tag):
            log = port.find("log")
            if log is None:
                log = _element(port, "log", append="on")
            log.set("file", path)


def set_metadata(domain: ET.Element, note: metadata.Metadata) -> None:
    """Put our element into a definition, in the place of the old one."""
    holder = domain.find("metadata")
    if holder is None:
        holder = _element(domain, "metadata")
    for old in holder.findall(metadata.qualified("vm")):
        holder.remove(old)
    holder.append(metadata.to_element(note))
