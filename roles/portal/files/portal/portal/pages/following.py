# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests: the list, and one of them with its steps, which follows itself."""

from __future__ import annotations

import threading
import time
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.steward import states
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.fqdn import fqdn
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from ..answers import Problem
from ..queue import models, store
from ..queue.people import LONGEST_WAIT, PAUSE, seen_by
from . import asking
from .frame import Asker, only, page, signed_in

ROWS = 50
_WAITING = threading.BoundedSemaphore(24)
"""Pages that wait at once for something to happen; others ask again in a while, so that threads are left for all."""


@signed_in
def requests(request: HttpRequest, asker: Asker) -> HttpResponse:
    """List the requests that somebody may see, the newest first; or take one."""
    only(request, "GET", "POST")
    if request.method == "POST":
        return asking.hand_in(request, asker)
    found = seen_by(asker.name).order_by("-id")
    if before := request.GET.get("before", "")[:26]:
        found = found.filter(id__lt=before)
    rows = list(found[: ROWS + 1])
    more = rows[ROWS - 1].id if len(rows) > ROWS else ""
    return page(request, "requests", asker, requests=[named(one) for one in rows[:ROWS]], more=more)


def named(one: models.Request) -> models.Request:
    """Return a request with a title for people."""
    one.title = title(one)  # type: ignore[attr-defined]
    return one


def title(one: models.Request) -> str:
    """Say in a few words what a request is about."""
    if not one.changes:
        return "Follow an invitation"
    changes = [(change["verb"], change["arguments"]) for change in one.changes]
    if changes[0][0] == "order_vm":
        arguments = changes[0][1]
        name = one.subject or arguments.get("vm") or f"a VM of {arguments.get('project')}"
        return f"Order {name}"
    return asking.title(changes)


def _found(asker: Asker, id_: str) -> models.Request:
    found = seen_by(asker.name).filter(id=id_).first()
    if found is None:
        raise Http404
    return found


@signed_in
def one_request(request: HttpRequest, asker: Asker, id_: str) -> HttpResponse:
    """Show a request; a script asks with ``seen``, and gets an answer as soon as there is something else to see."""
    only(request, "GET")
    found = _found(asker, id_)
    if "seen" in request.GET:
        try:
            seen = int(request.GET["seen"])
        except ValueError:
            raise Http404 from None
        found = _awaited(asker, found, seen)
        if found.version <= seen:
            return HttpResponse(status=204)
    steps = list(found.steps.all())
    vm = asker.seen.vm(found.subject) or asker.seen.vm(str(_argument(found, "vm")))
    domain = asker.description.domain
    return page(
        request,
        "_live" if "seen" in request.GET else "request",
        asker,
        request_=named(found),
        steps=steps,
        took=sum(step.ms for step in steps),
        vm=vm,
        ssh=f"ssh {asker.name}@{fqdn(vm.name, domain)}" if vm and asker.seen.has(vm.project, "login", "wheel") else "",
        is_own=found.person == asker.name,
        can_cancel=found.open and found.person == asker.name and found.state not in (states.DESCRIBED, states.APPLYING),
        can_stop=found.open and found.person == asker.name and found.state in (states.DESCRIBED, states.APPLYING),
        can_consent=found.open and asker.name in found.waits_for,
        can_retry=found.state == states.FAILED and found.commit and found.person == asker.name,
        undo=found.undo if found.state in states.WRITTEN and not found.open else None,
        is_waiting=found.state in (states.SUBMITTED, states.QUEUED),
        arguments=[(change["verb"], sorted(store.unsealed(change["arguments"]).items())) for change in found.changes],
    )


def _awaited(asker: Asker, found: models.Request, seen: int) -> models.Request:
    """Return a request once it has another version than was seen, or after a while."""
    if found.version > seen:
        return found
    if not _WAITING.acquire(blocking=False):
        raise Problem(503, "away", "Many pages wait just now; this one asks again by itself.", wait=5)
    try:
        end = time.monotonic() + LONGEST_WAIT
        while found.version <= seen and time.monotonic() < end:
            time.sleep(PAUSE)
            found = _found(asker, found.id)
        return found
    finally:
        _WAITING.release()


def _argument(found: models.Request, name: str) -> Any:
    return found.changes[0]["arguments"].get(name, "") if found.changes else ""


@signed_in
def cancel(request: HttpRequest, asker: Asker, id_: str) -> HttpResponse:
    """Cancel a request of one's own."""
    only(request, "POST")
    try:
        store.cancel(id_, asker.name)
    except Problem as error:
        if error.status != 409:
            raise
    return HttpResponseRedirect(f"/requests/{id_}")


@signed_in
def undo(request: HttpRequest, asker: Asker, id_: str) -> HttpResponse:
    """Show what taking a request back would do."""
    only(request, "POST")
    found = _found(asker, id_)
    if not found.undo:
        raise Http404
    changes = [(one["verb"], one["arguments"]) for one in found.undo["changes"]]
    return asking.shown(request, asker, changes, expect=found.undo.get("expect", ()), back=f"/requests/{id_}")
