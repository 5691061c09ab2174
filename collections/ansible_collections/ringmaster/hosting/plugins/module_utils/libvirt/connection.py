# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection to libvirt for one module call, with libvirt's errors put into words."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError, NotReadyError

try:
    import libvirt

    LibvirtError = libvirt.libvirtError
except ImportError:  # the module reports it with the name of the package
    libvirt = None  # type: ignore[assignment]

    class LibvirtError(Exception):  # type: ignore[no-redef]
        """For an ``except`` where the binding is not installed: nobody raises it."""


Result = TypeVar("Result")

POOL_TYPES = ("dir", "fs", "netfs")
"""Types of pools whose volumes are files. Others keep them otherwise: a sparse volume of type ``logical``, say, is a
snapshot of LVM of 4 MiB, which becomes invalid when it overflows, and takes the VM's data with it."""


def require_libvirt() -> Any:
    """Give the ``libvirt`` binding.

    :raises NotReadyError: naming the Debian package, when it is missing.
    """
    if libvirt is None:
        raise NotReadyError("Python has no module libvirt: install package python3-libvirt (role hypervisor does)")
    return libvirt


@contextmanager
def connect(uri: str) -> Iterator[Any]:
    """Open a connection and close it in the end.

    :raises NotReadyError: when libvirt does not answer at ``uri``.
    """
    binding = require_libvirt()
    # Without a handler libvirt prints every error, also expected ones, to standard error.
    binding.registerErrorHandler(lambda _context, _error: None, None)
    try:
        connection = binding.open(uri)
    except binding.libvirtError as error:
        raise NotReadyError(f"libvirt does not answer at {uri}: {error}; is libvirtd running?") from error
    try:
        yield connection
    finally:
        connection.close()


def found(lookup: Callable[..., Result], *arguments: Any) -> Result | None:
    """Call a libvirt look-up; None when the thing does not exist."""
    binding = require_libvirt()
    missing = (
        binding.VIR_ERR_NO_DOMAIN,
        binding.VIR_ERR_NO_STORAGE_VOL,
        binding.VIR_ERR_NO_STORAGE_POOL,
    )
    try:
        return lookup(*arguments)
    except binding.libvirtError as error:
        if error.get_error_code() in missing:
            return None
        raise


def find_pool(connection: Any, name: str) -> Any:
    """Look a storage pool up by name and start it when it is not active.

    :raises NotReadyError: when there is no such pool.
    :raises HypervisorError: when its volumes are not files; it is not even started then.
    """
    pool = found(connection.storagePoolLookupByName, name)
    if pool is None:
        known = ", ".join(sorted(pool.name() for pool in connection.listAllStoragePools())) or "none"
        raise NotReadyError(
            f"{connection.getURI()} has no storage pool {name} (it has: {known}); role hypervisor defines it"
        )
    require_files(connection, pool)
    if not pool.isActive():
        pool.create()
    return pool


def require_files(connection: Any, pool: Any) -> None:
    """Refuse a pool of another type than those whose volumes are files.

    :raises HypervisorError: naming pool, type, hypervisor, what is allowed, and the way out.
    """
    found_type = ET.fromstring(pool.XMLDesc()).get("type", "")
    if found_type in POOL_TYPES:
        return
    raise HypervisorError(
        f"storage pool {pool.name()} of {connection.getHostname()} ({connection.getURI()}) has type {found_type}; "
        f"allowed are {', '.join(POOL_TYPES)}, whose volumes are files, because disks of VMs grow as they are written "
        f"and could lose their data in a pool of type {found_type}. Nothing was changed. Make a file system on that "
        "storage, mount it on the hypervisor, and name its folder as the option `pool_path` and a pool that is not "
        "there yet as `pool` of the hypervisor in the description; role hypervisor defines it (its README says how "
        "VMs get there)"
    )
