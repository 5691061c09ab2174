# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of ``ringmaster.hosting.vm_move``: what it may answer."""

from __future__ import annotations

from typing import ClassVar

from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import (
    Choice,
    Flag,
    Kind,
    ListOf,
    MapOf,
    Text,
)
from ansible_collections.ringmaster.hosting.plugins.plugin_utils.judged_action import (
    DIGEST,
    PATH,
    SIZE,
    VOLUME,
    JudgedAction,
)

FILE = Text("root|image", 5)
KEY = Text(r"([a-z0-9-]{1,40} [A-Za-z0-9+/]+={0,2}( [\w.:@-]+)?)?", 2000, "a public key, or nothing")


class ActionModule(JudgedAction):
    """Runs the module; its answers are the other hypervisor's arguments."""

    EXPECTED: ClassVar[dict[str, Kind]] = {
        **dict.fromkeys(("present", "left", "shared"), Flag()),
        "obstacle": Text(),
        "image": VOLUME,
        "root_path": PATH,
        "root_bytes": SIZE,
        "file_bytes": MapOf(FILE, SIZE, 2),
        "files": ListOf(Choice(("root", "image")), 2),
        "digests": MapOf(FILE, DIGEST, 2),
        "token": Text("[0-9a-f]{0,64}", 64, "a token"),
        **dict.fromkeys(("public_key", "host_key"), KEY),
        "foreign_devices": ListOf(Text(), 100),
    }
