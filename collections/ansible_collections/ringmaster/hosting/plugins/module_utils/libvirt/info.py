# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the VMs of a hypervisor, read from libvirt's definitions and the console logs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import console, facts, rules
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.connection import (
    connect,
    require_libvirt,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import NotReadyError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.metadata import Pending
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.model import PAUSED, RUNNING, STOPPED

POLL_SECONDS = 1.0


def domain_info(domain: Any) -> dict[str, Any] | None:
    """Describe one VM; None for a domain that is not Ringmaster's."""
    binding = require_libvirt()
    config = facts.parse_domain(domain.XMLDesc(binding.VIR_DOMAIN_XML_INACTIVE))
    if config.metadata is None:
        return None
    active = bool(domain.isActive())
    live = facts.parse_domain(domain.XMLDesc()) if active else None
    paused = active and domain.state()[0] == binding.VIR_DOMAIN_PAUSED
    note = config.metadata
    pending = pending_of(config, live) if live else []
    return {
        "name": config.name,
        "uuid": config.uuid,
        "project": note.project,
        "vm_id": note.vm_id,
        "image": note.image,
        "protected": note.protected,
        "generation": note.generation,
        "moved_to": note.moved_to,
        "state": PAUSED if paused else RUNNING if active else STOPPED,
        "autostart": bool(domain.autostart()),
        "machine": config.machine,
        "foreign_devices": list(config.foreign),
        "definition": _tree(config.fields),
        "running": _tree(live.fields) if live else {},
        "pending_restart": [entry.as_dict() for entry in pending],
        "console_log": config.fields["console_log"],
    }


def pending_of(config: facts.DomainFacts, live: facts.DomainFacts) -> list[Pending]:
    """Compare the running VM with its definition: what differs until the next start, and why.

    The reason is the one that was written when the difference came to be, else that of the rule.
    """
    written = {entry.field: entry.reason for entry in (live.metadata.pending if live.metadata else ())}
    pending = []
    for name, wanted in config.fields.items():
        found = live.fields.get(name)
        if found == wanted:
            continue
        rule = rules.rule_for(name)
        if name not in written and (rule.silent or rule.follows):
            continue
        pending.append(Pending(name, found, wanted, written.get(name, rule.reason or "changed outside of Ringmaster")))
    return pending


def _tree(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Turn ``disks.root.cache`` into nested mappings."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *path, last = name.split(".")
        place = tree
        for step in path:
            place = place.setdefault(step, {})
        place[last] = value
    return tree


def wait_for_host_keys(logs: Mapping[str, str], timeout: float) -> dict[str, list[str]]:
    """Read the host keys of several VMs from their console logs, all within one ``timeout`` in seconds.

    :param logs: VM -> path of its log.
    :returns: VM -> keys; VMs without keys are left out.
    """
    keys: dict[str, list[str]] = {}
    deadline = time.monotonic() + timeout
    while True:
        for name in [name for name in logs if name not in keys]:
            found = console.host_keys(Path(logs[name])) if logs[name] else []
            if found:
                keys[name] = found
        if len(keys) == len(logs) or time.monotonic() >= deadline:
            return keys
        time.sleep(POLL_SECONDS)


def gather(
    *, uri: str, names: Sequence[str] | None, host_key_timeout: float, wait_for: Sequence[str], check: bool
) -> dict[str, Any]:
    """Describe the VMs of this hypervisor.

    :param names: only these; None for all of ours.
    :param wait_for: VMs whose host keys are waited for.
    :param check: do not wait, and take a machine without libvirt for one without VMs.
    :returns: the result of module ``vm_info``.
    """
    vms: dict[str, Any] = {}
    try:
        with connect(uri) as connection:
            for domain in connection.listAllDomains():
                if names is None or domain.name() in names:
                    described = domain_info(domain)
                    if described:
                        vms[described["name"]] = described
    except NotReadyError:
        if not check:
            raise
    logs = {name: vm["console_log"] for name, vm in vms.items()}
    timeout = 0.0 if check else host_key_timeout
    keys = wait_for_host_keys({name: log for name, log in logs.items() if name in wait_for}, timeout)
    keys.update(wait_for_host_keys({name: log for name, log in logs.items() if name not in keys}, 0))
    for name, vm in vms.items():
        vm["host_keys"] = keys.get(name, [])
    return {
        "changed": False,
        "vms": vms,
        "host_keys": keys,
        "missing_host_keys": sorted(name for name in wait_for if name not in keys),
        "absent": sorted(set(names or ()) - set(vms)),
        "pending_restart": {name: vm["pending_restart"] for name, vm in vms.items() if vm["pending_restart"]},
    }
