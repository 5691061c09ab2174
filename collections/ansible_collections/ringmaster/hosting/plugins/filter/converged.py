# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``converged``: what a machine keeps of the run that converged it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.platform import convergence
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


def _converged(machine: Mapping[str, Any]) -> str:
    return convergence.reached(machine, time.time())


class FilterModule:
    """Filters of the collection for what machines are converged with."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"converged": wrap("converged: the variable {} is missing", _converged, KeyError)}
