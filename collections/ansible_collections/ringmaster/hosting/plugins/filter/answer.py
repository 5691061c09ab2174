# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``answer``: reads what the machine's program has printed."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.program_answers import answer
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import AnswerError
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


class FilterModule:
    """Filters of the collection for answers of machines."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"answer": wrap("{}", answer, AnswerError)}
