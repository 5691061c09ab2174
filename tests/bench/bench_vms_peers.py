#!/usr/bin/env -S .venv/bin/python
# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs on a private libvirtd, side by side with community.libvirt and virt-install.

Unchanged VMs: one task of our module compares disks, definition and state of all of them; the least that
``community.libvirt.virt`` can do is to look at the state, in a loop with one item a VM. New VMs, without the boot:
three disks, definition and seed by our code, against ``qemu-img create`` and ``virt-install --import`` with one disk.
The peers come from PyPI (package ansible) and Debian (package virtinst, which has to be installed).
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import table

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "collections"), str(ROOT / "tests/integration/libvirt")]

import conftest as fixtures  # noqa: E402
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import connection  # noqa: E402

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 20
RUNS = 3
OURS = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ringmaster.hosting.vms: "{{ lookup('file', 'ours.json') | from_json }}"
"""
PEER = """
- hosts: localhost
  gather_facts: false
  tasks:
    - community.libvirt.virt: {uri: "{{ uri }}", name: "{{ item }}", state: shutdown}
      loop: "{{ names }}"
      loop_control: {label: ""}
"""


@contextmanager
def hypervisor(folder: Path) -> Iterator[fixtures.Machine]:
    """Start a private libvirtd with a pool and an image."""
    with pytest.MonkeyPatch.context() as patch:
        (folder / "libvirtd").mkdir()
        for started in fixtures.private_libvirtd(folder / "libvirtd"):
            yield from fixtures.empty_machine(started, folder, patch)


def play(folder: Path, text: str, **variables: Any) -> float:
    """Run a playbook; return its seconds."""
    (folder / "play.yml").write_text(text)
    (folder / "ansible.cfg").touch()
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "PYTHONPATH": str(folder / "python"),
        "ANSIBLE_COLLECTIONS_PATH": f"{folder / 'peers'}:{ROOT / 'collections'}",
    }
    argv = [str(ROOT / ".venv/bin/ansible-playbook"), "-i", "localhost,", "-c", "local", str(folder / "play.yml")]
    argv += ["-e", f"ansible_python_interpreter={sys.executable}", "-e", json.dumps(variables)]
    begin = time.monotonic()
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - begin
    if done.returncode != 0 or "changed=0" not in done.stdout:
        raise RuntimeError(done.stdout + done.stderr)
    return seconds


def fetch_peer(folder: Path) -> None:
    """Take community.libvirt out of PyPI's package ansible, and what it needs."""
    pip = [sys.executable, "-m", "pip", "--quiet"]
    download = ["download", "--no-deps", "--dest", str(folder / "wheel"), "ansible<13"]
    for arguments in (download, ["install", "--target", str(folder / "python"), "lxml"]):
        subprocess.run([*pip, *arguments], check=True, stderr=subprocess.DEVNULL)
    (wheel,) = (folder / "wheel").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        wanted = [name for name in archive.namelist() if name.startswith("ansible_collections/community/libvirt/")]
        archive.extractall(folder / "peers", wanted)


def unchanged(folder: Path, machine: fixtures.Machine, rows: list[tuple[str, float]]) -> None:
    """Compare runs over VMs that are as declared."""
    specs = [
        machine.data(
            name=f"bench{number:02}",
            uuid=f"5b0e7c1e-51a3-5d3a-9d5b-2c1f000000{number:02}",
            state="stopped",
            nics=[{"role": "ethsrv", "mac": f"02:01:03:00:00:{number:02}", "bridge": "br-srv"}],
        )
        for number in range(COUNT)
    ]
    failed = machine.all(*specs)["failed_vms"]
    if failed:
        raise RuntimeError(f"could not make {failed}")
    options = vars(machine.options)
    kept = ("uri", "pool", "hypervisor", "virtualization", "console_directory", "disk_cache")
    (folder / "ours.json").write_text(json.dumps({**{name: options[name] for name in kept}, "vms": specs}))
    names = [spec["name"] for spec in specs]
    found: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _run in range(RUNS):
        found["ours"].append(play(folder, OURS))
        found["theirs"].append(play(folder, PEER, uri=machine.options.uri, names=names))
    rows.append((f"vms, {COUNT} VMs, no change: one task", statistics.median(found["ours"])))
    rows.append((f"community.libvirt.virt, {COUNT} VMs, state only", statistics.median(found["theirs"])))


def created(machine: fixtures.Machine, rows: list[tuple[str, float]]) -> None:
    """Compare the making of one VM from an image that the hypervisor has."""
    found: dict[str, list[float]] = {"ours": [], "theirs": []}
    image = machine.folder / "pool" / fixtures.IMAGE
    for run in range(RUNS):
        begin = time.monotonic()
        done = machine.one(name=f"new{run}", uuid=f"5b0e7c1e-51a3-5d3a-9d5b-2c1f0001000{run}", state="stopped")
        found["ours"].append(time.monotonic() - begin)
        if "msg" in done:
            raise RuntimeError(done["msg"])
        if shutil.which("virt-install") is None:
            continue
        disk = machine.folder / "pool" / f"peer{run}.qcow2"
        overlay = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(image), str(disk), "2G"]
        install = ["virt-install", "--connect", machine.options.uri, "--name", f"peer{run}", "--memory", "128"]
        install += ["--import", "--disk", f"path={disk}", "--network", "none", "--graphics", "none"]
        install += ["--virt-type", "qemu", "--osinfo", "linux2022", "--noautoconsole", "--noreboot", "--print-xml"]
        begin = time.monotonic()
        subprocess.run(overlay, check=True)
        xml = subprocess.run(install, check=True, capture_output=True, text=True).stdout
        with connection.connect(machine.options.uri) as opened:
            opened.defineXML(xml)
        found["theirs"].append(time.monotonic() - begin)
    rows.append(("vms, one new VM (three disks, seed), before boot", statistics.median(found["ours"])))
    if found["theirs"]:
        rows.append(("virt-install --import (one disk), before boot", statistics.median(found["theirs"])))
    else:
        print("virt-install is not installed (Debian package virtinst): left out", flush=True)


def main() -> None:
    """Measure and print a table."""
    rows: list[tuple[str, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fetch_peer(folder)
        with hypervisor(folder) as machine:
            unchanged(folder, machine, rows)
            created(machine, rows)
    table.show(rows)


if __name__ == "__main__":
    main()
