# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files as components use them: replaced in one step, or lists of ``NAME=value``."""

from __future__ import annotations

import ctypes
import os
import tempfile
from pathlib import Path

from ringmaster.core import below

AT_FDCWD = -100
RENAME_EXCHANGE = 2


def replace(path: Path, text: str, *, group: int | None = 0, mode: int = 0o644) -> None:
    """Put a file in place, never half of it.

    It belongs to root and the group; with None, the folder decides on the group. Accounts other than root own what
    they write.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as stream:
            if group is not None and os.geteuid() == 0:
                os.fchown(descriptor, 0, group)
            os.fchmod(descriptor, mode)
            stream.write(text)
        Path(temporary).rename(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def publish(path: Path, text: str) -> None:
    """Put a file that everybody may read in place; missing folders are made."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    replace(path, text, group=None)


def exchange(first: Path, second: Path) -> None:
    """Let two paths change places in one step; raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(first), AT_FDCWD, os.fsencode(second), RENAME_EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(first), None, str(second))


def read_environment(path: Path) -> dict[str, str]:
    """Read a file of ``NAME=value`` lines, such as credentials."""
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def size(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(size for *_moments, size in below.find(folder))
