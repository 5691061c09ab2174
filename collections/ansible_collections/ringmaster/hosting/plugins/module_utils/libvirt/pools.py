# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hypervisor's storage pool: defined once, never changed, never deleted."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.connection import connect, found, require_files
from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import NotReadyError

BUILD_FLAGS = 0


def _pool_xml(name: str, path: str) -> str:
    pool = ET.Element("pool", type="dir")
    ET.SubElement(pool, "name").text = name
    ET.SubElement(ET.SubElement(pool, "target"), "path").text = path
    return ET.tostring(pool, encoding="unicode")


def ensure(uri: str, name: str, path: str, check: bool) -> dict[str, Any]:
    """Have an active pool that starts with the host; a missing one is defined as a folder.

    :returns: the result of module ``pool``.
    :raises HypervisorError: when there is one of a type whose volumes are not files; nothing is changed then.
    """
    after: dict[str, Any] = {"name": name, "type": "dir", "path": path, "active": True, "autostart": True}
    try:
        with connect(uri) as connection:
            pool = found(connection.storagePoolLookupByName, name)
            if pool:
                require_files(connection, pool)
            before = _facts(pool) if pool else {}
            if before:
                after.update(type=before["type"], path=before["path"])
            if before != after and not check:
                if pool is None:
                    pool = connection.storagePoolDefineXML(_pool_xml(name, path))
                if not pool.isActive():
                    if after["type"] == "dir":
                        pool.build(BUILD_FLAGS)
                    pool.create()
                pool.setAutostart(1)
    except NotReadyError:
        if not check:
            raise
        before = {}
    return {
        "changed": before != after,
        "diff": {"before": before, "after": after},
        "type": after["type"],
        "path": after["path"],
    }


def _facts(pool: Any) -> dict[str, Any]:
    description = ET.fromstring(pool.XMLDesc())
    return {
        "name": pool.name(),
        "type": description.get("type", ""),
        "path": description.findtext("target/path", ""),
        "active": bool(pool.isActive()),
        "autostart": bool(pool.autostart()),
    }
