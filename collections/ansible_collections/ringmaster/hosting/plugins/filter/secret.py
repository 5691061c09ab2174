# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``secret``: derives passwords."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ringmaster.hosting.plugins.module_utils.values.secret import derive


def secret(
    platform_secret: Any,
    *,
    project: str,
    vm: str,
    component: str,
    object: str,  # noqa: A002
    generation: int = 1,
) -> str:
    """Return the secret of one object; raises AnsibleFilterError."""
    if not isinstance(platform_secret, str):
        raise AnsibleFilterError("secret: the input must be the platform secret, a text")
    try:
        return derive(
            platform_secret,
            project=project,
            vm=vm,
            component=component,
            object_name=object,
            generation=int(generation),
        )
    except ValueError as error:
        raise AnsibleFilterError(f"secret: {error}") from error


class FilterModule:
    """Filters of the collection for secrets."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"secret": secret}
