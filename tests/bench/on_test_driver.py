# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VMs of one hypervisor on libvirt's test driver, which keeps them as long as the process lives."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "collections"), str(ROOT / "tests/integration/libvirt"), str(ROOT / "tests/unit/libvirt")]

import conftest as fixtures  # noqa: E402
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import connection, converge  # noqa: E402

IMAGE = fixtures.IMAGE


def converge_twice(asked: tuple[str, list[dict[str, Any]]]) -> tuple[float, float, float, float, int]:
    """Make the VMs of a hypervisor on libvirt's test driver, twice; seconds by processor and clock, MiB, failures."""
    name, specs = asked
    seconds = []
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        fixtures.FakeVolumes(patch)
        options = converge.Options(
            uri="test:///default", pool="default-pool", hypervisor=name, virtualization="test",
            console_directory=f"{folder}/console", lock_directory=f"{folder}/locks",
        )  # fmt: skip
        with connection.connect(options.uri) as opened:
            pool = opened.storagePoolLookupByName("default-pool")
            pool.createXML(f"<volume><name>{IMAGE}</name><capacity>1073741824</capacity></volume>")
            failed = 0
            for _time in range(2):
                cpu, wall = time.process_time(), time.monotonic()
                done = converge.converge_all(options, specs, check=False)
                seconds += [time.process_time() - cpu, time.monotonic() - wall]
                failed += len(done["failed_vms"])
    return seconds[0], seconds[2], seconds[3], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, failed
