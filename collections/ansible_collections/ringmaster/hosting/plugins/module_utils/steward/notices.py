# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told by mail when the description changes: keys, who becomes root or manages, VMs that go. Pure.

It is the steward that tells them, from what was written: whoever has broken into the portal can neither keep these
notices back nor write them. Nothing that somebody typed stands in a subject, and keys are told by their fingerprints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..platform import people
from ..platform.language import ssh_keys
from ..platform.model import Description, Vm

WEIGHTY = {"wheel": "become root on all VMs of the project", "manager": "order VMs, and give permissions to people"}
"""Permissions that are told of, and what they mean."""


@dataclass(frozen=True)
class Notice:
    """A mail: to whom, its subject, and its paragraphs."""

    address: str
    subject: str
    text: str


def of(before: Description, after: Description, who: str) -> list[Notice]:
    """Return what people are told about a change; ``who`` is the account that asked for it, or nothing."""
    by = f"{_called(after, who)} asked for it." if who else "The people who run the platform did it."
    found = [*_keys(before, after, by), *_permissions(before, after, by), *_vms(before, after, by)]
    return list(dict.fromkeys(found))


def _keys(before: Description, after: Description, by: str) -> Iterator[Notice]:
    for name, record in after.users.items():
        earlier = before.users.get(name)
        if earlier is None or not people.is_active(after, name):
            continue
        old, new = (
            {ssh_keys.key_blob(key): ssh_keys.fingerprint(key) for key in one["ssh_keys"] or []}
            | {key["id"]: f"passkey {key['name']}" for key in one["passkeys"] or []}
            for one in (earlier, record)
        )
        lines = [
            *(f"  new:        {new[one]}" for one in new.keys() - old.keys()),
            *(f"  taken away: {old[one]}" for one in old.keys() - new.keys()),
        ]
        if lines:
            subject = "Your keys have changed"
            yield from _told(after, [name], subject, "the keys of your account have changed:", *sorted(lines), "", by)


def _permissions(before: Description, after: Description, by: str) -> Iterator[Notice]:
    for project, record in after.projects.items():
        earlier = (before.projects.get(project) or {}).get("permissions") or {}
        for name, given in (record["permissions"] or {}).items():
            for permission, means in WEIGHTY.items():
                if permission in given and permission not in earlier.get(name, []):
                    yield from _told(
                        after, [name], f"You can do more in {project}", f"you can now {means} {project}.", by
                    )
                    others = [one for one in _managers(after, project) if one != name]
                    said = f"{_called(after, name)} can now {means} {project}."
                    yield from _told(after, others, f"Somebody can do more in {project}", said, by)
        for name, had in earlier.items():
            for permission, means in WEIGHTY.items():
                if permission in had and permission not in (record["permissions"] or {}).get(name, []):
                    said = f"you can no longer {means} {project}."
                    yield from _told(after, [name], f"You can do less in {project}", said, by)


def _vms(before: Description, after: Description, by: str) -> Iterator[Notice]:
    for name, vm in after.vms.items():
        was = before.vms.get(name)
        if vm.state == "retiring" and (was is None or was.state != "retiring"):
            yield from _about(
                after,
                vm,
                f"{name} will be deleted",
                f"{name} of project {vm.project} is stopped, and will be deleted after {vm.delete_after}.",
                by,
                "",
                "To keep it:",
                f"  ringctl retire-vm --vm {name} --undo=true",
            )
        elif was is not None and was.state == "retiring" and vm.state != "retiring":
            said = f"{name} of project {vm.project} stays; it is not deleted."
            yield from _about(after, vm, f"{name} stays", said, by)
    for name, vm in before.vms.items():
        if vm.state == "retiring" and name not in after.vms and vm.project in after.projects:
            said = f"{name} of project {vm.project} was deleted, as was planned. Its backups stay for a while."
            yield from _about(after, vm, f"{name} was deleted", said)


def _about(found: Description, vm: Vm, subject: str, *lines: str) -> Iterator[Notice]:
    """Yield a notice for those whom a VM concerns: its project's contacts and managers."""
    contacts = [str(one) for one in found.projects[vm.project]["contacts"] or []]
    told = list(_told(found, _managers(found, vm.project), subject, *lines))
    yield from told
    known = {one.address for one in told}
    yield from (_notice(found, one, "", subject, lines) for one in contacts if one not in known)


def _told(found: Description, names: Iterable[str], subject: str, *lines: str) -> Iterator[Notice]:
    for name in names:
        address = found.users.get(name, {}).get("email")
        if address and people.is_active(found, name):
            yield _notice(found, str(address), str(found.users[name]["full_name"] or name), subject, lines)


def _notice(found: Description, address: str, name: str, subject: str, lines: Iterable[str]) -> Notice:
    contacts = " or ".join(str(one) for one in found.platform.get("contacts") or [])
    wrong = (
        f"If that should not be, tell us at once: {contacts}" if contacts else "If that should not be, tell us at once."
    )
    text = "\n".join([f"Hello {name}," if name else "Hello,", "", *lines, "", wrong])
    return Notice(address, subject, f"{text}\n")


def _managers(found: Description, project: str) -> list[str]:
    given = found.projects[project]["permissions"] or {}
    return [name for name, permissions in given.items() if "manager" in permissions and people.is_active(found, name)]


def _called(found: Description, name: str) -> str:
    full = (found.users.get(name) or {}).get("full_name")
    return f"{full} ({name})" if full else name
