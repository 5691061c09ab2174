# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests that reboot, in real QEMU: a boot sector that waits two seconds and resets the machine, or switches it off."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import libvirt
import libvirt_samples as samples
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import model

PROGRAM = Path(__file__).parents[3] / "roles/machine/files/python"
# BIOS's clock (int 1ah) has 18 ticks a second: ask it, and again until 40 have passed.
WAITS = bytes.fromhex("31c0 cd1a 89d3 83c328 31c0 cd1a 39da 72f8")
RESETS = bytes.fromhex("b0fe e664 ebfe")
"""By the keyboard controller, as kernels do."""
SWITCHES_OFF = bytes.fromhex("ba0406 b80020 ef ebfe")
"""By ACPI's register of QEMU's q35."""
PENDING: dict[str, Any] = {"memory_mib": 512, "memory_max_mib": 512}


def guest(machine: Any, code: bytes) -> None:
    """Let the sample run a boot sector."""
    machine.settle(state="stopped")
    sector = machine.folder / "sector"
    sector.write_bytes((WAITS + code).ljust(510, b"\0") + b"\x55\xaa")
    root = machine.folder / "pool" / model.volume_names("myapp00", samples.UUID)["root"]
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"write -s {sector} 0 512", str(root)], check=True)
    machine.one()


def run_of(machine: Any) -> int:
    """Return libvirt's number of the sample's run: another start has another one; -1 while it is off."""
    with machine.domain() as domain:
        return domain.ID()


@pytest.fixture
def watched(machine: Any) -> Iterator[Any]:
    """The hypervisor with the program beside it."""
    call = "import sys; from ringmaster.hypervisor.main import main; sys.exit(main(sys.argv[1:]))"
    argv = [sys.executable, "-c", call, "watch", "--uri", machine.options.uri]
    with subprocess.Popen(
        [*argv, "--locks", machine.options.lock_directory],
        env={**os.environ, "PYTHONPATH": str(PROGRAM)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout and process.stdout.readline() == "watching\n"
        try:
            yield machine
        finally:
            process.terminate()


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def waiting(machine: Any) -> list[str]:
    return [entry["field"] for entry in machine.one(**PENDING)["pending_restart"]]


def test_a_reboot_applies_what_waits_for_a_restart(watched: Any) -> None:
    guest(watched, RESETS)
    before = run_of(watched)
    assert waiting(watched) == ["memory_mib", "memory_max_mib"]
    until(lambda: run_of(watched) not in (before, -1))
    assert watched.live()["memory_mib"] == 512
    assert waiting(watched) == []
    # Its guest goes on with its reboots, and these are its own affair.
    again = run_of(watched)
    time.sleep(8)
    assert run_of(watched) == again


def test_a_plain_reboot_stays_one(watched: Any) -> None:
    guest(watched, RESETS)
    before = run_of(watched)
    time.sleep(8)
    assert run_of(watched) == before


def test_a_guest_that_switches_itself_off_stays_off(watched: Any) -> None:
    guest(watched, SWITCHES_OFF)
    with watched.domain() as domain, contextlib.suppress(libvirt.libvirtError):
        domain.setMemoryFlags(512 * 1024, libvirt.VIR_DOMAIN_AFFECT_CONFIG | libvirt.VIR_DOMAIN_MEM_MAXIMUM)
    until(lambda: run_of(watched) == -1)
    time.sleep(3)
    assert run_of(watched) == -1


def test_what_somebody_works_on_is_left_alone(watched: Any) -> None:
    guest(watched, RESETS)
    assert waiting(watched)
    before = run_of(watched)
    with (Path(watched.options.lock_directory) / "myapp00.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        time.sleep(8)
        assert run_of(watched) == before
    until(lambda: run_of(watched) not in (before, -1))
    assert watched.live()["memory_mib"] == 512
