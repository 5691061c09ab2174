# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd, as a component's program speaks to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ringmaster.core.report import Failure, Report


def systemctl(*words: str) -> str:
    """Run systemctl; return what it says. Raises Failure with the end of the journal of the last word, a unit."""
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        journal = subprocess.run(
            ["journalctl", "--no-pager", "-n", "5", "-o", "cat", "-u", words[-1]],
            capture_output=True,
            text=True,
            check=False,
        )
        raise Failure(f"systemctl {' '.join(words)}: {done.stderr.strip()}\n{journal.stdout.strip()}")
    return done.stdout


def step(report: Report, check: bool, *words: str) -> None:
    """Tell a command of systemctl as a step and, unless in check mode, run it."""
    report.steps.append(" ".join(words))
    if not check:
        systemctl(*words)


def properties(unit: str, *names: str) -> dict[str, str]:
    """Return properties of a unit."""
    lines = systemctl("show", f"--property={','.join(names)}", unit).splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def prepare(unit: str, report: Report, check: bool) -> bool:
    """Reload the unit if its files changed, enable it, and return whether it runs."""
    found = properties(unit, "ActiveState", "UnitFileState", "NeedDaemonReload")
    if found.get("NeedDaemonReload") == "yes":
        step(report, check, "daemon-reload")
    if found.get("UnitFileState") != "enabled":
        step(report, check, "enable", unit)
    return found.get("ActiveState") == "active"


def is_container() -> bool:
    """Whether this machine is a container, which has no say in some settings of the kernel."""
    return Path("/run/systemd/container").exists()
