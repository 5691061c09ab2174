# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters ``converged`` and ``converged_wanted``: what a machine keeps of a run. ``behind``: which VMs a run visits."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import convergence, visits
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.glance import glancing

DAY = 86400
KEPT = "__converged_kept"
"""What behind.yml registers where it asks the VMs themselves."""


def _converged(machine: Mapping[str, Any]) -> str:
    return convergence.reached(machine, time.time())


def _behind(
    hostvars: Mapping[str, Any],
    vms: Collection[str],
    said: Mapping[str, str] | None = None,
    full: bool | None = None,
    created: Collection[str] = (),
) -> dict[str, Any]:
    known = said or {name: visits.kept((hostvars[name].get(KEPT) or {}).get("stdout")) for name in vms}
    found = visits.choose((hostvars[name] for name in vms), known, int(time.time() // DAY), full=full, created=created)
    return {"vms": found.vms, "reasons": found.reasons, "left": found.left, "sentence": found.sentence()}


class FilterModule:
    """Filters of the collection for what machines are converged with."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "behind": wrap("behind: the variable {} is missing", glancing(_behind), KeyError),
            "converged": wrap("converged: the variable {} is missing", _converged, KeyError),
            "converged_wanted": convergence.wanted,
        }
