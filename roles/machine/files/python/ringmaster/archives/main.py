# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpack archives that a controller brought, each into a folder by its digest; ``current`` leads to the newest one.

What was current before stays, because a program may be running out of it.
"""

from __future__ import annotations

import argparse
import compileall
import hashlib
import shutil
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

BROUGHT = "/usr/share/ringmaster-{name}.tar"
UNPACKED = "/usr/share/ringmaster/{name}"
CURRENT = "current"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="ringmaster archives", description=__doc__)
    result.add_argument("verb", choices=["take", "status"])
    result.add_argument("name", nargs="+", help="such as collection")
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; return an exit code."""
    options = parser().parse_args(words)
    code = 0
    for name in options.name:
        archive, folder = Path(BROUGHT.format(name=name)), Path(UNPACKED.format(name=name))
        if options.verb == "take":
            take(archive, folder)
        elif not is_current(archive, folder):
            print(f"{folder / CURRENT} is not what is in {archive}", file=sys.stderr)
            code = 1
    return code


def digest(archive: Path) -> str:
    """Return the name of the folder for an archive."""
    return hashlib.sha256(archive.read_bytes()).hexdigest()[:16]


def is_current(archive: Path, folder: Path) -> bool:
    """Tell whether an archive is unpacked, and the current one."""
    link = folder / CURRENT
    return archive.is_file() and link.is_symlink() and link.readlink().name == digest(archive) and link.is_dir()


def take(archive: Path, folder: Path) -> None:
    """Unpack an archive, let ``current`` lead to it, and remove all but the one before."""
    name, link = digest(archive), folder / CURRENT
    before = link.readlink().name if link.is_symlink() else ""
    target, partial = folder / name, folder / f"{name}.partial"
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not target.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
        with tarfile.open(archive) as found:
            found.extractall(partial, filter="data")
        partial.chmod(0o755)
        # Whoever runs it may not write here.
        compileall.compile_dir(partial, quiet=2, workers=1, stripdir=str(partial), prependdir=str(target))
        partial.rename(target)
    fresh = folder / f"{CURRENT}.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(name)
    fresh.replace(link)
    for path in folder.iterdir():
        if path.name not in (name, before, CURRENT):
            shutil.rmtree(path, ignore_errors=True)
