# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live migration: a VM goes to another hypervisor while it runs. Its disks are on storage that both have.

The two libvirts talk through one SSH connection, which carries the memory as well (peer to peer, tunnelled).
libvirt sees to it that the VM runs on one of the two at every moment; when it fails, the VM goes on where it was.
"""

from __future__ import annotations

import dataclasses
import threading
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import domain_xml, facts
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.connection import require_libvirt
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError

SAFE_CACHES = ("none", "directsync")
"""Cache modes that keep nothing of a disk in the memory of a hypervisor, where the other one would not see it."""

MINIMUM_SECONDS = 120
SECONDS_PER_GIB = 300
"""How long a migration may take, for each GiB of memory. A guest that writes faster than that stays where it is."""


def obstacle(domain: Any) -> str:
    """Say why a VM cannot move while it runs; empty when nothing is known that forbids it."""
    binding = require_libvirt()
    if domain.state()[0] != binding.VIR_DOMAIN_RUNNING:
        return "it does not run"
    unsafe = {
        mode
        for name, mode in facts.parse_domain(domain.XMLDesc()).fields.items()
        if name.startswith("disks.") and name.endswith(".cache") and mode not in SAFE_CACHES
    }
    return f"its disks have the cache mode {', '.join(sorted(unsafe))}" if unsafe else ""


def migrate(domain: Any, uri: str, bridges: Mapping[str, str]) -> None:
    """Move a running VM to the libvirt at ``uri``, and define it there without the mark that it was moved.

    :param bridges: network card -> bridge on the target.
    :raises HypervisorError: when libvirt refuses or it takes too long; then the VM runs on where it was.
    """
    binding = require_libvirt()
    parameters = {
        binding.VIR_MIGRATE_PARAM_DEST_XML: _on_target(domain.XMLDesc(binding.VIR_DOMAIN_XML_MIGRATABLE), bridges),
        binding.VIR_MIGRATE_PARAM_PERSIST_XML: _on_target(domain.XMLDesc(binding.VIR_DOMAIN_XML_INACTIVE), bridges),
    }
    flags = (
        binding.VIR_MIGRATE_LIVE
        | binding.VIR_MIGRATE_PEER2PEER
        | binding.VIR_MIGRATE_TUNNELLED
        | binding.VIR_MIGRATE_PERSIST_DEST
        | binding.VIR_MIGRATE_AUTO_CONVERGE
        # libvirt knows shared storage by the type of its file system; we know it by the token, and checked the caches.
        | binding.VIR_MIGRATE_UNSAFE
    )
    seconds = max(MINIMUM_SECONDS, SECONDS_PER_GIB * domain.maxMemory() // 1024**2)
    watch = threading.Timer(seconds, domain.abortJob)
    watch.start()
    try:
        domain.migrateToURI3(uri, parameters, flags)
    except binding.libvirtError as error:
        late = "" if watch.is_alive() else f" (it took more than {seconds} seconds)"
        raise HypervisorError(
            f"{domain.name()} could not be moved while it runs{late}: {error}; -e live=false stops it for the move"
        ) from error
    finally:
        watch.cancel()


def _on_target(text: str, bridges: Mapping[str, str]) -> str:
    """Give a definition as the target has it: on its bridges, and not marked as moved."""
    root = ET.fromstring(text)
    for role, bridge in bridges.items():
        nic = domain_xml.find_device(root, role)
        if nic is not None:
            domain_xml.patch_nic(nic, "bridge", bridge)
    note = facts.parse_domain(text).metadata
    if note is not None:
        domain_xml.set_metadata(root, dataclasses.replace(note, moved_to=""))
    return ET.tostring(root, encoding="unicode")
