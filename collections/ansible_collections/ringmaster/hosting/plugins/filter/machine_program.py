# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about the machine's program: the files that bring its parts, what is withdrawn, whose parts are left over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.machine import program, shipped
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.filters import wrap


def machine_program(parts: Iterable[str]) -> list[dict[str, Any]]:
    """Return entries for module ``files``; a part may be unknown."""
    return program.entries(parts, program.source())


def withdrawn(found: Iterable[str], parts: Iterable[str]) -> list[str]:
    """Return those of the found paths that no role ships any more."""
    return shipped.withdrawn(found, program.source().parents[3], parts)


def orphaned(found: Iterable[str], parts: Iterable[str]) -> list[str]:
    """Return the parts that are there and were not asked for."""
    return shipped.orphaned(found, program.source().parents[3], parts)


class FilterModule:
    """Filters of the collection for the machine's program."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "machine_program": wrap("machine_program: {}", machine_program, ValueError),
            "orphaned": orphaned,
            "withdrawn": withdrawn,
        }
