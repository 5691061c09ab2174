# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs about a VM's life, through their playbooks, on real QEMU under private libvirtds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import conftest as fixtures
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import connection, facts

import playbooks

PROJECT = "projects/myapp.yml"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPVGmECtw+Roq5w5HYwo9eBo8hg8lPKcjEU+U280gBaY"
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


@contextmanager
def guests_that_print_host_keys(libvirtd: Path) -> Iterator[None]:
    """Do what a guest does at its first boot, for guests without an OS: print its host keys on its console."""
    ended = threading.Event()
    block = f"-----BEGIN SSH HOST KEY KEYS-----\n{HOST_KEY} root\n-----END SSH HOST KEY KEYS-----\n"

    def show() -> None:
        told: set[Path] = set()
        while not ended.wait(0.2):
            for log in set((libvirtd / "var/log/libvirt/console").glob("*.log")) - told:
                with log.open("a") as stream:
                    stream.write(block)
                told.add(log)

    guest = threading.Thread(target=show)
    guest.start()
    try:
        yield
    finally:
        ended.set()
        guest.join()


def test_order_change_retire_undo(machine: Any, libvirtd: Path, tmp_path: Path) -> None:
    """The life of a VM by its verbs alone, from an order to the VM that is there."""
    folder = tmp_path / "platform"
    folder.mkdir()
    platform = playbooks.make(folder, {"hv0": libvirtd_pid(libvirtd)}, fixtures.IMAGE)
    # No gateway or name server here, and nobody to build an image.
    platform.edit("platform.yml", lambda data: data.update(services={}))
    platform.edit(PROJECT, lambda data: data.update(vms={}, checks=[]))
    given = {"hypervisor_image_file": str(libvirtd / fixtures.IMAGE), "hypervisor_boot_timeout": 120}
    created = {**given, "stop_after": "creation"}

    before = platform.read(PROJECT)
    platform.done("order_vm.yml", "--check", project="myapp", memory="256MiB", **created)
    assert platform.read(PROJECT) == before
    assert states(machine) == {}
    platform.done("order_vm.yml", project="myapp", memory="256MiB", disk="4GiB", cores=1, stop_after="description")
    assert list(platform.read("allocations.yml")["vm_ids"]) == ["myapp00"]
    assert states(machine) == {}

    with guests_that_print_host_keys(libvirtd):
        platform.done("order_vm.yml", project="myapp", memory="256MiB", disk="4GiB", cores=1, **created)
    # The second order is made; the first one is left to its own run.
    assert states(machine) == {"myapp01": True}
    assert list(platform.read("allocations.yml")["host_keys"]) == ["myapp01"]
    with guests_that_print_host_keys(libvirtd):
        platform.done("converge_vm.yml", vm="myapp00", **created)
    assert states(machine) == {"myapp00": True, "myapp01": True}
    again = platform.done(
        "order_vm.yml", project="myapp", vm="myapp01", memory="256MiB", disk="4GiB", cores=1, **created
    )
    assert "changed=1" not in again.split("PLAY RECAP")[1]

    changed = platform.done("change_vm.yml", vm="myapp01", memory="512MiB", disk="5GiB", **created)
    assert "pending_restart" in changed
    assert "memory_max_mib" in changed
    root = next(name for name in volumes(machine) if "-myapp01-" in name and "-root." in name)
    assert qcow2_gib(machine.folder / "pool" / root) == 5

    platform.done("retire_vm.yml", vm="myapp01")
    assert states(machine) == {"myapp00": True, "myapp01": False}
    platform.done("retire_vm.yml", vm="myapp01", undo="true")
    assert states(machine) == {"myapp00": True, "myapp01": True}


def qcow2_gib(path: Path) -> float:
    """Virtual size in a qcow2 header, in GiB."""
    with path.open("rb") as stream:
        return int.from_bytes(stream.read(32)[24:32], "big") / 1024**3


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


CONFIRMED = """\
- hosts: myapp00
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact:
        ringmaster_former_addresses: {}
    - ansible.builtin.import_tasks: ROOT/playbooks/shared/converge_one_vm.yml
      vars: {converge_one_vm_with: {}}
"""
"""What role network and base.yml do when a guest has its new addresses."""


def test_a_card_may_use_old_and_new_addresses_until_the_guest_has_the_new_ones(
    machine: Any, platform: playbooks.Platform
) -> None:
    def allowed() -> set[str]:
        with connection.connect(machine.options.uri) as opened:
            live = facts.parse_domain(opened.lookupByName("myapp00").XMLDesc())
        return set(live.fields["nics.ethsrv.addresses"].split(", "))

    (old,) = platform.read("allocations.yml")["ipv4_srv"].values()
    entry = f"198.51.100.2 2001:db8:2::1000 {old} 2001:db8:3::1000"
    assert "172.20.1.77" not in allowed()
    platform.edit(
        "allocations.yml",
        lambda data: data.update(ipv4_srv={"myapp00": "172.20.1.77"}, confirmed_addresses={"myapp00": entry}),
    )
    platform.done("converge.yml")
    assert {old, "172.20.1.77"} <= allowed()
    assert "changed=0" in platform.done("converge.yml").split("PLAY RECAP")[1]
    (platform.folder / "confirmed.yml").write_text(CONFIRMED.replace("ROOT", str(playbooks.ROOT)))
    platform.done("confirmed.yml")
    assert "172.20.1.77" in allowed()
    assert old not in allowed()


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
