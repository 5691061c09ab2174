# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key ``backup`` of a VM and of a project: what it may say, the standard, and what the two layers come to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..language.containers import Key, ListOf, Record
from ..language.errors import Later
from ..language.types import Integer, Text

KEPT: Mapping[str, int] = {"daily": 14, "weekly": 8, "monthly": 12}
NONE = "none"
#: What the secrets of backups are named after: one opens the backup machine, one the repository.
COMPONENT = "backup"
SECRETS = ("access", "repository")

_CLASS = r"\[(?:\^|(?!\^))(?:\\.|[^\\\]-])(?:-(?:\\.|[^\\\]-]))?(?:(?:\\.|[^\\\]-])(?:-(?:\\.|[^\\\]-]))?)*\]"
_PATTERN = re.compile(rf"(?:\\.|[^\\\[]|{_CLASS})*")
"""Patterns of Go's filepath.Match, which restic reads them with; it takes no backup with another one."""
_OF_THE_KERNEL = ("/proc", "/sys", "/dev", "/run")


def exclude_problem(text: str) -> str:
    """Say what is wrong with what is left out: a pattern that is none, or one that leaves out everything or nothing."""
    if not all(_PATTERN.fullmatch(part) for part in text.split("/")):
        return Later("is no pattern: a '[' needs its ']' and something in it, and a '\\' a sign behind it")
    if not text.strip("/*"):
        return Later("leaves out everything; write backup: none where none is wanted")
    return Later("has '..' in it, which no path in a backup has") if ".." in text.split("/") else ""


def path_problem(text: str) -> str:
    """Say what is wrong with a path that is backed up beside the others."""
    parts = text.split("/")
    if ".." in parts or "." in parts:
        return Later("has '.' or '..' in it; write the path without")
    clean = f"/{'/'.join(part for part in parts if part)}"
    if clean == "/":
        return Later("is the whole machine, of which packages and the platform bring most back; name the folders")
    if f"/{clean.split('/')[1]}" in _OF_THE_KERNEL:
        return Later("is the kernel's or gone after a boot, and nothing that can be restored")
    return ""


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
            ListOf(
                Text(
                    "a path or pattern such as /srv/s-myapp/cache or *.iso",
                    pattern=r"^[^!\s].*$",
                    check=exclude_problem,
                )
            ),
            "What is left out.",
            default_text="the project's, or none",
        ),
        Key(
            "paths",
            ListOf(Text("an absolute path", pattern=r"^/[^\s]*$", check=path_problem)),
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
