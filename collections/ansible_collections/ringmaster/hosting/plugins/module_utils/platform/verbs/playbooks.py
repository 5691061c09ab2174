# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of every playbook, with their types; those of verbs come from the verbs' own table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.ringmaster.hosting.plugins.module_utils.components.postgresql import VERSIONS

from ..language import names
from ..language.containers import ListOf
from ..language.types import Anything, Boolean, Choice, Integer, Name, Text, Type
from .table import VERBS

_HOST_PATTERN = r"!?&?[A-Za-z0-9_*?\[][A-Za-z0-9_.*?\[\]-]*([:,][!&]?[A-Za-z0-9_*?\[][A-Za-z0-9_.*?\[\]-]*)*"


def _machine(text: str) -> str:
    """Say what is wrong with the name of one machine: what Ansible would read as more than one host is none."""
    return "" if names.is_valid("machine", text) and text not in names.RESERVED_HOSTS else "is no name of one machine"


def _word(allowed: str, pattern: str = r"[A-Za-z0-9_*.][A-Za-z0-9_.:*@+/=~-]*") -> Text:
    """Return the type of a word for a command line: it never begins like an option."""
    return Text(allowed, pattern=pattern)


MACHINE = Text("the name of one VM, hypervisor or service machine", check=_machine)
ABSOLUTE = Text("a path that begins with /", pattern=r"/.*")
PATTERN = ListOf(
    Text("names of hosts and groups with : between them, as --limit takes them", pattern=_HOST_PATTERN),
    one_is_enough=True,
)
"""Hosts, but for what --limit reads from files (``@``) and regular expressions (``~``); or a list of such."""
PORTS = ListOf(Integer(1, 65535))


@dataclass(frozen=True)
class Playbook:
    """What one playbook may be asked for, and which others it imports: their arguments are known to it as well.

    ``refers`` are arguments that name a host of the inventory, ``narrows`` those that leave hosts out: an empty text
    for one of these would mean all of them, and is refused. ``on_its_own`` tells that it needs no platform.
    """

    types: dict[str, Type] = field(default_factory=dict)
    imports: tuple[str, ...] = ()
    refers: tuple[str, ...] = ()
    narrows: tuple[str, ...] = ()
    on_its_own: bool = False


_SOURCE: dict[str, Type] = {"source": Text("the path of a file that ends in .ringmaster.yml")}
_VM: dict[str, Type] = {"vm": Name("VM")}
_ANY: dict[str, Type] = {"vm": MACHINE}
_STOP: dict[str, Type] = {"stop_after": Choice(("description", "creation"))}
_MOVE: dict[str, Type] = {"to": MACHINE, "fenced": MACHINE, "live": Boolean(), **_SOURCE}
_RESTORE: dict[str, Type] = {
    "vm": MACHINE,
    "to": MACHINE,
    "project": Name("project"),
    "snapshot": _word("the id of a backup, or latest"),
    "replace": Boolean(),
}
_SETS_UP = ("machine", "dns", "base", "certificates", "components", "backup", "monitoring", "withdrawn")
_CONVERGED = ("order_vm", "change_vm", "remove_component", "stop_vm", "start_vm")
_FOLLOWS: dict[str, tuple[str, ...]] = dict.fromkeys(_CONVERGED, ("converge_vm",))
_FOLLOWS |= {"revoke_key": ("accounts",), "lock_user": ("accounts",), "rotate_secret": ("components", "backup")}


def _pattern(name: str) -> Playbook:
    return Playbook({name: PATTERN}, narrows=(name,))


PLAYBOOKS: dict[str, Playbook] = {
    **{
        verb: Playbook({**asked.types, **_SOURCE, **(_STOP if verb in _CONVERGED else {})}, follows)
        for verb, asked in VERBS.items()
        for follows in [_FOLLOWS.get(verb, ())]
    },
    "accounts": Playbook({"accounts_hosts": PATTERN, "end_service_sessions": Boolean()}, narrows=("accounts_hosts",)),
    "allocate": Playbook(_SOURCE),
    "backup": _pattern("backup_hosts"),
    "backup_now": Playbook(
        {**_ANY, "backup_hosts": PATTERN, "prove": Boolean()}, refers=("vm",), narrows=("backup_hosts",)
    ),
    "backup_platform": Playbook(),
    "base": Playbook({"base_hosts": PATTERN, "end_service_sessions": Boolean()}, narrows=("base_hosts",)),
    "certificates": _pattern("certificates_hosts"),
    "components": Playbook({"components_hosts": PATTERN, "leave_in_use": Boolean()}, narrows=("components_hosts",)),
    "converge_vm": Playbook({**_VM, "described_vm": Name("VM"), **_STOP}, ("provision", "set_up")),
    "delete_retired_vms": Playbook({**_VM, **_SOURCE}, narrows=("vm",)),
    "dns": _pattern("dns_mail_hosts"),
    "drain_member": Playbook(
        {"member": Name("VM"), "backend": _word("the name of a backend"), "wait": Integer(0, 86400), "undo": Boolean()},
        refers=("member",),
    ),
    "evacuate": Playbook({"hypervisor": MACHINE, **_MOVE}, refers=("hypervisor", "to", "fenced")),
    "lab": Playbook(on_its_own=True),
    "list_backups": Playbook(_ANY),
    "machine": _pattern("machine_hosts"),
    "mail_selftest": Playbook(_VM, refers=("vm",), narrows=("vm",)),
    "monitoring": _pattern("monitoring_hosts"),
    "move_vm": Playbook({**_VM, **_MOVE, "call_off": Boolean()}, refers=("to", "fenced")),
    "network_check": Playbook(
        {
            **_VM,
            "network_check_ports": PORTS,
            "network_check_machine_ports": PORTS,
            "network_check_askers": ListOf(Name("VM")),
        },
        refers=("vm",),
        narrows=("vm",),
    ),
    "package_cache": _pattern("package_cache_hosts"),
    "provision": Playbook(
        {
            "provision_hypervisors": PATTERN,
            "provision_vms": ListOf(Name("VM")),
            "adopt": Boolean(),
            "hypervisor_image_file": Text("the path of a qcow2 file whose name contains its digest"),
            "hypervisor_boot_timeout": Integer(1, 86400),
        },
        ("vm_image",),
        narrows=("provision_hypervisors", "provision_vms"),
    ),
    "reset_mail_password": Playbook(
        {**_VM, "mailbox": _word("a mail address", r"[A-Za-z0-9_][A-Za-z0-9_.+-]*@[A-Za-z0-9.-]+")}, refers=("vm",)
    ),
    "restart_vm": Playbook(_VM, refers=("vm",)),
    "restore_component": Playbook(
        {
            **_RESTORE,
            "component": _word("the name of a component, as in /etc/ringmaster/backup.d"),
            "object": _word("the name of a database, a mailbox, …"),
            "as": _word("another name for it"),
        },
        refers=("to",),
    ),
    "restore_files": Playbook(
        {**_RESTORE, "path": ABSOLUTE, "folder": ABSOLUTE, "in_place": Boolean()}, refers=("to",)
    ),
    "restore_vm": Playbook(_RESTORE, refers=("to",)),
    "set_up": Playbook(imports=_SETS_UP),
    "show_firewall": Playbook(_VM, refers=("vm",), narrows=("vm",)),
    "site": Playbook(imports=("allocate", "provision", "set_up")),
    "snapshot_vm": Playbook({**_VM, "folder": ABSOLUTE, "frozen": Boolean()}, refers=("vm",)),
    "update": Playbook(
        {
            "package": Text(
                "names of packages with commas between them",
                pattern=r"[a-z0-9*?][a-z0-9.+*?:-]*(,[a-z0-9*?][a-z0-9.+*?:-]*)*",
            ),
            "package_hosts": PATTERN,
            "batch": Text("a number of machines, or a share such as 20%", pattern=r"[1-9][0-9]{0,5}%?"),
        },
        narrows=("package_hosts",),
    ),
    "upgrade_postgresql": Playbook(
        {
            **_VM,
            "version": Integer(min(VERSIONS), max(VERSIONS)),
            "step": Choice(("check", "upgrade", "confirm", "roll_back")),
        },
        refers=("vm",),
    ),
    "validate": Playbook(_SOURCE),
    "vm_image": Playbook(on_its_own=True),
    "what_if": Playbook(
        {
            "changes": ListOf(Anything("a verb with its arguments: {verb: change_vm, arguments: {vm: …}}")),
            "revision": _word("a branch, tag or commit"),
            "refuse": ListOf(Text("a kind of consequence", pattern=r"[a-z_]+")),
            "to": ABSOLUTE,
            "live": Boolean(),
            **_SOURCE,
        },
    ),
    "withdrawn": _pattern("withdrawn_hosts"),
}


def types_of(playbooks: Iterable[str]) -> dict[str, Type]:
    """Return all arguments that playbooks and what they import know; a playbook's own type counts first."""
    found: dict[str, Type] = {}
    queue = list(playbooks)
    for name in queue:
        for argument, kind in PLAYBOOKS[name].types.items():
            found.setdefault(argument, kind)
        queue += [each for each in PLAYBOOKS[name].imports if each not in queue]
    return found


def narrowing(playbooks: Iterable[str]) -> set[str]:
    """Return the arguments of playbooks and of what they import that leave hosts out."""
    queue = list(playbooks)
    for name in queue:
        queue += [each for each in PLAYBOOKS[name].imports if each not in queue]
    return {argument for name in queue for argument in PLAYBOOKS[name].narrows}
