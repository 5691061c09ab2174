# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``answer``: reads what the machine's program has printed."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import program_answers
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import AnswerError
from ansible_collections.ringmaster.hosting.plugins.plugin_utils import refusals
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


def answer(text: Any, command: str, machine: str) -> Any:
    """Return what a command answered, or remember that it is not taken; raises AnswerError."""
    return refusals.remembering(machine, AnswerError, "{}", program_answers.answer, text, command, machine)


class FilterModule:
    """Filters of the collection for answers of machines."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"answer": wrap("{}", answer, AnswerError)}
