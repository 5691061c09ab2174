# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes of a libvirt storage pool: look up, create, fill, grow.

Everything goes through libvirt's volumes, so pools of type dir, fs and netfs look the same.
A pool is never refreshed: that fails while another stream runs, and it is not needed, because asking
a volume for its facts reads them again.
"""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import plain_files
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.connection import (
    found,
    require_libvirt,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.domain_xml import Source
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.model import VolumeState
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.spec import MIB

OUR_PREFIX = "ringmaster-"
CHUNK = 1024 * 1024
IMAGE_MODE = 0o444
"""An image becomes read-only when it is complete; another mode means a transfer that broke off."""


def is_ours(name: str) -> bool:
    """Tell whether a volume's name carries our marker."""
    return name.startswith(OUR_PREFIX)


def lookup(pool: Any, name: str) -> Any | None:
    """Find a volume by name; None when the pool does not list it."""
    return found(pool.storageVolLookupByName, name)


def volume_state(pool: Any, name: str) -> VolumeState:
    """Observe a volume. A listed volume whose file was removed behind libvirt's back is not readable."""
    volume = lookup(pool, name)
    if volume is None:
        return VolumeState(name)
    try:
        _type, capacity, _allocation = volume.info()
    except require_libvirt().libvirtError:
        return VolumeState(name, listed=True)
    return VolumeState(name, True, True, capacity)


def source(pool: Any, name: str) -> Source:
    """Resolve a volume to what a domain's ``<disk>`` needs.

    The path is written, not pool and volume: AppArmor's helper does not resolve those.

    :raises HypervisorError: when the volume does not exist.
    """
    volume = lookup(pool, name)
    if volume is None:
        raise HypervisorError(f"pool {pool.name()} has no volume {name}")
    description = ET.fromstring(volume.XMLDesc())
    kind = "block" if description.get("type") == "block" else "file"
    form = description.find("target/format")
    file_format = form.get("type", "raw") if form is not None else "raw"
    return Source(kind, volume.path(), "raw" if file_format == "iso" else file_format)


def _volume_xml(name: str, capacity: int, file_format: str, backing: Source | None = None) -> str:
    volume = ET.Element("volume")
    ET.SubElement(volume, "name").text = name
    ET.SubElement(volume, "capacity", unit="bytes").text = str(capacity)
    ET.SubElement(volume, "allocation", unit="bytes").text = "0"
    target = ET.SubElement(volume, "target")
    ET.SubElement(target, "format", type=file_format)
    if backing:
        store = ET.SubElement(volume, "backingStore")
        ET.SubElement(store, "path").text = backing.path
        ET.SubElement(store, "format", type=backing.format)
    return ET.tostring(volume, encoding="unicode")


def create(pool: Any, name: str, capacity: int, file_format: str, backing: Source | None = None) -> Any:
    """Create a sparse volume, or an overlay on ``backing``. A listed volume without its file is replaced.

    :param capacity: bytes.
    """
    stale = lookup(pool, name)
    if stale is not None:
        delete(stale)
    return pool.createXML(_volume_xml(name, capacity, file_format, backing))


def delete(volume: Any) -> None:
    """Delete a volume of ours.

    :raises HypervisorError: for a volume without our marker; it is never deleted.
    """
    if not is_ours(volume.name()):
        raise HypervisorError(f"volume {volume.name()} has no name of ours and is never deleted by Ringmaster")
    volume.delete()


def upload(connection: Any, volume: Any, stream_from: IO[bytes], size: int, checksum: Callable[[bytes], None]) -> None:
    """Write ``size`` bytes into a volume through libvirt; every block is shown to ``checksum`` as well."""
    stream = connection.newStream()
    volume.upload(stream, 0, size)

    def read(_stream: Any, count: int, _opaque: Any) -> bytes:
        block = stream_from.read(count)
        checksum(block)
        return block

    try:
        stream.sendAll(read, None)
        stream.finish()
    except BaseException:
        stream.abort()
        raise


def grow(volume: Any, capacity: int) -> None:
    """Grow a volume that no running domain uses, to ``capacity`` bytes.

    :raises HypervisorError: when that would shrink it.
    """
    present = volume.info()[1]
    if capacity < present:
        raise HypervisorError(f"volume {volume.name()} has {present} bytes and would shrink to {capacity}")
    if capacity > present:
        volume.resize(capacity)


def write_seed(connection: Any, pool: Any, name: str, content: bytes) -> None:
    """Write the seed's ISO into its volume, in place if the volume exists."""
    padded = content + bytes(-len(content) % MIB)
    volume = lookup(pool, name)
    if volume is None or not volume_state(pool, name).readable:
        volume = create(pool, name, len(padded), "raw")
    grow(volume, max(len(padded), volume.info()[1]))
    position = 0

    def block(count: int) -> bytes:
        nonlocal position
        piece = padded[position : position + count]
        position += len(piece)
        return piece

    stream = connection.newStream()
    volume.upload(stream, 0, len(padded))
    stream.sendAll(lambda _stream, count, _opaque: block(count), None)
    stream.finish()


def image_is_complete(pool: Any, name: str) -> bool:
    """Tell whether an image was imported to its end: then, and only then, it is read-only."""
    volume = lookup(pool, name)
    if volume is None or not volume_state(pool, name).readable:
        return False
    mode = ET.fromstring(volume.XMLDesc()).findtext("target/permissions/mode", "0")
    return int(mode, 8) & 0o222 == 0


def changed_at(pool: Any, name: str) -> float:
    """Return when a volume was written last, an image: imported; in seconds, 0 where it is missing."""
    volume = lookup(pool, name)
    described = ET.fromstring(volume.XMLDesc()) if volume is not None else None
    return float(described.findtext("target/timestamps/mtime") or 0) if described is not None else 0.0


def image_capacity(pool: Any, name: str) -> int | None:
    """Virtual size of a complete image in bytes; None when the pool does not have it."""
    if not image_is_complete(pool, name):
        return None
    return volume_state(pool, name).capacity


def import_image(connection: Any, pool: Any, name: str, path: Path, checksum: str = "") -> str:
    """Copy a qcow2 file into the pool as an immutable image and return its SHA-256.

    A broken-off earlier import is rewritten. The image is made read-only as the last step.

    :param checksum: expected SHA-256, empty to accept any.
    :raises HypervisorError: when the file is not qcow2 or has another checksum.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        if stream.read(4) != b"QFI\xfb":
            raise HypervisorError(f"{path} is not a qcow2 file; convert it with qemu-img convert -O qcow2")
        stream.seek(24)
        capacity = int.from_bytes(stream.read(8), "big")
        stream.seek(0)
        digest = hashlib.sha256()
        volume = create(pool, name, capacity, "qcow2")
        upload(connection, volume, stream, size, digest.update)
    found_digest = digest.hexdigest()
    if checksum and found_digest != checksum:
        delete(volume)
        raise HypervisorError(f"{path} has SHA-256 {found_digest}, expected {checksum}; fetch or build it again")
    plain_files.set_mode(Path(volume.path()), IMAGE_MODE)
    return found_digest
