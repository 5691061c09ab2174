# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of a VM's root disk: of a running guest, of a stopped one, and a new VM from it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import libvirt_qemu
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import connection, model, snapshot, storage
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError

MONITOR = 1  # human-readable commands


def wish(machine: Any, **changes: Any) -> snapshot.Wish:
    values = {"folder": machine.folder / "snapshots", "lock_directory": machine.folder / "locks", "timeout": 60.0}
    return snapshot.Wish(machine.options.uri, "ringmaster", "myapp00", **{**values, **changes})


def write(machine: Any, pattern: str) -> None:
    """Write 64 KiB into the root disk as the guest would."""
    with machine.domain() as domain:
        devices = json.loads(libvirt_qemu.qemuMonitorCommand(domain, '{"execute": "query-block"}', 0))["return"]
        device = next(one["qdev"] for one in devices if one.get("qdev", "").startswith("/machine/peripheral/ua-root"))
        answer = libvirt_qemu.qemuMonitorCommand(domain, f'qemu-io -d {device} "write -P {pattern} 1M 64k"', MONITOR)
        # What qemu-io says goes to the log of QEMU; only errors are answered.
        assert answer.strip() == "", answer


def holds(path: Path, pattern: str) -> bool:
    done = subprocess.run(
        ["qemu-io", "-r", "-f", "qcow2", "-c", f"read -P {pattern} 1M 64k", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0 and "Pattern verification failed" not in done.stdout


def test_a_running_vm_is_copied_as_it_was_at_that_moment(machine: Any) -> None:
    machine.settle()
    write(machine, "0xab")
    told = snapshot.take(wish(machine), check=True)
    assert not Path(told["path"]).exists()
    done = snapshot.take(wish(machine))
    write(machine, "0xcd")
    path = Path(done["path"])
    assert done["consistency"] == "crash"
    assert holds(path, "0xab")
    information = json.loads(subprocess.check_output(["qemu-img", "info", "--output=json", str(path)]))
    assert "backing-filename" not in information
    assert information["virtual-size"] == 2 * 1024**3
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert machine.settle()["state"] == "running"


def test_a_new_vm_comes_of_a_copy(machine: Any) -> None:
    machine.settle()
    write(machine, "0xab")
    path = Path(snapshot.take(wish(machine))["path"])
    with connection.connect(machine.options.uri) as opened:
        pool = connection.find_pool(opened, "ringmaster")
        storage.import_image(opened, pool, "ringmaster-restored-0123456789abcdef.qcow2", path)
    other: dict[str, Any] = {"name": "myapp01", "uuid": "5f7a9f0e-0000-4000-8000-000000000001", "vm_id": 4097}
    other["nics"] = [
        {"role": "ethfe", "mac": "02:01:02:00:10:99", "bridge": "br-fe"},
        {"role": "ethsrv", "mac": "02:01:03:00:10:99", "bridge": "br-srv"},
    ]
    made = machine.all(machine.data(image="ringmaster-restored-0123456789abcdef.qcow2", **other))["vms"][0]
    assert "msg" not in made, made["msg"]
    with connection.connect(machine.options.uri) as opened:
        opened.lookupByName("myapp01").destroy()
    root = machine.folder / "pool" / model.volume_names("myapp01", other["uuid"])["root"]
    assert holds(root, "0xab")


def test_a_stopped_vm(machine: Any) -> None:
    machine.settle()
    write(machine, "0xab")
    machine.settle(state="stopped")
    done = snapshot.take(wish(machine))
    assert done["consistency"] == "stopped"
    assert holds(Path(done["path"]), "0xab")


def test_what_cannot_be_copied_says_why_and_leaves_nothing(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.settle()
    with pytest.raises(HypervisorError, match=r"cannot be frozen.*qemu-guest-agent"):
        snapshot.take(wish(machine, frozen=True))
    with monkeypatch.context() as patch:
        patch.setattr(snapshot.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 0})())
        with pytest.raises(HypervisorError, match="MiB are free"):
            snapshot.take(wish(machine))
    with pytest.raises(HypervisorError, match="has no VM none of ours"):
        snapshot.take(snapshot.Wish(machine.options.uri, "ringmaster", "none", machine.folder / "snapshots"))
    assert not list((machine.folder / "snapshots").glob("*"))
    assert machine.settle()["state"] == "running"
