# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures that no exporter has, for node exporter's textfile collector: a part may tell some in its ``figures.py``."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PARTS = ("host", "mail_out", "maintenance_server", "memcached", "steward")
"""Parts with a function ``figures.metrics()``, which yields lines and waits for nobody longer than some seconds."""


def text(folder: Path) -> str:
    """Return the figures of all parts that this machine has; those of a part that fails are left out."""
    return "".join(f"{line}\n" for part in PARTS if (folder / part / "figures.py").exists() for line in _of(part))


def _of(part: str) -> Iterator[str]:
    try:
        yield from list(importlib.import_module(f"ringmaster.{part}.figures").metrics())
    except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as error:
        print(f"<4>No figures of {part}: {error}", file=sys.stderr)  # the journal reads the priority
