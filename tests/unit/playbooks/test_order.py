# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a whole run, as the playbooks import each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"


def parts(name: str) -> Iterator[str]:
    """Yield the playbooks with plays of their own that one imports, in their order, and then itself if it has any."""
    content = yaml.safe_load((PLAYBOOKS / name).read_text())
    for play in content:
        if imported := play.get("ansible.builtin.import_playbook"):
            yield from parts(imported)
    if any("hosts" in play for play in content):
        yield name


ORDER = list(parts("site.yml"))


@pytest.mark.parametrize(
    ("earlier", "later", "reason"),
    [
        ("allocate.yml", "provision.yml", "a VM is created with its addresses"),
        ("vm_image.yml", "provision.yml", "VMs start from the image"),
        ("provision.yml", "machine.yml", "what a VM needs is there before the VM is asked"),
        ("machine.yml", "dns.yml", "files are written only where the program goes with them"),
        ("dns.yml", "base.yml", "VMs resolve names through it from the first package on"),
        ("base.yml", "certificates.yml", "it brings VMs their program"),
        ("certificates.yml", "components.yml", "services start with their certificates"),
        ("components.yml", "backup.yml", "dumps need what is dumped"),
        ("backup.yml", "monitoring.yml", "it looks at all of them"),
        ("monitoring.yml", "withdrawn.yml", "what goes is used until all that is new has come"),
    ],
)
def test_a_whole_run_has_this_order(earlier: str, later: str, reason: str) -> None:
    assert ORDER.index(earlier) < ORDER.index(later), reason


def test_nothing_is_imported_twice() -> None:
    assert len(ORDER) == len(set(ORDER))
