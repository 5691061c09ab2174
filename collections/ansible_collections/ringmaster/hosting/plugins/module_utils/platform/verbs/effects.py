# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What brings a change to machines: for each verb the playbooks that follow, and the names that they are given.

Names are those of VMs, people and groups of the inventory, which the description has; never what somebody typed.
What is not here follows with the next run of ``site.yml``, and nothing is lost without this table but time. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS

from ..language import names as names_
from ..language.types import Boolean, Choice, Name, Type
from ..model import Description
from ..schema import backup
from . import request, table
from .words import MACHINE

ORDER = ("accounts", "converge_vm", "components", "base", "backup", "dns", "monitoring", *table.OPERATIONS)
"""In which order what follows from several changes is done; what is urgent goes first."""


@dataclass(frozen=True)
class Run:
    """One run of a playbook: the arguments that name machines or people, and those that are a word of the playbook.

    ``urgent`` goes ahead of everything that waits: somebody must not get in any more.
    """

    playbook: str
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    urgent: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs; ``variables`` are those of ``-e``, as JSON."""
        # An operation is about one machine, and its playbook takes no list.
        is_one = self.playbook in table.OPERATIONS
        names = {argument: values[0] if is_one else list(values) for argument, values in self.names.items()}
        return {"playbook": self.playbook, "variables": {**names, **self.words}, "urgent": self.urgent}

    def command(self) -> str:
        """Return the playbook with its arguments, as a command line has them."""
        variables = self.as_dict()["variables"]
        return f"playbooks/{self.playbook}.yml" + (f" -e '{json.dumps(variables)}'" if variables else "")


Rule = Callable[[Description, Mapping[str, Any], str], Iterable[Run]]
"""Gives the runs for the description afterwards, the verb's arguments, and the name of what it was about."""


@dataclass(frozen=True)
class Effect:
    """What follows from a verb.

    ``imports`` are the playbooks that its own playbook runs at its end, ``does`` those whose work it does by itself.
    """

    runs: Rule
    imports: tuple[str, ...] = ()
    does: tuple[str, ...] = ()


def left(verb: str, runs: Iterable[Run]) -> list[Run]:
    """Return of what follows from a verb what its own playbook does not do."""
    effect = EFFECTS.get(verb, Effect(_nothing))
    return [run for run in runs if run.playbook not in (*effect.imports, *effect.does)]


def of(found: Description, verb: str, arguments: Mapping[str, Any], subject: str) -> list[Run]:
    """Return what follows from one verb.

    :param found: the description afterwards.
    :param subject: what the verb was about, as its draft says; the name of the VM that was ordered, for one.
    """
    if verb not in EFFECTS:
        return []
    return list(EFFECTS[verb].runs(found, _known(found, verb, arguments), subject))


def together(
    found: Description, changes: Iterable[tuple[str, Mapping[str, Any]]], subjects: Sequence[str]
) -> list[Run]:
    """Return what follows from several verbs: each playbook once for all of it, in order."""
    return merged(
        run
        for (verb, arguments), subject in zip(changes, subjects, strict=True)
        for run in of(found, verb, arguments, subject)
    )


def merged(runs: Iterable[Run]) -> list[Run]:
    """Return as few runs as do the same, in order."""
    found: list[Run] = []
    for run in runs:
        same = next((one for one in found if goes_with(one, run)), None)
        if same is None:
            found.append(run)
        else:
            found[found.index(same)] = _merged(same, run)
    return sorted(found, key=lambda run: (not run.urgent, ORDER.index(run.playbook), sorted(run.words.items())))


def goes_with(one: Run, other: Run) -> bool:
    """Tell whether one run can do what two are asked for: the same playbook with the same words."""
    same = (one.playbook, one.words, one.urgent) == (other.playbook, other.words, other.urgent)
    return same and one.playbook not in table.OPERATIONS


def _merged(one: Run, other: Run) -> Run:
    names = {
        argument: tuple(dict.fromkeys((*one.names.get(argument, ()), *other.names.get(argument, ()))))
        for argument in {**one.names, **other.names}
    }
    return Run(one.playbook, names, one.words, one.urgent)


def _known(found: Description, verb: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that are names, words of a list or yes and no; of the others only that they were given."""
    asked = table.ALL[verb]
    read = request.read(verb, asked.types, (), arguments).values
    return {argument: value if _is_name(asked.types[argument]) else None for argument, value in read.items()}


def _is_name(kind: Type) -> bool:
    return isinstance(kind, (Name, Choice, Boolean)) or kind is MACHINE


def _nothing(_found: Description, _arguments: Mapping[str, Any], _subject: str) -> Iterable[Run]:
    """Nothing of it is on any machine."""
    return ()


def _orphans(found: Description, project: str) -> list[str]:
    """Return the VMs of a project that only the ledger knows: their accounts follow, and nothing else."""
    return [name for name in found.orphans() if names_.project_of(name) == project]


def _with_accounts(found: Description, projects: Iterable[str]) -> list[str]:
    having = [name for name in projects if name in found.projects]
    return [name for name in having if found.vms_of(name) or _orphans(found, name)]


def _hosts(found: Description, project: str) -> tuple[str, ...]:
    """Return the group of a project, or the names of its VMs where the group has others in it."""
    vms = tuple(vm.name for vm in found.vms_of(project))
    return (f"project_{project}",) if vms and not _orphans(found, project) else vms


def _projects_of(found: Description, person: str) -> list[str]:
    """Return the projects in which a person has a permission."""
    return [name for name, record in found.projects.items() if person in record["permissions"]]


def _accounts(
    found: Description, projects: Iterable[str], urgent: bool = False, ended: tuple[str, ...] = ()
) -> Iterable[Run]:
    hosts = tuple(f"project_{name}" for name in _with_accounts(found, projects))
    if hosts:
        names = {"accounts_hosts": hosts, **({"accounts_end_sessions": ended} if ended else {})}
        yield Run("accounts", names, urgent=urgent)


_PAGES = tuple(name for name, component in COMPONENTS.items() if "nginx" in component.parts)
"""Components whose pages may ask for a web password."""


def _pages(found: Description, projects: Iterable[str]) -> Iterable[Run]:
    """Give what knows web passwords: the pages of components, and the status pages."""
    having = [name for name in projects if name in found.projects]
    hosts = [vm.name for name in having for vm in found.vms_of(name) if {*_PAGES} & vm.components.keys()]
    if hosts:
        yield Run("components", {"components_hosts": tuple(hosts)})
    if having:
        yield _services()


def _services() -> Run:
    """Give monitoring and status pages, without what other machines tell of themselves."""
    return Run("monitoring", {"monitoring_hosts": ()})


def _of_person(
    urgent: bool = False, ends_sessions: bool = False, only: tuple[str, ...] = (), pages: bool = False
) -> Rule:
    """Give the rule of a verb about a person: accounts in that person's projects, and pages for who has a password."""

    def rule(found: Description, arguments: Mapping[str, Any], _subject: str) -> Iterable[Run]:
        person = arguments.get("user")
        if person not in found.users or (only and not any(name in arguments for name in only)):
            return
        projects = _projects_of(found, person)
        yield from _accounts(found, projects, urgent, (person,) if ends_sessions else ())
        if pages and found.users[person]["web_password_hash"]:
            yield from _pages(found, projects)

    return rule


def _web_password(found: Description, arguments: Mapping[str, Any], _subject: str) -> Iterable[Run]:
    yield from _pages(found, _projects_of(found, str(arguments.get("user"))))


def _permissions(found: Description, arguments: Mapping[str, Any], _subject: str) -> Iterable[Run]:
    project, person = arguments.get("project", ""), arguments.get("user")
    yield from _accounts(found, [project])
    if person in found.users and found.users[person]["web_password_hash"]:
        yield from _pages(found, [project])


def _service_users(found: Description, arguments: Mapping[str, Any], _subject: str) -> Iterable[Run]:
    yield from _accounts(found, [arguments.get("project", "")])


def _converge(found: Description, names: Iterable[str], **words: str) -> Iterable[Run]:
    known = tuple(name for name in names if name in found.vms)
    if known:
        yield Run("converge_vm", {"vm": known}, words)


def _ordered(found: Description, _arguments: Mapping[str, Any], subject: str) -> Iterable[Run]:
    yield from _converge(found, [subject])


def _changed(found: Description, arguments: Mapping[str, Any], _subject: str) -> Iterable[Run]:
    yield from _converge(found, [arguments.get("vm", "")])


def _retired(found: Description, arguments: Mapping[str, Any], _subject: str) -> Iterable[Run]:
    """Stop the VM or start it again, as the description has it now; inside nothing changes."""
    yield from _converge(found, [arguments.get("vm", "")], stop_after="creation")


def _rotated(found: Description, arguments: Mapping[str, Any], _subject: str) -> Iterable[Run]:
    vm = found.vms.get(arguments.get("vm", ""))
    if vm is not None and arguments.get("component") == backup.COMPONENT:
        yield Run("backup", {"backup_hosts": (vm.name,)})
    elif vm is not None:
        yield Run("components", {"components_hosts": _hosts(found, vm.project)})


def _new_project(found: Description, arguments: Mapping[str, Any], _subject: str) -> Iterable[Run]:
    if arguments.get("project") in found.projects:
        yield _services()


def _removed_project(_found: Description, _arguments: Mapping[str, Any], _subject: str) -> Iterable[Run]:
    yield Run("dns")
    yield _services()


OF_PROJECT: dict[str, tuple[str, ...]] = {
    "description": ("monitoring",),
    "contacts": ("monitoring",),
    "webhooks": ("monitoring",),
    "maintenance": ("components", "monitoring"),
    "checks": ("components", "monitoring"),
    "firewall": ("base",),
    "dns_records": ("dns",),
    "backup": ("backup",),
    "service_user_limits": ("accounts",),
    "packages": ("base",),
    "jobs": ("components",),
    "status_page": ("monitoring",),
    "production": ("components", "monitoring"),
    "defaults": ("converge_vm",),
    "quota": (),
}
"""What follows from each key of ``change_project``."""

_ARGUMENTS = {
    "base": "base_hosts",
    "components": "components_hosts",
    "backup": "backup_hosts",
}


def _changed_project(found: Description, arguments: Mapping[str, Any], _subject: str) -> Iterable[Run]:
    project = arguments.get("project", "")
    if project not in found.projects:
        return
    wanted = {playbook for key in arguments for playbook in OF_PROJECT.get(key, ())}
    if "converge_vm" in wanted:
        yield from _converge(found, [vm.name for vm in found.vms_of(project)])
    if "accounts" in wanted:
        yield from _accounts(found, [project])
    hosts = _hosts(found, project)
    for playbook, argument in _ARGUMENTS.items():
        if playbook in wanted and hosts:
            yield Run(playbook, {argument: hosts})
    if "dns" in wanted:
        yield Run("dns")
    if "monitoring" in wanted:
        yield _services()


def _operation(verb: str) -> Effect:
    """Give the effect of what changes no description: its own playbook, for the machines that it names.

    Its other arguments, such as a path, whoever starts it hands on by themselves, judged by ``table.check``.
    """

    def rule(found: Description, arguments: Mapping[str, Any], _subject: str) -> Iterable[Run]:
        known = {*found.vms, *found.ledger.retired, *found.hypervisors, *found.machines}
        names = {one: (str(arguments[one]),) for one in ("vm", "to") if arguments.get(one) in known}
        if names:
            yield Run(verb, names)

    return Effect(rule)


_CONVERGED = ("converge_vm",)
EFFECTS: dict[str, Effect] = {
    "order_vm": Effect(_ordered, _CONVERGED),
    "change_vm": Effect(_changed, _CONVERGED),
    "remove_component": Effect(_changed, _CONVERGED),
    "stop_vm": Effect(_changed, _CONVERGED),
    "start_vm": Effect(_changed, _CONVERGED),
    "retire_vm": Effect(_retired, does=_CONVERGED),
    "rotate_secret": Effect(_rotated, ("components", "backup")),
    "add_user": Effect(_nothing),
    "change_user": Effect(_of_person(only=("full_name",))),
    "lock_user": Effect(_of_person(urgent=True, ends_sessions=True, pages=True), ("accounts",)),
    "unlock_user": Effect(_of_person(pages=True)),
    "invite_user": Effect(_nothing),
    "accept_user": Effect(_of_person(pages=True)),
    "decline_user": Effect(_nothing),
    "set_web_password": Effect(_web_password),
    "clear_web_password": Effect(_web_password),
    "add_passkey": Effect(_nothing),
    "remove_passkey": Effect(_nothing),
    "add_ssh_key": Effect(_of_person()),
    "revoke_key": Effect(_of_person(urgent=True, ends_sessions=True), ("accounts",)),
    "remove_user": Effect(_of_person(urgent=True, pages=True)),
    "set_permissions": Effect(_permissions),
    "add_service_user": Effect(_service_users),
    "remove_service_user": Effect(_service_users),
    "add_project": Effect(_new_project),
    "change_project": Effect(_changed_project),
    "remove_project": Effect(_removed_project),
    **{verb: _operation(verb) for verb in table.OPERATIONS},
}
