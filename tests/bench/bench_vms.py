#!/usr/bin/env python3
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""1,000 VMs that are as declared, on libvirt's test driver, in one call. Goal: at most 5 s."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "collections"), str(ROOT / "tests/integration/libvirt"), str(ROOT / "tests/unit/libvirt")]

import conftest as fixtures  # noqa: E402
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import connection, converge  # noqa: E402

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 1000


def main() -> None:
    """Make the VMs, then converge them again."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        fixtures.FakeVolumes(patch)
        options = converge.Options(
            uri="test:///default",
            pool="default-pool",
            hypervisor="hv0",
            virtualization="test",
            console_directory=str(folder / "console"),
            lock_directory=str(folder / "locks"),
        )
        with connection.connect(options.uri) as opened:
            pool = opened.storagePoolLookupByName("default-pool")
            pool.createXML(f"<volume><name>{fixtures.IMAGE}</name><capacity>1073741824</capacity></volume>")
            machine = fixtures.Machine(options, folder)
            specs = [
                machine.data(
                    name=f"bench{number:04}",
                    uuid=f"5b0e7c1e-51a3-5d3a-9d5b-2c1f0000{number:04}",
                    nics=[
                        {
                            "role": "ethsrv",
                            "mac": f"02:01:03:00:{number // 100:02}:{number % 100:02}",
                            "bridge": "br-srv",
                        }
                    ],
                )
                for number in range(COUNT)
            ]
            for what in ("create", "no change", "no change, check mode"):
                begin = time.monotonic()
                done = converge.converge_all(options, specs, check="check" in what)
                seconds = time.monotonic() - begin
                print(f"{COUNT} VMs, {what:22} {seconds:7.2f} s, {len(done['failed_vms'])} failed", flush=True)


if __name__ == "__main__":
    main()
