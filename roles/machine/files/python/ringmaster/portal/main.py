# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy the queue's database while it is written to, whole, to where the backup takes it. Run as the server's user."""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ringmaster.portal.checks import DATABASE


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="ringmaster portal", description=__doc__)
    result.add_argument("verb", choices=["copy"])
    result.add_argument("--database", type=Path, default=DATABASE)
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    options = parser().parse_args(words)
    copy(options.database, options.database.parent / "backup/portal.sqlite3")
    return 0


def copy(database: Path, target: Path) -> None:
    """Write a copy of a database, which takes its place when it is whole."""
    target.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = target.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection:
        connection.execute("VACUUM INTO ?", (str(fresh),))
    fresh.replace(target)
