# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on a hypervisor.

look   write what libvirt says to /run/ringmaster, where checks, node exporter and status pages find it
watch  make of a guest's reboot the restart of its VM, where settings wait for one
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import libvirt

from ringmaster.core.files import publish
from ringmaster.hypervisor import reboots, state


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="ringmaster hypervisor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("what", nargs="?", choices=["look", "watch"], default="look")
    result.add_argument("--uri", default="qemu:///system")
    result.add_argument("--pool", default="ringmaster")
    result.add_argument("--folder", type=Path, default=Path("/run/ringmaster"))
    result.add_argument("--locks", type=Path, default=reboots.LOCKS)
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    options = parser().parse_args(words)
    if options.what == "watch":
        return reboots.watch(options.uri, options.locks)
    now = round(time.time(), 3)
    metrics = options.folder / "textfile/vms.prom"
    try:
        found = state.read(options.uri, options.pool)
    except libvirt.libvirtError as error:
        publish(options.folder / "vms.json", json.dumps({"time": now, "error": str(error), "vms": {}}) + "\n")
        metrics.unlink(missing_ok=True)
        return 1
    publish(options.folder / "vms.json", json.dumps({"time": now, "error": "", **found}, indent=1) + "\n")
    publish(metrics, state.metrics(found))
    return 0
