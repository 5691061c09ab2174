# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine says of its checks, as lines for people: bounded, judged and escaped."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ansible_collections.ringmaster.hosting.plugins.module_utils.values import answers
from ansible_collections.ringmaster.hosting.plugins.plugin_utils import bounded

CHECKS = answers.Record(
    {
        "checks": answers.ListOf(
            answers.Record(
                {
                    **dict.fromkeys(("component", "check"), answers.Text("[a-z][a-z0-9_-]{0,62}", 63, "a name")),
                    "status": answers.Number(0, 3),
                    "output": answers.Text(most=1000),
                },
                lenient=True,
            )
        )
    },
    lenient=True,
)
"""What a machine says of its checks."""
LIMITS = bounded.Limits(4 * 1024 * 1024, 180)


def lines(asking: Sequence[str], machine: str) -> list[str]:
    """Run a command that asks a machine for its checks; return a line for each, or one that says it did not tell."""
    try:
        process, stdin = bounded.start([os.fsencode(word) for word in asking], terminal=False)
        said, _errors = bounded.Talk(process, stdin, LIMITS).run(None)
        found = answers.parse(said, machine=machine, what="its checks")
        checks = answers.judge(CHECKS, found, machine=machine, what="its checks")["checks"]
    except (OSError, bounded.Exceeded, answers.AnswerError):
        return ["checks      UNKNOWN: the VM did not tell; 'make ssh' or the VM's console log may"]
    words = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
    told = []
    for check in checks:
        label = "checks      " if not told else " " * 12
        told.append(f"{label}{words[check['status']]:9}{check['component']}/{check['check']}: {check['output']}")
    return told
