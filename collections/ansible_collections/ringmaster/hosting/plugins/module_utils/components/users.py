# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users that components declare: their names, their derived passwords, their credentials files."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values.secret import derive, generation

from .faults import given

# A certificate authority that every VM has; see role certificates.
CA_FILE = "/etc/ringmaster/certificates/ca.pem"
FOLDER = "/etc/ringmaster/credentials"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
NAME_IN_WORDS = "lower-case letters, digits, '-' and '_'"
ROLES = ("owner", "readwrite", "readonly")


class UserError(ValueError):
    """A declared user that cannot be; the text names it and says what is allowed."""


@dataclass(frozen=True)
class User:
    """A declared user with its password. ``options`` is what was declared."""

    name: str
    role: str
    password: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class ComponentUsers:
    """A component that hands out credentials.

    ``title`` is its name for people. ``environment`` makes the content of a user's credentials file from the user
    and the variables of the VM that the component runs on. ``default_users`` are those of a VM that declares none,
    ``own`` the platform's accounts with a password.
    """

    name: str
    title: str
    environment: Callable[[User, Mapping[str, Any]], Mapping[str, str]]
    default_users: tuple[Mapping[str, Any], ...] = ({"name": "app", "role": "owner"},)
    reserved: frozenset[str] = frozenset()
    own: tuple[str, ...] = ()
    pattern: re.Pattern[str] = NAME
    pattern_in_words: str = NAME_IN_WORDS
    roles: tuple[str, ...] = ROLES

    def users(self, platform_secret: str, vm: Mapping[str, Any]) -> list[User]:
        """Return the users that ``vm`` (its host variables) declares. Raises UserError."""
        declared = vm.get(f"{self.name}_users")
        return self.checked(self.default_users if declared is None else declared, platform_secret, vm)

    def checked(self, declared: Iterable[Mapping[str, Any]], platform_secret: str, vm: Mapping[str, Any]) -> list[User]:
        """Return declared users with their passwords, without those that shall be absent. Raises UserError."""
        found: dict[str, User] = {}
        seen: set[str] = set()
        for options in declared:
            name, role = self.checked_name(options, seen, str(vm["inventory_hostname"]))
            seen.add(name)
            if options.get("state", "present") == "present":
                found[name] = User(name, role, self.password(platform_secret, vm, name), options)
        return list(found.values())

    def checked_name(self, options: Mapping[str, Any], taken: Collection[str], vm: str) -> tuple[str, str]:
        """Return name and role of a declared user; ``taken`` are the names before it. Raises UserError."""
        name = str(options.get("name", ""))
        if not self.pattern.fullmatch(name):
            raise UserError(f"{vm}: the {self.title} user '{name}' must be named with {self.pattern_in_words}")
        if name in self.reserved or name in taken:
            why = "is the platform's own" if name in self.reserved else "is declared twice"
            raise UserError(f"{vm}: the {self.title} user '{name}' {why}")
        role = str(given(options, "role", self.roles[0]))
        if role not in self.roles:
            allowed = ", ".join(self.roles)
            raise UserError(f"{vm}: the {self.title} user '{name}' has the role '{role}'; allowed: {allowed}")
        return name, role

    def databases(self, user: User, present: list[str], vm: Mapping[str, Any]) -> list[str]:
        """Return those of a server's databases that a user may use: what it names, or all. Raises UserError."""
        named = user.options.get("databases")
        if named is None:
            return present
        for name in named:
            if name not in present:
                raise UserError(
                    f"{vm['inventory_hostname']}: the {self.title} user '{user.name}' wants the database '{name}', "
                    f"which is not declared; declared: {', '.join(present) or 'none'}"
                )
        return [str(name) for name in named]

    def password(self, platform_secret: str, vm: Mapping[str, Any], name: str) -> str:
        """Return the password of an account, declared or the platform's own, in its current generation."""
        return derive(
            platform_secret,
            project=str(vm["ringmaster_project"]),
            vm=str(vm["inventory_hostname"]),
            component=self.name,
            object_name=name,
            generation=generation(vm, self.name, name),
        )


def credentials(component: ComponentUsers, vms: Iterable[Mapping[str, Any]], platform_secret: str) -> dict[str, str]:
    """Return the credentials files of a component in a project: name of the file to its text.

    ``vms`` are the host variables of the project's VMs with the component. Each declared user has
    ``<user>@<vm>.env``. ``<user>.env`` is the same for the VM with the lowest id that declares
    the user, so that adding a VM never changes what an existing name means.
    """
    files: dict[str, str] = {}
    for vm in sorted(vms, key=lambda one: (int(one.get("ringmaster_vm_id") or 0), str(one["inventory_hostname"]))):
        for user in component.users(platform_secret, vm):
            values = component.environment(user, vm)
            text = "".join(f"{name}={value}\n" for name, value in values.items())
            files[f"{user.name}@{vm['inventory_hostname']}.env"] = text
            files.setdefault(f"{user.name}.env", text)
    return dict(sorted(files.items()))


def entries(
    components: Sequence[ComponentUsers], vms: Iterable[Mapping[str, Any]], platform_secret: str
) -> list[dict[str, Any]]:
    """Return all credentials files of a project as entries for module ``files``.

    ``vms`` are the host variables of all VMs of the project. The files of users and of components that
    are not declared any more go away.
    """
    members = list(vms)
    having = {
        one.name: [vm for vm in members if one.name in (vm.get("ringmaster_components") or [])] for one in components
    }
    absent = [name for name, found in having.items() if not found]
    result: list[dict[str, Any]] = [{"path": f"{FOLDER}/{name}", "state": "absent", "recurse": True} for name in absent]
    if len(absent) == len(having):
        return result
    folder = {"state": "directory", "owner": "root", "group": "service", "mode": "0750"}
    result += [
        {"path": "/etc/ringmaster", "state": "directory", "mode": "0755"},
        {"path": FOLDER, **folder},
    ]
    for component in components:
        if component.name in absent:
            continue
        path = f"{FOLDER}/{component.name}"
        result.append({"path": path, **folder, "purge": ["*.env"]})
        file = {"owner": "root", "group": "service", "mode": "0640", "sensitive": True}
        for name, text in credentials(component, having[component.name], platform_secret).items():
            result.append({"path": f"{path}/{name}", "content": text, **file})
    return result
