# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a component's program tells: what it did, what it left out, what waits for a restart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class Failure(Exception):
    """The program cannot go on; the text says what is wrong and what to do."""


class Invalid(Exception):
    """The service does not accept a configuration; the text is what the service said."""


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun, and with a verb where one is given: ``1 check is``, ``2 checks are``."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def printable(text: str, instead: str = "?") -> str:
    """Return text of a stranger for a line of a report, with something else for each character that is not printed."""
    return "".join(sign if sign.isprintable() else instead for sign in text)


@dataclass
class Report:
    """What was (in check mode, would be) done, and what is left to know.

    A pending restart has ``setting``, ``live``, ``wanted`` and ``run_id``, which names the running process: the
    entry is over when another one runs.
    """

    steps: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    pending_restart: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON, as module ``component`` reads it."""
        return {
            "changed": bool(self.steps),
            "steps": self.steps,
            "refused": self.refused,
            "pending_restart": self.pending_restart,
        }
