# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's verbs: what each may be asked for, and the function that makes its patch of the description.

Those that change no description stand beside them, with arguments of the same types: a playbook does their work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..language.containers import ListOf, Record
from ..language.ssh_keys import key_or_fingerprint
from ..language.types import Boolean, Choice, Integer, Name, Text, Type
from ..model import Description
from ..schema import PROJECT, USER, backup
from ..schema.common import COMPONENTS, MOMENT, PERMISSIONS, SSH_KEY
from ..schema.user import PASSKEY_ID, PASSKEY_KEY, PASSKEY_NAME, PASSKEY_WANTED
from ..schema.vm import VM
from . import accounts, credentials, guards, invitations, vms
from .drafts import Draft
from .request import Request
from .request import read as read_request
from .words import ABSOLUTE, MACHINE, word

ADDED_USER_STATES = ("active", "pending")


@dataclass(frozen=True)
class Verb:
    """A verb: its arguments with their types, those that are needed, and the function that makes the draft.

    Without such a function it is an operation, which changes nothing in the description; ``refers`` are then arguments
    that name a machine that there is.
    """

    make: Callable[[Description, Request], Draft] | None
    types: dict[str, Type]
    required: tuple[str, ...] = field(default=())
    refers: tuple[str, ...] = field(default=())

    @property
    def changes(self) -> bool:
        """Whether the verb changes the description."""
        return self.make is not None


def draft(found: Description, verb: str, arguments: Mapping[str, Any]) -> Draft:
    """Return what a verb changes; raises RequestError with all mistakes of the request."""
    asked = ALL[verb]
    request = _read(found, verb, arguments)
    if asked.make is None:
        request.wrong(f"{verb} changes nothing in the description", hint=f"its playbook does it: playbooks/{verb}.yml")
        request.refuse()
        raise AssertionError
    if not all(name in request.values for name in asked.required):
        request.refuse()
    result = asked.make(found, request)
    request.refuse()
    return result


def check(found: Description, verb: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a verb as its types read them; raises RequestError with all mistakes.

    For operations it is all that there is to judge; what a change would do to the description, ``draft`` judges.
    """
    request = _read(found, verb, arguments)
    request.refuse()
    return request.values


def _read(found: Description, verb: str, arguments: Mapping[str, Any]) -> Request:
    asked = ALL[verb]
    request = read_request(verb, asked.types, asked.required, arguments)
    _check_references(found, request)
    return request


def _types(record: Record, *keys: str) -> dict[str, Type]:
    return {key: record.by_name[key].type for key in keys}


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
    machines = [*found.vms, *found.ledger.retired, *found.hypervisors, *found.machines]
    for argument in ALL[request.verb].refers:
        if argument in request.values:
            request.known(argument, "machine", machines)
    for name in request.values.get("permissions", {}) if request.verb == "add_project" else ():
        request.find("permissions", "person", name, found.users)
    for name in request.values.get("components", {}):
        request.find("components", "component", name, COMPONENTS)


_PROJECT: dict[str, Type] = {"project": Name("project", refers=True)}
_PERSON: dict[str, Type] = {"user": Name("person", refers=True)}
_SIZES = ("memory", "memory_max", "cores", "disk")
_OF_PROJECT = (
    *("description", "contacts", "webhooks", "maintenance", "checks", "firewall", "dns_records", "backup"),
    *("service_user_limits", "packages", "jobs", "status_page", "production", "defaults", "quota"),
)
_ADDRESSES = ("frontend_ipv4", "frontend_extra_ipv4", "server_public_ipv4")
_CHANGEABLE = (*_SIZES, *_ADDRESSES, "components", "packages", "protected", "production", "comment")

STOP: dict[str, Type] = {"stop_after": Choice(("description", "creation"))}
"""The argument of playbooks that bring a change to its VM in the same run."""

CHANGES: dict[str, Verb] = {
    "order_vm": Verb(
        vms.order_vm,
        {
            **_PROJECT,
            "vm": Name("VM"),
            **_types(VM, *_CHANGEABLE, "image", "hypervisor", "requested_by"),
        },
        ("project",),
    ),
    "change_vm": Verb(
        vms.change_vm,
        {
            "vm": Name("VM", refers=True),
            **_types(VM, *_CHANGEABLE),
            "remove_components": ListOf(Choice(COMPONENTS)),
        },
        ("vm",),
    ),
    "remove_component": Verb(
        vms.remove_component,
        {"vm": Name("VM", refers=True), "component": Choice(COMPONENTS), "forget": Boolean()},
        ("vm", "component"),
    ),
    "stop_vm": Verb(vms.stop_vm, {"vm": Name("VM", refers=True)}, ("vm",)),
    "start_vm": Verb(vms.start_vm, {"vm": Name("VM", refers=True)}, ("vm",)),
    "retire_vm": Verb(
        vms.retire_vm,
        {"vm": Name("VM", refers=True), "days": Integer(0, 3650), "undo": Boolean()},
        ("vm",),
    ),
    "rotate_secret": Verb(
        vms.rotate_secret,
        {
            "vm": Name("VM", refers=True),
            "component": Choice((*COMPONENTS, backup.COMPONENT)),
            "object": Text("what the password is for, such as a database user", pattern=r"[A-Za-z0-9][A-Za-z0-9_.@-]*"),
            "generation": Integer(1, 10**6),
        },
        ("vm", "component", "object"),
    ),
    "add_user": Verb(
        accounts.add_user,
        {
            "user": Name("person"),
            **_types(USER, "full_name", "email", "ssh_keys"),
            "state": Choice(ADDED_USER_STATES),
            **_types(USER, "requested_by", "email_verified_at"),
        },
        ("user", "full_name", "email"),
    ),
    "change_user": Verb(
        accounts.change_user, {**_PERSON, **_types(USER, "full_name", "email", "email_verified_at")}, ("user",)
    ),
    "lock_user": Verb(accounts.lock_user, {**_PERSON, **guards.CONFIRMED}, ("user",)),
    "unlock_user": Verb(accounts.unlock_user, {**_PERSON}, ("user",)),
    "invite_user": Verb(
        invitations.invite_user,
        {
            "user": Name("person"),
            **_PROJECT,
            "permissions": ListOf(Choice(PERMISSIONS)),
            **_types(USER, "full_name", "email", "ssh_keys", "requested_by"),
        },
        ("user", "project", "permissions", "full_name", "email"),
    ),
    "accept_user": Verb(
        invitations.accept_user, {**_PERSON, **_types(USER, "ssh_keys", "email_verified_at")}, ("user",)
    ),
    "decline_user": Verb(invitations.decline_user, {"user": Name("person")}, ("user",)),
    "set_web_password": Verb(credentials.set_web_password, {**_PERSON, "replace": Boolean()}, ("user",)),
    "clear_web_password": Verb(credentials.clear_web_password, {**_PERSON}, ("user",)),
    "add_passkey": Verb(
        credentials.add_passkey,
        {**_PERSON, "passkey": PASSKEY_NAME, "passkey_id": PASSKEY_ID, "passkey_key": PASSKEY_KEY, "added": MOMENT},
        ("user", "passkey", "passkey_id", "passkey_key"),
    ),
    "remove_passkey": Verb(
        credentials.remove_passkey,
        {**_PERSON, "passkey": PASSKEY_WANTED, **guards.CONFIRMED},
        ("user", "passkey"),
    ),
    "add_ssh_key": Verb(accounts.add_ssh_key, {**_PERSON, "ssh_key": SSH_KEY}, ("user", "ssh_key")),
    "revoke_key": Verb(
        accounts.revoke_key,
        {
            **_PERSON,
            "ssh_key": Text("a line of an OpenSSH .pub file, or its fingerprint SHA256:…", check=key_or_fingerprint),
            **guards.CONFIRMED,
        },
        ("user", "ssh_key"),
    ),
    "remove_user": Verb(accounts.remove_user, {**_PERSON, **guards.CONFIRMED}, ("user",)),
    "set_permissions": Verb(
        accounts.set_permissions,
        {**_PROJECT, **_PERSON, "permissions": ListOf(Choice(PERMISSIONS)), **guards.CONFIRMED},
        ("project", "user", "permissions"),
    ),
    "add_service_user": Verb(
        accounts.add_service_user, {**_PROJECT, "service_user": Name("service user")}, ("project", "service_user")
    ),
    "remove_service_user": Verb(
        accounts.remove_service_user,
        {**_PROJECT, "service_user": Name("service user"), accounts.EVEN_IF_USED: Boolean()},
        ("project", "service_user"),
    ),
    "add_project": Verb(
        accounts.add_project,
        {
            "project": Name("project"),
            **_types(PROJECT, "description", "permissions", "service_users", "contacts", "production", "requested_by"),
        },
        ("project",),
    ),
    "change_project": Verb(
        accounts.change_project,
        {**_PROJECT, **_types(PROJECT, *_OF_PROJECT)},
        ("project",),
    ),
    "remove_project": Verb(accounts.remove_project, {"project": Name("project")}, ("project",)),
}

_RESTORE: dict[str, Type] = {
    "vm": MACHINE,
    "to": MACHINE,
    "project": Name("project"),
    "snapshot": word("the id of a backup, or latest"),
    "replace": Boolean(),
}

OPERATIONS: dict[str, Verb] = {
    "restart_vm": Verb(None, {"vm": Name("VM", refers=True)}, ("vm",), ("vm",)),
    "snapshot_vm": Verb(
        None, {"vm": Name("VM", refers=True), "folder": ABSOLUTE, "frozen": Boolean()}, ("vm",), ("vm",)
    ),
    "backup_now": Verb(None, {"vm": MACHINE, "prove": Boolean()}, ("vm",), ("vm",)),
    "restore_files": Verb(
        None,
        {**_RESTORE, "path": ABSOLUTE, "folder": ABSOLUTE, "in_place": Boolean()},
        ("vm", "path"),
        ("to",),
    ),
    "restore_component": Verb(
        None,
        {
            **_RESTORE,
            "component": word("the name of a component, as in /etc/ringmaster/backup.d"),
            "object": word("the name of a database, a mailbox, …"),
            "as": word("another name for it"),
        },
        ("vm", "component"),
        ("to",),
    ),
    "restore_vm": Verb(None, _RESTORE, ("vm",), ("to",)),
}
"""What is done on machines; the backup of a VM that is gone can still be restored, on another one."""

VERBS = {**CHANGES, **OPERATIONS}

STEPS = {
    "place_vm": Verb(
        vms.place_vm,
        {"vm": Name("VM", refers=True), "hypervisor": Name("machine", refers=True)},
        ("vm", "hypervisor"),
    ),
    "delete_vm": Verb(vms.delete_vm, {"vm": Name("VM", refers=True)}, ("vm",)),
}
"""Changes of the description that are one step of a playbook, not an operator's verb by themselves."""

ALL = {**VERBS, **STEPS}
