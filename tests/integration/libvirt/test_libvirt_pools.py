# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage pools that people defined by hand: everything that opens one refuses those whose volumes are not files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import libvirt_samples as samples
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import (
    connection,
    disks,
    images,
    move,
    move_model,
    pools,
    snapshot,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError, NotReadyError

NAME = "by-hand"
DEVICE = "<device path='/dev/sdz'/>"
HOST = "<host name='storage.example'/>"
TARGET = "<target><path>/srv/{type}</path></target>"
REFUSED = {
    "logical": f"<source>{DEVICE}<name>vg</name></source><target><path>/dev/vg</path></target>",
    "disk": f"<source>{DEVICE}<format type='gpt'/></source><target><path>/dev</path></target>",
    "iscsi": f"<source>{HOST}<device path='iqn.2026-11.example:vms'/></source><target><path>/dev</path></target>",
    "scsi": "<source><adapter name='host0'/></source><target><path>/dev</path></target>",
    "mpath": "<target><path>/dev/mapper</path></target>",
    "rbd": f"<source>{HOST}<name>vms</name></source>",
    "gluster": f"<source>{HOST}<dir path='/'/><name>vms</name></source>",
    "zfs": "<source><name>tank</name></source>",
}
ALLOWED = {
    "dir": "",
    "fs": f"<source>{DEVICE}</source>",
    "netfs": f"<source>{HOST}<dir path='/vms'/><format type='nfs'/></source>",
}


def xml(kind: str) -> str:
    return f"<pool type='{kind}'><name>{NAME}</name>{REFUSED[kind]}</pool>"


@contextlib.contextmanager
def defined(uri: str, text: str) -> Iterator[Any]:
    """Have a pool as somebody defined it by hand; give it, not started."""
    with connection.connect(uri) as opened:
        pool = opened.storagePoolDefineXML(text)
        try:
            yield pool
        finally:
            if pool.isActive():
                pool.destroy()
            pool.undefine()


Opener = Callable[[Any, Path, bool], Any]


def _disk(driver: Any, folder: Path, check: bool) -> Any:
    return disks.ensure(
        uri=driver.options.uri,
        pool_name=NAME,
        name="ringmaster-extra",
        size=1 << 30,
        file_format="qcow2",
        image="",
        lock_directory=folder,
        check=check,
    )


def _image(driver: Any, folder: Path, check: bool) -> Any:
    return images.ensure(
        uri=driver.options.uri,
        pool_name=NAME,
        source=folder / "image",
        name=samples.SPEC["image"],
        checksum="",
        dry=check,
    )


OPENERS: dict[str, Opener] = {
    "pool": lambda driver, folder, check: pools.ensure(driver.options.uri, NAME, str(folder / "pool"), check),
    "disk": _disk,
    "image": _image,
    "vms": lambda driver, _folder, check: driver.all(driver.data(), check=check, pool=NAME),
}


@pytest.mark.parametrize("check", [False, True], ids=["for real", "in check mode"])
@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("kind", REFUSED)
def test_other_types_are_refused_and_stay_as_they_are(
    driver: Any, tmp_path: Path, kind: str, opener: str, check: bool
) -> None:
    with defined(driver.options.uri, xml(kind)) as pool:
        before = pool.XMLDesc()
        with pytest.raises(HypervisorError) as told:
            OPENERS[opener](driver, tmp_path, check)
        assert not isinstance(told.value, NotReadyError), "check mode would hide it"
        for part in (f"pool {NAME} ", f"type {kind};", "dir, fs, netfs", driver.options.uri, "pool_path"):
            assert part in str(told.value)
        assert (pool.XMLDesc(), pool.isActive(), pool.autostart()) == (before, 0, 0)
        with connection.connect(driver.options.uri) as opened:
            assert [domain.name() for domain in opened.listAllDomains()] == ["test"]


@pytest.mark.parametrize("step", sorted(move.STEPS))
def test_no_step_of_a_move_opens_one(driver: Any, tmp_path: Path, step: str) -> None:
    wish = move_model.Move(
        name="myapp00", uuid=samples.UUID, uri=driver.options.uri, pool=NAME, to="hv1", lock_directory=tmp_path
    )
    with defined(driver.options.uri, xml("logical")) as pool:
        with pytest.raises(HypervisorError, match="has type logical"):
            move.run(step, wish, check=False)
        assert not pool.isActive()


def test_no_snapshot_opens_one(driver: Any, tmp_path: Path) -> None:
    wish = snapshot.Wish(driver.options.uri, NAME, "myapp00", tmp_path)
    with (
        defined(driver.options.uri, xml("rbd")),
        connection.connect(driver.options.uri) as opened,
        pytest.raises(HypervisorError, match="has type rbd"),
    ):
        snapshot._look_for_room(opened, wish, snapshot.Disk("vda", "/dev/rbd0", "raw"))


@pytest.mark.parametrize("kind", ALLOWED)
def test_pools_of_files_are_used_as_they_are(driver: Any, tmp_path: Path, kind: str) -> None:
    text = f"<pool type='{kind}'><name>{NAME}</name>{ALLOWED[kind]}{TARGET.format(type=kind)}</pool>"
    with defined(driver.options.uri, text) as pool:
        done = pools.ensure(driver.options.uri, NAME, str(tmp_path / "other"), check=False)
        assert (done["type"], done["path"]) == (kind, f"/srv/{kind}")
        assert pool.isActive()


def test_a_real_libvirtd_refuses_one_too_and_keeps_its_vms(machine: Any, tmp_path: Path) -> None:
    """On the real thing: a pool of type logical that is defined, not started, beside VMs that are there already."""
    machine.settle()
    before = machine.live()
    with defined(machine.options.uri, xml("logical")) as pool:
        with pytest.raises(HypervisorError, match="has type logical"):
            machine.all(machine.data(memory_mib=200), pool=NAME)
        with pytest.raises(HypervisorError, match="has type logical"):
            pools.ensure(machine.options.uri, NAME, str(tmp_path / "new"), check=False)
        assert not pool.isActive()
    assert machine.live() == before
    assert not (tmp_path / "new").exists()
