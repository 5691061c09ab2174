# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drop-ins that were accepted: which of them may be used together, and the root-owned folder they are copied to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ringmaster.core import files, inbox
from ringmaster.core.report import Failure, Invalid, Report

Meaning = TypeVar("Meaning")


def judge(
    found: inbox.Inbox, attempt: Callable[[dict[str, str]], Meaning], service: str
) -> tuple[inbox.Inbox, Meaning]:
    """Return the drop-ins that work together with what the whole then means, and why others may not be used.

    ``attempt`` gets texts by file name and raises Invalid when ``service`` (its name for people) does not accept
    the configuration with them. Raises Failure when it does not accept the configuration without any.
    """
    try:
        return found, attempt(found.texts)
    except Invalid as error:
        if not found.texts:
            raise Failure(f"{service} does not accept its configuration: {error}") from error
    # Something in the drop-ins is wrong: add them one by one and leave out those that break the whole.
    try:
        meaning = attempt({})
    except Invalid as error:
        raise Failure(f"{service} does not accept its configuration: {error}") from error
    texts: dict[str, str] = {}
    refused = dict(found.refused)
    for name, text in found.texts.items():
        try:
            meaning = attempt({**texts, name: text})
            texts[name] = text
        except Invalid as error:
            refused[name] = f"{service} refuses it: {error}"
    return inbox.Inbox(texts, refused), meaning


def present(folder: Path, suffix: str) -> dict[str, str]:
    """Return the texts that were accepted so far, by file name; of a missing folder, none."""
    return {path.name: path.read_text() for path in sorted(folder.glob(f"*{suffix}"))}


def settle(folder: Path, suffix: str, texts: dict[str, str], report: Report, *, check: bool) -> None:
    """Make the root-owned folder hold exactly these texts, readable for the folder's group."""
    before = present(folder, suffix)
    for name in sorted({*before, *texts}):
        # The folder's group is the account that reads them, and was another's before a change of the server.
        if before.get(name) == texts.get(name) and is_readable(folder / name):
            continue
        report.steps.append(f"{'take' if name in texts else 'drop'} {name}")
        if check:
            continue
        if name in texts:
            files.replace(folder / name, texts[name], group=folder.stat().st_gid, mode=0o640)
        else:
            (folder / name).unlink()


def is_readable(path: Path) -> bool:
    """Whether a file that is there has its folder's group."""
    return path.stat().st_gid == path.parent.stat().st_gid
