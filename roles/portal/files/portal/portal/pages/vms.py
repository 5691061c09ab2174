# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a VM: how to get in, what it is, what can be done, and what was done."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.components.catalogue import COMPONENTS
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from . import facts, following
from .frame import Asker, only, page, signed_in

DAYS = {"mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday"}
DAYS |= {"fri": "Friday", "sat": "Saturday", "sun": "Sunday"}


@signed_in
def vm(request: HttpRequest, asker: Asker, name: str) -> HttpResponse:
    """Show a VM."""
    only(request, "GET")
    found = asker.seen.vm(name)
    if found is None:
        raise Http404
    known = facts.of_vm(asker.description, found)
    history = [following.named(one) for one in facts.requests_about(asker.name, [name], 10)]
    record = asker.description.projects[found.project]
    has = asker.seen.has
    status = settings.CONFIGURATION.get("status", "")
    return page(
        request,
        "vm",
        asker,
        vm=known,
        ssh=f"ssh {asker.name}@{known['fqdn']}" if has(found.project, "login", "wheel") else "",
        become=[f"sudo -iu {one}" for one in record["service_users"]]
        if has(found.project, "sudo-srv", "wheel")
        else [],
        components=[_component(one, options, "applied") for one, options in found.components.items()],
        leaving=[_component(one, options, "leaving") for one, options in found.leaving.items()],
        others=[(one, each.title) for one, each in COMPONENTS.items() if one not in found.components],
        is_manager=asker.seen.is_operator or has(found.project, "manager"),
        can_operate=asker.seen.is_operator or has(found.project, "sudo-srv", "wheel", "manager"),
        window=_window(found.maintenance, asker.description.platform),
        kept=_kept(found.backup),
        history=history,
        running=[one for one in history if one.open],
        status_page=f"{status}projects/{found.project}/{name}.html" if status else "",
    )


def _component(name: str, options: Any, state: str) -> dict[str, Any]:
    said = [f"{option}: {_short(value)}" for option, value in (options or {}).items()]
    return {
        "name": name,
        "title": COMPONENTS[name].title,
        "said": ", ".join(said) or "with its defaults",
        "state": state,
    }


def _short(value: Any) -> str:
    if isinstance(value, list):
        words = [str(one.get("name", "…")) if isinstance(one, dict) else str(one) for one in value]
        return ", ".join(words[:4]) + (" …" if len(words) > 4 else "")
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{len(value)} entries" if isinstance(value, dict) else str(value)[:60]


def _window(record: Any, platform: Any) -> str:
    if not record:
        return ""
    days = [DAYS[day] for day in record.get("days") or DAYS]
    on = "Every day" if len(days) == len(DAYS) else " and ".join([", ".join(days[:-1]), days[-1]] if days[1:] else days)
    zone = record.get("timezone") or platform.get("timezone") or "UTC"
    return f"{on} from {record.get('start', '02:00')}, for {record.get('hours', 4)} hours ({zone})"


def _kept(record: Any) -> str:
    if not record or record.get("enabled") is False or record == "none":
        return ""
    named = (("keep_daily", "days"), ("keep_weekly", "weeks"), ("keep_monthly", "months"))
    return ", ".join(f"{record[key]} {unit}" for key, unit in named if record.get(key))
