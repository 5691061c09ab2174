# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of ``ringmaster.hosting.network_probe``: what it may answer."""

from __future__ import annotations

from typing import ClassVar

from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import (
    Kind,
    ListOf,
    Number,
    Record,
    Text,
)
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.judged_action import JudgedAction


class ActionModule(JudgedAction):
    """Runs the module."""

    EXPECTED: ClassVar[dict[str, Kind]] = {
        "answers": ListOf(
            Record(
                {
                    "address": Text(r"[0-9a-f.:]{2,45}", 45, "an address"),
                    "port": Number(1, 65535),
                    "source": Text(r"[0-9a-f.:]{0,45}", 45, "an address, or nothing"),
                    "answer": Text(r"[A-Za-z/ -]{1,60}", 60, "open, refused and the like"),
                }
            ),
            100_000,
        ),
    }
