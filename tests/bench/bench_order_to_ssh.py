# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Order to SSH: from the start of provision.yml to a login on a VM that did not exist, against a bare QEMU boot.

Both boot the same image with the same sizes, in turn. The goal is 1.3 times the bare boot plus 10 s.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/bench"), str(ROOT / "tests/integration/image")]

from emulated import Machine  # noqa: E402
from lab_site import LabSite, lab_site  # noqa: E402

RUNS = 3
HYPERVISOR, VM_ADDRESS = "10.77.0.10", "172.20.1.1"
FORGET = (
    "virsh destroy myapp00; virsh undefine myapp00; "
    "for v in $(virsh vol-list ringmaster | awk '/myapp00/ {print $1}'); do virsh vol-delete $v ringmaster; done"
)


def ordered(site: LabSite) -> float:
    """Remove the VM, order it again, and return the seconds until the operator is logged in."""
    site.root(HYPERVISOR, FORGET)
    start = time.monotonic()
    site.tool("play", "provision.yml")
    while site.root(VM_ADDRESS, "true").returncode != 0:
        if time.monotonic() - start > 600:
            raise TimeoutError("no login within 600 s")
        time.sleep(0.2)
    return time.monotonic() - start


def bare() -> float:
    """Boot the image in QEMU with nothing around it; return the seconds until root is logged in."""
    image = max((ROOT / ".lab/cache").glob("ringmaster-*.qcow2"), key=lambda path: path.stat().st_mtime)
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder), image)
        machine.prepare()
        machine.start()
        try:
            return machine.wait(600)
        finally:
            machine.stop()


def row(title: str, seconds: list[float]) -> str:
    """Return a row of the table: minimum, median, maximum."""
    figures = (min(seconds), statistics.median(seconds), max(seconds))
    return f"  {title:<28}" + "".join(f"{figure:8.1f}" for figure in figures)


def main() -> None:
    """Measure in turn and print the table."""
    with lab_site("bench-order") as site:
        site.tool("up", "--machines-only")
        site.tool("play", "provision.yml")
        pairs = []
        for run in range(RUNS):
            pairs.append((ordered(site), bare()))
            print(f"run {run + 1}: ordered {pairs[-1][0]:.1f} s, bare {pairs[-1][1]:.1f} s", flush=True)
    print(f"\n  {'seconds, ' + str(RUNS) + ' runs':<28}     min  median     max")
    print(row("provision.yml to login", [ours for ours, _ in pairs]))
    print(row("bare QEMU boot to login", [theirs for _, theirs in pairs]))
    print(row("goal: 1.3 x bare + 10 s", [1.3 * theirs + 10 for _, theirs in pairs]))


if __name__ == "__main__":
    main()
