# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of each job."""

from __future__ import annotations

import time

from ringmaster.core.checks import OK
from ringmaster.jobs import results, units


def ended(name: str) -> tuple[int, str]:
    """How the newest run of a job ended, and whether it ran when it should."""
    job = units.read().get(name)
    return results.check(job, time.time()) if job else (OK, "The job is not this VM's any more.")
