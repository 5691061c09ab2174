# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two kinds of libvirt: its own test driver, and a private libvirtd with emulated guests that have no OS."""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import libvirt_samples as samples
import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import (
    apply,
    connection,
    converge,
    pools,
    storage,
)

HERE = Path(__file__).parent
IMAGE = "ringmaster-empty-0123456789abcdef.qcow2"


class Machine:
    """A hypervisor to converge on, with shorthand for its tests."""

    def __init__(self, options: converge.Options, folder: Path) -> None:
        self.options = options
        self.folder = folder

    def data(self, **changes: Any) -> dict[str, Any]:
        """Give the sample's specification with some keys changed, small enough to run many of them."""
        small = {
            "memory_mib": 128,
            "memory_max_mib": 256,
            "cores": 1,
            "root_gib": 2,
            "swap_mib": 64,
            "tmp_gib": 1,
        }
        return {**copy.deepcopy(samples.SPEC), **small, "image": IMAGE, **changes}

    def all(self, *specs: dict[str, Any], check: bool = False, **options: Any) -> dict[str, Any]:
        """Converge several VMs."""
        chosen = converge.Options(**{**vars(self.options), **options})
        return converge.converge_all(chosen, specs, check)

    def one(self, check: bool = False, **changes: Any) -> dict[str, Any]:
        """Converge the sample."""
        return self.all(self.data(**changes), check=check)["vms"][0]

    def settle(self, **changes: Any) -> dict[str, Any]:
        """Converge the sample: check mode tells what apply does, and a second run does nothing."""
        told = self.one(check=True, **changes)
        done = self.one(**changes)
        assert "msg" not in done, done["msg"]
        assert told["actions"] == done["actions"]
        assert told["diff"] == done["diff"]
        again = self.one(**changes)
        assert again["actions"] == []
        assert again["pending_restart"] == done["pending_restart"]
        return done

    @contextlib.contextmanager
    def domain(self) -> Iterator[Any]:
        """Give the sample's domain."""
        with connection.connect(self.options.uri) as opened:
            yield opened.lookupByUUIDString(samples.UUID)

    def live(self) -> dict[str, Any]:
        """Fields of the running sample."""
        with self.domain() as domain:
            return samples.facts.parse_domain(domain.XMLDesc()).fields


class FakeVolumes:
    """What libvirt's test driver lacks: growing and filling volumes, and block calls."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.sizes: dict[str, int] = {}
        info = libvirt.virStorageVol.info

        def faked_info(volume: Any) -> list[int]:
            kind, capacity, allocation = info(volume)
            return [kind, self.sizes.get(volume.path(), capacity), allocation]

        def block_resize(domain: Any, target: str, size: int, _flags: int) -> None:
            root = ET.fromstring(domain.XMLDesc())
            source = root.find(f"devices/disk/target[@dev='{target}']/../source")
            assert source is not None
            self.resize(source.attrib["file"], size)

        patch.setattr(libvirt.virStorageVol, "info", faked_info)
        patch.setattr(libvirt.virStorageVol, "resize", lambda volume, size: self.resize(volume.path(), size))
        patch.setattr(libvirt.virDomain, "blockResize", block_resize)
        patch.setattr(libvirt.virDomain, "blockInfo", lambda *_: [0, 0, 0])
        patch.setattr(storage, "write_seed", self.write_seed)
        patch.setattr(storage, "image_capacity", lambda *_: 1024**3)

    def resize(self, path: str, size: int) -> None:
        self.sizes[path] = size

    @staticmethod
    def write_seed(_connection: Any, pool: Any, name: str, content: bytes) -> None:
        if storage.lookup(pool, name) is None:
            storage.create(pool, name, len(content), "raw")


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """libvirt's test driver. Its state lives as long as one connection is open."""
    options = converge.Options(
        uri="test:///default",
        pool="default-pool",
        hypervisor="hv0",
        virtualization="test",
        console_directory=str(tmp_path / "console"),
        lock_directory=str(tmp_path / "locks"),
        stop_timeout=5,
    )
    FakeVolumes(monkeypatch)
    with connection.connect(options.uri) as opened:
        pool = opened.storagePoolLookupByName("default-pool")
        pool.createXML(f"<volume><name>{IMAGE}</name><capacity>1073741824</capacity></volume>")
        yield Machine(options, tmp_path)
        for domain in opened.listAllDomains():
            if domain.name() != "test":
                if domain.isActive():
                    domain.destroy()
                domain.undefine()
        for volume in pool.listAllVolumes():
            volume.delete()


@pytest.fixture(scope="session")
def libvirtd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start a private libvirtd; give its folder."""
    yield from private_libvirtd(tmp_path_factory.mktemp("libvirtd"))


@pytest.fixture(scope="session")
def second_libvirtd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start one more private libvirtd."""
    yield from private_libvirtd(tmp_path_factory.mktemp("libvirtd"))


def private_libvirtd(folder: Path) -> Iterator[Path]:
    """Start a libvirtd whose files are in a folder, and give the folder."""
    if os.geteuid() != 0:
        pytest.skip("a private libvirtd needs root")
    for tool in ("libvirtd", "virtlogd", "qemu-system-x86_64", "xorriso", "ebtables"):
        if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            pytest.skip(f"{tool} is not installed")
    namespaces = ["unshare", "-m", "-n", "-p", "-f", "--kill-child", "--mount-proc"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*namespaces, str(HERE / "private-libvirtd"), str(folder)],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_for_libvirtd(folder)
        # The child of unshare is the first process in the namespaces.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        (folder / "pid").write_text(children[0])
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(folder / IMAGE), "1G"], check=True)
        yield folder
    finally:
        process.kill()
        process.wait()


def uri_of(folder: Path) -> str:
    """URI of the private libvirtd."""
    return f"qemu+unix:///system?socket={folder}/run/libvirt/libvirt-sock"


def wait_for_libvirtd(folder: Path) -> None:
    """Wait until the private libvirtd answers."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with connection.connect(uri_of(folder)):
                return
        except connection.NotReadyError:
            if time.monotonic() > deadline:
                pytest.fail((folder / "log").read_text())
            time.sleep(0.1)


@pytest.fixture
def machine(libvirtd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A hypervisor with an empty pool and the image; its guests and volumes are removed afterwards."""
    yield from empty_machine(libvirtd, tmp_path, monkeypatch)


@pytest.fixture
def second_machine(second_libvirtd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """One more hypervisor, which has not even the image."""
    folder = tmp_path / "second"
    folder.mkdir()
    yield from empty_machine(second_libvirtd, folder, monkeypatch, name="hv1", with_image=False)


def empty_machine(
    libvirtd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str = "hv0", with_image: bool = True
) -> Iterator[Machine]:
    """Give a private libvirtd a pool, and take everything from it in the end."""
    # No guest here has a balloon driver to wait for.
    monkeypatch.setattr(apply, "MEMORY_WAIT", 0.1)
    options = converge.Options(
        uri=uri_of(libvirtd),
        pool="ringmaster",
        hypervisor=name,
        virtualization="qemu",
        console_directory=str(tmp_path / "console"),
        lock_directory=str(tmp_path / "locks"),
        stop_timeout=0.3,
        disk_cache="writeback",
    )
    pools.ensure(options.uri, "ringmaster", str(tmp_path / "pool"), check=False)
    with connection.connect(options.uri) as opened:
        pool = connection.find_pool(opened, "ringmaster")
        if with_image:
            storage.import_image(opened, pool, IMAGE, libvirtd / IMAGE)
    yield Machine(options, tmp_path)
    wait_for_libvirtd(libvirtd)
    with connection.connect(options.uri) as opened:
        for domain in opened.listAllDomains():
            if domain.isActive():
                domain.destroy()
            domain.undefine()
        pool = opened.storagePoolLookupByName("ringmaster")
        pool.destroy()
        pool.undefine()
