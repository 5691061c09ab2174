# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody sees first, a project, and what a search finds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import quotas
from ansible_collections.ringmaster.hosting.plugins.module_utils.platform.model import Vm
from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import states
from django.http import Http404, HttpRequest, HttpResponse

from ..queue import models
from ..queue.people import seen_by
from . import facts
from .frame import Asker, only, page, signed_in

FOUND = 50
MOST_CARDS = 6
"""Projects that are shown with their VMs; of more, a table says how many each has."""


@signed_in
def home(request: HttpRequest, asker: Asker) -> HttpResponse:
    """Show what needs somebody, the projects, and the requests that run."""
    only(request, "GET")
    requests = seen_by(asker.name).order_by("-id")
    mine = models.Request.objects.filter(person=asker.name)
    needs = [
        *[one for one in requests.filter(open=True, state=states.WAITING) if asker.name in one.waits_for],
        *mine.filter(state=states.FAILED).order_by("-id")[:5],
    ]
    names = asker.seen.projects()
    projects = [_card(asker, name) for name in names] if len(names) <= MOST_CARDS else []
    many = [] if projects else [_counted(asker, name) for name in names]
    running = mine.filter(open=True).order_by("-id")[:20]
    latest = requests.filter(open=False).order_by("-id")[:8]
    return page(request, "home", asker, needs=needs, projects=projects, many=many, running=running, latest=latest)


def _card(asker: Asker, name: str) -> dict[str, Any]:
    record = asker.description.projects[name]
    vms = asker.description.vms_of(name)
    return {
        "name": name,
        "description": record["description"],
        "vms": [facts.of_vm(asker.description, vm) for vm in vms],
        "permissions": sorted(asker.seen.permissions.get(name, ())),
    }


def _counted(asker: Asker, name: str) -> dict[str, Any]:
    record, vms = asker.description.projects[name], asker.description.vms_of(name)
    stopped = sum(vm.state != "running" for vm in vms)
    return {"name": name, "description": record["description"], "vms": len(vms), "stopped": stopped}


@signed_in
def project(request: HttpRequest, asker: Asker, name: str) -> HttpResponse:
    """Show a project: its VMs, what is left of its quota, its people, and what was asked for lately."""
    only(request, "GET")
    record = asker.seen.project(name)
    if record is None:
        raise Http404
    vms = asker.description.vms_of(name)
    return page(
        request,
        "project",
        asker,
        project={**record, "name": name},
        vms=[facts.of_vm(asker.description, vm) for vm in vms],
        quota=bars(record, vms) if asker.seen.sees(name, "quota") else [],
        people=facts.people(asker.description, name) if asker.seen.sees(name, "people") else None,
        service_users=record["service_users"] if asker.seen.sees(name, "service_users") else None,
        is_manager=asker.seen.is_operator or asker.seen.has(name, "manager"),
        requests=facts.requests_about(asker.name, [name, *(vm.name for vm in vms)]),
    )


def bars(record: Any, vms: Iterable[Vm], after: Iterable[Vm] | None = None) -> list[dict[str, Any]]:
    """Return how much of each limit is used, and would be."""
    quota, has = record["quota"] or {}, quotas.used(list(vms))
    would = has if after is None else quotas.used(list(after))
    return [
        {
            "name": quotas.called(limit),
            "has": quotas.shown(limit, would[limit]),
            "may": quotas.shown(limit, quota[limit]),
            "width": min(100, round(100 * would[limit] / max(1, quota[limit]))),
        }
        for limit in quotas.LIMITS
        if quota.get(limit) is not None
    ]


@signed_in
def search(request: HttpRequest, asker: Asker) -> HttpResponse:
    """Find projects, VMs and people by a part of a name, and VMs by an address."""
    only(request, "GET")
    wanted = request.GET.get("q", "")[:100].strip().lower()
    found: list[tuple[str, str, str]] = []
    is_address = bool(re.fullmatch(r"[0-9a-f.:]+[.:][0-9a-f.:]*", wanted))
    if wanted:
        for name in asker.seen.projects():
            if wanted in name:
                found.append((f"/projects/{name}", name, "project"))
        for vm in asker.seen.vms():
            if wanted in vm.name or wanted in vm.comment.lower() or (is_address and _has(asker, vm, wanted)):
                found.append((f"/vms/{vm.name}", vm.name, f"VM of {vm.project}"))
        for person in asker.seen.people():
            if wanted in person or wanted in asker.description.users[person]["full_name"].lower():
                found.append((f"/people/{person}", person, asker.description.users[person]["full_name"]))
    return page(request, "search", asker, searched=wanted, found=found[:FOUND], is_more=len(found) > FOUND)


def _has(asker: Asker, vm: Vm, wanted: str) -> bool:
    """Tell whether a VM has an address with this in it."""
    return any(wanted in one for listed in facts.networks(asker.description, vm).values() for one in listed)
