# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key ``backup`` of a VM and of a project: what it may say, the standard, and what the two layers come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..language.containers import Key, ListOf, Record
from ..language.types import Integer, Text

KEPT: Mapping[str, int] = {"daily": 14, "weekly": 8, "monthly": 12}
NONE = "none"
#: What the secrets of backups are named after: one opens the backup machine, one the repository.
COMPONENT = "backup"
SECRETS = ("access", "repository")

BACKUP = Record(
    "backup",
    (
        *(
            Key(
                f"keep_{period}",
                Integer(1, 3650),
                f"For how many {period.removesuffix('ly').replace('dai', 'day')}s the newest backup of each is kept.",
                default_text=f"the project's, or {number}",
            )
            for period, number in KEPT.items()
        ),
        Key(
            "exclude",
            ListOf(Text("a path or pattern such as /srv/s-myapp/cache or *.iso", pattern=r"^[^!\s].*$")),
            "What is left out.",
            default_text="the project's, or none",
        ),
        Key(
            "paths",
            ListOf(Text("an absolute path", pattern=r"^/[^\s]*$")),
            "What is backed up beside homes, `/etc/local`, `/etc/ringmaster` and the dumps of components.",
            default_text="the project's, or none",
        ),
    ),
    "Every VM is backed up each night unless `backup: none` is written. What a VM does not say, its project says.",
)


def resolve(vm: Any, project: Any) -> dict[str, Any]:
    """Return what is backed up of a VM, given the values of key ``backup`` of the VM and of its project.

    Both are a record, ``none``, or None where nothing was said. The result has ``wanted``, a number of ``keep_daily``,
    ``keep_weekly`` and ``keep_monthly``, and the lists ``exclude`` and ``paths``.
    """
    said = {} if project in (None, NONE) else project
    own = {} if vm in (None, NONE) else vm
    result: dict[str, Any] = {"wanted": vm != NONE if vm is not None else project != NONE}
    for key, standard in (
        *((f"keep_{period}", number) for period, number in KEPT.items()),
        ("exclude", []),
        ("paths", []),
    ):
        given = [layer[key] for layer in (own, said) if layer.get(key) is not None]
        result[key] = given[0] if given else standard
    return result
