# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``tuning``: settings that fit a component to its machine."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.components.tuning import FORMULAS, TuningError


def tuning(component: str, *, memory_mib: int, cores: int, share: float = 1.0, **options: Any) -> dict[str, str]:
    """Return the computed settings of ``component``; raises AnsibleFilterError."""
    if component not in FORMULAS:
        raise AnsibleFilterError(f"tuning: no formulas for '{component}'; there are some for {', '.join(FORMULAS)}")
    try:
        return FORMULAS[component](int(memory_mib), int(cores), float(share), **options)
    except (TuningError, TypeError) as error:
        raise AnsibleFilterError(f"tuning of {component}: {error}") from error


class FilterModule:
    """Filters of the collection for tuning."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"tuning": tuning}
