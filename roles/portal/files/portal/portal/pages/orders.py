# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Order a VM and change one: forms made of the specifications of roles and verbs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.component_options import Roles
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language import names
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.language.errors import DescriptionError
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Vm
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.verbs import forms
from ansible_collections.ringmaster.hosting.plugins.module_utils.values import sizes
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from . import asking
from .frame import Asker, only, page, posted, signed_in
from .home import bars

SIZES = {
    "small": ("Small", {"cores": "1", "memory": "1GiB", "disk": "10GiB"}),
    "medium": ("Medium", {"cores": "2", "memory": "4GiB", "disk": "20GiB"}),
    "large": ("Large", {"cores": "4", "memory": "8GiB", "disk": "50GiB"}),
}
OWN = "own"
ORDERED = ("frontend_ipv4", "production", "comment")
CHANGED = ("cores", "memory", "memory_max", "disk", "frontend_ipv4", "protected", "production", "comment")
WHAT = {
    "postgresql": "Relational database, backed up, with point-in-time recovery if wanted",
    "mysql": "Relational database, backed up",
    "redis": "Store in memory, written to disk",
    "memcached": "Cache in memory",
    "webgateway": "nginx and haproxy with certificates",
    "mailserver": "Mailboxes, forwards, webmail",
    "mailstub": "Lets applications send mail",
}
"""What a component is for, in a few words."""
_ROLES = Roles(settings.ROLES)


@dataclass(frozen=True)
class Choice:
    """A component in the form of an order: whether it is chosen, and its options as they were filled."""

    name: str
    title: str
    what: str
    is_chosen: bool
    common: list[forms.Filled]
    more: list[forms.Filled]

    @property
    def is_wrong(self) -> bool:
        """Whether something in its options is wrong."""
        return any(one.is_wrong for one in [*self.common, *self.more])


def _given(request: HttpRequest) -> dict[str, str]:
    return {name: posted(request, name) for name in request.POST}


def _managed(asker: Asker, project: str) -> Any:
    """Return the record of a project that somebody may order in; what he sees and may not change, says so later."""
    record = asker.seen.project(project)
    if record is None:
        raise Http404
    return record


@signed_in
def order(request: HttpRequest, asker: Asker, name: str) -> HttpResponse:
    """Show the form of an order, and then what would follow from it."""
    only(request, "GET", "POST")
    record = _managed(asker, name)
    given = _given(request)
    fields = forms.of_verb("order_vm", ORDERED)
    own = forms.of_verb("order_vm", ("cores", "memory", "disk"))
    size = given.get("size", "small" if not given else "")
    arguments, wrong = forms.arguments("order_vm", [*fields, *(own if size == OWN else ())], given)
    arguments["project"] = name
    if size in SIZES:
        arguments |= SIZES[size][1]
    elif size != OWN and given:
        wrong["size"] = "Choose a size."
    choices, chosen = _choices(given, wrong)
    if chosen:
        arguments["components"] = chosen
    mistakes: list[str] = []
    if request.method == "POST" and not wrong and "edit" not in given:
        try:
            back = f"/projects/{name}/order"
            return asking.confirm(request, asker, [("order_vm", arguments)], back=back, again=True)
        except DescriptionError as error:
            mistakes = [asking.told(one) for one in error.mistakes]
    vms = asker.description.vms_of(name)
    known = [*asker.description.vms, *asker.description.ledger.used_vm_names()]
    return page(
        request,
        "order",
        asker,
        status=422 if wrong or mistakes else 200,
        project=name,
        next=names.next_vm(name, known),
        sizes=[(key, title, given_) for key, (title, given_) in SIZES.items()],
        size=size,
        size_wrong=wrong.get("size", ""),
        own=forms.typed(own, given, wrong),
        fields=forms.typed(fields, given, wrong),
        choices=choices,
        mistakes=mistakes,
        quota=bars(record, vms) if asker.seen.sees(name, "quota") else [],
        usually=asking.usually("order_vm"),
    )


def _choices(given: Mapping[str, str], wrong: dict[str, str]) -> tuple[list[Choice], dict[str, Any]]:
    """Return all components with their forms, and the options of those that are chosen; mistakes are noted."""
    choices, chosen = [], {}
    for name in _ROLES.components():
        fields = forms.of_component(_ROLES, name)
        values = forms.read(fields, given, f"{name}.")
        is_chosen = given.get(f"with.{name}") == "on"
        mistakes = forms.judged(_ROLES, name, values, f"{name}.") if is_chosen else {}
        wrong |= mistakes
        if is_chosen:
            chosen[name] = values
        shown = forms.filled(fields, values, f"{name}.", mistakes)
        common, more = ([one for one in shown if one.field.is_less_common is less] for less in (False, True))
        choices.append(Choice(name, COMPONENTS[name].title, WHAT.get(name, ""), is_chosen, common, more))
    return choices, chosen


@signed_in
def change(request: HttpRequest, asker: Asker, name: str) -> HttpResponse:
    """Show the form for a VM's size and the like, and then what would follow."""
    only(request, "GET", "POST")
    vm = _vm(asker, name)
    fields = forms.of_verb("change_vm", CHANGED)
    before = _values(vm)
    given = {**before, **_given(request)}
    mistakes: list[str] = []
    changed = {key: value for key, value in given.items() if key in before and value.strip() != before[key]}
    arguments, wrong = forms.arguments("change_vm", fields, changed)
    if changed.get("comment") == "":
        wrong["comment"] = "A comment cannot be taken away here; write another one."
    if request.method == "POST" and not wrong and "edit" not in given:
        if not arguments:
            mistakes = ["Nothing is different from how it is. Change a field first."]
        else:
            try:
                changes = [("change_vm", {"vm": name, **arguments})]
                return asking.confirm(request, asker, changes, back=f"/vms/{name}/change", again=True)
            except DescriptionError as error:
                mistakes = [asking.told(one) for one in error.mistakes]
    return page(
        request,
        "change",
        asker,
        status=422 if wrong or mistakes else 200,
        vm=vm,
        fields=forms.typed(fields, given, wrong),
        mistakes=mistakes,
    )


def _vm(asker: Asker, name: str) -> Vm:
    vm = asker.seen.vm(name)
    if vm is None:
        raise Http404
    return vm


def _values(vm: Vm) -> dict[str, str]:
    """Return what a VM has, as the fields of a form have it."""
    grows = vm.memory_max_mib != vm.memory_mib
    return {
        "cores": str(vm.cores),
        "memory": sizes.render(vm.memory_mib),
        "memory_max": sizes.render(vm.memory_max_mib) if grows else "",
        "disk": f"{vm.disk_gib}GiB",
        "frontend_ipv4": "on" if vm.frontend_ipv4 else "off",
        "protected": "on" if vm.protected else "off",
        "production": "on" if vm.production else "off",
        "comment": vm.comment,
    }


@signed_in
def component(request: HttpRequest, asker: Asker, name: str, component: str) -> HttpResponse:
    """Show the options of a component that a VM has or is to get, and then what would follow."""
    only(request, "GET", "POST")
    vm = _vm(asker, name)
    if component not in _ROLES.components():
        raise Http404
    has = vm.components.get(component)
    before = dict(has or vm.leaving.get(component) or {})
    fields = forms.of_component(_ROLES, component)
    given = _given(request)
    values = forms.read(fields, given, "o.") if given else before
    wrong = forms.judged(_ROLES, component, values, "o.") if given else {}
    mistakes: list[str] = []
    if request.method == "POST" and not wrong and "edit" not in given:
        options = forms.changed(before, values)
        if has is not None and not options:
            mistakes = ["Nothing is different from how it is. Change a field first."]
        else:
            try:
                changes = [("change_vm", {"vm": name, "components": {component: options}})]
                back = f"/vms/{name}/components/{component}"
                return asking.confirm(request, asker, changes, back=back, again=True)
            except DescriptionError as error:
                mistakes = [asking.told(one) for one in error.mistakes]
    shown = forms.filled(fields, values, "o.", wrong)
    common, more = ([one for one in shown if one.field.is_less_common is less] for less in (False, True))
    return page(
        request,
        "component",
        asker,
        status=422 if wrong or mistakes else 200,
        vm=vm,
        component=component,
        title=COMPONENTS[component].title,
        what=WHAT.get(component, ""),
        is_there=has is not None,
        is_leaving=component in vm.leaving,
        takes_over=COMPONENTS[component].takes_over,
        common=common,
        more=more,
        is_open=any(one.is_wrong for one in more),
        mistakes=mistakes,
    )
