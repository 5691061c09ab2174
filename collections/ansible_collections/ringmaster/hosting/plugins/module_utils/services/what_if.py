# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would follow from a change of the description, told from two descriptions and without touching a machine.

What only a machine knows (whether QEMU can add memory while the VM runs, whether a setting waits for a restart) is said
as what may be. A run with ``--check`` says it exactly.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import (
    description,
    inventory,
    placement,
    standing,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.allocation import FURTHER_OF
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import (
    DescriptionError,
    Mistake,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.load import display
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.ssh_keys import fingerprint
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Description, Options, Vm
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import edit
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import sizes

from . import firewall

KINDS = {
    "creates": "is made",
    "stops": "is stopped",
    "live": "changes while it runs",
    "waits": "waits for a restart",
    "may_restart": "may restart a service",
    "installs": "is installed",
    "takes_away": "is taken away; data stay",
    "opens": "opens in a firewall",
    "closes": "closes in a firewall",
    "gains": "is given to a person",
    "loses": "is taken from a person",
    "room": "is left of a hypervisor",
    "note": "is noted only",
}
"""Kinds of consequences, and what each of them means."""


@dataclass(frozen=True, order=True)
class Consequence:
    """One thing that would follow: about whom (``vm myapp00``), of which kind, in a sentence."""

    about: str
    kind: str
    sentence: str


@contextmanager
def of_changes(options: Options, changes: Sequence[edit.Change], *, for_run: bool = False) -> Iterator[Options]:
    """Give the description as verbs would make it. Raises DescriptionError where they are refused."""
    with of_outcome(options, edit.apply_many(options, changes, dry_run=True), for_run=for_run) as proposed:
        yield proposed


@contextmanager
def of_outcome(options: Options, outcome: edit.Outcome, *, for_run: bool = False) -> Iterator[Options]:
    """Give the description as a dry run of verbs has said that it would be."""
    with _place(options, for_run) as place:
        folder = options.source.parent
        ignored = shutil.ignore_patterns(".git", "secrets")
        shutil.copytree(folder, place, symlinks=True, ignore=ignored, dirs_exist_ok=True)
        for file in outcome.files:
            path = place / Path(file["path"]).relative_to(folder)
            path.parent.mkdir(exist_ok=True)
            if file["after"]:
                path.write_text(file["after"], encoding="utf-8")
            else:
                path.unlink(missing_ok=True)
        ledger = options.ledger
        if ledger.is_relative_to(folder):
            ledger = place / ledger.relative_to(folder)
        yield replace(options, source=place / options.source.name, ledger=ledger, repository="")


@contextmanager
def of_revision(options: Options, revision: str, *, for_run: bool = False) -> Iterator[Options]:
    """Give the description as a branch, tag or commit has it. Raises DescriptionError."""
    with _place(options, for_run) as place:
        inside = standing.at(options, revision, place)
        if inside is None:
            raise DescriptionError(
                [
                    Mistake(
                        display(options.source),
                        0,
                        0,
                        "git has no description of this revision here",
                        found=revision,
                        allowed="a branch, a tag or a commit that has been fetched",
                    )
                ]
            )
        yield inside


@contextmanager
def _place(options: Options, for_run: bool) -> Iterator[Path]:
    """Give an empty folder that is removed afterwards; for a run beside the description's, as paths lead from there."""
    parent = options.source.parent.parent if for_run else None
    with tempfile.TemporaryDirectory(prefix=".ringmaster-what-if-", dir=parent) as place:
        yield Path(place)


def between(options: Options, proposed: Options) -> list[Consequence]:
    """Return what would follow if the description were another one."""
    return compare(description.read_valid(options), description.read_valid(proposed))


def running(options: Options, found: Iterable[Consequence]) -> list[str]:
    """Return the VMs that something is said of, as far as the description before has them running."""
    vms = description.read_valid(options).vms
    named = {one.about.removeprefix("vm ") for one in found if one.about.startswith("vm ")}
    return sorted(name for name in named if name in vms and vms[name].state == "running")


def compare(before: Description, after: Description) -> list[Consequence]:
    """Return what would follow, sorted by whom it is about."""
    found = set(_vms(before, after))
    found |= set(_people(before, after))
    found |= set(_firewalls(before, after))
    found |= set(_rooms(before, after))
    return sorted(found)


def as_text(found: Sequence[Consequence]) -> str:
    """Return all of it for people, what is about one together."""
    if not found:
        return "Nothing would change."
    lines: list[str] = []
    for one in found:
        if f"{one.about}:" not in lines:
            lines.append(f"{one.about}:")
        lines.append(f"  {one.sentence}")
    return "\n".join(lines)


def as_data(found: Sequence[Consequence]) -> list[dict[str, str]]:
    """Return all of it for programs."""
    return [asdict(one) for one in found]


def _vms(before: Description, after: Description) -> Iterator[Consequence]:
    for name in sorted({*before.vms, *after.vms}):
        old, new, about = before.vms.get(name), after.vms.get(name), f"vm {name}"
        if new is None:
            yield Consequence(about, "note", "is described no longer; it runs on as an orphan until it is deleted")
        elif old is None:
            where = after.ledger.placements.get(name, "no hypervisor yet")
            parts = ", ".join(COMPONENTS[one].title for one in new.components) or "no component"
            yield Consequence(about, "creates", f"is made on {where}: {_size(new)}; {parts}")
        else:
            yield from (Consequence(about, kind, sentence) for kind, sentence in _of_vm(old, new))


def _size(vm: Vm) -> str:
    cores = f"{vm.cores} core" if vm.cores == 1 else f"{vm.cores} cores"
    return f"{sizes.render(vm.memory_mib)} of memory, {cores}, {vm.disk_gib}GiB of disk"


def _of_vm(old: Vm, new: Vm) -> Iterator[tuple[str, str]]:
    if old.state != new.state:
        ends = f"is stopped for good, and is deleted after {new.delete_after}"
        said = {"running": "is started", "stopped": "is stopped", "retiring": ends}
        yield ("live" if new.state == "running" else "stops"), said[new.state]
    if old.memory_mib != new.memory_mib:
        change = f"memory {sizes.render(old.memory_mib)} -> {sizes.render(new.memory_mib)}"
        if new.memory_mib > old.memory_max_mib:
            yield "waits", f"{change} waits for a restart: it is more than the VM can grow to while it runs"
        else:
            yield "live", f"{change} while it runs, where QEMU can; else with the next restart"
    if old.memory_max_mib != new.memory_max_mib and (old.memory_max_mib, new.memory_max_mib) != (
        old.memory_mib,
        new.memory_mib,
    ):
        change = f"{sizes.render(old.memory_max_mib)} -> {sizes.render(new.memory_max_mib)}"
        yield "waits", f"what memory can grow to, {change}, waits for a restart"
    if old.cores != new.cores:
        change = f"cores {old.cores} -> {new.cores}"
        if new.cores < old.cores:
            yield "waits", f"{change} waits for a restart"
        else:
            yield "live", f"{change} while it runs, where QEMU can; else with the next restart"
    if old.disk_gib != new.disk_gib:
        yield "live", f"the disk grows while it runs, {old.disk_gib}GiB -> {new.disk_gib}GiB"
    if old.frontend_ipv4 != new.frontend_ipv4:
        yield "live", f"{'gets' if new.frontend_ipv4 else 'loses'} an IPv4 address on the frontend network"
    yield from _of_further(old, new)
    if old.image != new.image:
        yield "note", "the image is for new VMs only"
    for field, label in (("protected", "protection"), ("production", "production"), ("comment", "the comment")):
        if getattr(old, field) != getattr(new, field):
            yield "note", f"{label} is {_shown(getattr(new, field))}"
    if old.maintenance != new.maintenance or old.backup != new.backup:
        yield "live", "the maintenance window or the backup changes"
    yield from _of_components(old, new)


def _of_further(old: Vm, new: Vm) -> Iterator[tuple[str, str]]:
    for further, what in zip(FURTHER_OF, ("further IPv4", "public IPv4"), strict=True):
        had, has = further.asked(old), further.asked(new)
        network = "frontend" if further.role == "frontend" else "server"
        if had.count != has.count:
            number = abs(has.count - had.count)
            count = f"one {what} address" if number == 1 else f"{number} {what} addresses"
            yield "live", f"{'gets' if has.count > had.count else 'loses'} {count} on the {network} network"
        elif had != has:
            yield "live", f"{what} addresses on the {network} network: {', '.join(has.named) or has.count}"


def _of_components(old: Vm, new: Vm) -> Iterator[tuple[str, str]]:
    for name in COMPONENTS:
        title = COMPONENTS[name].title
        if name in new.components and name not in old.components:
            back = " again, with the data that it left" if name in old.leaving else ""
            yield "installs", f"{title} is installed{back}"
        elif name in new.leaving and name in old.components:
            yield "takes_away", f"{title} is taken away after a last dump; its data stay"
        elif name in old.components and name not in new.components and name not in new.leaving:
            yield "note", f"{title} is described no longer; it runs on, and a check warns"
        elif name in new.components:
            yield from _of_options(name, old.components[name] or {}, new.components[name] or {})


def _of_options(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    component = COMPONENTS[name]
    for option in sorted({*old, *new}):
        if old.get(option) != new.get(option):
            how = component.waits.get(option, component.takes_over)
            kind = "may_restart" if option in component.waits or "restart" in component.takes_over else "live"
            change = f"{_shown(old.get(option))} -> {_shown(new.get(option))}"
            yield kind, f"{component.title}: {option} {change}; {how}"


def _shown(value: Any) -> str:
    if isinstance(value, (Mapping, list)) and value:
        count = len(value)
        return f"{count} {'entry' if count == 1 else 'entries'}"
    if isinstance(value, bool):
        return "on" if value else "off"
    return "the default" if value in (None, "", [], {}) else str(value)[:60]


def _people(before: Description, after: Description) -> Iterator[Consequence]:
    for name in sorted({*before.users, *after.users}):
        old, new, about = before.users.get(name), after.users.get(name), f"person {name}"
        if new is None:
            yield Consequence(about, "loses", "is described no longer, and loses the account")
        elif old is None:
            yield Consequence(about, "gains", f"is described, with the state {new['state']}")
        else:
            yield from _of_person(about, old, new)
    for project in sorted({*before.projects, *after.projects}):
        old_permissions = _of_project(before, project, "permissions")
        new_permissions = _of_project(after, project, "permissions")
        for name in sorted({*old_permissions, *new_permissions}):
            had, has = set(old_permissions.get(name) or []), set(new_permissions.get(name) or [])
            for kind, words in (("gains", has - had), ("loses", had - has)):
                if words:
                    yield Consequence(f"person {name}", kind, f"{kind} {', '.join(sorted(words))} in {project}")
        had, has = (set(_of_project(one, project, "service_users")) for one in (before, after))
        for name in sorted(has - had):
            yield Consequence(f"project {project}", "gains", f"gains {name}")
        for name in sorted(had - has):
            yield Consequence(f"project {project}", "loses", f"loses {name}")


def _of_project(found: Description, project: str, key: str) -> Any:
    return (found.projects.get(project) or {}).get(key) or {}


def _of_person(about: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Consequence]:
    if old["state"] != new["state"]:
        kind = "gains" if new["state"] == "active" else "loses"
        yield Consequence(about, kind, f"is {new['state']}, and was {old['state']}")
    had, has = set(map(fingerprint, old["ssh_keys"])), set(map(fingerprint, new["ssh_keys"]))
    for one in sorted(has - had):
        yield Consequence(about, "gains", f"can log in with the key {one}")
    for one in sorted(had - has):
        yield Consequence(about, "loses", f"can log in no longer with the key {one}")
    was, now = ({one["id"]: one["name"] for one in record["passkeys"]} for record in (old, new))
    for one in sorted(now.keys() - was.keys()):
        yield Consequence(about, "gains", f"can sign in with the passkey {now[one]}")
    for one in sorted(was.keys() - now.keys()):
        yield Consequence(about, "loses", f"can sign in no longer with the passkey {was[one]}")
    if old["web_password_hash"] != new["web_password_hash"]:
        kind = "gains" if new["web_password_hash"] else "loses"
        words = "has another web password" if old["web_password_hash"] and kind == "gains" else f"{kind} a web password"
        yield Consequence(about, kind, words)


def _firewalls(before: Description, after: Description) -> Iterator[Consequence]:
    old, new = _policies(before), _policies(after)
    for name in sorted(old.keys() & new.keys()):
        for kind, rules in (("opens", new[name] - old[name]), ("closes", old[name] - new[name])):
            for rule in rules:
                yield Consequence(f"vm {name}", kind, f"{kind} {rule}")


def _policies(found: Description) -> dict[str, set[str]]:
    """Return for each VM sentences of what its firewall lets in."""
    built = inventory.build(found)
    result = {}
    for name, own in built.hosts.items():
        if "ringmaster_vm_id" not in own or "ringmaster_project" not in own:
            continue
        project = built.groups[f"project_{own['ringmaster_project']}".replace("-", "_")]["vars"]
        shared = {**built.groups["all"]["vars"], **built.groups["vms"]["vars"], **project}
        result[name] = {
            sentence
            for one in firewall.policy({"inventory_hostname": name, **shared, **own})
            for sentence in _permitted(one)
        }
    return result


def _permitted(one: firewall.Permission) -> Iterator[str]:
    where = " and ".join(one.interfaces) or "all networks"
    for source in one.sources or ("everybody",):
        if not one.ports:
            yield f"{one.protocol or 'everything'} on {where} for {source}"
        for port in one.ports:
            yield f"{one.protocol} {port} on {where} for {source}"


def _rooms(before: Description, after: Description) -> Iterator[Consequence]:
    old = placement.rooms(before.hypervisors, before.ledger.placements, before.vms.values())
    new = placement.rooms(after.hypervisors, after.ledger.placements, after.vms.values())
    for name, room in sorted(new.items()):
        was = old.get(name)
        if was is None or (was.used_memory_mib, was.used_disk_mib) != (room.used_memory_mib, room.used_disk_mib):
            memory = sizes.render(max(0, room.memory_mib - room.used_memory_mib))
            disk = sizes.render(max(0, room.disk_mib - room.used_disk_mib))
            yield Consequence(f"hypervisor {name}", "room", f"has {memory} of memory and {disk} of disk left")
