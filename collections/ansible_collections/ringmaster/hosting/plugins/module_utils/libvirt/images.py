# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Immutable base images in a pool: their names, and importing them once."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt import storage
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.connection import connect, find_pool
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import (
    HypervisorError,
    NotReadyError,
)
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.locks import vm_lock

_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{12,64}(?![0-9a-f])")
_SHOWN_DIGITS = 16


def has_digest(name: str) -> bool:
    """Tell whether a name contains a digest of at least twelve hexadecimal digits."""
    return bool(_DIGEST.search(name))


def name_for(path: Path) -> str:
    """Give the volume's name for a file: its own name with a digest, which is made when it has none.

    :raises HypervisorError: when the file has to be read and is not there.
    """
    if has_digest(path.name):
        return path.name if path.name.startswith(storage.OUR_PREFIX) else storage.OUR_PREFIX + path.name
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()[:_SHOWN_DIGITS]
    except OSError as error:
        raise HypervisorError(f"image {path} cannot be read: {error.strerror}") from error
    return f"{storage.OUR_PREFIX}{path.stem.removeprefix(storage.OUR_PREFIX)}-{digest}.qcow2"


def ensure(*, uri: str, pool_name: str, source: Path, name: str, checksum: str, dry: bool) -> dict[str, Any]:
    """Import an image unless the pool has it completely.

    Two runs at once are kept apart by a lock; the second one finds the image there.

    :param dry: only tell whether an import is needed.
    :returns: the result of module ``image``.
    """
    if not has_digest(name) or not storage.is_ours(name):
        raise HypervisorError(
            f"image name {name!r} must start with {storage.OUR_PREFIX} and contain a digest "
            "of at least twelve hexadecimal digits"
        )
    if dry:
        try:
            with connect(uri) as connection:
                present = storage.image_is_complete(find_pool(connection, pool_name), name)
        except NotReadyError:
            present = False
        return _result(name, present)
    with connect(uri) as connection:
        pool = find_pool(connection, pool_name)
        present = storage.image_is_complete(pool, name)
        result = _result(name, present)
        if present:
            return result
        if not source.is_file():
            raise HypervisorError(f"image {source} is not a file on this hypervisor")
        with vm_lock(name, timeout=600):
            if not storage.image_is_complete(pool, name):
                result["sha256"] = storage.import_image(connection, pool, name, source, checksum)
        return {**result, "present": True}


def newest(*, uri: str, pool_name: str, release: str) -> dict[str, Any]:
    """Choose the image of a Debian release that the pool got last: for whoever cannot build one.

    :returns: the result of module ``image``.
    :raises HypervisorError: when there is none.
    """
    start = f"{storage.OUR_PREFIX}{release}-"
    with connect(uri) as connection:
        pool = find_pool(connection, pool_name)
        names = [name for name in pool.listVolumes() if name.startswith(start) and has_digest(name)]
        complete = [name for name in names if storage.image_is_complete(pool, name)]
        if not complete:
            raise HypervisorError(
                f"pool {pool_name} has no image of {release} yet, and none is built here: run site.yml once as root on"
                " a controller, which builds it, or name a file (hypervisor_image_file)"
            )
        return _result(max(complete, key=lambda name: (storage.changed_at(pool, name), name)), present=True)


def _result(name: str, present: bool) -> dict[str, Any]:
    result: dict[str, Any] = {"changed": not present, "name": name, "present": present}
    if not present:
        result["diff"] = {"before": {}, "after": {"image": name}}
    return result
