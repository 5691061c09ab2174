# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of ``ringmaster.hosting.accounts``: what it may answer."""

from __future__ import annotations

from typing import ClassVar

from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import Kind, ListOf, MapOf, Number, Text
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.judged_action import SENTENCES, JudgedAction


class ActionModule(JudgedAction):
    """Runs the module."""

    EXPECTED: ClassVar[dict[str, Kind]] = {
        "generation": Number(0),
        "changes": SENTENCES,
        "left_behind": SENTENCES,
        "people": MapOf(Text(r"[a-z]{1,20}", 20), Number(0), 10),
        "service_users": Number(0),
        "ended": ListOf(Text(r"[a-z_][a-z0-9_-]{0,31}", 32, "the name of an account"), 10_000),
    }
