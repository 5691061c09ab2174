# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a plan: one function for each kind of action, looked up in a table.

Every function may be run again after a kill at any point: it looks at what is there, or sets a value.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import (
    console,
    domain_xml,
    facts,
    metadata,
    seed,
    storage,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.connection import (
    found,
    require_libvirt,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.metadata import Pending, sort_pending
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.model import Action, Plan, volume_names
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.spec import DISK_ROLES, Spec

MEMORY_WAIT = 5.0
"""Seconds in which a guest should have followed; later runs tell when it has not."""


@dataclass
class Context:
    """What the actions work with."""

    connection: Any
    pool: Any
    spec: Spec
    plan: Plan
    stop_timeout: float = 120.0
    force_stop: bool = True
    failed_live: list[Pending] = field(default_factory=list)
    """Live steps that did not take effect; they wait for a restart instead."""

    @property
    def domain(self) -> Any:
        """The VM's domain.

        :raises HypervisorError: when it is not defined.
        """
        domain = found(self.connection.lookupByUUIDString, self.spec.uuid)
        if domain is None:
            raise HypervisorError(f"domain {self.spec.name} vanished while it was being changed; run again")
        return domain

    @property
    def volumes(self) -> dict[str, str]:
        """Role -> volume name."""
        return volume_names(self.spec.name, self.spec.uuid)

    def volume(self, role: str) -> Any:
        """Volume of a role.

        :raises HypervisorError: when it is gone.
        """
        volume = storage.lookup(self.pool, self.volumes[role])
        if volume is None:
            raise HypervisorError(f"volume {self.volumes[role]} vanished while it was being changed; run again")
        return volume


def _create_volume(context: Context, action: Action) -> None:
    role = action.target
    if role == "root":
        base = storage.source(context.pool, context.spec.image)
        storage.create(context.pool, context.volumes[role], context.spec.sizes[role], "qcow2", base)
    else:
        storage.create(context.pool, context.volumes[role], context.spec.sizes[role], "raw")


def _write_seed(context: Context, action: Action) -> None:
    iso = seed.build_iso(context.spec.seed)
    storage.write_seed(context.connection, context.pool, context.volumes[action.target], iso)


def _define(context: Context, action: Action) -> None:
    binding = require_libvirt()
    plan = context.plan
    if plan.config_note is None:
        raise ValueError("the plan defines a domain and has no note for it")
    sources = {
        role: storage.source(context.pool, name)
        for role, name in context.volumes.items()
        if role in DISK_ROLES or context.spec.seed
    }
    domain = found(context.connection.lookupByUUIDString, context.spec.uuid)
    if domain is None:
        if plan.fields["console_log"]:
            console.set_aside(Path(plan.fields["console_log"]))
        text = domain_xml.new_domain(context.spec.name, context.spec.uuid, plan.fields, sources, plan.config_note)
    else:
        changed = [name for name in action.after if name in plan.fields]
        text = domain_xml.patch_domain(_config_text(domain), changed, plan.fields, sources, plan.config_note)
    if plan.fields["console_log"]:
        Path(plan.fields["console_log"]).parent.mkdir(parents=True, exist_ok=True)
    context.connection.defineXMLFlags(text, binding.VIR_DOMAIN_DEFINE_VALIDATE)


def _config_text(domain: Any) -> str:
    binding = require_libvirt()
    return domain.XMLDesc(binding.VIR_DOMAIN_XML_INACTIVE | binding.VIR_DOMAIN_XML_SECURE)


def _set_autostart(context: Context, action: Action) -> None:
    context.domain.setAutostart(1 if action.after else 0)


def _stop(context: Context, _action: Action) -> None:
    stop_domain(context.domain, context.stop_timeout, context.force_stop)


def stop_domain(domain: Any, timeout: float, force: bool) -> None:
    """Ask the guest to shut down, wait ``timeout`` seconds until it is off, then switch it off if ``force``.

    A guest that starts again meanwhile counts as stopped only when libvirt says so: the state is asked,
    not assumed.

    :raises HypervisorError: when it still runs and ``force`` is false.
    """
    binding = require_libvirt()
    deadline = time.monotonic() + timeout
    asked = 0.0
    while domain.isActive():
        now = time.monotonic()
        if now >= deadline:
            if not force:
                raise HypervisorError(
                    f"VM {domain.name()} did not shut down within {timeout:.0f} s; look at its console, or allow force"
                )
            domain.destroy()
            return
        # A guest that is still booting misses the power button: press it again now and then.
        if now - asked >= 10:
            try:
                domain.shutdown()
            except binding.libvirtError:
                if domain.isActive():
                    raise
            asked = now
        time.sleep(min(0.2, timeout))


def _start(context: Context, _action: Action) -> None:
    domain = context.domain
    if not domain.isActive():
        domain.create()


def _undefine(context: Context, _action: Action) -> None:
    undefine(context.domain)


def undefine(domain: Any) -> None:
    """Take a definition away with what libvirt keeps beside it, and nothing else: never a disk."""
    binding = require_libvirt()
    flags = binding.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | binding.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    # An adopted domain may have these; libvirt's test driver does not know the flags.
    if "<nvram" in domain.XMLDesc():
        flags |= binding.VIR_DOMAIN_UNDEFINE_NVRAM
    if domain.listAllCheckpoints():
        flags |= binding.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    domain.undefineFlags(flags)


def _delete_volume(context: Context, action: Action) -> None:
    volume = storage.lookup(context.pool, context.volumes[action.target])
    if volume is not None:
        storage.delete(volume)


def _resume(context: Context, _action: Action) -> None:
    context.domain.resume()


def _resize_volume(context: Context, action: Action) -> None:
    storage.grow(context.volume(action.target), context.spec.sizes[action.target])


def _resize_disk(context: Context, action: Action) -> None:
    """Grow the disk of a running VM: QEMU does it, never a tool behind its back."""
    binding = require_libvirt()
    domain = context.domain
    target = facts.parse_domain(domain.XMLDesc()).targets[action.target]
    wanted = context.spec.sizes[action.target]
    if domain.blockInfo(target)[0] > wanted:
        raise HypervisorError(f"disk {target} of {domain.name()} would shrink to {wanted} bytes")
    domain.blockResize(target, wanted, binding.VIR_DOMAIN_BLOCK_RESIZE_BYTES)


def _set_memory(context: Context, action: Action) -> None:
    binding = require_libvirt()
    domain = context.domain
    wanted = action.after["memory_mib"]
    domain.setMemoryFlags(wanted * 1024, binding.VIR_DOMAIN_AFFECT_LIVE)
    deadline = time.monotonic() + MEMORY_WAIT
    while time.monotonic() < deadline:
        if facts.parse_domain(domain.XMLDesc()).fields["memory_mib"] == wanted:
            return
        time.sleep(0.2)


def _set_cores(context: Context, action: Action) -> None:
    context.domain.setVcpusFlags(action.after["cores"], require_libvirt().VIR_DOMAIN_AFFECT_LIVE)


def _set_io_limits(context: Context, action: Action) -> None:
    domain = context.domain
    target = facts.parse_domain(domain.XMLDesc()).targets[action.target]
    prefix = f"disks.{action.target}."
    limits = {name: int(context.plan.fields[prefix + limit]) for limit, name in facts.IOTUNE.items()}
    domain.setBlockIoTune(target, limits, require_libvirt().VIR_DOMAIN_AFFECT_LIVE)


def _update_nic(context: Context, action: Action) -> None:
    domain = context.domain
    text = domain_xml.patched_nic(
        domain.XMLDesc(), action.target, {name.split(".")[2]: value for name, value in action.after.items()}
    )
    domain.updateDeviceFlags(text, require_libvirt().VIR_DOMAIN_AFFECT_LIVE)


def _attach(context: Context, action: Action) -> None:
    """Attach the device that the definition already has, so that both agree on everything but its address."""
    domain = context.domain
    text = domain_xml.device_text(_config_text(domain), action.target, without_address=True)
    domain.attachDeviceFlags(text, require_libvirt().VIR_DOMAIN_AFFECT_LIVE)


def _note_live(context: Context, _action: Action) -> None:
    """Write the metadata of the running domain; ``pending`` ends with it."""
    note = context.plan.live_note
    if note is None:
        raise ValueError("the plan writes the note of the running domain and has none")
    write_live_note(context.domain, note)


def write_live_note(domain: Any, note: metadata.Metadata) -> None:
    """Set our element in the running domain only."""
    _write_note(domain, note, require_libvirt().VIR_DOMAIN_AFFECT_LIVE)


def write_config_note(domain: Any, note: metadata.Metadata) -> None:
    """Set our element in the definition only."""
    _write_note(domain, note, require_libvirt().VIR_DOMAIN_AFFECT_CONFIG)


def _write_note(domain: Any, note: metadata.Metadata, where: int) -> None:
    kind = require_libvirt().VIR_DOMAIN_METADATA_ELEMENT
    domain.setMetadata(kind, metadata.to_plain_xml(note), metadata.PREFIX, metadata.NAMESPACE, where)


TABLE: dict[str, Callable[[Context, Action], None]] = {
    "create_volume": _create_volume,
    "write_seed": _write_seed,
    "define": _define,
    "set_autostart": _set_autostart,
    "stop": _stop,
    "resize_volume": _resize_volume,
    "resize_disk": _resize_disk,
    "set_memory": _set_memory,
    "set_cores": _set_cores,
    "set_io_limits": _set_io_limits,
    "update_nic": _update_nic,
    "attach_disk": _attach,
    "attach_nic": _attach,
    "note_live": _note_live,
    "undefine": _undefine,
    "delete_volume": _delete_volume,
    "start": _start,
    "resume": _resume,
}

MAY_WAIT = frozenset({"set_memory", "set_cores", "set_io_limits", "update_nic", "attach_disk", "attach_nic"})
"""Live steps whose failure is no error: the definition has the value already, so it waits for a restart."""


def run(context: Context) -> None:
    """Run the actions in order.

    :raises HypervisorError: naming VM, step and libvirt's message.
    """
    binding = require_libvirt()
    for action in context.plan.actions:
        try:
            TABLE[action.kind](context, action)
        except binding.libvirtError as error:
            if action.kind not in MAY_WAIT:
                raise HypervisorError(
                    f"VM {context.spec.name}: step {action.kind} {action.target} failed: {error}"
                ) from error
            context.failed_live += [
                Pending(name, action.before.get(name), value, f"libvirt refused the live change: {error}")
                for name, value in action.after.items()
            ]
    if context.failed_live:
        _note_failures(context)


def _note_failures(context: Context) -> None:
    """Record live steps without effect, so that the next run neither repeats nor forgets them."""
    domain = context.domain
    if not domain.isActive():
        return
    note = facts.parse_domain(domain.XMLDesc()).metadata or context.plan.config_note
    if note is None:
        raise ValueError("the running domain has no note and the plan has none either")
    failed = {entry.field: entry for entry in context.failed_live}
    kept = [entry for entry in note.pending if entry.field not in failed]
    write_live_note(domain, dataclasses.replace(note, pending=sort_pending([*kept, *failed.values()])))
