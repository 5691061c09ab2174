# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of ours in the folder of a pool, which may be somebody else's: storage of an operator, shared over a network.

Root follows no link there, and takes nothing but a plain file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

SHORT = 4096


def _opened(path: Path, flags: int) -> int:
    """Return a descriptor of a plain file; raises OSError for a link, and for anything else."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no plain file")
    return descriptor


def write_new(path: Path, text: str) -> None:
    """Write a file in the place of whatever has this name."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o644), "w", encoding="ascii") as stream:
        stream.write(text)


def read_short(path: Path) -> str:
    """Return a file of ours, of which 4 KiB count; raises OSError."""
    with os.fdopen(_opened(path, os.O_RDONLY), "rb") as stream:
        return stream.read(SHORT).decode("ascii", "replace")


def set_mode(path: Path, mode: int) -> None:
    """Give a file its mode; raises OSError."""
    descriptor = _opened(path, os.O_RDONLY)
    try:
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)
