# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bootable disk from a tree: GPT, one ext4 file system, GRUB for BIOS. Needs no loop device and no mount.

The layout is a contract with the user: partition 2 (1 MiB, BIOS boot) lies before partition 1 (root, grows).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.ringmaster.hosting.plugins.module_utils.image.errors import ImageError
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.store import run
from ansible_collections.ringmaster.hosting.plugins.module_utils.image.tree import Finish

SECTOR = 512
BOOT_START, BOOT_SECTORS = 2048, 2048
ROOT_START = BOOT_START + BOOT_SECTORS
GPT_TAIL_SECTORS = 2048
BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
LINUX_ROOT = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
PROGRAMS = {"sfdisk": "fdisk", "mkfs.ext4": "e2fsprogs", "qemu-img": "qemu-utils"}


@dataclass(frozen=True)
class DiskSpec:
    """``size_mib``: size of the disk, and so the least a root disk can have."""

    size_mib: int = 3072
    label: str = "root"

    def describe(self) -> list[object]:
        """Return what the result depends on, for the digest."""
        return ["disk", 1, self.size_mib, self.label]


def partition_script(size_mib: int) -> str:
    """Return sfdisk's script for a disk of ``size_mib`` MiB."""
    return (
        f"label: gpt\nfirst-lba: {BOOT_START}\n"
        f"disk1 : start={ROOT_START}, size={root_sectors(size_mib)}, type={LINUX_ROOT}, name=root\n"
        f"disk2 : start={BOOT_START}, size={BOOT_SECTORS}, type={BIOS_BOOT}, name=grub\n"
    )


def root_sectors(size_mib: int) -> int:
    """Return the sectors of the root partition of a disk of ``size_mib`` MiB; a multiple of 1 MiB."""
    return size_mib * 2048 - ROOT_START - GPT_TAIL_SECTORS


def boot_sector(boot_img: bytes, current: bytes) -> bytes:
    """Return sector 0: GRUB's boot.img, told where core.img lies, around the partition table of ``current``.

    Offsets as in GRUB's include/grub/i386/pc/boot.h: the kernel's first sector at 0x5c (8 bytes), the drive
    check at 0x66 (a jump, made two NOPs as on a hard disk); disk signature and table from 0x1b8 on.
    """
    if len(boot_img) != SECTOR or len(current) != SECTOR:
        raise ImageError(f"boot.img has {len(boot_img)} bytes instead of {SECTOR}: unknown version of GRUB.")
    sector = bytearray(boot_img)
    sector[0x5C:0x64] = struct.pack("<Q", BOOT_START)
    sector[0x66:0x68] = b"\x90\x90"
    sector[0x1B8:] = current[0x1B8:]
    return bytes(sector)


def core_image(core_img: bytes) -> bytes:
    """Return core.img with its own block list: the rest of it lies right behind its first sector.

    The list is the last 12 bytes of the first sector: first sector (8), number of sectors (2), segment (2),
    as in struct grub_boot_blocklist; the segment is where the second sector is loaded, 0x8200.
    """
    sectors = -(-len(core_img) // SECTOR)
    if not 1 < sectors <= BOOT_SECTORS:
        raise ImageError(f"core.img has {len(core_img)} bytes; it must fit into {BOOT_SECTORS * SECTOR}.")
    image = bytearray(core_img.ljust(sectors * SECTOR, b"\0"))
    image[SECTOR - 12 : SECTOR] = struct.pack("<QHH", BOOT_START + 1, sectors - 1, 0x820)
    return bytes(image)


def make_raw(spec: DiskSpec, tree: Path, raw: Path, lock: int, log: Path) -> None:
    """Write a bootable raw disk from ``tree``. Raises ImageError."""
    grub = tree / "boot/grub/i386-pc"
    try:
        boot_img, core_img = (grub / "boot.img").read_bytes(), (grub / "core.img").read_bytes()
    except FileNotFoundError as error:
        raise ImageError(f"The tree cannot boot: {error.filename} is missing. It must be made in it.") from error
    with raw.open("wb") as file:
        file.truncate(spec.size_mib * 2**20)
    run(["sfdisk", "--quiet", str(raw)], lock, log, what="sfdisk", stdin_text=partition_script(spec.size_mib))
    with raw.open("r+b") as file:
        current = file.read(SECTOR)
        file.seek(0)
        file.write(boot_sector(boot_img, current))
        file.seek(BOOT_START * SECTOR)
        file.write(core_image(core_img))
    # The file is all zeros: nothing has to be initialised later, inside the VM, at the cost of its overlay.
    extended = f"offset={ROOT_START * SECTOR},assume_storage_prezeroed=1,nodiscard"
    # The same features whichever Debian builds; Debian 13 would add these two.
    features = "^orphan_file,^metadata_csum_seed"
    options = f"-q -F -L {spec.label} -b 4096 -m 1 -J size=64 -O {features} -E {extended}"
    argv = ["mkfs.ext4", *options.split()]
    blocks = root_sectors(spec.size_mib) // 8
    run([*argv, "-d", str(tree), str(raw), str(blocks)], lock, log, what="mkfs.ext4")


def qcow2(spec: DiskSpec) -> Finish:
    """Return the step that turns a tree into a qcow2 image."""

    def make(tree: Path, work: Path, lock: int, log: Path) -> Path:
        raw, image = work / "disk.raw", work / "disk.qcow2"
        make_raw(spec, tree, raw, lock, log)
        run(
            ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(image)],
            lock,
            log,
            what="qemu-img",
        )
        raw.unlink()
        image.chmod(0o644)
        return image

    return Finish(make, PROGRAMS, space_mib=4096)
