# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of every playbook, with their types; those of verbs come from the verbs' own table.

What a verb's playbook imports comes from the table of effects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.ringmaster.hosting.plugins.module_utils.components.postgresql import VERSIONS

from ..language.containers import ListOf
from ..language.types import Anything, Boolean, Choice, Integer, Name, Text, Type
from . import effects
from .table import CHANGES, OPERATIONS, STOP
from .words import ABSOLUTE, MACHINE, PATTERN, PORTS, word


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
_MOVE: dict[str, Type] = {"to": MACHINE, "fenced": MACHINE, "live": Boolean(), **_SOURCE}
_SETS_UP = (
    *("machine", "dns", "base", "certificates", "mail", "maintenance", "components", "backup", "monitoring", "steward"),
    "withdrawn",
)


def _file(what: str) -> Text:
    """Return the type of a path of the controller that something is written to."""
    return Text(f"the path, from / on, of a file {what}", r"^/[\w./+-]+$")


_ANSWER: dict[str, Type] = {"answer_file": _file("that programs read the answer in")}


def _pattern(name: str) -> Playbook:
    return Playbook({name: PATTERN}, narrows=(name,))


PLAYBOOKS: dict[str, Playbook] = {
    **{
        verb: Playbook({**asked.types, **_SOURCE, **(STOP if "converge_vm" in follows else {})}, follows)
        for verb, asked in CHANGES.items()
        for follows in [effects.EFFECTS[verb].imports]
    },
    **{verb: Playbook(asked.types, refers=asked.refers) for verb, asked in OPERATIONS.items()},
    "accounts": Playbook({"accounts_hosts": PATTERN, "end_service_sessions": Boolean()}, narrows=("accounts_hosts",)),
    "allocate": Playbook(_SOURCE),
    "backup": Playbook(
        {"backup_hosts": PATTERN, "backup_server_hosts": PATTERN}, narrows=("backup_hosts", "backup_server_hosts")
    ),
    "backup_now": Playbook(
        {**OPERATIONS["backup_now"].types, "backup_hosts": PATTERN},
        refers=OPERATIONS["backup_now"].refers,
        narrows=("backup_hosts",),
    ),
    "backup_platform": Playbook(),
    "base": Playbook({"base_hosts": PATTERN, "end_service_sessions": Boolean()}, narrows=("base_hosts",)),
    "behind": Playbook(
        {
            "full": Boolean(),
            "hand_over": _file("that VMs to visit are written to"),
        }
    ),
    "browse_backup": Playbook(
        {
            **_ANY,
            "backup": Text("the first eight or more digits of a backup's id", r"^[0-9a-f]{8,64}$"),
            "folder": Text("the path of a folder, from / on; %20 is a space, as in a URL", r"^/[\w.~/%+-]*$"),
            "after": Integer(0, 10**9),
            **_ANSWER,
        }
    ),
    "certificates": _pattern("certificates_hosts"),
    "components": Playbook({"components_hosts": PATTERN, "leave_in_use": Boolean()}, narrows=("components_hosts",)),
    "converge_vm": Playbook(
        {"vm": ListOf(Name("VM"), one_is_enough=True), "described_vm": Name("VM"), **STOP}, ("provision", "set_up")
    ),
    "delete_retired_vms": Playbook({**_VM, **_SOURCE}, narrows=("vm",)),
    "dns": _pattern("dns_mail_hosts"),
    "drain_member": Playbook(
        {"member": Name("VM"), "backend": word("the name of a backend"), "wait": Integer(0, 86400), "undo": Boolean()},
        refers=("member",),
    ),
    "evacuate": Playbook({"hypervisor": MACHINE, **_MOVE}, refers=("hypervisor", "to", "fenced")),
    "lab": Playbook(on_its_own=True),
    "list_backups": Playbook({**_ANY, **_ANSWER}),
    "machine": _pattern("machine_hosts"),
    "mail": Playbook(),
    "maintain_vm": Playbook({**_VM, "step": Choice(("now", "postpone", "resume"))}, refers=("vm",)),
    "maintenance": Playbook(),
    "maintenance_plan": Playbook({"days": Integer(1, 366), "calendar": _file("for the calendar")}),
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
        {**_VM, "mailbox": word("a mail address", r"[A-Za-z0-9_][A-Za-z0-9_.+-]*@[A-Za-z0-9.-]+")}, refers=("vm",)
    ),
    "set_up": Playbook(imports=_SETS_UP),
    "set_up_vms": Playbook(
        {"vm": ListOf(Name("VM"), one_is_enough=True, most=100_000), "full": Boolean()},
        ("base", "certificates", "components", "backup", "withdrawn"),
        narrows=("vm",),
    ),
    "show_firewall": Playbook(_VM, refers=("vm",), narrows=("vm",)),
    "site": Playbook(imports=("allocate", "provision", "behind", "set_up")),
    "steward": Playbook(),
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
            "revision": word("a branch, tag or commit"),
            "refuse": ListOf(Text("a kind of consequence", pattern=r"[a-z_]+")),
            "to": ABSOLUTE,
            "live": Boolean(),
            **_SOURCE,
        },
    ),
    "withdrawn": Playbook(
        {"withdrawn_hosts": PATTERN, "provisioned": ListOf(Name("machine"))}, narrows=("withdrawn_hosts",)
    ),
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
