# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``redis_credentials``: the credentials files of a project's Redis servers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.components import redis

FOLDER = "/etc/ringmaster/credentials"


def redis_credentials(
    vms: Iterable[Mapping[str, Any]], platform_secret: str, default_users: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return entries for M(ringmaster.hosting.files); raises AnsibleFilterError."""
    try:
        files = redis.credentials(list(vms), platform_secret, default_users)
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(f"redis_credentials: {error}") from error
    folder = {"state": "directory", "owner": "root", "group": "service", "mode": "0750"}
    return [
        {"path": "/etc/ringmaster", "state": "directory", "mode": "0755"},
        {"path": FOLDER, **folder},
        # Accounts that are no longer declared lose their file.
        {"path": f"{FOLDER}/redis", **folder, "purge": ["*.env"]},
        *(
            {
                "path": f"{FOLDER}/redis/{name}",
                "content": text,
                "owner": "root",
                "group": "service",
                "mode": "0640",
                "sensitive": True,
            }
            for name, text in files.items()
        ),
    ]


class FilterModule:
    """Filters of the collection for Redis."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"redis_credentials": redis_credentials}
