# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hypervisors with the same storage: VMs leave one while they run, and come back when the other one dies."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
import yaml
from ansible_collections.ringmaster.hosting.plugins.module_utils.lab import cgroup
from move_site import HYPERVISORS, Site, lab

VMS = {"moving00": "172.20.1.1", "moving01": "172.20.1.2"}
POOL = "/var/lib/libvirt/images"
TICKS = "systemd-run --quiet --unit=ticks sh -c 'while :; do date +%s.%N >>/root/ticks; sleep 0.2; done'"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("move")
    disks = folder / "disks"
    disks.mkdir()
    with lab(folder / "platform", json.dumps({"lab_hypervisor_binds": ["/dev/net/tun", f"{disks}:{POOL}"]})) as found:
        project = found.platform / "projects/moving.yml"
        data = yaml.safe_load(project.read_text())
        data["vms"] = {name: {"hypervisor": "hv0"} for name in VMS}
        project.write_text(yaml.safe_dump(data))
        assert found.play("allocate.yml").returncode == 0
        assert found.play("provision.yml").returncode == 0
        yield found


def test_evacuate_while_they_run_and_lose_a_hypervisor(site: Site) -> None:
    boots = {}
    for name, address in VMS.items():
        boots[name] = site.ssh(address, "cat /proc/sys/kernel/random/boot_id", wait=900)
        site.ssh(address, TICKS)
    evacuate(site)
    for name, address in VMS.items():
        assert site.domains(name) == {"hv1": "running"}
        assert site.placement(name) == "hv1"
        assert site.ssh(address, "cat /proc/sys/kernel/random/boot_id", wait=60) == boots[name]
        ticks = [float(line) for line in site.ssh(address, "sync; cat /root/ticks").split()]
        pause = max(after - before for before, after in itertools.pairwise(ticks))
        print(f"{name}: {len(ticks)} ticks, the longest pause {pause:.1f} s")
    for address in HYPERVISORS.values():
        assert "ringmaster-move" not in site.ssh(address, "cat /root/.ssh/authorized_keys")
    assert "changed=0" in site.play("evacuate.yml", "-e", "hypervisor=hv0").stdout.split("PLAY RECAP")[1]
    a_hypervisor_dies(site)


def evacuate(site: Site) -> None:
    """Move both VMs; look all the time that each runs in one place only. One that comes is paused until it is there."""
    process = site.start("evacuate.yml", "-e", "hypervisor=hv0", "-e", "live=true")
    outputs: list[str] = []
    reader = threading.Thread(target=lambda: outputs.append(process.communicate()[0]))
    reader.start()
    while process.poll() is None:
        for name in VMS:
            running = [where for where, state in site.domains(name).items() if state == "running"]
            assert len(running) <= 1, (name, running)
        time.sleep(1)
    reader.join()
    print(outputs[0])
    assert process.returncode == 0


def a_hypervisor_dies(site: Site) -> None:
    vm = "moving00"
    cgroup.kill(f"ringmaster/{site.lab}/hv1")
    move = ("move_vm.yml", "-e", f"vm={vm}", "-e", "to=hv0")
    refused = site.play(*move)
    assert refused.returncode != 0
    assert "fenced=hv1" in refused.stdout
    assert site.play(*move, "-e", "fenced=hv1").returncode == 0
    assert site.placement(vm) == "hv0"
    assert site.ssh(HYPERVISORS["hv0"], f"virsh domstate {vm}") == "running"
    assert int(site.ssh(VMS[vm], "wc -l </root/ticks", wait=900)) > 10

    # The dead one comes back, and its libvirt starts what it had.
    # The lock of the disk keeps this VM from running twice.
    subprocess.run(site.argv("up", "--machines-only"), check=True)
    assert site.ssh(HYPERVISORS["hv1"], "virsh domstate moving01", wait=60) == "running"
    assert site.domains(vm) == {"hv0": "running", "hv1": "shut off"}
    assert site.play(*move).returncode == 0
    assert site.domains(vm) == {"hv0": "running"}
    assert site.ssh(VMS[vm], "uptime", wait=60)
