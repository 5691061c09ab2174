# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine is to be converged with, as one digest: that of the description's variables, and of this collection.

A machine keeps the digest that the last complete run has brought it to. It is behind while that differs from the wanted
one; nothing else says so, neither that a commit is newer nor that a run was started.

What may change a VM is its own variables, those of its project and of the platform, the components of the project's
other VMs (their credentials, backends and rules lie on it, too), the machines of services, and the variables that
operators keep beside the inventory. Hypervisors and machines of services know all VMs, so that theirs is made of
everything.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from . import standing
from .language import files

VARIABLE = "ringmaster_digest"
FOLDER = "/etc/ringmaster/convergence"
"""On a machine: ``wanted``, the digest that a run began to bring it to, and ``reached``, once one has done so."""
LENGTH = 20  # hexadecimal digits
COLLECTION = Path(__file__).parents[3]
CODE = ("roles", "plugins", "playbooks")

OF_THE_CONTROLLER = frozenset(
    {
        "ansible_connection",
        "ansible_host",
        "ansible_python_interpreter",
        "ansible_ssh_common_args",
        "ansible_ssh_private_key_file",
        "ansible_user",
        "ringmaster_former_addresses",
        "ringmaster_lab_keys",
        "ringmaster_next_host",
        "ringmaster_platform_dir",
        "ringmaster_source",
    }
)
"""Variables that no machine is made of: how and from where it is reached, and what ends with the run itself."""
OF_THE_PLACE = frozenset({"ringmaster_hypervisor"})
"""What does not change a VM, since whoever changes it (a move) sees to it alone."""


def add_digests(
    groups: Mapping[str, Mapping[str, Any]],
    hosts: dict[str, dict[str, Any]],
    services: Iterable[str],
    beside: Mapping[str, str],
) -> None:
    """Give each described host its digest as a variable.

    :param groups: name -> ``{hosts, vars}``, with group ``all``.
    :param hosts: host -> its variables; changed in place.
    :param services: the machines that the platform's services run on.
    :param beside: digests of what operators keep beside the inventory: ``""`` for all hosts, or a host's name.
    """
    platform = of(
        [
            *(_told(groups[name]["vars"]) for name in ("all", "vms") if name in groups),
            {name: _told(hosts[name]) for name in sorted(set(services) & hosts.keys())},
            beside.get("", ""),
            _own_code(),
        ]
    )
    vms = set(groups.get("vms", {}).get("hosts", []))
    projects = {name: of(_told(group["vars"])) for name, group in groups.items() if name.startswith("project_")}
    members: dict[str, list[str]] = {}
    for name in vms:
        members.setdefault(hosts[name]["ringmaster_project"], []).append(name)
    shared = {
        project: of([platform, projects[f"project_{project}".replace("-", "_")], _components(hosts, names)])
        for project, names in members.items()
    }
    for name in vms:
        own = {key: value for key, value in _told(hosts[name]).items() if key not in OF_THE_PLACE}
        hosts[name][VARIABLE] = of([shared[hosts[name]["ringmaster_project"]], own, beside.get(name, "")])
    others = [
        name for kind in ("hypervisors", "machines") for name in groups.get(kind, {}).get("hosts", []) if name in hosts
    ]
    everything = of(
        [
            platform,
            sorted((name, hosts[name][VARIABLE], hosts[name].get("ringmaster_hypervisor", "")) for name in vms),
            sorted((name, _told(hosts[name]), beside.get(name, "")) for name in others),
            {name: _told(group["vars"]) for name, group in groups.items() if name.startswith("service_")},
        ]
    )
    for name in others:
        hosts[name][VARIABLE] = of([everything, name])


def of(value: Any) -> str:
    """Return what changes whenever a value does."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def _told(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in variables.items() if name not in OF_THE_CONTROLLER}


def _components(hosts: Mapping[str, Mapping[str, Any]], names: Iterable[str]) -> dict[str, Any]:
    """Return what the VMs of a project offer to each other."""
    result = {}
    for name in names:
        own = hosts[name]
        offered = [*own.get("ringmaster_components", []), *own.get("ringmaster_components_leaving", [])]
        starts = tuple(f"{component}_" for component in offered)
        result[name] = [offered, {key: value for key, value in own.items() if starts and key.startswith(starts)}]
    return result


def code(collection: Path = COLLECTION) -> str:
    """Return the digest of what this collection brings to machines, and by which plays."""
    result = hashlib.sha256()
    for entry in sorted(_files(collection), key=lambda found: found.path):
        result.update(f"{os.path.relpath(entry.path, collection)}\0".encode())
        result.update(files.read_bytes(Path(entry.path)) + b"\0")
    return result.hexdigest()[:LENGTH]


@functools.cache
def _own_code() -> str:
    return code()


def code_signature(collection: Path = COLLECTION) -> str:
    """Return what changes when a file of the collection was written: names, sizes and times, without reading them."""
    found = sorted((entry.path, entry.stat().st_size, entry.stat().st_mtime_ns) for entry in _files(collection))
    return of(found)


def _files(collection: Path) -> Iterator[os.DirEntry[str]]:
    places = [str(collection / name) for name in CODE]
    for place in places:
        for entry in os.scandir(place) if os.path.isdir(place) else ():  # noqa: PTH112 - a thousand files in milliseconds
            if entry.is_dir(follow_symlinks=False):
                if entry.name != "__pycache__":
                    places.append(entry.path)
            elif entry.is_file():
                yield entry


def files_beside(folder: Path) -> list[Path]:
    """Return the files of variables of groups and hosts beside an inventory, as Ansible looks for them."""
    places = (path for kind in ("group_vars", "host_vars") for path in (folder / kind).rglob("*"))
    return sorted(path for path in places if path.is_file() and path.suffix in ("", ".yml", ".yaml", ".json"))


def beside(folder: Path) -> dict[str, str]:
    """Return the digests of the variables beside an inventory: those of groups count for everybody (``""``)."""
    found: dict[str, list[str]] = {}
    for path in files_beside(folder):
        kind, *rest = path.relative_to(folder).parts
        host = Path(rest[0]).stem if kind == "host_vars" and len(rest) == 1 else rest[0]
        try:
            content = hashlib.sha256(files.read_bytes(path, files.LARGEST_WRITTEN)).hexdigest()
        except OSError:
            content = ""  # Ansible says what is wrong with it
        found.setdefault(host if kind == "host_vars" else "", []).append(f"{'/'.join(rest)} {content}")
    return {name: of(parts) for name, parts in found.items()}


def wanted(machine: Mapping[str, Any]) -> str:
    """Return what a machine keeps and says of its digest; empty where it has none.

    It is made with the secret of the platform, which components' passwords follow from as well: who knows the digest of
    another machine, as monitoring does, cannot tell what that says of the next one.

    :param machine: host variables.
    """
    digest = str(machine.get(VARIABLE) or "")
    key = str(machine.get("platform_secret") or "").encode()
    text = f"converged {machine.get('inventory_hostname', '')} {digest}".encode()
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:LENGTH] if digest else ""


def reached(machine: Mapping[str, Any], now: float) -> str:
    """Return what a machine keeps of a complete run that converged it: JSON with digest, commit and moment (Unix time).

    :param machine: host variables. The commit is that of the description's folder, empty where there is none.
    """
    record = {
        "digest": wanted(machine),
        "commit": standing.commit(Path(machine["ringmaster_platform_dir"])),
        "at": int(now),
    }
    return json.dumps(record, sort_keys=True) + "\n"
