# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of ``ringmaster.hosting.pool``: what it may answer."""

from __future__ import annotations

from typing import ClassVar

from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import Kind, Text
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.judged_action import PATH, JudgedAction


class ActionModule(JudgedAction):
    """Runs the module."""

    EXPECTED: ClassVar[dict[str, Kind]] = {
        "type": Text("[a-z-]{0,40}", 40, "a type of pools"),
        "path": PATH,
    }
