# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs about VMs: each returns the patch of one file. Pure but for the date."""

from __future__ import annotations

import datetime
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import WITH_USERS

from ..language import names
from ..model import Description, Vm
from ..schema import backup
from ..schema.vm import VM
from .drafts import Draft, check_same, is_kept
from .request import Request

GRACE_DAYS = 7
"""Days for which a retired VM is kept, unless the request says otherwise."""


def order_vm(found: Description, request: Request) -> Draft:
    """Declare one more VM, by the project's next name."""
    project = request.values["project"]
    name = request.values.get("vm")
    values = {key.name: request.texts[key.name] for key in VM.keys if key.name in request.texts}
    if not request.known("project", "project", found.projects):
        return Draft("projects", project, {}, "")
    following = names.next_vm(project, [*found.vms, *found.ledger.used_vm_names()])
    if name in found.vms and found.vms[name].project == project:
        # Ordered before, by the same request: nothing to do. Another one with this name is refused.
        check_same(request, found.projects[project]["vms"][name], ("project", "vm"), f"the VM {name}", "change_vm")
        return Draft("projects", project, {}, name)
    if name and name != following:
        request.wrong(
            f"vm: {name} is not the next VM of project {project}",
            found=name,
            allowed=f"{following}, or no name at all",
            hint="numbers are given in order, and none is given twice",
        )
    return Draft("projects", project, {"vms": {following: values}}, following)


def change_vm(found: Description, request: Request) -> Draft:
    """Merge values into a VM's entry."""
    name = request.values["vm"]
    if is_kept(found, request, name):
        vm = found.vms[name]
        record = found.projects[vm.project]["vms"][name]
        disk = request.values.get("disk")
        if disk and disk < vm.disk_gib * 1024:
            request.wrong(
                f"disk: {request.texts['disk']} is less than {name} has; disks never shrink",
                found=request.texts["disk"],
                allowed=f"{vm.disk_gib}GiB or more",
            )
        patch = {
            key: request.texts[key]
            for key, value in request.values.items()
            if key not in ("vm", "components", "remove_components") and value != record[key]
        }
        components: dict[str, Any] = {
            # Named again, it comes back with the options that it had.
            component: {"state": None, **(options or {})} if component in vm.leaving else options
            for component, options in request.texts.get("components", {}).items()
        }
        for component in request.values.get("remove_components", []):
            if component in components:
                request.wrong(f"remove_components: {component} stands in components, too", found=component)
            components |= _leave(request, "remove_components", vm, component)
        if components:
            patch["components"] = components
        return Draft("projects", vm.project, {"vms": {name: patch}} if patch else {}, name)
    return Draft("projects", "", {}, name)


def remove_component(found: Description, request: Request) -> Draft:
    """Mark a component of a VM to be taken away; or, once it is marked, take it out of the description."""
    name, component = request.values["vm"], request.values["component"]
    if not is_kept(found, request, name):
        return Draft("projects", "", {}, name)
    vm = found.vms[name]
    if not request.values.get("forget"):
        patch = _leave(request, "component", vm, component)
    elif component in vm.components:
        request.wrong(
            f"forget: {component} is not marked to go from {name}",
            found="forget: true",
            hint="remove_component without forget marks it; the next run takes it away and keeps its data",
        )
        patch = {}
    else:
        patch = {component: None} if component in vm.leaving else {}
    return Draft("projects", vm.project, {"vms": {name: {"components": patch}}} if patch else {}, name)


def _leave(request: Request, argument: str, vm: Vm, component: str) -> dict[str, Any]:
    """Return the mark of a component; nothing where it is marked, and a mistake where it is not there."""
    if component in vm.leaving:
        return {}
    if component not in vm.components:
        having = ", ".join(vm.components) or "none"
        request.wrong(f"{argument}: {vm.name} has no {component}", found=component, allowed=having)
    return {component: {"state": "absent"}}


def stop_vm(found: Description, request: Request) -> Draft:
    """Say that a VM shall be off until it is started again; its disks, addresses and backups stay."""
    return _run(found, request, "stopped")


def start_vm(found: Description, request: Request) -> Draft:
    """Say that a stopped VM shall run."""
    return _run(found, request, "running")


def _run(found: Description, request: Request, wanted: str) -> Draft:
    name = request.values["vm"]
    if not is_kept(found, request, name):
        return Draft("projects", "", {}, name)
    vm = found.vms[name]
    if vm.state == "retiring":
        request.wrong(
            f"vm: {name} is stopped for good and will be deleted",
            found=f"state: retiring, delete_after: {vm.delete_after}",
            hint=f"retire_vm with vm={name} and undo=true takes that back, and it runs again",
        )
    patch = {"state": wanted if wanted != "running" else None} if vm.state != wanted else {}
    return Draft("projects", vm.project, {"vms": {name: patch}} if patch else {}, name)


def retire_vm(found: Description, request: Request) -> Draft:
    """Stop a VM for good, with a grace period; or take that back."""
    name = request.values["vm"]
    if not is_kept(found, request, name):
        return Draft("projects", "", {}, name)
    vm = found.vms[name]
    days = request.values.get("days")
    if request.values.get("undo"):
        if days is not None:
            request.wrong("days: undo takes the whole retiring back", allowed="days or undo, not both")
        patch: dict[str, Any] = {"state": None, "delete_after": None} if vm.state == "retiring" else {}
    else:
        if vm.protected:
            request.wrong(
                f"vm: {name} is protected and cannot be retired",
                found="protected: true",
                hint=f"change_vm with vm={name} and protected=false takes the protection away",
            )
        # Retired again without a number of days, it keeps its date: a second run changes nothing.
        last = today() + datetime.timedelta(days=GRACE_DAYS if days is None else days)
        is_new = vm.state != "retiring" or days is not None
        patch = {"state": "retiring", "delete_after": last.isoformat()} if is_new else {}
    return Draft("projects", vm.project, {"vms": {name: patch}} if patch else {}, name)


def delete_vm(found: Description, request: Request) -> Draft:
    """Take a VM that was deleted out of the description, and leave its tombstone in the ledger."""
    name = request.values["vm"]
    if name in found.ledger.retired and name not in found.vms:
        return Draft("projects", "", {}, name)
    if not is_kept(found, request, name):
        return Draft("projects", "", {}, name)
    vm = found.vms[name]
    day = today().isoformat()
    if vm.state != "retiring" or not vm.delete_after or vm.delete_after >= day:
        request.wrong(
            f"vm: {name} is not to be deleted yet",
            found=f"state: {vm.state}" + (f", delete_after: {vm.delete_after}" if vm.delete_after else ""),
            allowed=f"a VM with state: retiring and a delete_after before {day}",
            hint="retire_vm begins with it",
        )
    return Draft("projects", vm.project, {"vms": {name: None}}, name, {"retired": {name: day}})


def rotate_secret(found: Description, request: Request) -> Draft:
    """Give a password its next generation. The machines follow when the component converges."""
    vm_name, component, name = (request.values[argument] for argument in ("vm", "component", "object"))
    if not is_kept(found, request, vm_name):
        return Draft("projects", "", {}, vm_name)
    vm = found.vms[vm_name]
    if component == backup.COMPONENT:
        request.find("object", "password of backups", name, backup.SECRETS)
    elif not request.find("component", f"component of {vm_name}", component, vm.components):
        return Draft("projects", vm.project, {}, name)
    known = next((one for one in WITH_USERS if one.name == component), None)
    if known:
        declared = (vm.components[component] or {}).get("users", known.default_users)
        request.find("object", f"{known.title} user", name, [*(str(user.get("name")) for user in declared), *known.own])
    secret = f"{vm_name}/{component}/{name}"
    now = found.ledger.secret_generations(vm.project).get(secret, 1)
    wanted = request.values.get("generation", now + 1)
    if wanted not in (now, now + 1):
        request.wrong(
            f"generation: {secret} is in generation {now}",
            found=str(wanted),
            allowed=f"{now + 1}, or no number at all",
            hint="generations are never used again",
        )
    entries = {f"{vm.project}/{secret}": str(wanted)} if wanted != now else {}
    return Draft("projects", vm.project, {}, secret, {"generations": entries} if entries else {})


def place_vm(found: Description, request: Request) -> Draft:
    """Write down that a VM is on another hypervisor now."""
    name, hypervisor = request.values["vm"], request.values["hypervisor"]
    if not is_kept(found, request, name):
        return Draft("projects", "", {}, name)
    vm = found.vms[name]
    patch = {"vms": {name: {"hypervisor": hypervisor}}} if vm.hypervisor not in ("", hypervisor) else {}
    return Draft("projects", vm.project, patch, name, {"placements": {name: hypervisor}})


def today() -> datetime.date:
    """Return the day on the controller."""
    return datetime.date.today()
