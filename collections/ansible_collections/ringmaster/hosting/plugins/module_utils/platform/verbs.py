# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's verbs: what each may be asked for, and the patch of one file that it leads to. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..components.registry import COMPONENTS
from . import backup, names, schema
from .checks import fingerprint, is_fingerprint, key_blob, key_or_fingerprint
from .containers import ListOf, Record
from .model import Description
from .request import Request
from .request import read as read_request
from .types import Boolean, Choice, Integer, Name, Text, Type

ADDED_USER_STATES = ("active", "pending")
GRACE_DAYS = 7
"""Days for which a retired VM is kept, unless the request says otherwise."""


@dataclass(frozen=True)
class Draft:
    """One file of the description, a patch of it (JSON Merge Patch), and the name of what it is about."""

    kind: str
    file: str
    patch: dict[str, Any]
    subject: str
    ledger: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Entries of the ledger that the verb itself writes, by section."""

    @property
    def record(self) -> Record:
        """The schema of the file."""
        return schema.USER if self.kind == "users" else schema.PROJECT


@dataclass(frozen=True)
class Verb:
    """A verb: its arguments with their types, those that are needed, and the function that makes the draft."""

    make: Callable[[Description, Request], Draft]
    types: dict[str, Type]
    required: tuple[str, ...] = field(default=())


def draft(found: Description, verb: str, arguments: Mapping[str, Any]) -> Draft:
    """Return what a verb changes; raises RequestError with all mistakes of the request."""
    asked = ALL[verb]
    request = read_request(verb, asked.types, asked.required, arguments)
    _check_references(found, request)
    if not all(name in request.values for name in asked.required):
        request.refuse()
    result = asked.make(found, request)
    request.refuse()
    return result


def _types(record: Record, *keys: str) -> dict[str, Type]:
    return {key: record.by_name[key].type for key in keys}


def _order_vm(found: Description, request: Request) -> Draft:
    project = request.values["project"]
    name = request.values.get("vm")
    values = {key.name: request.texts[key.name] for key in schema.VM.keys if key.name in request.texts}
    if not request.known("project", "project", found.projects):
        return Draft("projects", project, {}, "")
    following = names.next_vm(project, [*found.vms, *found.ledger.used_vm_names()])
    if name in found.vms and found.vms[name].project == project:
        # Ordered before, by the same request: nothing to do. Another one with this name is refused.
        _check_same(request, found.projects[project]["vms"][name], ("project", "vm"), f"the VM {name}", "change_vm")
        return Draft("projects", project, {}, name)
    if name and name != following:
        request.wrong(
            f"vm: {name} is not the next VM of project {project}",
            found=name,
            allowed=f"{following}, or no name at all",
            hint="numbers are given in order, and none is given twice",
        )
    return Draft("projects", project, {"vms": {following: values}}, following)


def _change_vm(found: Description, request: Request) -> Draft:
    name = request.values["vm"]
    if _is_kept(found, request, name):
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
        components: dict[str, Any] = dict(request.texts.get("components", {}))
        for component in request.values.get("remove_components", []):
            if component in components:
                request.wrong(f"remove_components: {component} stands in components, too", found=component)
            components[component] = None
        if components:
            patch["components"] = components
        return Draft("projects", vm.project, {"vms": {name: patch}} if patch else {}, name)
    return Draft("projects", "", {}, name)


def _retire_vm(found: Description, request: Request) -> Draft:
    """Stop a VM for good, with a grace period; or take that back."""
    name = request.values["vm"]
    if not _is_kept(found, request, name):
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


def _delete_vm(found: Description, request: Request) -> Draft:
    """Take a VM that was deleted out of the description, and leave its tombstone in the ledger."""
    name = request.values["vm"]
    if name in found.ledger.retired and name not in found.vms:
        return Draft("projects", "", {}, name)
    if not _is_kept(found, request, name):
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


def _rotate_secret(found: Description, request: Request) -> Draft:
    """Give a password its next generation. The machines follow when the component converges."""
    vm_name, component, name = (request.values[argument] for argument in ("vm", "component", "object"))
    if not _is_kept(found, request, vm_name):
        return Draft("projects", "", {}, vm_name)
    vm = found.vms[vm_name]
    if component == backup.COMPONENT:
        request.find("object", "password of backups", name, backup.SECRETS)
    elif not request.find("component", f"component of {vm_name}", component, vm.components):
        return Draft("projects", vm.project, {}, name)
    known = next((one for one in COMPONENTS if one.name == component), None)
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


def _place_vm(found: Description, request: Request) -> Draft:
    """Write down that a VM is on another hypervisor now."""
    name, hypervisor = request.values["vm"], request.values["hypervisor"]
    if not _is_kept(found, request, name):
        return Draft("projects", "", {}, name)
    vm = found.vms[name]
    patch = {"vms": {name: {"hypervisor": hypervisor}}} if vm.hypervisor not in ("", hypervisor) else {}
    return Draft("projects", vm.project, patch, name, {"placements": {name: hypervisor}})


def _is_kept(found: Description, request: Request, name: str) -> bool:
    """Find a VM that is not described or was deleted."""
    if name in found.ledger.retired:
        request.wrong(f"vm: {name} was retired on {found.ledger.retired[name]}", found=name)
        return False
    return request.known("vm", "VM", found.vms)


def today() -> datetime.date:
    """Return the day on the controller."""
    return datetime.date.today()


def _add_user(found: Description, request: Request) -> Draft:
    name = request.values["user"]
    patch = {key: request.texts[key] for key in request.texts if key != "user"}
    if name not in found.users:
        _check_new_account(found, request, "user", name)
        return Draft("users", name, patch, name)
    record = found.users[name]
    if record["state"] == "removed":
        request.wrong(
            f"user: {name} was removed",
            found=name,
            allowed="another name",
            hint=f"if it is the same person again, write state: active into users/{name}.yml",
        )
        return Draft("users", name, {}, name)
    known = {key_blob(key) for key in record["ssh_keys"]}
    _check_same(
        request,
        # Keys may have come since, and the state may have moved on.
        {**record, "state": request.values.get("state")},
        ("user", "ssh_keys"),
        f"the user {name}",
        "add_ssh_key, or an editor",
    )
    if not {key_blob(key) for key in request.values.get("ssh_keys", [])} <= known:
        request.wrong(f"ssh_keys: the user {name} exists already, with other keys", hint="add_ssh_key adds a key")
    return Draft("users", name, {}, name)


def _add_ssh_key(found: Description, request: Request) -> Draft:
    name = request.values["user"]
    if not _check_present(found, request):
        return Draft("users", name, {}, name)
    keys = found.users[name]["ssh_keys"]
    if key_blob(request.values["ssh_key"]) in {key_blob(key) for key in keys}:
        return Draft("users", name, {}, name)
    return Draft("users", name, {"ssh_keys": [*keys, request.texts["ssh_key"]]}, name)


def _revoke_key(found: Description, request: Request) -> Draft:
    name, wanted = request.values["user"], request.values["ssh_key"]
    unchanged = Draft("users", name, {}, name)
    if not request.known("user", "person", found.users):
        return unchanged

    def is_wanted(key: str) -> bool:
        return fingerprint(key) == wanted or key_blob(key) == key_blob(wanted)

    keys = found.users[name]["ssh_keys"]
    kept = [key for key in keys if not is_wanted(key)]
    if len(kept) < len(keys):
        return Draft("users", name, {"ssh_keys": kept}, name)
    owner = next((other for other, record in found.users.items() if any(map(is_wanted, record["ssh_keys"]))), "")
    if owner or is_fingerprint(wanted):
        # A mistyped fingerprint must not look like a key that is out.
        request.wrong(
            f"ssh_key: {name} has no such key" + (f", but {owner} has it" if owner else ""),
            found=wanted,
            allowed=", ".join(f"{fingerprint(key)} ({' '.join(key.split()[2:]) or 'no comment'})" for key in keys)
            or f"nothing: {name} has no key in users/{name}.yml",
        )
    return unchanged


def _remove_user(found: Description, request: Request) -> Draft:
    name = request.values["user"]
    is_there = request.known("user", "person", found.users) and found.users[name]["state"] != "removed"
    return Draft("users", name, {"state": "removed"} if is_there else {}, name)


def _set_permissions(found: Description, request: Request) -> Draft:
    project, name, wanted = (request.values[key] for key in ("project", "user", "permissions"))
    subject = f"{name} in {project}"
    is_known = request.known("project", "project", found.projects)
    if not (_check_present(found, request, unless=not wanted) and is_known):
        return Draft("projects", project, {}, subject)
    permissions = found.projects[project]["permissions"]
    current = permissions.get(name, [])
    if set(wanted) == set(current) and (wanted or name not in permissions):
        return Draft("projects", project, {}, subject)
    kept = [word for word in current if word in wanted]
    new = [*kept, *(word for word in wanted if word not in kept)]
    return Draft("projects", project, {"permissions": {name: new or None}}, subject)


def _add_service_user(found: Description, request: Request) -> Draft:
    project, name = request.values["project"], request.values["service_user"]
    if not request.known("project", "project", found.projects):
        return Draft("projects", project, {}, name)
    present = found.projects[project]["service_users"]
    if name in present:
        return Draft("projects", project, {}, name)
    owner = next((other for other, record in found.projects.items() if name in record["service_users"]), "")
    if owner:
        request.wrong(f"service_user: {name} belongs to project {owner}", found=name, allowed="a name of its own")
    else:
        _check_new_account(found, request, "service_user", name)
    return Draft("projects", project, {"service_users": [*present, name]}, name)


def _add_project(found: Description, request: Request) -> Draft:
    name = request.values["project"]
    if name in found.projects:
        _check_same(request, found.projects[name], ("project",), f"the project {name}", "an editor")
        return Draft("projects", name, {}, name)
    for account in request.values.get("service_users", []):
        _check_new_account(found, request, "service_users", account)
    patch = {key: request.texts[key] for key in request.texts if key != "project"}
    return Draft("projects", name, patch or {"vms": {}}, name)


def _check_references(found: Description, request: Request) -> None:
    """Find projects, people, VMs, hypervisors and components that are not declared."""
    known = {
        "project": found.projects,
        "person": found.users,
        "VM": {**found.vms, **found.ledger.retired},
        "machine": found.hypervisors,
        "image": found.platform["images"],
    }
    for argument, kind in ALL[request.verb].types.items():
        if isinstance(kind, Name) and kind.refers:
            request.known(argument, "hypervisor" if kind.kind == "machine" else kind.kind, known[kind.kind])
    for name in request.values.get("permissions", {}) if request.verb == "add_project" else ():
        request.find("permissions", "person", name, found.users)
    for name in request.values.get("components", {}):
        request.find("components", "component", name, schema.COMPONENTS)


def _check_present(found: Description, request: Request, unless: bool = False) -> bool:
    """Find a user who is not declared or was removed; ``unless`` lets those who were removed pass."""
    if not request.known("user", "person", found.users):
        return False
    name = request.values["user"]
    if found.users[name]["state"] == "removed" and not unless:
        request.wrong(f"user: {name} was removed", found=name, allowed="a user who has an account")
        return False
    return True


def _check_new_account(found: Description, request: Request, argument: str, name: str) -> None:
    """Refuse a name that an account had: its uid and its files would go to somebody else."""
    if name in found.ledger.uids:
        request.wrong(
            f"{argument}: {name} was used before, and a name is never given to something else",
            found=f"uid {found.ledger.uids[name]} in the ledger",
            allowed="a name that was never used",
            hint="if it is the same one, bring its entry back from git",
        )


def _check_same(request: Request, record: Mapping[str, Any], keys: tuple[str, ...], what: str, remedy: str) -> None:
    """Note every argument that differs from what exists already; ``keys`` are not compared."""
    for key, value in request.values.items():
        if key not in keys and record.get(key) != value:
            request.wrong(
                f"{key}: {what} exists already, with another value",
                found=str(request.texts[key]),
                hint=f"to change it, use {remedy}",
            )


_PROJECT: dict[str, Type] = {"project": Name("project", refers=True)}
_PERSON: dict[str, Type] = {"user": Name("person", refers=True)}
_SIZES = ("memory", "memory_max", "cores", "disk")
_CHANGEABLE = (*_SIZES, "frontend_ipv4", "components", "protected", "production", "comment")

VERBS = {
    "order_vm": Verb(
        _order_vm,
        {
            **_PROJECT,
            "vm": Name("VM"),
            **_types(schema.VM, *_CHANGEABLE, "image", "hypervisor", "requested_by"),
        },
        ("project",),
    ),
    "change_vm": Verb(
        _change_vm,
        {
            "vm": Name("VM", refers=True),
            **_types(schema.VM, *_CHANGEABLE),
            "remove_components": ListOf(Choice(schema.COMPONENTS)),
        },
        ("vm",),
    ),
    "retire_vm": Verb(
        _retire_vm,
        {"vm": Name("VM", refers=True), "days": Integer(0, 3650), "undo": Boolean()},
        ("vm",),
    ),
    "rotate_secret": Verb(
        _rotate_secret,
        {
            "vm": Name("VM", refers=True),
            "component": Choice((*schema.COMPONENTS, backup.COMPONENT)),
            "object": Text("what the password is for, such as a database user", pattern=r"[A-Za-z0-9][A-Za-z0-9_.@-]*"),
            "generation": Integer(1, 10**6),
        },
        ("vm", "component", "object"),
    ),
    "add_user": Verb(
        _add_user,
        {
            "user": Name("person"),
            **_types(schema.USER, "full_name", "email", "ssh_keys"),
            "state": Choice(ADDED_USER_STATES),
            **_types(schema.USER, "requested_by", "email_verified_at"),
        },
        ("user", "full_name", "email"),
    ),
    "add_ssh_key": Verb(_add_ssh_key, {**_PERSON, "ssh_key": schema.SSH_KEY}, ("user", "ssh_key")),
    "revoke_key": Verb(
        _revoke_key,
        {
            **_PERSON,
            "ssh_key": Text("a line of an OpenSSH .pub file, or its fingerprint SHA256:…", check=key_or_fingerprint),
        },
        ("user", "ssh_key"),
    ),
    "remove_user": Verb(_remove_user, {**_PERSON}, ("user",)),
    "set_permissions": Verb(
        _set_permissions,
        {**_PROJECT, **_PERSON, "permissions": ListOf(Choice(schema.PERMISSIONS))},
        ("project", "user", "permissions"),
    ),
    "add_service_user": Verb(
        _add_service_user, {**_PROJECT, "service_user": Name("service user")}, ("project", "service_user")
    ),
    "add_project": Verb(
        _add_project,
        {
            "project": Name("project"),
            **_types(
                schema.PROJECT, "description", "permissions", "service_users", "contacts", "production", "requested_by"
            ),
        },
        ("project",),
    ),
}

STEPS = {
    "place_vm": Verb(
        _place_vm,
        {"vm": Name("VM", refers=True), "hypervisor": Name("machine", refers=True)},
        ("vm", "hypervisor"),
    ),
    "delete_vm": Verb(_delete_vm, {"vm": Name("VM", refers=True)}, ("vm",)),
}
"""Changes of the description that are one step of a playbook, not an operator's verb by themselves."""

ALL = {**VERBS, **STEPS}
