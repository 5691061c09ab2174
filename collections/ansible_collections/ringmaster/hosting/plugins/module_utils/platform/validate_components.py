# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of components and their options: all that can be known of them without a machine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components.faults import Fault, Surroundings
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.judges import JUDGES, NEEDS_NO_OPTIONS
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.fqdn import frontend_fqdn

from .component_options import Roles
from .language.errors import did_you_mean, one_of
from .language.load import Source
from .model import Description, Vm
from .schema.common import COMPONENTS


def check(description: Description, roles: Roles) -> None:
    """Note every mistake in the options of hypervisors and of components."""
    platform = description.sources["platform.yml"]
    for name, record in description.hypervisors.items():
        options = record["options"] or {}
        if options:
            here = ("hypervisors", name, "options")
            _note(platform, here, roles.problems("hypervisor", options, platform, platform.find(*here)))
    available = roles.components()
    neighbours: dict[str, dict[str, Any]] = {}
    for vm in description.vms.values():
        neighbours.setdefault(vm.project, {})[vm.name] = vm.components
    for vm in description.vms.values():
        if vm.components:
            _check_vm(description, vm, roles, available, neighbours[vm.project])


def _check_vm(description: Description, vm: Vm, roles: Roles, available: list[str], neighbours: dict[str, Any]) -> None:
    source = description.source_of_vm(vm.name)
    here = ("vms", vm.name, "components")
    for component, options in vm.components.items():
        if component not in COMPONENTS:
            source.wrong(
                source.find(*here, component, key=True),
                f"{'.'.join(here)}: the component '{component[:40]}' is not known",
                found=component,
                allowed=one_of(COMPONENTS),
                hint=did_you_mean(component, COMPONENTS),
            )
        elif available and component not in available:
            source.wrong(
                source.find(*here, component, key=True),
                f"{'.'.join(here)}: the component '{component}' is not a part of this version of Ringmaster",
                found=component,
                allowed=one_of(available),
            )
        elif available and (options or component in NEEDS_NO_OPTIONS):
            place = (*here, component)
            before = len(source.mistakes)
            _note(source, place, roles.problems(component, options or {}, source, source.find(*place)))
            if len(source.mistakes) == before:
                domain = description.platform.get("domain") or ""
                around = Surroundings(
                    vm.name, neighbours, frontend_fqdn(vm.name, domain), roles.managed_settings(component)
                )
                _note(source, place, JUDGES[component](options or {}, around))


def _note(source: Source, path: tuple[str, ...], faults: Iterable[Fault]) -> None:
    for fault in faults:
        steps = (*path, *fault.path)
        source.wrong(
            source.find(*steps, key=fault.is_key or not fault.path),
            f"{'.'.join(map(str, steps[:-1] if fault.is_key and fault.path else steps))}: {fault.message}",
            found=fault.found,
            allowed=fault.allowed,
            hint=fault.hint,
            eased=True,
        )
