# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks that a project declares itself, and those of its jobs, as the runner on a machine takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

#: Whoever runs a check that names nobody: an account that owns nothing and reads what everybody may.
USER = "ringmaster-drop-in"


def of_vm(checks: Iterable[Mapping[str, Any]], vm: str) -> list[dict[str, Any]]:
    """Return the checks with a command that are for a VM; those of URLs are made from outside.

    :param checks: ``{name, command, url, interval, timeout, user, vms}`` as the description has them.
    """
    return [
        {
            "component": "project",
            "name": check["name"],
            "command": check["command"],
            "interval": check["interval"],
            "timeout": check["timeout"],
            "user": check["user"] or USER,
        }
        for check in checks
        if check and check.get("command") and (check["vms"] is None or vm in check["vms"])
    ]


def of_jobs(jobs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a check for each job of a VM: how its newest run ended."""
    return [
        {
            "component": "jobs",
            "name": job["name"],
            "function": "jobs:ended",
            "arguments": {"name": job["name"]},
            "interval": 60,
        }
        for job in jobs
    ]
