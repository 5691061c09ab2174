# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to happen to make one VM as declared. Pure: no libvirt, no files, no clock.

Check mode shows the plan, the diff is made from it, apply runs it, and the read-back after apply is
the same plan once more, which then must be empty.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import nwfilter, rules
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.facts import SEED_ROLE, DomainFacts
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.metadata import (
    Metadata,
    Pending,
    sort_pending,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.model import (
    DISPOSABLE,
    PAUSED,
    RUNNING,
    STOPPED,
    Action,
    Current,
    Environment,
    Plan,
    Refusal,
    size_text,
    volume_names,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.spec import (
    DISK_ROLES,
    LIMITS,
    NIC_ROLES,
    Spec,
)

Fields = Mapping[str, Any]


def cores_maximum(cores: int, host_cpus: int) -> int:
    """CPU slots of a VM: twice its cores as far as the host has them, never less than its cores."""
    return max(cores, min(2 * cores, host_cpus))


def desired_fields(spec: Spec, environment: Environment, config: DomainFacts | None) -> dict[str, Any]:
    """Turn a specification into the flat fields that :mod:`facts` reads from XML.

    ``cores_max`` stays as it is while the wanted cores fit in it: raising it needs a restart.
    """
    cores_max = cores_maximum(spec.cores, environment.host_cpus)
    if config and spec.cores <= config.fields["cores_max"]:
        cores_max = config.fields["cores_max"]
    directory = environment.console_directory
    fields: dict[str, Any] = {
        "virtualization": environment.virtualization,
        "memory_mib": spec.memory_mib,
        "memory_max_mib": spec.memory_max_mib,
        "cores": spec.cores,
        "cores_max": cores_max,
        "console_log": f"{directory}/{spec.name}.log" if directory else "",
    }
    names = volume_names(spec.name, spec.uuid)
    for role in DISK_ROLES:
        fields[f"disks.{role}.volume"] = names[role]
        fields[f"disks.{role}.cache"] = environment.disk_cache
        for limit in LIMITS:
            fields[f"disks.{role}.{limit}"] = spec.io_limits.get(role, {}).get(limit, 0)
    if spec.seed:
        fields["seed_volume"] = names[SEED_ROLE]
    for nic in spec.nics:
        for key in ("mac", "bridge", "link", "mtu"):
            fields[f"nics.{nic.role}.{key}"] = getattr(nic, key)
        if nic.addresses:
            name, allowed = nwfilter.reference(nic.mac, nic.addresses) if nic.is_filtered else ("", "")
            fields[f"nics.{nic.role}.filter"] = name
            fields[f"nics.{nic.role}.addresses"] = allowed
    return fields


def refusals_of(spec: Spec, environment: Environment, current: Current) -> list[Refusal]:
    """Reasons that forbid to touch the VM at all."""
    refusals = []
    config = current.config
    here = environment.hypervisor
    if current.name_taken_by:
        refusals.append(
            Refusal(
                f"a domain named {spec.name} exists with UUID {current.name_taken_by}, not {spec.uuid}",
                "it is not ours and stays untouched: rename or remove it by hand",
            )
        )
    if spec.hypervisor and here and spec.hypervisor != here:
        refusals.append(
            Refusal(
                f"the placement of {spec.name} names hypervisor {spec.hypervisor}, and this is {here}",
                "use the verb move_vm",
            )
        )
    if config is None:
        return refusals
    if config.name != spec.name:
        refusals.append(
            Refusal(
                f"the domain with UUID {spec.uuid} is named {config.name}, not {spec.name}",
                "a VM keeps its name for ever (address, DNS and volumes carry it): order a new one",
            )
        )
    if config.metadata is None:
        refusals += _reasons_not_to_adopt(spec, config)
    elif config.metadata.moved_to:
        refusals.append(
            Refusal(
                f"domain {spec.name} was moved to hypervisor {config.metadata.moved_to}",
                "it must not run twice: correct the placement or undefine this left-over",
            )
        )
    return refusals


def _reasons_not_to_adopt(spec: Spec, config: DomainFacts) -> list[Refusal]:
    if not spec.adopt:
        return [
            Refusal(
                f"domain {config.name} has our UUID but not Ringmaster's metadata",
                "somebody defined it by hand: say adopt, or undefine it (without its storage) and run again",
            )
        ]
    # A device that is not known by its alias would be added a second time.
    missing = [role for role in DISK_ROLES if role not in config.targets]
    missing += [nic.role for nic in spec.nics if f"nics.{nic.role}.mac" not in config.fields]
    if not missing:
        return []
    return [
        Refusal(
            f"domain {config.name} has no devices with the aliases {', '.join(f'ua-{role}' for role in missing)}",
            "give its devices these aliases first, or undefine it (without its storage) and run again",
        )
    ]


def _volume_actions(
    spec: Spec, environment: Environment, current: Current, stays_up: bool
) -> tuple[list[Action], list[Action], list[Refusal], list[str]]:
    """Compare the volumes. Returns actions before the definition, actions after it, refusals and notes."""
    early: list[Action] = []
    late: list[Action] = []
    refusals: list[Refusal] = []
    notes: list[str] = []
    for role in DISK_ROLES:
        volume, wanted = current.volumes[role], spec.sizes[role]
        if not volume.readable:
            refusal = _creation_refusal(role, spec, current, wanted)
            if refusal and refusal.what.endswith(f"no image {spec.image}") and environment.image_may_come:
                notes.append(f"image {spec.image} is not in the pool yet")
                refusal = None
            if refusal:
                refusals.append(refusal)
            else:
                early.append(Action("create_volume", role, None, size_text(wanted)))
            continue
        if current.config is None:
            notes.append(f"volume {volume.name} was there already and is used again")
        if wanted < volume.capacity and role not in DISPOSABLE:
            refusals.append(
                Refusal(
                    f"disk {role} of {spec.name} has {size_text(volume.capacity)}, declared are {size_text(wanted)}",
                    "a disk never shrinks: declare at least its present size",
                )
            )
        elif wanted > volume.capacity:
            kind = "resize_disk" if stays_up and current.live and role in current.live.targets else "resize_volume"
            late.append(Action(kind, role, size_text(volume.capacity), size_text(wanted)))
    return early, late, refusals, notes


def _creation_refusal(role: str, spec: Spec, current: Current, wanted: int) -> Refusal | None:
    if role in DISPOSABLE:
        return None
    if current.config is not None:
        return Refusal(
            f"volume {current.volumes[role].name} of the existing VM {spec.name} has vanished from its pool",
            "an empty disk would hide the loss: restore the volume, or undefine the domain to start with an empty one",
        )
    if spec.root_must_exist:
        return Refusal(
            f"the pool has no volume {current.volumes[role].name}",
            "the VM is defined over its own disk only: bring it here first, or restore it from the backup",
        )
    if current.image_capacity is None:
        return Refusal(f"the pool has no image {spec.image}", "import it first with ringmaster.hosting.image")
    if wanted < current.image_capacity:
        return Refusal(
            f"{spec.name} declares a root disk of {size_text(wanted)}, "
            f"and image {spec.image} needs {size_text(current.image_capacity)}",
            "declare a larger disk",
        )
    return None


def _config_changes(wanted: Mapping[str, Any], config: DomainFacts) -> tuple[dict[str, Any], list[Refusal]]:
    changes: dict[str, Any] = {}
    refusals = []
    for name, value in wanted.items():
        found = config.fields.get(name)
        if found == value:
            continue
        rule = rules.rule_for(name)
        # Volume and MAC are the fields that show whether a device exists: a missing device is added.
        if rule.refuse and name in config.fields:
            refusals.append(Refusal(f"{name} of {config.name} is {found}, declared is {value}", rule.refuse))
            continue
        changes[name] = value
    for role in NIC_ROLES:
        if f"nics.{role}.mac" in config.fields and f"nics.{role}.mac" not in wanted:
            refusals.append(
                Refusal(
                    f"network card {role} of {config.name} is not declared",
                    "a card is never detached unasked",
                )
            )
    return changes, refusals


@dataclass
class _LiveSteps:
    """What the running VM needs: steps, fields that wait for a restart, and sentences."""

    actions: dict[tuple[str, str], Action] = field(default_factory=dict)
    pending: list[Pending] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _live_steps(wanted: Fields, config: DomainFacts, live: DomainFacts) -> _LiveSteps:
    """Compare the running VM with the wanted fields.

    A live step that was tried before with the same value and failed is listed in the running domain's
    metadata; it is not tried again, and its reason is kept. A step that only asks the guest was done when
    the running domain's generation is that of the definition, and is not repeated either.
    """
    steps = _LiveSteps()
    tried = {entry.field: entry for entry in (live.metadata.pending if live.metadata else ())}
    asked = bool(live.metadata and config.metadata and live.metadata.generation == config.metadata.generation)
    for name, value in wanted.items():
        found = live.fields.get(name)
        if found == value:
            continue
        parts = name.split(".")
        role = parts[1] if len(parts) > 1 else ""
        missing_device = (parts[0] == "disks" and role not in live.targets) or (
            parts[0] == "nics" and f"nics.{role}.mac" not in live.fields
        )
        rule = rules.rule_for(name)
        obstacle = rule.obstacle(live.fields, value) if rule.obstacle else ""
        if name in tried and tried[name].wanted == value:
            steps.pending.append(dataclasses.replace(tried[name], live=found))
        elif missing_device:
            kind = "attach_disk" if parts[0] == "disks" else "attach_nic"
            _merge(steps.actions, (kind, role), {name: found}, {name: value})
        elif rule.refuse:
            continue
        elif not rule.live or obstacle:
            if not rule.silent:
                steps.pending.append(Pending(name, found, value, obstacle or rule.reason))
        elif rule.follows and asked and config.fields.get(name) == value:
            steps.notes.append(f"{name} is {found}, asked for are {value}: {rule.follows}")
        else:
            _merge(steps.actions, (rule.live, role), {name: found}, {name: value})
    return steps


def _merge(actions: dict[tuple[str, str], Action], key: tuple[str, str], before: Fields, after: Fields) -> None:
    """Collect the fields of one device in one action; ``key`` is its kind and role."""
    old = actions.get(key, Action(*key, {}, {}))
    actions[key] = Action(*key, {**old.before, **before}, {**old.after, **after})


def make_plan(spec: Spec, seed_hash: str, environment: Environment, current: Current) -> Plan:
    """Plan the steps that make ``current`` as ``spec`` declares it.

    :param seed_hash: hash of the seed's content; empty without seed.
    """
    refusals = refusals_of(spec, environment, current)
    if refusals:
        return Plan(refusals=tuple(refusals))
    config = current.config
    fields = desired_fields(spec, environment, config)
    up = current.live is not None
    stop = up and spec.state in ("stopped", "restarted")
    changes: dict[str, Any] = dict(fields)
    if config:
        changes, more = _config_changes(fields, config)
        refusals += more
    live = _LiveSteps()
    if current.live and config and not stop:
        live = _live_steps(fields, config, current.live)
        if live.pending and environment.restart_pending:
            stop, live = True, _LiveSteps()
    early, late, more, notes = _volume_actions(spec, environment, current, up and not stop)
    refusals += more
    if refusals:
        return Plan(refusals=tuple(refusals))

    old_note = config.metadata if config else None
    note = Metadata(
        project=spec.project,
        vm_id=spec.vm_id,
        image=old_note.image if old_note else spec.image,
        seed=seed_hash,
        protected=spec.protected,
        generation=old_note.generation if old_note else 0,
    )
    actions = list(early)
    if spec.seed and (old_note is None or old_note.seed != seed_hash or not current.volumes[SEED_ROLE].readable):
        actions.append(Action("write_seed", SEED_ROLE, old_note.seed[:12] if old_note else None, seed_hash[:12]))
    note_changes = _note_changes(old_note, note)
    if changes or note_changes:
        note = dataclasses.replace(note, generation=note.generation + 1)
        before = {name: config.fields.get(name) for name in changes} if config else {}
        before.update({name: getattr(old_note, name) for name in note_changes} if old_note else {})
        actions.append(Action("define", spec.name, before, {**changes, **note_changes}))
    if current.autostart != spec.autostart:
        actions.append(Action("set_autostart", spec.name, current.autostart if config else None, spec.autostart))
    if stop:
        actions.append(Action("stop", spec.name, current.state, STOPPED))
    actions += late
    actions += live.actions.values()
    live_note = None
    if current.live and not stop:
        written = current.live.metadata.pending if current.live.metadata else ()
        live_note = dataclasses.replace(note, pending=_noted(live.pending, written))
        if live_note != current.live.metadata:
            actions.append(
                Action(
                    "note_live",
                    spec.name,
                    [entry.field for entry in written],
                    [entry.field for entry in live.pending],
                )
            )
    if spec.state in ("running", "restarted") or (stop and spec.state != "stopped"):
        if not up or stop:
            actions.append(Action("start", spec.name, STOPPED if stop or config else None, RUNNING))
        elif current.state == PAUSED:
            actions.append(Action("resume", spec.name, PAUSED, RUNNING))
    return Plan(tuple(actions), tuple(live.pending), (), (*notes, *live.notes), fields, note, live_note)


def _noted(pending: list[Pending], written: tuple[Pending, ...]) -> tuple[Pending, ...]:
    """Give the entries to write down: one that is written already with the same value stays as it is."""
    known = {(entry.field, entry.wanted): entry for entry in written}
    return sort_pending(known.get((entry.field, entry.wanted), entry) for entry in pending)


def _note_changes(old: Metadata | None, new: Metadata) -> dict[str, Any]:
    """Fields of the metadata that differ, except the counter and what belongs to the running domain."""
    names = ("project", "vm_id", "image", "seed", "protected")
    return {name: getattr(new, name) for name in names if old is None or getattr(old, name) != getattr(new, name)}
