# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs about a VM's life, through their playbooks, on real QEMU under private libvirtds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import conftest as fixtures
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import connection

import playbooks

PROJECT = "projects/myapp.yml"
pytestmark = pytest.mark.slow


@pytest.fixture
def platform(machine: Any, libvirtd: Any, tmp_path: Path) -> playbooks.Platform:
    """The example with its VM, made in the private libvirtd."""
    folder = tmp_path / "platform"
    folder.mkdir()
    made = playbooks.make(folder, {"hv0": libvirtd_pid(libvirtd)}, fixtures.IMAGE)
    made.done("allocate.yml")
    made.done("converge.yml")
    return made


def libvirtd_pid(folder: Path) -> int:
    """Process that lives in the namespaces of a private libvirtd."""
    return int((folder / "pid").read_text())


def states(machine: Any) -> dict[str, bool]:
    """Our domains, and whether each runs."""
    with connection.connect(machine.options.uri) as opened:
        return {domain.name(): bool(domain.isActive()) for domain in opened.listAllDomains()}


def volumes(machine: Any) -> list[str]:
    """Volumes of VMs in the pool's folder."""
    return sorted(path.name for path in (machine.folder / "pool").iterdir() if path.name != fixtures.IMAGE)


def test_retire_undo_and_delete(machine: Any, platform: playbooks.Platform) -> None:
    assert states(machine) == {"myapp00": True}
    disks = volumes(machine)

    dry = platform.done("retire_vm.yml", "--check", "--diff", vm="myapp00")
    assert "state: retiring" in dry
    assert states(machine) == {"myapp00": True}
    platform.done("retire_vm.yml", vm="myapp00")
    assert states(machine) == {"myapp00": False}
    assert "changed=0" in platform.done("retire_vm.yml", vm="myapp00").split("PLAY RECAP")[1]
    platform.done("converge.yml")
    assert states(machine) == {"myapp00": False}

    platform.done("retire_vm.yml", vm="myapp00", undo="true")
    assert states(machine) == {"myapp00": True}

    # Not before its time, whoever asks.
    platform.done("retire_vm.yml", vm="myapp00", days=0)
    assert "changed=0" in platform.done("delete_retired_vms.yml").split("PLAY RECAP")[1]
    assert volumes(machine) == disks

    platform.edit(PROJECT, lambda data: data["vms"]["myapp00"].update(delete_after="2026-11-01"))
    platform.done("delete_retired_vms.yml", "--check")
    assert volumes(machine) == disks
    platform.done("delete_retired_vms.yml")
    assert states(machine) == {}
    assert volumes(machine) == []
    assert not platform.read(PROJECT)["vms"]
    assert list(platform.read("allocations.yml")["retired"]) == ["myapp00"]
    assert "changed=0" in platform.done("delete_retired_vms.yml").split("PLAY RECAP")[1]


def test_a_vm_that_a_rule_names_keeps_its_disks(machine: Any, platform: playbooks.Platform) -> None:
    """What the description cannot do without is found out before anything is deleted."""
    platform.done("retire_vm.yml", vm="myapp00")

    def name_it(data: Any) -> None:
        data["vms"]["myapp00"]["delete_after"] = "2026-11-01"
        data["firewall"]["allow"].append({"from": "myapp00", "to": 80})

    platform.edit(PROJECT, name_it)
    disks = volumes(machine)
    failed = platform.play("delete_retired_vms.yml")
    assert failed.returncode != 0
    assert "firewall" in failed.stdout + failed.stderr
    assert volumes(machine) == disks
    assert states(machine) == {"myapp00": False}
