# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of a VM's root disk as it is at one moment: a qcow2 file that stands alone.

Of a running VM by libvirt's backup API, which copies while the guest goes on and touches no chain of images; of a
stopped one by qemu-img. Swap and /tmp are remade by every VM and are left out.
"""

from __future__ import annotations

import shutil
import subprocess
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import facts, locks, storage
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.connection import (
    LibvirtError,
    connect,
    find_pool,
    found,
    require_libvirt,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError

ROLE = "root"
PAUSE = 0.2


@dataclass(frozen=True)
class Wish:
    """What is copied where. Timeouts are seconds; ``frozen``: fail rather than copy unfrozen."""

    uri: str
    pool: str
    name: str
    folder: Path
    frozen: bool = False
    timeout: float = 7200.0
    lock_directory: Path = locks.LOCK_DIRECTORY
    lock_timeout: float = 30.0


def take(wish: Wish, *, check: bool = False) -> dict[str, Any]:
    """Copy the disk and return ``path``, ``consistency``, ``bytes`` and ``seconds``.

    ``consistency`` is ``frozen`` (the guest agent had written everything to disk), ``crash`` (as after a power cut,
    which file systems and databases survive) or ``stopped``. In check mode only what would stop it is looked for.

    :raises HypervisorError: when there is no such VM, no room, or the copy fails; then no file is left.
    """
    began = time.monotonic()
    with connect(wish.uri) as connection, locks.vm_lock(wish.name, wish.lock_directory, wish.lock_timeout):
        domain = found(connection.lookupByName, wish.name)
        config = facts.parse_domain(domain.XMLDesc()) if domain is not None else None
        if domain is None or config is None or config.metadata is None:
            raise HypervisorError(f"this hypervisor has no VM {wish.name} of ours")
        disk = _root_disk(domain)
        _look_for_room(connection, wish, disk)
        path = wish.folder / f"{wish.name}-{time.strftime('%Y%m%dT%H%M%S')}.qcow2"
        if check:
            return {"changed": True, "path": str(path)}
        wish.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        try:
            if domain.isActive():
                consistency = _copy_running(domain, disk.target, part, wish)
            else:
                consistency = _copy_stopped(disk, part)
            part.chmod(0o600)
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
    return {
        "changed": True,
        "path": str(path),
        "consistency": consistency,
        "bytes": path.stat().st_blocks * 512,
        "seconds": round(time.monotonic() - began, 3),
    }


@dataclass(frozen=True)
class Disk:
    """Where the root disk is: the guest's name for it, its file or device, its format."""

    target: str
    path: str
    format: str


def _root_disk(domain: Any) -> Disk:
    for disk in ET.fromstring(domain.XMLDesc()).iterfind("devices/disk"):
        target, source, driver = disk.find("target"), disk.find("source"), disk.find("driver")
        if facts.role_of(disk) == ROLE and target is not None and source is not None:
            path = source.get("file") or source.get("dev") or ""
            return Disk(target.get("dev", ""), path, driver.get("type", "raw") if driver is not None else "raw")
    raise HypervisorError(f"VM {domain.name()} has no disk with the role {ROLE}")


def _look_for_room(connection: Any, wish: Wish, disk: Disk) -> None:
    """Refuse when what is allocated, with the image below it, would not fit."""
    pool = find_pool(connection, wish.pool)
    volume = storage.lookup(pool, Path(disk.path).name)
    needed = 0
    while volume is not None:
        needed += volume.info()[2]
        below = ET.fromstring(volume.XMLDesc()).findtext("backingStore/path")
        volume = storage.lookup(pool, Path(below).name) if below else None
    place = next(folder for folder in (wish.folder, *wish.folder.parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise HypervisorError(
            f"the copy of {wish.name} takes up to {needed >> 20} MiB, and {free >> 20} MiB are free at {place}; "
            "name another folder or make room"
        )


def _copy_running(domain: Any, target: str, part: Path, wish: Wish) -> str:
    """Begin the copy at one moment, with the guest's file systems frozen for that moment where it can."""
    is_frozen = _freeze(domain, wish)
    try:
        domain.backupBegin(_backup_xml(domain, target, part), None)
    finally:
        if is_frozen:
            domain.fsThaw()
    _wait(domain, wish)
    return "frozen" if is_frozen else "crash"


def _freeze(domain: Any, wish: Wish) -> bool:
    try:
        domain.fsFreeze()
    except LibvirtError as error:
        if wish.frozen:
            raise HypervisorError(
                f"the file systems of {wish.name} cannot be frozen: {error}; install qemu-guest-agent in it, "
                "or accept a copy as after a power cut (frozen: false)"
            ) from error
        return False
    return True


def _backup_xml(domain: Any, target: str, part: Path) -> str:
    backup = ET.Element("domainbackup", mode="push")
    disks = ET.SubElement(backup, "disks")
    for disk in ET.fromstring(domain.XMLDesc()).iterfind("devices/disk/target"):
        name = disk.get("dev", "")
        if name != target:
            ET.SubElement(disks, "disk", name=name, backup="no")
            continue
        entry = ET.SubElement(disks, "disk", name=name, backup="yes", type="file", backupmode="full")
        ET.SubElement(entry, "driver", type="qcow2")
        ET.SubElement(entry, "target", file=str(part))
    return ET.tostring(backup, encoding="unicode")


def _wait(domain: Any, wish: Wish) -> None:
    binding = require_libvirt()
    deadline = time.monotonic() + wish.timeout
    while True:
        job = domain.jobStats()
        if job.get("type", binding.VIR_DOMAIN_JOB_NONE) == binding.VIR_DOMAIN_JOB_NONE:
            break
        if time.monotonic() > deadline:
            domain.abortJob()
            raise HypervisorError(f"the copy of {wish.name} was not done within {wish.timeout:.0f} s and was given up")
        time.sleep(PAUSE)
    done = domain.jobStats(binding.VIR_DOMAIN_JOB_STATS_COMPLETED)
    if done.get("type") != binding.VIR_DOMAIN_JOB_COMPLETED or not done.get("success", True):
        raise HypervisorError(f"the copy of {wish.name} failed: {done.get('errmsg') or 'QEMU gave no reason'}")


def _copy_stopped(disk: Disk, part: Path) -> str:
    argv = ["qemu-img", "convert", "-f", disk.format, "-O", "qcow2", disk.path, str(part)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HypervisorError(f"qemu-img cannot copy {disk.path}: {done.stderr.strip()}")
    return "stopped"
