# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ``file_entries``: named texts to entries for module ``files``."""

from __future__ import annotations

from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.machine.file_entries import of_texts


class FilterModule:
    """Filters of the collection for files."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"file_entries": of_texts}
