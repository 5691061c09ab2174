# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path

import pytest
from ansible_collections.ringmaster.hosting.plugins.module_utils.image import disk
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.disk import DiskSpec
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.errors import ImageError

BOOT = bytes(range(256)) * 2
SIZE_MIB = 256


def test_boot_sector_keeps_the_table_and_points_at_core() -> None:
    table = b"\xee" * 512
    sector = disk.boot_sector(BOOT, table)
    assert sector[0x1B8:] == table[0x1B8:]
    assert struct.unpack("<Q", sector[0x5C:0x64]) == (2048,)
    assert sector[0x66:0x68] == b"\x90\x90"
    untouched = [*range(0x5C), 0x64, 0x65, *range(0x68, 0x1B8)]
    assert all(sector[i] == BOOT[i] for i in untouched)


@pytest.mark.parametrize(("size", "sectors"), [(513, 2), (1024, 2), (30000, 59), (2048 * 512, 2048)])
def test_core_image_says_where_its_rest_lies(size: int, sectors: int) -> None:
    image = disk.core_image(b"\x01" * size)
    assert len(image) == sectors * 512
    assert struct.unpack("<QHH", image[500:512]) == (2049, sectors - 1, 0x820)
    assert image[512:size] == b"\x01" * (size - 512)


@pytest.mark.parametrize("size", [0, 512, 2048 * 512 + 1])
def test_a_core_image_that_does_not_fit_is_refused(size: int) -> None:
    with pytest.raises(ImageError, match=rf"core.img has {size} bytes"):
        disk.core_image(b"\x01" * size)


def test_an_unknown_boot_image_is_refused() -> None:
    with pytest.raises(ImageError, match=r"boot.img has 446 bytes"):
        disk.boot_sector(b"\0" * 446, b"\0" * 512)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    grub = tmp_path / "tree/boot/grub/i386-pc"
    grub.mkdir(parents=True)
    (grub / "boot.img").write_bytes(BOOT)
    (grub / "core.img").write_bytes(b"core" * 1000)
    (tmp_path / "tree/etc").mkdir()
    (tmp_path / "tree/etc/hostname").write_text("myapp00\n")
    return tmp_path / "tree"


def test_a_disk_is_made_without_loop_devices(tree: Path, tmp_path: Path) -> None:
    raw, log = tmp_path / "disk.raw", tmp_path / "log"
    log.touch()
    with log.open() as lock:
        disk.make_raw(DiskSpec(SIZE_MIB, "root"), tree, raw, lock.fileno(), log)
    dump = subprocess.run(["/usr/sbin/sfdisk", "--json", str(raw)], check=True, capture_output=True, text=True)
    table = json.loads(dump.stdout)["partitiontable"]
    first, second = table["partitions"]
    assert table["label"] == "gpt"
    assert (second["start"], second["size"], second["type"]) == (2048, 2048, disk.BIOS_BOOT)
    assert (first["start"], first["size"]) == (4096, SIZE_MIB * 2048 - 4096 - 2048)
    with raw.open("rb") as file:
        sector = file.read(512)
        file.seek(2048 * 512)
        assert file.read(4) == b"core"
    assert sector[:0x5C] == BOOT[:0x5C]
    assert sector[510:] == b"\x55\xaa"
    place = f"{raw}?offset={4096 * 512}"
    shown = subprocess.run(
        ["/usr/sbin/debugfs", "-R", "cat /etc/hostname", place], check=True, capture_output=True, text=True
    )
    assert shown.stdout == "myapp00\n"
    header = subprocess.run(["/usr/sbin/dumpe2fs", "-h", place], check=True, capture_output=True, text=True).stdout
    assert "metadata_csum" in header
    assert "orphan_file" not in header
    assert "metadata_csum_seed" not in header
    check = subprocess.run(["/usr/sbin/e2fsck", "-fn", place], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr
    assert "root: " in check.stdout


def test_a_tree_without_grub_is_refused(tree: Path, tmp_path: Path) -> None:
    (tree / "boot/grub/i386-pc/core.img").unlink()
    log = tmp_path / "log"
    log.touch()
    with log.open() as lock, pytest.raises(ImageError, match=r"cannot boot: .*core.img is missing"):
        disk.make_raw(DiskSpec(SIZE_MIB), tree, tmp_path / "disk.raw", lock.fileno(), log)
