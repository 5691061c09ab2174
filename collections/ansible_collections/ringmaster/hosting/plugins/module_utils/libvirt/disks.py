# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One volume for people who write their own plays: have it, and grow it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import facts, storage
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.connection import (
    connect,
    find_pool,
    require_libvirt,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import (
    HypervisorError,
    NotReadyError,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.locks import vm_lock
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.model import size_text

FORMATS = ("qcow2", "raw")


def _running_user(connection: Any, path: str) -> tuple[Any, str] | None:
    """Find the running domain that has a volume open, and its target device."""
    binding = require_libvirt()
    for domain in connection.listAllDomains(binding.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
        target = facts.target_of_path(domain.XMLDesc(), path)
        if target:
            return domain, target
    return None


def ensure(
    *,
    uri: str,
    pool_name: str,
    name: str,
    size: int,
    file_format: str,
    image: str,
    lock_directory: Path,
    check: bool,
) -> dict[str, Any]:
    """Have a volume of at least ``size`` bytes: created, or grown by the domain that uses it.

    :returns: the result of module ``disk``.
    :raises HypervisorError: when the volume is larger, is not ours, or its image is missing.
    """
    if not storage.is_ours(name):
        raise HypervisorError(f"disk {name!r} must have a name that starts with {storage.OUR_PREFIX}")
    if image and file_format != "qcow2":
        raise HypervisorError(f"disk {name} is an overlay on {image}, so its format must be qcow2")
    try:
        with connect(uri) as connection, vm_lock(name, lock_directory):
            pool = find_pool(connection, pool_name)
            state = storage.volume_state(pool, name)
            if state.capacity > size:
                raise HypervisorError(
                    f"disk {name} has {size_text(state.capacity)}, declared are {size_text(size)}; "
                    "a disk never shrinks: declare at least its present size"
                )
            if not check and size != state.capacity:
                if not state.readable:
                    _create(pool, name, size, file_format, image)
                else:
                    _grow(connection, pool, name, size)
                _read_back(pool, name, size)
            volume = storage.lookup(pool, name)
            path = volume.path() if volume else ""
    except NotReadyError:
        if not check:
            raise
        state, path = storage.VolumeState(name), ""
    return {
        "changed": size != state.capacity,
        "name": name,
        "size": size,
        "path": path,
        "diff": {
            "before": {"size": size_text(state.capacity)} if state.readable else {},
            "after": {"size": size_text(size)},
        },
    }


def _create(pool: Any, name: str, size: int, file_format: str, image: str) -> None:
    if not image:
        storage.create(pool, name, size, file_format)
        return
    capacity = storage.image_capacity(pool, image)
    if capacity is None:
        raise HypervisorError(f"the pool has no image {image}; import it with ringmaster.hosting.image")
    if size < capacity:
        raise HypervisorError(f"disk {name} needs at least the {size_text(capacity)} of image {image}")
    storage.create(pool, name, size, file_format, storage.source(pool, image))


def _grow(connection: Any, pool: Any, name: str, size: int) -> None:
    """Grow through the running domain that uses the volume, never behind its back."""
    volume = storage.lookup(pool, name)
    if volume is None:
        raise HypervisorError(f"disk {name} vanished while it was being changed; run again")
    user = _running_user(connection, volume.path())
    if user:
        domain, target = user
        domain.blockResize(target, size, require_libvirt().VIR_DOMAIN_BLOCK_RESIZE_BYTES)
    else:
        storage.grow(volume, size)


def _read_back(pool: Any, name: str, size: int) -> None:
    found = storage.volume_state(pool, name).capacity
    if found != size:
        raise HypervisorError(f"disk {name} has {size_text(found)} after it was set to {size_text(size)}")
