# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure on a light machine: two servers take turns, so that what else the host does hits both."""

from __future__ import annotations

import os
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PLATFORM = ROOT / "molecule/platform"


def on_machine(script: str, machine: str) -> str:
    """Run a script as root on a machine of the scenario that is up; return what it printed."""
    ledger = yaml.safe_load((PLATFORM / "allocations.yml").read_text())
    words = [
        str(ROOT / "molecule/shared/ssh"),
        *("-F", "none", "-i", str(ROOT / ".lab/keys/operator"), "-o", f"UserKnownHostsFile={PLATFORM}/known_hosts"),
        f"root@{ledger['ipv4_srv'][machine]}",
        "sh -s",
    ]
    done = subprocess.run(words, input=script, capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode:
        raise SystemExit(done.stderr or done.stdout)
    return done.stdout


def side_by_side(title: str, tuned: Callable[[], float], stock: Callable[[], float], rounds: int) -> None:
    """Print medians of operations a second, and of the ratios of neighbouring runs, with their spread."""
    pairs = []
    for number in range(rounds):
        # Who is first changes, too.
        if number % 2:
            other, ours = stock(), tuned()
        else:
            ours, other = tuned(), stock()
        pairs.append((ours, other))
    ratios = sorted(ours / other for ours, other in pairs)
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(
        f"{title}: tuned {statistics.median(one for one, _ in pairs):.0f}, "
        f"stock {statistics.median(one for _, one in pairs):.0f}, "
        f"ratio {middle:.2f} (half of the {rounds} pairs: {low:.2f} to {high:.2f})",
        flush=True,
    )
