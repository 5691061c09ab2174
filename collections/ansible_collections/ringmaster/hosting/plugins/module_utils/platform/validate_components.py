# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of components and their options: all that can be known of them without a machine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components import catalogue
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.faults import Fault, Surroundings
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.fqdn import frontend_fqdn

from .component_options import Roles
from .firewall_rules import COMPONENT
from .language.errors import did_you_mean, one_of
from .language.load import Source
from .model import Description, Vm
from .schema.common import COMPONENTS

STATES = ("present", "absent")
"""What a component's ``state`` may be: without one it is present."""


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
        if vm.components or vm.leaving:
            _check_vm(description, vm, roles, available, neighbours[vm.project])
            _check_leaving(description, vm, neighbours[vm.project])


def _check_vm(description: Description, vm: Vm, roles: Roles, available: list[str], neighbours: dict[str, Any]) -> None:
    source = description.source_of_vm(vm.name)
    here = ("vms", vm.name, "components")
    for component, options in {**vm.components, **vm.leaving}.items():
        _check_state(source, (*here, component))
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
        elif available and (options or catalogue.COMPONENTS[component].needs_no_options):
            place = (*here, component)
            before = len(source.mistakes)
            _note(source, place, roles.problems(component, options or {}, source, source.find(*place)))
            if len(source.mistakes) == before and component in vm.components:
                domain = description.platform.get("domain") or ""
                around = Surroundings(
                    vm.name,
                    neighbours,
                    frontend_fqdn(vm.name, domain),
                    roles.managed_settings(component),
                    bool((description.platform.get("services") or {}).get("mail")),
                )
                _note(source, place, catalogue.COMPONENTS[component].judge(options or {}, around))


def _check_state(source: Source, place: tuple[str, ...]) -> None:
    """Note a mark that is neither of the two words."""
    node = source.find(*place, "state")
    written = getattr(node, "value", "")
    if node is not source.find(*place) and written not in STATES:
        source.wrong(
            node,
            f"{'.'.join(place)}.state: is not one of the choices",
            found=str(written),
            allowed=one_of(STATES),
            hint=did_you_mean(str(written), STATES),
        )


def _check_leaving(description: Description, vm: Vm, neighbours: dict[str, Any]) -> None:
    """Note what still needs a component that nobody in the project would have any more."""
    source = description.source_of_vm(vm.name)
    for component in vm.leaving:
        if any(component in having for having in neighbours.values()):
            continue
        target = f"{COMPONENT}{component}"
        rules = [("firewall", "allow"), *(("vms", one, "firewall", "allow") for one in neighbours)]
        for place in rules:
            for number, rule in enumerate(_rules(description, vm.project, place)):
                if target in (rule.get("to") or []):
                    source.wrong(
                        source.find(*place, number, "to"),
                        f"{'.'.join(place)}[{number}].to: {component} is marked to go from {vm.name}, "
                        "and no other VM of the project has it",
                        found=target,
                        allowed="ports, or a component that a VM of the project has",
                        hint="take the rule away in the same change",
                    )


def _rules(description: Description, project: str, place: tuple[str, ...]) -> list[dict[str, Any]]:
    if place[0] == "vms":
        return (description.vms[place[1]].firewall or {}).get("allow") or []
    return (description.projects[project]["firewall"] or {}).get("allow") or []


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
