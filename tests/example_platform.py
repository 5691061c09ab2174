# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example's description as tests take it: in a folder of their own, and without what they do not bring up."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "example/platform"
REQUESTS = (
    r"^  # The steward's: .*\n  ctl0:\n(    .*\n)+",
    r"^  # Requests of people .*\n  portal: .*\n  steward: .*\n",
    r"^  # The way by which mail .*\n  mail: .*\n",
    r"^  # portal\.host, .*\n(  - \{name: my, .*\n)+",
)
"""What of platform.yml is about portal, steward and mail."""


def without_requests(text: str) -> str:
    """Return platform.yml of the example without portal, steward and mail: a platform is complete without them."""
    for block in REQUESTS:
        text, count = re.subn(block, "", text, flags=re.MULTILINE)
        assert count == 1, block
    return text


def copy_for_a_lab(folder: Path) -> None:
    """Copy the example into a new folder, for a lab with an emulated VM: with one core.

    QEMU 10 emulating two CPUs hung at boot or failed an assertion (iotlb_to_section) in several of our boots.
    """
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("allocations.yml", "known_hosts"))
    source = folder / "platform.ringmaster.yml"
    source.write_text(source.read_text().replace("../../.lab", str(ROOT / ".lab")))
    project = folder / "projects/myapp.yml"
    text = project.read_text()
    assert "cores: 2" in text
    project.write_text(text.replace("cores: 2", "cores: 1", 1))
