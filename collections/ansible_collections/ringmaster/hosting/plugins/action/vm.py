# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of ``ringmaster.hosting.vm``: what it may answer."""

from __future__ import annotations

from typing import ClassVar

from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import Flag, Kind, ListOf, Plain, Text
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.judged_action import (
    MACHINE,
    PENDING,
    SENTENCES,
    JudgedAction,
)


class ActionModule(JudgedAction):
    """Runs the module."""

    EXPECTED: ClassVar[dict[str, Kind]] = {
        "name": MACHINE,
        "created": Flag(),
        "state": Text("[a-z, ]{0,40}", 40, "the state of a VM"),
        "actions": ListOf(Plain(), 1000),
        "pending_restart": PENDING,
        **dict.fromkeys(("notes", "refusals"), SENTENCES),
        "network_filters": Plain(),
        "virtualization": Plain(),
    }
