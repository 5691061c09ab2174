# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NoCloud seed: a small ISO with what a VM needs at its first boot."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.ringmaster.hosting.plugins.module_utils.libvirt.errors import HypervisorError

LABEL = "cidata"

_TOOLS = {
    "xorriso": ["xorriso", "-as", "mkisofs"],
    "genisoimage": ["genisoimage"],
    "mkisofs": ["mkisofs"],
}


def content_hash(files: Mapping[str, str]) -> str:
    """SHA-256 of the files' paths and texts; empty for no files."""
    if not files:
        return ""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def build_iso(files: Mapping[str, str]) -> bytes:
    """Build the ISO (Joliet and Rock Ridge, label ``cidata``) from a mapping of path to text.

    :raises HypervisorError: when no ISO tool is installed or it fails.
    """
    command = next((argv for tool, argv in _TOOLS.items() if shutil.which(tool)), None)
    if command is None:
        raise HypervisorError("no tool for ISO images: install package xorriso (role hypervisor does)")
    with tempfile.TemporaryDirectory(prefix="ringmaster-seed-") as scratch:
        tree = Path(scratch, "tree")
        for path, text in files.items():
            place = tree / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        image = Path(scratch, "seed.iso")
        arguments = [*command, "-quiet", "-o", str(image), "-V", LABEL, "-J", "-r", str(tree)]
        result = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise HypervisorError(f"{command[0]} failed to build the seed: {result.stderr.strip()}")
        return image.read_bytes()
