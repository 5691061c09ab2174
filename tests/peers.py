# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others made, to compare with: PyPI package `ansible` with awx.awx and community.libvirt, in a place of its own.

In the Python environment of this repository it would bring 92 collections into every lint and every search.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".lab/cache/peers"
PACKAGES = ("ansible>=12.3,<13", "netaddr", "libvirt-python>=9.0,<10")


def peers() -> Path:
    """Give the folder of the programs of the environment, made when it is needed first."""
    done = FOLDER / "complete"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
        subprocess.run([str(FOLDER / "bin/pip"), "install", "--quiet", *PACKAGES], check=True)
        done.touch()
    return FOLDER / "bin"
