# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what libvirt says to /run/ringmaster, where checks, node exporter and status pages find it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import libvirt
from ringmaster_check.results import write

from ringmaster_hypervisor import state


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    parser = argparse.ArgumentParser(prog="ringmaster-hypervisor", description=__doc__)
    parser.add_argument("--uri", default="qemu:///system")
    parser.add_argument("--pool", default="ringmaster")
    parser.add_argument("--folder", type=Path, default=Path("/run/ringmaster"))
    options = parser.parse_args(argv)
    now = round(time.time(), 3)
    metrics = options.folder / "textfile/vms.prom"
    try:
        found = state.read(options.uri, options.pool)
    except libvirt.libvirtError as error:
        write(options.folder / "vms.json", json.dumps({"time": now, "error": str(error), "vms": {}}) + "\n")
        metrics.unlink(missing_ok=True)
        return 1
    write(options.folder / "vms.json", json.dumps({"time": now, "error": "", **found}, indent=1) + "\n")
    write(metrics, state.metrics(found))
    return 0
