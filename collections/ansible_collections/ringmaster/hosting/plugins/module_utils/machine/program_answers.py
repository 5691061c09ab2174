# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine's program prints as JSON, and playbooks read: a kind for each command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.ringmaster.hosting.plugins.module_utils.values.answers import (
    Choice,
    Flag,
    Kind,
    ListOf,
    MapOf,
    Maybe,
    Number,
    Record,
    Text,
    judge,
    parse,
)

SENTENCES = ListOf(Text(), 10_000)
_BACKUPS = Record(
    {
        "backups": ListOf(
            Record(
                {
                    "id": Text(r"[0-9a-f]{64}", 64, "the id of a backup"),
                    "time": Text(most=40),
                    "arrived": Maybe(Number(0, fraction=True)),
                    **dict.fromkeys(("mib", "files"), Number()),
                    "tags": ListOf(Text(most=64), 32),
                }
            ),
            100_000,
        ),
    },
    {"error": Text(most=400)},
)
COMMANDS: Mapping[str, Kind] = {
    "backup_server browse": Record(
        {
            "items": ListOf(
                Record(
                    {
                        "name": Text(most=300),
                        "kind": Choice(("file", "dir", "symlink", "other")),
                        "bytes": Maybe(Number()),
                        "time": Text(most=19),
                    }
                )
            ),
            "next": Maybe(Number(1)),
        }
    ),
    "backup_server list": Record(
        {
            "machines": MapOf(Text(r"[A-Za-z0-9._-]+", 253, "a machine"), _BACKUPS, 100_000),
            "without_owner": SENTENCES,
        }
    ),
    "maintenance_server plan": Record({"lines": SENTENCES, "calendar": ListOf(Text(), 500_000)}),
    "maintenance_server steer": Record({"said": Text(), "changed": Flag()}),
    "postgresql upgrade": Record(
        {"sentence": Text()},
        {"from": Number(1, 999), "seconds": Number(0, fraction=True)},
    ),
    "series --converged": MapOf(
        Text(r"[A-Za-z0-9._-]+", 253, "a machine"), Text(r"[0-9a-f]{16,64}", 64, "a digest"), 200_000
    ),
    "updates now": Record(
        {
            **dict.fromkeys(("installed", "restarted", "waits"), SENTENCES),
            "reboot": Text(),
            "patched": MapOf(Text(r"[^\x00-\x1f]{1,300}", 300, "an update"), Number(0), 10_000),
        }
    ),
    "webgateway drain": Record({"changed": Flag(), "steps": SENTENCES, "sessions": Number(0)}),
}


def answer(text: Any, command: str, machine: str) -> Any:
    """Return what a command of the program answered; raises AnswerError.

    :param text: its output; what is no text at all is refused as well.
    :param command: one of ``COMMANDS``; another is a mistake of the caller and raises KeyError.
    """
    what = f"the answer of '{command}'"
    said = parse(text if isinstance(text, str) else "", machine=machine, what=what)
    return judge(COMMANDS[command], said, machine=machine, what=what)
