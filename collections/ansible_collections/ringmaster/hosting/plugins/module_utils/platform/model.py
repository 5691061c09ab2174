# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The description as typed values: what the files say, before and without the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import addresses, sizes

from .language.errors import Mistake
from .language.load import Source
from .ledger import Ledger
from .schema.backup import resolve as resolve_backup

MACHINE_ADDRESSES = ("address", "srv_ipv4", "srv_ipv6", "fe_ipv4", "fe_ipv6")
"""Keys of hypervisors and machines; those of the frontend are machines' only."""


def of_record(record: dict[str, Any]) -> Iterator[str]:
    """Yield the addresses of a hypervisor or machine."""
    return addresses.declared(record.get(key) for key in MACHINE_ADDRESSES)


@dataclass(frozen=True)
class Asked:
    """Further addresses that a VM asks for: how many, and which ones where it names them."""

    count: int = 0
    named: tuple[str, ...] = ()

    @classmethod
    def of(cls, value: int | list[str | None] | None) -> Asked:
        """Return what the description says: a number, or a list of addresses."""
        if isinstance(value, list):
            named = tuple(one for one in value if one)
            return cls(len(named), named)
        return cls(value or 0)


@dataclass
class Vm:
    """A VM as ordered. Sizes: memory in MiB, disk in GiB."""

    name: str
    project: str
    memory_mib: int
    memory_max_mib: int
    cores: int
    disk_gib: int
    image: str
    frontend_ipv4: bool
    components: dict[str, dict[str, Any]]
    """Those that it has, with their options."""
    protected: bool
    state: str
    delete_after: str
    hypervisor: str
    production: bool
    maintenance: dict[str, Any]
    backup: dict[str, Any]
    comment: str = ""
    packages: tuple[str, ...] = ()
    firewall: dict[str, Any] = field(default_factory=dict)
    anti_spoofing: bool = True
    frontend_extra_ipv4: Asked = Asked()
    server_public_ipv4: Asked = Asked()
    leaving: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Components marked ``state: absent``, with the options for when they come back."""

    @property
    def swap_mib(self) -> int:
        """Size of the swap disk in MiB."""
        return sizes.swap_mib(self.memory_mib)

    @property
    def tmp_gib(self) -> int:
        """Size of the disk for /tmp in GiB."""
        return sizes.tmp_gib(self.disk_gib)

    @property
    def asks_for_further(self) -> bool:
        """Whether the VM asks for any address beside its first ones."""
        return bool(self.frontend_extra_ipv4.count or self.server_public_ipv4.count)

    @property
    def public_ipv4_count(self) -> int:
        """Number of public IPv4 addresses that the VM asks for, on both networks."""
        return int(self.frontend_ipv4) + self.frontend_extra_ipv4.count + self.server_public_ipv4.count

    @property
    def booked_memory_mib(self) -> int:
        """Memory this VM takes out of what its hypervisor may promise."""
        return max(self.memory_mib, self.memory_max_mib)

    @property
    def booked_disk_mib(self) -> int:
        """Disk space of all three disks, in MiB."""
        return (self.disk_gib + self.tmp_gib) * 1024 + self.swap_mib


@dataclass
class Options:
    """Options of the inventory source that change what the description means."""

    source: Path
    ledger: Path
    key_directory: Path | None = None
    ssh_address: str = "srv4"
    private_key_file: Path | None = None
    roles: Path | None = None
    projects: tuple[str, ...] = ()
    repository: str = ""
    """Address of the git repository in which changes are made; empty for changes in place."""
    branch: str = ""
    folder: str = "."
    """Folder of the platform in the repository."""
    signing_key: Path | None = None
    """Private SSH key that signs commits of verbs."""
    allowed_signers: Path | None = None
    """Who may sign commits, as ssh-keygen reads it; then every commit has to be signed."""


@dataclass
class Description:
    """All files of a platform, read. Records are as the schema gives them; see ``schema`` for their keys."""

    folder: Path
    options: Options
    platform: dict[str, Any] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    projects: dict[str, dict[str, Any]] = field(default_factory=dict)
    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)
    vms: dict[str, Vm] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    sources: dict[str, Source] = field(default_factory=dict)
    extra_keys: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[Mistake] = field(default_factory=list)
    """Mistakes that stood in the description of the commit before, by rules that came later."""
    remarks: list[Mistake] = field(default_factory=list)
    """What is no mistake, but of no use."""

    def remark(self, source: Source, node: Any, message: str, *, found: str, allowed: str, hint: str = "") -> None:
        """Note what is of no use; arguments as of ``Source.wrong``."""
        source.wrong(node, message, found=found, allowed=allowed, hint=hint)
        self.remarks.append(source.mistakes.pop())

    @property
    def hypervisors(self) -> dict[str, dict[str, Any]]:
        """Hypervisors by name."""
        return _records(self.platform.get("hypervisors"))

    @property
    def machines(self) -> dict[str, dict[str, Any]]:
        """Machines that are no hypervisors, by name."""
        return _records(self.platform.get("machines"))

    @property
    def domain(self) -> str:
        """Domain of all names."""
        return self.platform["domain"]

    def network(self, role: str) -> dict[str, Any]:
        """Return the network ``frontend``, ``server`` or ``server_public``; an empty record where there is none."""
        return (self.platform.get("networks") or {}).get(role) or {}

    def source_of_vm(self, name: str) -> Source:
        """Return the file in which a VM is described."""
        return self.sources[f"projects/{self.vms[name].project}.yml"]

    def vms_of(self, project: str) -> list[Vm]:
        """Return the VMs of a project in the order of the file."""
        return [self.vms[name] for name in _records((self.projects[project]).get("vms")) if name in self.vms]

    def components_of(self, project: str) -> set[str]:
        """Return the components that VMs of the project have."""
        return {component for vm in self.vms_of(project) for component in vm.components}

    def orphans(self) -> list[str]:
        """Return VMs of the ledger that are neither described nor retired."""
        return [name for name in self.ledger.vm_ids if name not in self.vms and name not in self.ledger.retired]


def _records(found: Any) -> dict[str, dict[str, Any]]:
    """Return a map's records, leaving out those that could not be read."""
    return {name: record for name, record in (found or {}).items() if record is not None}


def is_leaving(options: Any) -> bool:
    """Tell whether a component is marked to be taken away."""
    return isinstance(options, dict) and options.get("state") == "absent"


def without_state(options: Any) -> Any:
    """Return a component's options without the mark, which is not its role's."""
    return {key: value for key, value in options.items() if key != "state"} if isinstance(options, dict) else options


def build_vm(
    name: str, project: str, record: dict[str, Any], defaults: list[dict[str, Any]], shared: dict[str, Any]
) -> Vm:
    """Make a VM of its record; ``defaults`` are looked at in order, ``shared`` is the project's record."""

    def size(key: str, fallback: Any) -> Any:
        for layer in (record, *defaults):
            if layer and layer.get(key) is not None:
                return layer[key]
        return fallback

    memory = size("memory", sizes.DEFAULT_MEMORY_MIB)
    components = record["components"] or {}
    return Vm(
        name=name,
        project=project,
        memory_mib=memory,
        memory_max_mib=record.get("memory_max") or memory,
        cores=size("cores", sizes.DEFAULT_CORES),
        disk_gib=size("disk", sizes.DEFAULT_DISK_MIB) // 1024,
        image=size("image", "default"),
        frontend_ipv4=bool(record["frontend_ipv4"]),
        frontend_extra_ipv4=Asked.of(record["frontend_extra_ipv4"]),
        server_public_ipv4=Asked.of(record["server_public_ipv4"]),
        components={one: without_state(options) for one, options in components.items() if not is_leaving(options)},
        leaving={one: without_state(options) for one, options in components.items() if is_leaving(options)},
        protected=bool(record["protected"]),
        state=record["state"] or "running",
        delete_after=record["delete_after"] or "",
        hypervisor=record["hypervisor"] or "",
        production=bool(shared["production"] if record["production"] is None else record["production"]),
        maintenance=record["maintenance"] or shared.get("maintenance") or {},
        backup=resolve_backup(record["backup"], shared["backup"]),
        comment=record["comment"] or "",
        packages=tuple(name for name in record["packages"] or () if name),
        anti_spoofing=bool(record["anti_spoofing"]),
        firewall=record["firewall"] or {},
    )
