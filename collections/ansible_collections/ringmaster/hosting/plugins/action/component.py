# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of ``ringmaster.hosting.component``: what it may answer."""

from __future__ import annotations

from typing import ClassVar

from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import Kind, ListOf
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.judged_action import (
    PATH,
    PENDING,
    REASONS,
    SENTENCES,
    JudgedAction,
)


class ActionModule(JudgedAction):
    """Runs the module."""

    EXPECTED: ClassVar[dict[str, Kind]] = {
        "steps": SENTENCES,
        "refused": REASONS,
        "pending_restart": PENDING,
        "kept": ListOf(PATH, 100),
    }
