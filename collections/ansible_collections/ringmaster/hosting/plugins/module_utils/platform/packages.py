# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages that projects and VMs ask for: which a VM gets, and which nobody may ask for.

Whether the archive has them is known on the VM only, which judges them again with all that they bring.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS
from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import declared_packages

from .language.load import Source
from .model import Description, Vm


def of_vm(description: Description, vm: Vm) -> list[str]:
    """Return what is installed for a VM's project: what both ask for, and the clients of the project's components."""
    own = description.projects[vm.project]["packages"] or []
    return sorted({*own, *vm.packages, *_clients(description, vm)})


def _clients(description: Description, vm: Vm) -> Iterator[str]:
    """Yield clients of what runs on other VMs of the project; the VM's own components bring theirs."""
    for component in description.components_of(vm.project).difference(vm.components):
        yield from COMPONENTS[component].clients if component in COMPONENTS else ()


def check(description: Description) -> None:
    """Note packages that come in the place of what the platform sets up, or that operators have denied."""
    denied = description.platform.get("packages_denied") or {}
    for name, record in description.projects.items():
        source = description.sources[f"projects/{name}.yml"]
        _check(source, ("packages",), record["packages"] or [], denied)
    for vm in description.vms.values():
        _check(description.source_of_vm(vm.name), ("vms", vm.name, "packages"), vm.packages, denied)


def _check(source: Source, place: tuple[str, ...], found: Iterable[str], denied: dict[str, str]) -> None:
    for number, name in enumerate(found):
        why = declared_packages.reason(name, denied) if name else ""
        if why:
            source.wrong(
                source.find(*place, number),
                f"{'.'.join(place)}: the package '{name}' is not for projects",
                found=name,
                allowed="a Debian package that does not come in the place of what the platform sets up",
                hint=why,
            )
