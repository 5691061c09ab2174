# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that monitoring has of machines, in one pass: texts of files, and what more is made from the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from . import alerting, exporters, fetching


def monitored(machines: Iterable[Mapping[str, Any]], platform: Mapping[str, Any]) -> dict[str, Any]:
    """Return texts of files, the projects whose URLs are probed, and all projects.

    Files are texts because each piece of data that goes through a template is looked at by its engine.

    :param machines: host variables of VMs, hypervisors and service machines; each is looked at once.
    :param platform: ``ringmaster_networks`` and ``ringmaster_management_networks``.
    """
    once = [*machines]
    targets, fetch = exporters.targets(once), fetching.rules(once, platform)
    return {
        "texts": {
            **{name: _text(data) for name, data in {**targets, "fetch": fetch}.items()},
            "wall": fetching.wall(fetch),
        },
        "probed": sorted({target["labels"]["project"] for target in targets["http"]}),
        "projects": alerting.projects(once),
    }


def _text(data: Any) -> str:
    """Return data as JSON with a line for each item: indented all through, it would take five times as long."""
    if isinstance(data, Mapping):
        items = [f"{json.dumps(name)}: {json.dumps(value, sort_keys=True)}" for name, value in sorted(data.items())]
        return "{\n" + ",\n".join(items) + "\n}\n"
    return "[\n" + ",\n".join(json.dumps(item, sort_keys=True) for item in data) + "\n]\n"
