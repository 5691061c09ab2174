# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sees what: every project, VM and person is looked up through the person who asks. Pure.

What somebody may not see is answered like what is not there, so that nobody learns what there is by asking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .model import Description, Vm
from .schema.common import PERMISSIONS

PARTS: Mapping[str, tuple[str, ...]] = {
    "vms": PERMISSIONS,
    "addresses": PERMISSIONS,
    "checks": PERMISSIONS,
    "requests": PERMISSIONS,
    "connections": ("login",),
    "service_users": ("sudo-srv", "wheel", "manager"),
    "credentials": ("sudo-srv", "wheel"),
    "people": ("manager",),
    "history": ("manager",),
    "quota": ("manager",),
    "audit": ("manager",),
    "figures": ("stats",),
}
"""Parts of a project, and the permissions any of which shows them; credentials are shown by name, never by value."""

_OWN = ("full_name", "email", "email_verified_at", "state", "ssh_keys", "passkeys", "requested_by")
"""What a person, and an operator, sees of a person's file: no hash of a password."""
_OF_OTHERS = ("full_name", "email", "state")


@dataclass(frozen=True)
class Seen:
    """What a person sees. ``permissions`` are those by project; somebody without a usable account has none at all."""

    description: Description
    person: str
    is_operator: bool
    permissions: Mapping[str, frozenset[str]]

    def has(self, project: str, *wanted: str) -> bool:
        """Tell whether the person has one of some permissions in a project; being an operator gives none."""
        return not self.permissions.get(project, frozenset()).isdisjoint(wanted)

    def sees(self, project: str, part: str) -> bool:
        """Tell whether the person sees a part of a project (a key of PARTS)."""
        return project in self.description.projects and (self.is_operator or self.has(project, *PARTS[part]))

    def projects(self) -> list[str]:
        """Return the names of the projects that the person sees, in the order of the description."""
        return [name for name in self.description.projects if self.is_operator or name in self.permissions]

    def project(self, name: str) -> dict[str, Any] | None:
        """Return the record of a project; None where there is none for this person."""
        is_seen = self.is_operator or name in self.permissions
        return self.description.projects.get(name) if is_seen else None

    def vms(self) -> list[Vm]:
        """Return the VMs that the person sees."""
        return [vm for name in self.projects() for vm in self.description.vms_of(name)]

    def vm(self, name: str) -> Vm | None:
        """Return a VM; None where there is none for this person."""
        vm = self.description.vms.get(name)
        return vm if vm is not None and self.project(vm.project) is not None else None

    def people(self) -> list[str]:
        """Return the names of the people that the person sees: oneself, and those of projects that one manages."""
        if self.is_operator:
            return list(self.description.users)
        if not is_active(self.description, self.person):
            return []
        managed = [name for name in self.permissions if self.sees(name, "people")]
        known = {person for name in managed for person in self.description.projects[name]["permissions"] or {}}
        return [name for name in self.description.users if name == self.person or name in known]

    def of_person(self, name: str) -> dict[str, Any] | None:
        """Return what the person sees of another one, or of himself; None where there is nobody for this person.

        ``permissions`` are those of the projects whose people he sees, by project.
        """
        record = self.description.users.get(name)
        if record is None or not is_active(self.description, self.person):
            return None
        is_own = self.is_operator or name == self.person
        permissions = {
            project: list(found["permissions"][name])
            for project, found in self.description.projects.items()
            if name in (found["permissions"] or {}) and (is_own or self.sees(project, "people"))
        }
        if not is_own and not permissions:
            return None
        keys = _OWN if is_own else _OF_OTHERS
        return {**{key: record[key] for key in keys if key in record}, "permissions": permissions}


def is_active(description: Description, name: str) -> bool:
    """Tell whether a person has an account that can be used."""
    return name in description.users and description.users[name]["state"] == "active"


def operators(description: Description) -> list[str]:
    """Return the operators of the platform: those of its list who have an account that can be used."""
    listed = (description.platform.get("portal") or {}).get("operators") or []
    return [name for name in listed if is_active(description, name)]


def visible(description: Description, person: str) -> Seen:
    """Return what a person sees of a platform: nothing for who has no account, or was locked or removed."""
    if not is_active(description, person):
        return Seen(description, person, False, {})
    permissions = {
        project: frozenset(record["permissions"][person])
        for project, record in description.projects.items()
        if (record["permissions"] or {}).get(person)
    }
    return Seen(description, person, person in operators(description), permissions)
