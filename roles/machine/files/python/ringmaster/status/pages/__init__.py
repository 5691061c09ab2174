# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages: overview, project, VM. Each takes a part of the model and returns HTML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ringmaster.status.history import SPANS
from ringmaster.status.model import worst
from ringmaster.status.pages import overview, project, vm
from ringmaster.status.pages.parts import Part


def site(model: Part, made: float) -> Iterator[tuple[str, str, Part]]:
    """Yield path, HTML and the part of the model of every page, the path without its suffix."""
    public = [one for one in model["projects"] if one["public"]]
    everywhere = [incident for incident in model["incidents"] if incident["projects"] is None]
    shown = {"made": model["made"], "domain": model["domain"], "trouble": model["trouble"]}
    open_part = {
        **shown,
        "state": _state([*public, *model["machines"]]),
        "projects": [_summary(one) for one in public],
        "services": model["services"],
        "incidents": everywhere,
    }
    yield "index", overview.page(open_part, model["domain"], (), made), open_part
    whole = {
        **open_part,
        "state": model["state"],
        "projects": [_summary(one) for one in model["projects"]],
        "machines": model["machines"],
        "incidents": model["incidents"],
    }
    yield "all/index", overview.page(whole, "All projects", (("Platform", "../"),), made), whole
    for one in model["projects"]:
        # Without projects it concerns everybody; an empty list, which older descriptions may have, is nobody.
        incidents = [
            incident
            for incident in model["incidents"]
            if incident["projects"] is None or one["name"] in incident["projects"]
        ]
        # Curves are on the pages of VMs only.
        vms = [{key: value for key, value in vm.items() if key != "curves"} for vm in one["vms"]]
        part = {**shown, **one, "vms": vms, "incidents": incidents}
        yield f"projects/{one['name']}/index", project.page(part, made), part
        for found in one["vms"]:
            alone = {**shown, **found}
            yield f"projects/{one['name']}/{found['name']}", vm.page(alone, made), alone


def _state(parts: Iterable[Part]) -> str:
    return worst(part["state"] for part in parts)


def _summary(found: Part) -> dict[str, Any]:
    return {
        "name": found["name"],
        "description": found["description"],
        "state": found["state"],
        "vms": len(found["vms"]),
        "troubles": [one["name"] for one in found["vms"] if one["state"] != "OK"],
        "uptime": _mean(one["uptime"] for one in found["vms"]),
    }


def _mean(shares: Iterable[Mapping[str, float]]) -> dict[str, float]:
    found = list(shares)
    result = {}
    for span in SPANS:
        values = [share[span] for share in found if span in share]
        if values:
            result[span] = sum(values) / len(values)
    return result
