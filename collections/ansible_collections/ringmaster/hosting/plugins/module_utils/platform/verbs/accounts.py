# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs about people, service users and projects: each returns the patch of one file. Pure."""

from __future__ import annotations

from typing import Any

from ..language import names
from ..language.ssh_keys import fingerprint, is_fingerprint, key_blob
from ..model import Description
from .drafts import Draft, check_new_account, check_present, check_same
from .request import Request


def add_user(found: Description, request: Request) -> Draft:
    """Declare a person."""
    name = request.values["user"]
    patch = {key: request.texts[key] for key in request.texts if key != "user"}
    if name not in found.users:
        check_new_account(found, request, "user", name)
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
    check_same(
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


def add_ssh_key(found: Description, request: Request) -> Draft:
    """Add a key to a person."""
    name = request.values["user"]
    if not check_present(found, request):
        return Draft("users", name, {}, name)
    keys = found.users[name]["ssh_keys"]
    if key_blob(request.values["ssh_key"]) in {key_blob(key) for key in keys}:
        return Draft("users", name, {}, name)
    return Draft("users", name, {"ssh_keys": [*keys, request.texts["ssh_key"]]}, name)


def revoke_key(found: Description, request: Request) -> Draft:
    """Take a key from a person, who must have it."""
    name, wanted = request.values["user"], request.values["ssh_key"]
    unchanged = Draft("users", name, {}, name)
    if not request.known("user", "person", found.users):
        return unchanged

    def is_wanted(key: str) -> bool:
        return fingerprint(key) == wanted or key_blob(key) == key_blob(wanted)

    if any(map(is_wanted, found.extra_keys.get(name, []))):
        # The inventory would bring it to the VMs again.
        request.wrong(
            f"ssh_key: {name} has this key from the key folder as well",
            found=f"{found.options.key_directory}/{name}.pub",
            allowed="keys of the description only: remove that file, then run this again",
        )
        return unchanged
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


def change_user(found: Description, request: Request) -> Draft:
    """Change a person's name or mail address; an address that changed has to be confirmed again."""
    name = request.values["user"]
    if not check_present(found, request):
        return Draft("users", name, {}, name)
    record = found.users[name]
    patch: dict[str, Any] = {
        key: request.texts[key] for key, value in request.values.items() if key in record and value != record[key]
    }
    if "email" in patch and record["email_verified_at"] and "email_verified_at" not in request.values:
        patch["email_verified_at"] = None
    return Draft("users", name, patch, name)


def lock_user(found: Description, request: Request) -> Draft:
    """Let a person log in no longer; the account and all that it owns stay."""
    name = request.values["user"]
    if not check_present(found, request):
        return Draft("users", name, {}, name)
    return Draft("users", name, {} if found.users[name]["state"] == "locked" else {"state": "locked"}, name)


def unlock_user(found: Description, request: Request) -> Draft:
    """Let a person who was locked log in again."""
    name = request.values["user"]
    if not check_present(found, request):
        return Draft("users", name, {}, name)
    state = found.users[name]["state"]
    if state == "pending":
        request.wrong(
            f"user: {name} is not locked, but was never let in",
            found="state: pending",
            hint=f"write state: active into users/{name}.yml once the person is known",
        )
    return Draft("users", name, {"state": "active"} if state == "locked" else {}, name)


def remove_user(found: Description, request: Request) -> Draft:
    """Say that a person is removed; the file stays."""
    name = request.values["user"]
    is_there = request.known("user", "person", found.users) and found.users[name]["state"] != "removed"
    return Draft("users", name, {"state": "removed"} if is_there else {}, name)


def set_permissions(found: Description, request: Request) -> Draft:
    """Replace what a person may do in a project."""
    project, name, wanted = (request.values[key] for key in ("project", "user", "permissions"))
    subject = f"{name} in {project}"
    is_known = request.known("project", "project", found.projects)
    if not (check_present(found, request, unless=not wanted) and is_known):
        return Draft("projects", project, {}, subject)
    permissions = found.projects[project]["permissions"]
    current = permissions.get(name, [])
    if set(wanted) == set(current) and (wanted or name not in permissions):
        return Draft("projects", project, {}, subject)
    kept = [word for word in current if word in wanted]
    new = [*kept, *(word for word in wanted if word not in kept)]
    return Draft("projects", project, {"permissions": {name: new or None}}, subject)


def add_service_user(found: Description, request: Request) -> Draft:
    """Declare a service user."""
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
        check_new_account(found, request, "service_user", name)
    return Draft("projects", project, {"service_users": [*present, name]}, name)


def remove_service_user(found: Description, request: Request) -> Draft:
    """Take a service user from a project; what it owns on VMs stays, under a uid that nobody else ever gets."""
    project, name = request.values["project"], request.values["service_user"]
    unchanged = Draft("projects", project, {}, name)
    if not request.known("project", "project", found.projects):
        return unchanged
    record = found.projects[project]
    if name not in record["service_users"]:
        owner = next((other for other, one in found.projects.items() if name in one["service_users"]), "")
        if owner or name not in found.ledger.uids:
            request.wrong(
                f"service_user: {project} has no {name}" + (f"; it belongs to project {owner}" if owner else ""),
                found=name,
                allowed=", ".join(record["service_users"]) or f"nothing: {project} has no service user",
            )
        return unchanged
    for kind in ("check", "job"):
        for one in record[f"{kind}s"]:
            if one["user"] == name:
                request.wrong(
                    f"service_user: the {kind} {one['name']} runs as {name}",
                    found=f"user: {name}",
                    hint=f"change_project gives the project other {kind}s",
                )
    uses = _uses(found, project, name)
    if uses and not request.values.get(EVEN_IF_USED):
        request.wrong(
            f"service_user: {name} may own data: {'; '.join(uses)}",
            found=name,
            allowed=f"one that nothing uses, or {EVEN_IF_USED}=true",
            hint=f"its units, crontab and processes end; /srv/{name} stays as it is: look there first",
        )
    kept = [one for one in record["service_users"] if one != name]
    limits = {"service_user_limits": {name: None}} if name in record["service_user_limits"] else {}
    return Draft("projects", project, {"service_users": kept, **limits}, name)


EVEN_IF_USED = "even_if_used"
"""The argument of ``remove_service_user`` that says that it is meant although data may be there."""


def _uses(found: Description, project: str, name: str) -> list[str]:
    """Return sentences about where a service user may own something, as far as the description tells."""
    uses = []
    there = [vm.name for vm in found.vms_of(project) if vm.name in found.ledger.vm_ids]
    if name in found.ledger.uids and there:
        uses.append(f"it has an account, and its home, on {', '.join(there[:5])}{' …' if len(there) > 5 else ''}")
    for vm in found.vms_of(project):
        for component, options in vm.components.items():
            if _names(options, name):
                uses.append(f"{component} on {vm.name} names it in its options")
    return uses


def _names(value: Any, name: str) -> bool:
    """Tell whether a value, or one inside it, is a name or a path with that name in it."""
    if isinstance(value, dict):
        return any(_names(one, name) for one in (*value, *value.values()))
    if isinstance(value, list):
        return any(_names(one, name) for one in value)
    return name in str(value).split("/")


def change_project(found: Description, request: Request) -> Draft:
    """Change what a project's file says of the project itself; maps are merged, lists are replaced."""
    name = request.values["project"]
    if not request.known("project", "project", found.projects):
        return Draft("projects", name, {}, name)
    record = found.projects[name]
    changed = [key for key, value in request.values.items() if key != "project" and value != record[key]]
    return Draft("projects", name, {key: request.texts[key] for key in changed}, name)


def add_project(found: Description, request: Request) -> Draft:
    """Declare a project."""
    name = request.values["project"]
    if name in found.projects:
        check_same(request, found.projects[name], ("project",), f"the project {name}", "an editor")
        return Draft("projects", name, {}, name)
    for account in request.values.get("service_users", []):
        check_new_account(found, request, "service_users", account)
    patch = {key: request.texts[key] for key in request.texts if key != "project"}
    return Draft("projects", name, patch or {"vms": {}}, name)


def remove_project(found: Description, request: Request) -> Draft:
    """Take a project without VMs out of the description; ids and names of what it had stay in the ledger."""
    name = request.values["project"]
    if name not in found.projects:
        # A mistyped name must not look like a project that is out.
        if f"roster/{name}" not in found.ledger.generations:
            request.known("project", "project", found.projects)
        return Draft("projects", name, {}, name)
    vms = found.vms_of(name)
    if vms:
        request.wrong(
            f"project: {name} has VMs",
            found=", ".join(f"{vm.name} ({vm.state})" for vm in vms[:10]) + (" …" if len(vms) > 10 else ""),
            allowed="a project without VMs; those in their grace period count",
            hint="retire_vm begins with each; delete_retired_vms.yml deletes them when their days have passed",
        )
    lost = [vm for vm in found.orphans() if names.project_of(vm) == name]
    if lost:
        request.wrong(
            f"project: VMs of {name} were allocated and may exist, although nothing describes them",
            found=", ".join(lost[:10]),
            hint="put them back into its file, and retire them",
        )
    return Draft("projects", name, {}, name, gone=True)
