# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no playbook shows when it is read alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[3]


def test_no_role_has_a_default_for_what_narrows_a_playbook() -> None:
    """A play's `hosts` sees the defaults of its roles: one of the same name would choose the hosts."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "playbooks").rglob("*.yml")]
    narrowing = {name for text in texts for name in re.findall(r"hosts: \"\{\{ \[?(\w+) \| default", text)}
    assert "base_hosts" in narrowing
    for path in (ROOT / "roles").glob("*/defaults/main.yml"):
        defaults = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        assert not narrowing & set(defaults), path


def test_the_inside_of_vms_in_check_mode_before_anything_is_allocated(tmp_path: Path) -> None:
    """Nothing is known of such a VM, not even its hypervisor."""
    platform = tmp_path / "platform"
    shutil.copytree(ROOT / "example/platform", platform)
    (platform / "allocations.yml").unlink(missing_ok=True)
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(platform / "platform.ringmaster.yml")]
    done = subprocess.run(
        [*argv, "playbooks/base.yml", "--check"],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "RINGMASTER_CACHE_DIRECTORY": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
